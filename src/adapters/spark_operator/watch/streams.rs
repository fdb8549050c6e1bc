//! The watches themselves.

use futures::future::ready;
use futures::stream::{BoxStream, SelectAll, Stream, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher::{self, Event, watcher};

use super::super::SparkOperatorCluster;
use super::super::measures::Measured;
use crate::watch::marks;

/// What one of the watches says.
pub(super) enum Seen {
    Object(Box<Event<DynamicObject>>),
    Driver(Box<Event<Pod>>),
    Capacity(Measured),
}

/// The failure of one of the watches.
pub(super) struct Broken {
    /// What it watches.
    pub(super) what: &'static str,
    pub(super) error: watcher::Error,
    /// Whether what is lacking is only the capacity.
    pub(super) only_capacity: bool,
}

pub(super) type Seeing = BoxStream<'static, Result<Seen, Broken>>;

pub(super) fn streams(cluster: &SparkOperatorCluster, client: &kube::Client) -> SelectAll<Seeing> {
    let config = watcher::Config::default().timeout(cluster.watch_seconds);
    let ours = format!("{}={}", marks::INSTALLATION, cluster.installation);
    let gvk = GroupVersionKind::gvk("sparkoperator.k8s.io", "v1beta2", "SparkApplication");
    let resource = ApiResource::from_gvk_with_plural(&gvk, "sparkapplications");
    let objects = Api::namespaced_with(client.clone(), &cluster.namespace, &resource);
    let pods = Api::namespaced(client.clone(), &cluster.namespace);
    let drivers = config.clone().labels(&format!("spark-role=driver,{ours}"));
    let mut all: SelectAll<Seeing> = SelectAll::new();
    let objects = watcher(objects, config.clone().labels(&ours));
    all.push(followed(
        objects,
        |event| Seen::Object(Box::new(event)),
        "sparkapplications",
    ));
    let drivers = watcher(pods, drivers);
    all.push(followed(
        drivers,
        |event| Seen::Driver(Box::new(event)),
        "driver pods",
    ));
    let sources = &cluster.sources;
    if sources.nodes {
        let nodes = watcher(Api::all(client.clone()), config.clone());
        all.push(measured(nodes, Measured::Node, "nodes"));
    }
    if sources.quota {
        let quotas = watcher(
            Api::namespaced(client.clone(), &cluster.namespace),
            config.clone(),
        );
        all.push(measured(quotas, Measured::Quota, "resourcequotas"));
    }
    // An ended pod requests nothing, and leaves this selection as if deleted.
    let config = config.fields("status.phase!=Succeeded,status.phase!=Failed");
    if sources.nodes {
        let pods = watcher(Api::all(client.clone()), config);
        all.push(measured(pods, Measured::Pod, "pods"));
    } else if sources.sees_our_pods() {
        let pods = watcher(
            Api::namespaced(client.clone(), &cluster.namespace),
            config.labels(&ours),
        );
        all.push(measured(pods, Measured::Pod, "pods"));
    }
    all
}

fn followed<K: 'static>(
    stream: impl Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static,
    seen: fn(Event<K>) -> Seen,
    what: &'static str,
) -> Seeing {
    let broken = move |error| Broken {
        what,
        error,
        only_capacity: false,
    };
    stream.map(move |r| r.map(seen).map_err(broken)).boxed()
}

/// Ends with its first failure: it isn't tried again before the next session.
fn measured<K: Send + 'static>(
    stream: impl Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static,
    measured: fn(Box<Event<K>>) -> Measured,
    what: &'static str,
) -> Seeing {
    let seen = move |event| Seen::Capacity(measured(Box::new(event)));
    let broken = move |error| Broken {
        what,
        error,
        only_capacity: true,
    };
    let until_broken = |over: &mut bool, item: Result<Event<K>, watcher::Error>| {
        let before = std::mem::replace(over, item.is_err());
        ready((!before).then_some(item))
    };
    let stream = stream.scan(false, until_broken);
    stream.map(move |r| r.map(seen).map_err(broken)).boxed()
}

//! What a watch tells of quotas and of a YuniKorn queue's headroom, beside or without that of nodes.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use spark_broker::adapters::spark_operator::{Sources, SparkOperatorCluster, Yunikorn, YunikornAt};
use spark_broker::model::InstallationId;
use spark_broker::ports::cluster::{Cluster, ClusterEvent, PoolsView};
use spark_broker::routing::CapacitySource;
use spark_broker::watch::{ObjectState, marks};

use crate::cluster::{QUEUE, StandInYunikorn, User};
use crate::plane::Plane;
use crate::proxy::Proxy;
use crate::real::{connect, dial_for};
use crate::world::{Watching, World};

/// A namespace without nodes, and a broker whose rights don't reach beyond it.
struct Namespace {
    cluster: Arc<SparkOperatorCluster>,
    installation: InstallationId,
    name: String,
    admin: kube::Client,
    _proxy: Proxy,
}

impl Namespace {
    async fn with(sources: Sources) -> Self {
        let plane = Plane::shared().await;
        let installation = InstallationId::random();
        let name = plane.control().create_namespace("jobs").await;
        plane.grant_without_capacity(&name, User::Stranger).await;
        let proxy = Proxy::to(plane.address()).await;
        let connect = connect(&plane, &proxy, plane.token_file(User::Stranger));
        let cluster = dial_for(connect, &name, &installation, sources);
        Self {
            cluster: Arc::new(cluster),
            installation,
            name,
            admin: plane.admin().await,
            _proxy: proxy,
        }
    }

    /// Sets a quota, and its status as the controller manager writes it.
    async fn quota(&self, hard: Value, used: Value) {
        let quotas: Api<ResourceQuota> = Api::namespaced(self.admin.clone(), &self.name);
        let object = json!({
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "room"}, "spec": {"hard": hard},
        });
        let apply = PatchParams::apply("tests").force();
        let object = Patch::Apply(object);
        quotas.patch("room", &apply, &object).await.expect("a quota");
        let status = json!({"status": {"hard": hard, "used": used}});
        let (merge, status) = (PatchParams::default(), Patch::Merge(status));
        quotas
            .patch_status("room", &merge, &status)
            .await
            .expect("a status");
    }

    /// A pod of one core of the object `app`.
    async fn pod(&self, name: &str, app: &str, installation: &InstallationId, node: Option<&str>) {
        let container = json!({"name": "c", "image": "spark", "resources": {"requests": {"cpu": "1"}}});
        let labels =
            json!({(marks::INSTALLATION): installation.as_str(), "sparkoperator.k8s.io/app-name": app});
        let pod = json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {"containers": [container], "nodeName": node},
        });
        let pods: Api<Pod> = Api::namespaced(self.admin.clone(), &self.name);
        let pod = serde_json::from_value(pod).expect("a pod");
        pods.create(&PostParams::default(), &pod).await.expect("a pod");
    }
}

#[async_trait]
impl World for Namespace {
    fn cluster(&self) -> Arc<dyn Cluster> {
        self.cluster.clone()
    }

    fn installation(&self) -> InstallationId {
        self.installation.clone()
    }

    fn nodes(&self) -> Vec<String> {
        Vec::new()
    }

    async fn run(&self, _: &ObjectState) {}

    async fn fail(&self, _: &ObjectState) {}

    async fn go_away(&self) {}

    async fn come_back(&self) {}
}

/// The first view that `holds`.
async fn pools(watching: &mut Watching, what: &str, holds: impl Fn(&PoolsView) -> bool) -> PoolsView {
    let pick = |event| match event {
        ClusterEvent::Pools(view) if holds(&view) => Some(*view),
        _ => None,
    };
    watching.until(what, pick).await
}

/// The cores that are free by a view's only pool.
fn cores(view: &PoolsView) -> Option<u64> {
    let [pool] = view.pools.as_slice() else {
        return None;
    };
    pool.free.get("cpu").copied()
}

#[tokio::test]
async fn quotas_and_the_pods_that_they_count_are_told_as_they_change() {
    let namespace = Namespace::with(Sources {
        quota: true,
        ..Sources::default()
    })
    .await;
    let mut watching = Watching::start(&namespace);
    watching.listed().await;
    let none = pools(&mut watching, "no quota", |_| true).await;
    assert_eq!((none.source, none.pools), (CapacitySource::Quota, Vec::new()));
    namespace
        .quota(json!({"requests.cpu": "10"}), json!({"requests.cpu": "4"}))
        .await;
    let view = pools(&mut watching, "the quota", |view| cores(view) == Some(6000)).await;
    assert_eq!(
        (view.pools[0].name.as_str(), view.pools[0].total["cpu"]),
        ("room", 10_000)
    );
    assert!(view.counted.is_empty());
    let other = InstallationId::random();
    namespace.pod("theirs", "theirs", &other, None).await;
    namespace
        .pod("waits", "sb-a-a1", &namespace.installation, None)
        .await;
    // A quota counts pods before they have a node.
    let view = pools(&mut watching, "our pod", |view| !view.counted.is_empty()).await;
    let counted: Vec<_> = view
        .counted
        .iter()
        .map(|(app, sum)| (app.as_str(), sum.cpu.0, sum.pods))
        .collect();
    assert_eq!(counted, [("sb-a-a1", 1000, 1)]);
    watching.stop().await;
}

#[tokio::test]
async fn the_headroom_of_a_yunikorn_queue_is_asked_for_again_and_again() {
    let yunikorn = StandInYunikorn::start(json!({"vcore": 1500, "memory": 4096})).await;
    let of = |queue: &str| Sources {
        yunikorn: Some(Yunikorn {
            queue: queue.to_owned(),
            partition: "default".to_owned(),
            at: YunikornAt::Url(format!("http://{}", yunikorn.address)),
        }),
        ..Sources::default()
    };
    let namespace = Namespace::with(of(QUEUE)).await;
    let app = "sb-a-a1";
    namespace.pod("waits", app, &namespace.installation, None).await;
    let mut watching = Watching::start(&namespace);
    let view = pools(&mut watching, "the headroom", |view| cores(view) == Some(1500)).await;
    assert_eq!(view.source, CapacitySource::Yunikorn);
    assert_eq!(
        (view.pools[0].name.as_str(), view.pools[0].free["memory"]),
        (QUEUE, 4096)
    );
    assert_eq!(view.pools[0].total["cpu"], 100_000);
    assert!(view.counted.is_empty(), "a pod without a node isn't allocated");
    namespace
        .pod("runs", app, &namespace.installation, Some("nowhere"))
        .await;
    let view = pools(&mut watching, "our pod", |view| !view.counted.is_empty()).await;
    assert_eq!((view.counted[0].0.as_str(), view.counted[0].1.cpu.0), (app, 1000));
    yunikorn.leaves(json!({"vcore": 500}));
    pools(&mut watching, "another headroom", |view| cores(view) == Some(500)).await;
    watching.stop().await;

    let namespace = Namespace::with(of("root.gone")).await;
    let mut watching = Watching::start(&namespace);
    watching.listed().await;
    let unread = |event| match event {
        ClusterEvent::Unread(source, why) => Some((source, why)),
        _ => None,
    };
    let (source, why) = watching.until("that it can't be read", unread).await;
    assert_eq!(source, CapacitySource::Yunikorn);
    assert!(
        why.contains("/ws/v1/partition/default/queue/root.gone: 404"),
        "{why}"
    );
    watching.stop().await;
}

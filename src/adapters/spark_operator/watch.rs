//! The watches of one cluster, told as one stream of events.
//!
//! A session lists and watches everything; the first failure of any part ends it as a whole, is told as `Unreachable`,
//! and after a pause the next session begins with full lists. So after each gap stands a `Listed`, and nothing is told
//! from a half-working set of watches. The server ends each watch after some seconds, and it is resumed: a connection
//! that died silently shows when that doesn't happen.

use std::time::Duration;

use futures::stream::{BoxStream, SelectAll, StreamExt};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher::{self, Event, watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::SparkOperatorCluster;
use super::capacity::Capacity;
use super::request;
use crate::ports::cluster::{CapacityView, ClusterEvent};
use crate::watch::{Driver, ObjectState, marks, read_driver, read_object};

/// Capacity is told at most this often.
const CAPACITY_EVERY: Duration = Duration::from_millis(200);
/// The pause after the first failure; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(10);
/// A session that lasted so long was a good one: pauses begin anew.
const GOOD_SESSION: Duration = Duration::from_secs(60);
/// The same failure is told again after this.
const TELL_AGAIN: Duration = Duration::from_secs(5);

/// Why a session is over.
enum End {
    /// Nobody listens any more.
    Closed,
    /// The server no longer has what happened since; a new list has.
    Expired,
    /// The cluster can't be watched.
    Failed(String),
}

/// Sessions with pauses between them, until nobody listens.
pub(super) async fn run(cluster: &SparkOperatorCluster, events: &mpsc::Sender<ClusterEvent>) {
    let mut failures = 0;
    let mut told: Option<(String, Instant)> = None;
    loop {
        let began = Instant::now();
        let mut listed = false;
        let end = tokio::select! {
            end = session(cluster, events, &mut listed) => end,
            () = events.closed() => End::Closed,
        };
        if began.elapsed() > GOOD_SESSION {
            failures = 0;
        }
        if listed {
            told = None;
        }
        match end {
            End::Closed => return,
            End::Expired => {}
            End::Failed(reason) => {
                let again = told
                    .as_ref()
                    .is_none_or(|(text, at)| *text != reason || at.elapsed() > TELL_AGAIN);
                if again {
                    told = Some((reason.clone(), Instant::now()));
                    if events.send(ClusterEvent::Unreachable(reason)).await.is_err() {
                        return;
                    }
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause(failures)) => failures += 1,
            () = events.closed() => return,
        }
    }
}

/// Between half of and the whole doubled pause, so that many clusters' watches don't return at once.
fn pause(failures: u32) -> Duration {
    let whole = FIRST_PAUSE.saturating_mul(1 << failures.min(10)).min(LAST_PAUSE);
    whole.mul_f64(rand::random_range(0.5..=1.0))
}

/// What one of the watches says.
enum Seen {
    Object(Event<DynamicObject>),
    Driver(Event<Pod>),
    Node(Event<Node>),
    Pod(Event<Pod>),
}

type Seeing = BoxStream<'static, Result<Seen, (&'static str, watcher::Error)>>;

fn streams(cluster: &SparkOperatorCluster, client: &kube::Client) -> SelectAll<Seeing> {
    let config = watcher::Config::default().timeout(cluster.watch_seconds);
    let ours = format!("{}={}", marks::INSTALLATION, cluster.installation);
    let gvk = GroupVersionKind::gvk("sparkoperator.k8s.io", "v1beta2", "SparkApplication");
    let resource = ApiResource::from_gvk_with_plural(&gvk, "sparkapplications");
    let objects = Api::namespaced_with(client.clone(), &cluster.namespace, &resource);
    let pods = Api::namespaced(client.clone(), &cluster.namespace);
    let drivers = config.clone().labels(&format!("spark-role=driver,{ours}"));
    let mut all: SelectAll<Seeing> = SelectAll::new();
    let objects = watcher(objects, config.clone().labels(&ours));
    all.push(
        objects
            .map(|r| r.map(Seen::Object).map_err(|e| ("sparkapplications", e)))
            .boxed(),
    );
    let drivers = watcher(pods, drivers);
    all.push(
        drivers
            .map(|r| r.map(Seen::Driver).map_err(|e| ("driver pods", e)))
            .boxed(),
    );
    if cluster.sources.nodes {
        let nodes = watcher(Api::all(client.clone()), config.clone());
        all.push(nodes.map(|r| r.map(Seen::Node).map_err(|e| ("nodes", e))).boxed());
        // An ended pod requests nothing, and leaves this selection as if deleted.
        let config = config.fields("status.phase!=Succeeded,status.phase!=Failed");
        let pods = watcher(Api::all(client.clone()), config);
        all.push(pods.map(|r| r.map(Seen::Pod).map_err(|e| ("pods", e))).boxed());
    }
    all
}

/// One run of all watches until the first failure; `listed` tells whether the lists were told.
async fn session(
    cluster: &SparkOperatorCluster,
    events: &mpsc::Sender<ClusterEvent>,
    listed: &mut bool,
) -> End {
    let client = match cluster.client().await {
        Ok(client) => client,
        Err(error) => return End::Failed(error.to_string()),
    };
    let mut streams = streams(cluster, client);
    let mut view = View::new(Capacity::new(cluster.installation.clone()));
    let mut tick = tokio::time::interval(CAPACITY_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let out = tokio::select! {
            seen = streams.next() => match seen {
                Some(Ok(seen)) => match view.take(seen) {
                    Ok(out) => out,
                    Err(reason) => return End::Failed(reason),
                },
                Some(Err((what, error))) => return ended(what, &error),
                None => return End::Failed("the watches ended".into()),
            },
            _ = tick.tick() => view.capacity_if_changed().into_iter().collect(),
        };
        for event in out {
            *listed |= matches!(event, ClusterEvent::Listed { .. });
            if events.send(event).await.is_err() {
                return End::Closed;
            }
        }
    }
}

fn ended(what: &str, error: &watcher::Error) -> End {
    let status = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status,
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => {
            return End::Failed(format!("{what}: {}", request::chain(error)));
        }
    };
    match status.code {
        410 => End::Expired,
        code => End::Failed(format!("{what}: {code} {}: {}", status.reason, status.message)),
    }
}

/// What the watches have shown in this session, and what of it is still to be told.
struct View {
    objects: Vec<ObjectState>,
    drivers: Vec<Driver>,
    /// Lists of objects and drivers that aren't complete.
    listing: u8,
    /// Single events that came before both lists were complete.
    early: Vec<ClusterEvent>,
    capacity: Capacity,
    /// Lists of nodes and pods that aren't complete.
    measuring: u8,
    dirty: bool,
    told: Option<CapacityView>,
}

impl View {
    fn new(capacity: Capacity) -> Self {
        Self {
            objects: Vec::new(),
            drivers: Vec::new(),
            listing: 2,
            early: Vec::new(),
            capacity,
            measuring: 2,
            dirty: false,
            told: None,
        }
    }

    /// Takes in what a watch says; what is to be told for it. Something unreadable ends the session: to leave it out
    /// would say that it doesn't exist.
    fn take(&mut self, seen: Seen) -> Result<Vec<ClusterEvent>, String> {
        match seen {
            Seen::Object(event) => self.take_object(event),
            Seen::Driver(event) => self.take_driver(event),
            Seen::Node(event) => {
                self.dirty = true;
                match event {
                    Event::Apply(node) | Event::InitApply(node) => self.capacity.node(&node),
                    Event::Delete(node) => self.capacity.node_gone(&node),
                    Event::Init => {}
                    Event::InitDone => self.measuring = self.measuring.saturating_sub(1),
                }
                Ok(Vec::new())
            }
            Seen::Pod(event) => {
                self.dirty = true;
                match event {
                    Event::Apply(pod) | Event::InitApply(pod) => self.capacity.pod(&pod),
                    Event::Delete(pod) => self.capacity.pod_gone(&pod),
                    Event::Init => {}
                    Event::InitDone => self.measuring = self.measuring.saturating_sub(1),
                }
                Ok(Vec::new())
            }
        }
    }

    fn take_object(&mut self, event: Event<DynamicObject>) -> Result<Vec<ClusterEvent>, String> {
        Ok(match event {
            Event::Init => Vec::new(),
            Event::InitApply(object) => {
                self.objects.push(object_state(object)?);
                Vec::new()
            }
            Event::InitDone => self.list_done(),
            Event::Apply(object) => self.or_later(ClusterEvent::Object(Box::new(object_state(object)?))),
            Event::Delete(object) => self.or_later(ClusterEvent::ObjectGone(Box::new(object_state(object)?))),
        })
    }

    fn take_driver(&mut self, event: Event<Pod>) -> Result<Vec<ClusterEvent>, String> {
        Ok(match event {
            Event::Init => Vec::new(),
            Event::InitApply(pod) => {
                self.drivers.push(driver(&pod)?);
                Vec::new()
            }
            Event::InitDone => self.list_done(),
            Event::Apply(pod) => self.or_later(ClusterEvent::Driver(Box::new(driver(&pod)?))),
            Event::Delete(pod) => self.or_later(ClusterEvent::DriverGone(Box::new(driver(&pod)?))),
        })
    }

    fn list_done(&mut self) -> Vec<ClusterEvent> {
        self.listing = self.listing.saturating_sub(1);
        if self.listing > 0 {
            return Vec::new();
        }
        let objects = std::mem::take(&mut self.objects);
        let drivers = std::mem::take(&mut self.drivers);
        let mut out = vec![ClusterEvent::Listed { objects, drivers }];
        out.append(&mut self.early);
        out
    }

    fn or_later(&mut self, event: ClusterEvent) -> Vec<ClusterEvent> {
        if self.listing == 0 {
            return vec![event];
        }
        self.early.push(event);
        Vec::new()
    }

    fn capacity_if_changed(&mut self) -> Option<ClusterEvent> {
        if self.listing > 0 || self.measuring > 0 || !std::mem::take(&mut self.dirty) {
            return None;
        }
        let view = self.capacity.view();
        if self.told.as_ref() == Some(&view) {
            return None;
        }
        self.told = Some(view.clone());
        Some(ClusterEvent::Capacity(Box::new(view)))
    }
}

fn object_state(object: DynamicObject) -> Result<ObjectState, String> {
    let name = object.metadata.name.clone().unwrap_or_default();
    let value = serde_json::to_value(object).map_err(|error| format!("{name}: {error}"))?;
    read_object(&value).map_err(|error| format!("{name}: {error}"))
}

fn driver(pod: &Pod) -> Result<Driver, String> {
    read_driver(pod).ok_or_else(|| "a driver pod without name or UID".to_owned())
}

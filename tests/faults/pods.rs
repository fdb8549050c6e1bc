//! Two pods over one store and two clusters, the first of which hangs at one of its calls.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use spark_broker::app::{Ports, Running, put_together};
use spark_broker::broker::storing::Records;
use spark_broker::config::Config;
use spark_broker::lifecycle::Rules;
use spark_broker::model::{Clock, ClusterName, Epoch, InstallationId};
use spark_broker::ports::cluster::Cluster;
use spark_broker::ports::queue::SubmissionQueue;
use spark_broker::submission::Record;
use spark_broker::telemetry::Metrics;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::PausedClock;
use crate::clusters::no_other;
use crate::fault::Faults;
use crate::hold::Hold;
use crate::hub::{Connection, Hub, Life, Reach};
use crate::queue::MemoryQueue;
use crate::run::{places, simulated};
use crate::store::MemoryStore;

/// In paused time.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// What outlives pods.
pub struct World {
    clock: Arc<dyn Clock>,
    config: Config,
    store: Arc<MemoryStore>,
    queue: Arc<MemoryQueue>,
    hubs: [Arc<Hub>; 2],
}

/// A pod.
pub struct Pod {
    pub store: Arc<MemoryStore>,
    pub metrics: Arc<Metrics>,
    /// How the cluster `a` treats it.
    pub a: watch::Sender<Reach>,
    running: Running,
}

impl Pod {
    /// Stops it and waits for that.
    pub async fn stop(self) {
        let stop = CancellationToken::new();
        stop.cancel();
        self.running.until(stop).await;
    }

    /// How many objects its counters show as removed from the cluster, left over or second ones, and pods left over.
    pub fn removed(&self, cluster: &str) -> u64 {
        let text = self.metrics.render();
        let of = [
            format!("spark_broker_leftovers_removed_total{{cluster=\"{cluster}\"}} "),
            format!("spark_broker_second_runs_removed_total{{cluster=\"{cluster}\",what=\"object\"}} "),
        ];
        let count = |line: &str| {
            of.iter()
                .find_map(|of| line.strip_prefix(of)?.parse::<u64>().ok())
        };
        text.lines().filter_map(count).sum()
    }
}

impl World {
    pub fn new(config: &str) -> Self {
        let installation = InstallationId::random();
        let clock: Arc<dyn Clock> = Arc::new(PausedClock::start());
        let hub = |name| Hub::over(name, simulated(name, 4, 64_000, &installation, &clock));
        Self {
            config: Config::check(config).unwrap_or_else(|faults| panic!("{faults}")),
            hubs: [hub("a"), hub("b")],
            store: Arc::new(MemoryStore::prompt(installation, Faults::default())),
            queue: Arc::new(MemoryQueue::of(Vec::new(), Faults::default())),
            clock,
        }
    }

    /// Lets the clusters go on while `scene` lasts.
    pub async fn while_it_turns<T>(&self, scene: impl Future<Output = T>) -> T {
        tokio::select! {
            _ = async { tokio::join!(self.hubs[0].run(), self.hubs[1].run()) } => panic!("a cluster stopped"),
            done = scene => done,
        }
    }

    /// Starts a pod; with `hold`, one of its calls will hang.
    pub async fn pod(&self, hold: Option<&Arc<Hold>>) -> Pod {
        let faults = hold.map_or_else(Faults::default, |hold| Faults::held(Arc::clone(hold)));
        let store = Arc::new(self.store.seen_by_another(faults.clone()));
        let a = watch::Sender::new(Reach::Fine);
        let connection = |hub: &Arc<Hub>, reach| Connection {
            hub: Arc::clone(hub),
            faults: faults.clone(),
            reach,
        };
        let clusters: [(ClusterName, Arc<dyn Cluster>); 2] = [
            (
                "a".parse().unwrap(),
                Arc::new(connection(&self.hubs[0], a.clone())),
            ),
            (
                "b".parse().unwrap(),
                Arc::new(connection(&self.hubs[1], watch::Sender::new(Reach::Fine))),
            ),
        ];
        let ports = Ports {
            installation: store.installation.clone(),
            store: Arc::clone(&store) as _,
            coordination: Arc::clone(&store) as _,
            queues: vec![(
                Arc::clone(&self.queue) as Arc<dyn SubmissionQueue>,
                Some("dev".parse().unwrap()),
            )],
            clusters: clusters.into(),
            dial: no_other(),
        };
        let places = places(Arc::clone(&self.clock));
        let parts = put_together(&self.config, ports, places).await.unwrap();
        Pod {
            store,
            metrics: Arc::clone(&parts.metrics),
            a,
            running: parts.start(),
        }
    }

    pub fn send(&self, spec: &Value) {
        self.queue.put(spec.to_string());
    }

    /// Cancels the job as any pod does that is asked to.
    pub async fn cancel(&self) {
        let record = self.record();
        let records = Records {
            store: Arc::clone(&self.store) as _,
            clock: Arc::clone(&self.clock),
            rules: Rules::default(),
            domain: record.domain.clone(),
            cancel_memory: 60,
        };
        records.cancel(&record.id).await.unwrap();
    }

    /// The one record.
    pub fn record(&self) -> Record {
        let mut records = self.store.records();
        assert_eq!(records.len(), 1);
        records.remove(0)
    }

    /// All objects that ever were.
    pub fn lives(&self) -> Vec<Life> {
        self.hubs.iter().flat_map(|hub| hub.lives()).collect()
    }

    /// Waits until the lease stands in this epoch.
    pub async fn led_in(&self, epoch: u64) {
        let stands = || self.store.lock().lease.as_ref().map(|lease| lease.epoch) == Some(Epoch(epoch));
        self.until("the lease is taken", stands).await;
    }

    pub async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let step = Duration::from_millis(100);
        for _ in 0..PATIENCE.as_millis() / step.as_millis() {
            if holds() {
                return;
            }
            tokio::time::sleep(step).await;
        }
        panic!("{what}: not after {PATIENCE:?}: {:#?}", self.store.records());
    }
}

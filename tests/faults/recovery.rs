//! Ten thousand jobs wait while both clusters are away. When these are back, neither they nor the store are run over:
//! calls are counted one by one, and creates are measured against the pace.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use spark_broker::adapters::simulated::SimulatedCluster;
use spark_broker::app::{Places, Ports, put_together};
use spark_broker::config::Config;
use spark_broker::model::{Clock, ClusterName, InstallationId};
use spark_broker::ports::cluster::Cluster;
use spark_broker::ports::queue::SubmissionQueue;
use spark_broker::submission::State;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::PausedClock;
use crate::clusters::{FaultyCluster, no_other};
use crate::fault::Faults;
use crate::ledger::Ledger;
use crate::queue::MemoryQueue;
use crate::run::{places, simulated, spec};
use crate::store::MemoryStore;

const JOBS: usize = 10_000;
const RATE: u32 = 6_000;
const BURST: u32 = 20;
/// One-phase and two-phase.
const CLUSTERS: [&str; 2] = ["a", "b"];
/// In paused time.
const PATIENCE: Duration = Duration::from_secs(1_800);

fn config() -> Config {
    let text = format!(
        "
domain: recovery
intake: [{{queueName: jobs, defaultQueue: dev}}]
timing: {{endSettle: 90s, submitSettle: 90s}}
api: {{listen: '127.0.0.1:0'}}
health: {{listen: '127.0.0.1:0'}}
defaults: {{image: 'spark:3.5.0'}}
queues: [{{name: dev}}]
clusters:
  - {{name: a, type: simulated, namespace: jobs, pacing: &pace {{submissionsPerMinute: {RATE}, burst: {BURST}, maxPending: 500}}}}
  - {{name: b, type: simulated, namespace: jobs, pacing: *pace, commit: two-phase}}
"
    );
    Config::check(&text).unwrap_or_else(|faults| panic!("{faults}"))
}

/// A broker between ports in memory.
struct Scene {
    store: Arc<MemoryStore>,
    queue: Arc<MemoryQueue>,
    clusters: Vec<Side>,
    /// Calls of store and queue.
    calls: Faults,
}

/// One cluster, and what was asked of it.
struct Side {
    cluster: Arc<SimulatedCluster>,
    ledger: Ledger,
    calls: Faults,
}

impl Scene {
    fn set() -> (Self, Ports, Places) {
        let installation = InstallationId::random();
        let clock: Arc<dyn Clock> = Arc::new(PausedClock::start());
        let calls = Faults::default();
        let store = Arc::new(MemoryStore::prompt(installation.clone(), calls.clone()));
        let queue = Arc::new(MemoryQueue::of(Vec::new(), calls.clone()));
        let side = |name: &str| Side {
            cluster: Arc::new(simulated(name, 20, 64_000, &installation, &clock)),
            ledger: Ledger::default(),
            calls: Faults::default(),
        };
        let clusters: Vec<Side> = CLUSTERS.iter().map(|name| side(name)).collect();
        let behind = |(name, side): (&&str, &Side)| {
            let counted =
                FaultyCluster::over(Arc::clone(&side.cluster), side.ledger.clone(), side.calls.clone());
            (name.parse().unwrap(), Arc::new(counted) as Arc<dyn Cluster>)
        };
        let of_ports: HashMap<ClusterName, Arc<dyn Cluster>> =
            CLUSTERS.iter().zip(&clusters).map(behind).collect();
        let ports = Ports {
            installation,
            store: Arc::clone(&store) as _,
            coordination: Arc::clone(&store) as _,
            queues: vec![(
                Arc::clone(&queue) as Arc<dyn SubmissionQueue>,
                Some("dev".parse().unwrap()),
            )],
            clusters: of_ports,
            dial: no_other(),
        };
        let places = places(clock);
        let scene = Self {
            store,
            queue,
            clusters,
            calls,
        };
        (scene, ports, places)
    }

    fn away(&self, away: bool) {
        for side in &self.clusters {
            side.cluster.set_away(away.then(|| "no route to host".to_owned()));
        }
    }

    fn send(&self, what: &str, jobs: usize) {
        for n in 0..jobs {
            let mut spec = spec(&format!("{what}-{n}"));
            spec["annotations"]["simulated.spark-broker/run-time"] = json!("2s");
            self.queue.put(spec.to_string());
        }
    }

    async fn until(&self, what: &str, done: impl Fn() -> bool) {
        for _ in 0..PATIENCE.as_secs() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if done() {
                return;
            }
        }
        panic!("{what}: not after {PATIENCE:?}: {:?}", self.calls.calls());
    }

    async fn ended(&self, jobs: usize) {
        let succeeded = || {
            let records = self.store.records();
            records.len() == jobs && records.iter().all(|record| record.state == State::Succeeded)
        };
        // Every job costs five writes: looking at each record is left for when they may be there.
        let written = || self.count("store.update") >= 4 * jobs && succeeded();
        self.until("all have succeeded", written).await;
    }

    fn count(&self, call: &str) -> usize {
        self.calls.calls().get(call).copied().unwrap_or(0)
    }
}

/// The calls between two counts; none that stayed the same.
fn between(
    before: &BTreeMap<&'static str, usize>,
    after: &BTreeMap<&'static str, usize>,
) -> BTreeMap<&'static str, usize> {
    let since = |(call, count): (&&'static str, &usize)| (*call, count - before.get(call).unwrap_or(&0));
    after.iter().map(since).filter(|(_, count)| *count > 0).collect()
}

/// Whether a bucket that was full at first would have given a token at each of these times.
fn paced(times: &[Instant]) -> bool {
    let Some(mut last) = times.first().copied() else {
        return true;
    };
    let mut level = f64::from(BURST);
    times.iter().all(|at| {
        let earned = (*at - last).as_secs_f64() * f64::from(RATE) / 60.0;
        level = (level + earned).min(f64::from(BURST)) - 1.0;
        last = *at;
        level > -1e-6
    })
}

async fn recover() {
    let (scene, ports, places) = Scene::set();
    let running = put_together(&config(), ports, places).await.unwrap().start();
    let stop = CancellationToken::new();
    let watching = async {
        scene.send("before", 20);
        scene.ended(20).await;
        scene.away(true);
        scene.send("waiting", JOBS);
        scene
            .until("all are taken in", || {
                scene.store.count() == JOBS + 20 && scene.queue.left() == (0, 0)
            })
            .await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        let (stored, asked) = (scene.calls.calls(), sides(&scene));
        let first: Vec<usize> = scene
            .clusters
            .iter()
            .map(|side| side.ledger.times().len())
            .collect();
        let begun = Instant::now();
        scene.away(false);
        scene.ended(JOBS + 20).await;
        let took = begun.elapsed();
        audit_store(between(&stored, &scene.calls.calls()), took);
        audit_clusters(&scene, &asked, &first);
        stop.cancel();
    };
    tokio::join!(running.until(stop.clone()), watching);
}

fn sides(scene: &Scene) -> Vec<BTreeMap<&'static str, usize>> {
    scene.clusters.iter().map(|side| side.calls.calls()).collect()
}

/// Each job costs four writes after the one that took it in, and no read; the rest are the domain's own beats.
fn audit_store(mut calls: BTreeMap<&'static str, usize>, took: Duration) {
    assert_eq!(calls.remove("store.update"), Some(4 * JOBS), "{calls:?}");
    let seconds = usize::try_from(took.as_secs()).unwrap() + 1;
    let beats = [
        ("store.backlog", 2 * (2 * seconds + 1)),
        ("store.live", 2 * (seconds / 30 + 1)),
        ("store.wishes", seconds + 1),
        ("store.get_many", seconds / 10 + 1),
        ("coordination.cluster_wishes", 2 * (seconds / 2 + 1)),
        ("coordination.lease", seconds / 2 + 1),
        ("coordination.write_lease", seconds / 2 + 1),
        ("coordination.write_cluster", 2 * (seconds / 5 + 1)),
        ("coordination.write_queue", seconds / 5 + 1),
        ("coordination.write_outlook", 3 * (seconds / 5 + 1)),
        ("coordination.cluster_identity", 2),
        ("queue.receive", seconds),
    ];
    for (call, most) in beats {
        let count = calls.remove(call).unwrap_or(0);
        assert!(count <= most, "{count} of {call} in {seconds} s, at most {most}");
    }
    assert_eq!(calls, BTreeMap::new());
}

/// Each job costs its cluster one create, where it is committed in two phases one release more, and nothing else; each
/// cluster gets its creates within its pace.
fn audit_clusters(scene: &Scene, before: &[BTreeMap<&'static str, usize>], first: &[usize]) {
    let mut creates = 0;
    for (n, side) in scene.clusters.iter().enumerate() {
        let mut calls = between(&before[n], &side.calls.calls());
        let of_it = calls.remove("cluster.create").unwrap_or(0);
        let releases = if CLUSTERS[n] == "b" { of_it } else { 0 };
        assert_eq!(calls.remove("cluster.release").unwrap_or(0), releases);
        // What the cluster says isn't a call, and it is asked once who it is, as after every outage.
        calls.remove("cluster.watch");
        assert!(calls.remove("cluster.identity").unwrap_or(0) <= 1);
        assert_eq!(calls, BTreeMap::new(), "{}", CLUSTERS[n]);
        assert!(
            paced(&side.ledger.times()[first[n]..]),
            "{} was hurried",
            CLUSTERS[n]
        );
        assert_eq!(side.ledger.doubled(), Vec::<String>::new());
        creates += of_it;
    }
    assert_eq!(creates, JOBS);
}

#[test]
fn after_an_outage_creates_keep_the_pace_and_calls_their_budget() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(recover());
}

//! Twenty jobs on two simulated clusters, through in-memory ports under paused time, with one fault; and the audit.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use spark_broker::adapters::simulated::{NodeGroup, Settings, SimulatedCluster};
use spark_broker::app::{Installation, Lasting, Places, Ports, put_together};
use spark_broker::config::Config;
use spark_broker::model::{Bytes, Clock, ClusterName, Demand, InstallationId, Millicores, Resources};
use spark_broker::ports::cluster::Cluster;
use spark_broker::ports::queue::SubmissionQueue;
use spark_broker::submission::{Record, State};
use tokio_util::sync::CancellationToken;

use crate::clock::PausedClock;
use crate::clusters::{FaultyCluster, Ledger, no_other};
use crate::fault::{Fault, Faults};
use crate::queue::MemoryQueue;
use crate::store::MemoryStore;

/// In the runtime's paused time: longer than anything takes that isn't stuck.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// Longer than every settling time.
const SETTLED: Duration = Duration::from_secs(200);

const CONFIG: &str = "
domain: faults
intake: [{queueName: jobs, defaultQueue: dev}]
timing: {endSettle: 90s, submitSettle: 90s}
api: {listen: '127.0.0.1:0'}
health: {listen: '127.0.0.1:0'}
defaults: {image: 'spark:3.5.0'}
queues: [{name: dev}]
clusters:
  - {name: a, type: simulated, namespace: jobs, capacity: {sources: [nodes]}}
  - {name: b, type: simulated, namespace: jobs, capacity: {sources: [nodes]}, commit: two-phase}
";

/// The messages of the run, and how each job must end.
fn jobs() -> (Vec<String>, BTreeMap<String, State>) {
    let (mut bodies, mut ends) = (Vec::new(), BTreeMap::new());
    for n in 0..20 {
        let id = format!("job-{n}");
        let mut spec = spec(&id);
        let mut annotate = |key: &str, value: &str| {
            spec["annotations"][format!("simulated.spark-broker/{key}")] = json!(value);
        };
        annotate("run-time", &format!("{}s", 5 + n % 7));
        let end = match n {
            3 | 9 => {
                annotate("exit-code", "3");
                State::Failed
            }
            5 | 11 => {
                annotate("failure", "SubmissionFailed");
                State::Failed
            }
            7 | 13 => {
                annotate("run-time", "10m");
                State::Cancelled
            }
            _ => State::Succeeded,
        };
        bodies.push(spec.to_string());
        ends.insert(id, end);
    }
    (bodies, ends)
}

pub fn spec(id: &str) -> Value {
    json!({
        "submissionId": id, "applicationName": "Faults", "queue": "dev", "sparkVersion": "3.5.0", "type": "Java",
        "mainClass": "com.example.Main", "mainApplicationFile": "s3://example-jobs/main.jar", "annotations": {},
        "driver": {"cores": 1, "memory": "1g"}, "executor": {"instances": 1, "cores": 1, "memory": "1g"},
    })
}

/// One run under `fault`: how often each method was called.
///
/// # Panics
///
/// If the audit finds anything.
pub fn run(fault: Option<Fault>) -> BTreeMap<&'static str, usize> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    let faults = Faults::of(fault);
    runtime.block_on(async { audited(&faults).await });
    faults.calls()
}

async fn audited(faults: &Faults) {
    let installation = InstallationId::random();
    let clock: Arc<dyn Clock> = Arc::new(PausedClock::start());
    let (mut bodies, ends) = jobs();
    for (id, _) in ends.iter().filter(|(_, end)| **end == State::Cancelled) {
        bodies.push(json!({"cancel": id}).to_string());
    }
    let store = Arc::new(MemoryStore::new(installation.clone(), faults.clone()));
    let queue = Arc::new(MemoryQueue::of(bodies, faults.clone()));
    let ledger = Ledger::default();
    let mut clusters: HashMap<ClusterName, Arc<dyn Cluster>> = HashMap::new();
    for name in ["a", "b"] {
        let inner = simulated(name, 2, 8_000, &installation, &clock);
        let faulty = FaultyCluster::over(inner, ledger.clone(), faults.clone());
        clusters.insert(name.parse().unwrap(), Arc::new(faulty));
    }
    let ports = Ports {
        installation,
        store: Arc::clone(&store) as _,
        coordination: Arc::clone(&store) as _,
        queues: vec![(
            Arc::clone(&queue) as Arc<dyn SubmissionQueue>,
            Some("dev".parse().unwrap()),
        )],
        clusters,
        dial: no_other(),
    };
    let config = Config::check(CONFIG).unwrap_or_else(|faults| panic!("{faults}"));
    let places = Places {
        domain: None,
        clock,
        installation: Installation::Refuse,
        data_dir: None,
        record_cycles: None,
        lasting: Lasting::default(),
    };
    let running = put_together(&config, ports, places).await.unwrap().start();
    let stop = CancellationToken::new();
    let watching = async {
        ended(&store, &queue, &ends).await;
        tokio::time::sleep(SETTLED).await;
        assert_eq!(ledger.doubled(), Vec::<String>::new(), "doubled");
        for submission in ledger.submissions() {
            let open = ledger.unfinished(&submission).await;
            assert!(open.is_empty(), "leaked: {open:?}");
        }
        stop.cancel();
    };
    tokio::join!(running.until(stop.clone()), watching);
}

/// Waits until all have ended as they must, by legal steps, and nothing is left in the queue.
async fn ended(store: &MemoryStore, queue: &MemoryQueue, ends: &BTreeMap<String, State>) {
    let mut records = Vec::new();
    for _ in 0..PATIENCE.as_secs() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        records = store.records();
        let over = records.len() == ends.len() && records.iter().all(|record| record.state.is_terminal());
        if over && queue.left().0 == 0 {
            break;
        }
    }
    assert_eq!(queue.left(), (0, 0), "messages left, messages parked");
    let open: Vec<&Record> = records
        .iter()
        .filter(|record| !record.state.is_terminal())
        .collect();
    assert!(open.is_empty(), "stuck: {open:#?}");
    let found: BTreeMap<String, State> = records.iter().map(|r| (r.id.to_string(), r.state)).collect();
    assert_eq!(&found, ends);
}

/// A cluster of `nodes` nodes with so many millicores each.
pub fn simulated(
    name: &str,
    nodes: u32,
    millicores: u64,
    installation: &InstallationId,
    clock: &Arc<dyn Clock>,
) -> SimulatedCluster {
    let node = Resources::new(Millicores(millicores), Bytes::mib(4 * millicores), 110);
    let settings = Settings {
        name: name.parse().unwrap(),
        namespace: "jobs".into(),
        nodes: vec![NodeGroup {
            count: nodes,
            allocatable: node,
        }],
        data_dir: None,
    };
    SimulatedCluster::open(
        settings,
        installation.clone(),
        Arc::clone(clock),
        Arc::new(demand),
    )
    .unwrap()
}

fn demand(_: &Value) -> Demand {
    let pod = Resources::new(Millicores(1_000), Bytes::mib(1_408), 1);
    Demand {
        driver: pod.clone(),
        executor: pod,
        executors: 1,
        ..Demand::default()
    }
}

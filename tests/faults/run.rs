//! Twenty jobs on two simulated clusters, through in-memory ports under paused time, with one fault.

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
use spark_broker::ports::store::Coordination;
use tokio_util::sync::CancellationToken;

use crate::audit::{Findings, audit};
use crate::clock::PausedClock;
use crate::clusters::{FaultyCluster, no_other};
use crate::fault::{Fault, Faults};
use crate::ledger::Ledger;
use crate::people::{People, answered};
use crate::queue::MemoryQueue;
use crate::store::MemoryStore;

/// How long the store takes no new records at first: messages that were received are held longer than they are hidden.
const FULL: Duration = Duration::from_secs(25);

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

/// A job that succeeds after five seconds.
pub fn spec(id: &str) -> Value {
    json!({
        "submissionId": id, "applicationName": "Faults", "queue": "dev", "sparkVersion": "3.5.0", "type": "Java",
        "mainClass": "com.example.Main", "mainApplicationFile": "s3://example-jobs/main.jar", "annotations": {},
        "driver": {"cores": 1, "memory": "1g"}, "executor": {"instances": 1, "cores": 1, "memory": "1g"},
    })
}

/// What came of one run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How often each method was called.
    pub calls: BTreeMap<&'static str, usize>,
    pub findings: Findings,
}

/// One run under `fault`.
pub fn run(fault: Option<Fault>) -> Outcome {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    let faults = Faults::of(fault);
    let findings = runtime.block_on(async { audited(&faults).await });
    Outcome {
        calls: faults.calls(),
        findings,
    }
}

async fn audited(faults: &Faults) -> Findings {
    let clock: Arc<dyn Clock> = Arc::new(PausedClock::start());
    let store = MemoryStore::new(InstallationId::random(), faults.clone()).full_for(FULL);
    let store = Arc::new(store);
    let queue = Arc::new(MemoryQueue::of(Vec::new(), faults.clone()));
    // As at a pod's start, which is begun again where it fails.
    let installation = answered(|| store.installation()).await;
    answered(|| queue.describe()).await;
    let ledger = Ledger::default();
    let mut clusters: HashMap<ClusterName, Arc<dyn Cluster>> = HashMap::new();
    for name in ["a", "b"] {
        let inner = simulated(name, 2, 8_000, &installation, &clock);
        let faulty = FaultyCluster::over(inner, ledger.clone(), faults.clone());
        let faulty = if name == "a" { faulty.ownerless() } else { faulty };
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
    let places = places(clock);
    let parts = put_together(&config, ports, places).await.unwrap();
    let people = People::of(&parts, &queue, &ledger);
    let stop = CancellationToken::new();
    let watching = async {
        let findings = people.while_they_live(audit(&store, &queue, &ledger)).await;
        stop.cancel();
        findings
    };
    let running = parts.start();
    let (_, findings) = tokio::join!(running.until(stop.clone()), watching);
    findings
}

/// What a broker under test is told of its surroundings: the clock alone.
pub fn places(clock: Arc<dyn Clock>) -> Places {
    Places {
        domain: None,
        clock,
        installation: Installation::Refuse,
        data_dir: None,
        record_cycles: None,
        lasting: Lasting::default(),
    }
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

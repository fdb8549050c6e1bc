//! A job that claims a cluster for its queue is cancelled: what it kept others from is theirs, though nothing else happens.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use spark_broker::app::{Installation, Lasting, Places, Ports, put_together};
use spark_broker::config::Config;
use spark_broker::model::{Clock, InstallationId};
use spark_broker::ports::cluster::Cluster;
use spark_broker::ports::queue::SubmissionQueue;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::clock::PausedClock;
use crate::clusters::{FaultyCluster, no_other};
use crate::fault::Faults;
use crate::ledger::Ledger;
use crate::queue::MemoryQueue;
use crate::run::{simulated, spec};
use crate::store::MemoryStore;

/// Longer than anything takes on its way to a cluster; less than a reservation is kept for.
const A_MINUTE: Duration = Duration::from_secs(60);

const CONFIG: &str = "
domain: claims
intake: [{queueName: jobs, defaultQueue: full}]
api: {listen: '127.0.0.1:0'}
health: {listen: '127.0.0.1:0'}
defaults: {image: 'spark:3.5.0'}
queues: [{name: full}, {name: short}]
clusters: [{name: a, type: simulated, namespace: jobs, capacity: {sources: [nodes]}}]
";

/// A job of `queue` that runs for an hour. Its pods are a driver and an executor of one core each.
fn job(id: &str, queue: &str) -> Value {
    let mut spec = spec(id);
    spec["queue"] = json!(queue);
    spec["annotations"]["simulated.spark-broker/run-time"] = json!("1h");
    spec
}

/// One that asks for half a core in all.
fn small(id: &str) -> Value {
    let mut spec = job(id, "full");
    for role in ["driver", "executor"] {
        spec[role]["coreRequest"] = json!("250m");
    }
    spec
}

async fn cancelled_while_it_claims() {
    let clock: Arc<dyn Clock> = Arc::new(PausedClock::start());
    let (ledger, faults) = (Ledger::default(), Faults::default());
    let installation = InstallationId::random();
    let store = Arc::new(MemoryStore::prompt(installation.clone(), faults.clone()));
    let queue = Arc::new(MemoryQueue::of(Vec::new(), faults.clone()));
    // Room for two jobs and a half.
    let inner = simulated("a", 1, 5_000, &installation, &clock);
    let cluster: Arc<dyn Cluster> = Arc::new(FaultyCluster::over(inner, ledger.clone(), faults));
    let ports = Ports {
        installation,
        store: Arc::clone(&store) as _,
        coordination: store as _,
        queues: vec![(
            Arc::clone(&queue) as Arc<dyn SubmissionQueue>,
            Some("full".parse().unwrap()),
        )],
        clusters: HashMap::from([("a".parse().unwrap(), cluster)]),
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
        let mut expected = Vec::new();
        for (body, made) in [
            (job("first", "full"), Some("first")),
            (job("second", "full"), Some("second")),
            (job("claimant", "short"), None),
            // There is room for it, and its queue has more than its share.
            (small("kept-off"), None),
            (json!({"cancel": "claimant"}), Some("kept-off")),
        ] {
            queue.send(&body.to_string()).await.unwrap();
            sleep(A_MINUTE).await;
            expected.extend(made.map(str::to_owned));
            expected.sort();
            assert_eq!(ledger.submissions(), expected, "after {body}");
        }
        stop.cancel();
    };
    tokio::join!(running.until(stop.clone()), watching);
}

#[test]
fn what_a_cancelled_job_kept_others_from_is_theirs_though_nothing_else_happens() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(cancelled_while_it_claims());
}

//! Tokens of a pace are used as they are earned, though nothing else happens that would make the scheduler look up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use spark_broker::app::{Installation, Lasting, Places, Ports, put_together};
use spark_broker::config::Config;
use spark_broker::model::{Clock, InstallationId};
use spark_broker::ports::cluster::Cluster;
use spark_broker::ports::queue::SubmissionQueue;
use tokio_util::sync::CancellationToken;

use crate::clock::PausedClock;
use crate::clusters::{FaultyCluster, no_other};
use crate::fault::Faults;
use crate::ledger::Ledger;
use crate::queue::MemoryQueue;
use crate::run::{simulated, spec};
use crate::store::MemoryStore;

const JOBS: usize = 12;
/// At six a minute.
const BETWEEN: Duration = Duration::from_secs(10);

const CONFIG: &str = "
domain: pacing
intake: [{queueName: jobs, defaultQueue: dev}]
api: {listen: '127.0.0.1:0'}
health: {listen: '127.0.0.1:0'}
defaults: {image: 'spark:3.5.0'}
queues: [{name: dev}]
clusters:
  - {name: a, type: simulated, namespace: jobs, pacing: {submissionsPerMinute: 6, burst: 1, maxPending: 20}}
";

/// A broker with one cluster, whose objects `ledger` writes down, and jobs that run for an hour.
fn ports(ledger: &Ledger, clock: &Arc<dyn Clock>) -> Ports {
    let installation = InstallationId::random();
    let faults = Faults::default();
    let store = Arc::new(MemoryStore::prompt(installation.clone(), faults.clone()));
    let bodies = (0..JOBS).map(|n| {
        let mut spec = spec(&format!("long-{n}"));
        spec["annotations"]["simulated.spark-broker/run-time"] = json!("1h");
        spec.to_string()
    });
    let queue: Arc<dyn SubmissionQueue> = Arc::new(MemoryQueue::of(bodies.collect(), faults.clone()));
    let inner = simulated("a", 20, 64_000, &installation, clock);
    let cluster: Arc<dyn Cluster> = Arc::new(FaultyCluster::over(inner, ledger.clone(), faults));
    Ports {
        installation,
        store: Arc::clone(&store) as _,
        coordination: store as _,
        queues: vec![(queue, Some("dev".parse().unwrap()))],
        clusters: HashMap::from([("a".parse().unwrap(), cluster)]),
        dial: no_other(),
    }
}

async fn quiet_hours() {
    let clock: Arc<dyn Clock> = Arc::new(PausedClock::start());
    let ledger = Ledger::default();
    let ports = ports(&ledger, &clock);
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
        let all = BETWEEN * u32::try_from(JOBS).unwrap();
        tokio::time::sleep(all + Duration::from_secs(20)).await;
        let times = ledger.times();
        assert_eq!(times.len(), JOBS, "no token was left lying");
        for pair in times.windows(2) {
            let gap = pair[1] - pair[0];
            let late = gap.abs_diff(BETWEEN);
            assert!(
                late <= Duration::from_millis(20),
                "{gap:?} between two, {BETWEEN:?} by the pace"
            );
        }
        stop.cancel();
    };
    tokio::join!(running.until(stop.clone()), watching);
}

#[test]
fn a_token_is_used_when_it_is_earned_though_nothing_else_happens() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(quiet_hours());
}

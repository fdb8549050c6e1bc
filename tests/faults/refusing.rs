//! A cluster that can be watched refuses every create, for a reason that isn't the jobs': few are sent, then one at a time
//! as a probe, and once it takes them all end as if nothing had been.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use spark_broker::adapters::simulated::SimulatedCluster;
use spark_broker::app::{Ports, put_together};
use spark_broker::config::Config;
use spark_broker::model::{Clock, InstallationId, ObjectUid, SubmissionId};
use spark_broker::ports::Error;
use spark_broker::ports::cluster::{Cluster, ClusterEvent, CreateError, Deleted, PodSight};
use spark_broker::ports::queue::SubmissionQueue;
use spark_broker::submission::State;
use spark_broker::watch::ObjectState;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::clock::PausedClock;
use crate::clusters::no_other;
use crate::fault::Faults;
use crate::queue::MemoryQueue;
use crate::run::{places, simulated, spec};
use crate::store::MemoryStore;

const JOBS: usize = 60;
const MAX_PENDING: usize = 5;
/// How long an answer to a create takes.
const ANSWER: Duration = Duration::from_secs(1);
/// The shortest rest after a refusal.
const REST: Duration = Duration::from_secs(5);
/// How long everything is refused.
const REFUSED: Duration = Duration::from_secs(600);
/// In paused time.
const PATIENCE: u64 = 3_600;

/// Status, reason and message, as API servers answer.
const REFUSALS: [(u16, &str, &str); 4] = [
    (401, "Unauthorized", "Unauthorized"),
    (
        403,
        "Forbidden",
        "sparkapplications.sparkoperator.k8s.io is forbidden: User \"broker\" cannot create resource",
    ),
    (
        404,
        "NotFound",
        "the server could not find the requested resource",
    ),
    (
        429,
        "TooManyRequests",
        "too many requests, please try again later",
    ),
];

fn config() -> Config {
    let text = format!(
        "
domain: refusing
intake: [{{queueName: jobs, defaultQueue: dev}}]
timing: {{endSettle: 90s}}
api: {{listen: '127.0.0.1:0'}}
health: {{listen: '127.0.0.1:0'}}
defaults: {{image: 'spark:3.5.0'}}
queues: [{{name: dev}}]
clusters:
  - name: a
    type: simulated
    namespace: jobs
    pacing: {{submissionsPerMinute: 6000, burst: 100, maxPending: {MAX_PENDING}}}
"
    );
    Config::check(&text).unwrap_or_else(|faults| panic!("{faults}"))
}

/// A create: when it was asked for, and answered.
type Asked = (Instant, Instant);

/// The cluster, and every create that was ever sent to it.
struct Refusing {
    inner: SimulatedCluster,
    refusal: Mutex<Option<CreateError>>,
    asked: Mutex<Vec<Asked>>,
}

#[async_trait]
impl Cluster for Refusing {
    fn namespace(&self) -> &str {
        self.inner.namespace()
    }

    async fn create(&self, object: &Value, deadline: Duration) -> Result<ObjectState, CreateError> {
        let begun = Instant::now();
        sleep(ANSWER).await;
        let refusal = self.refusal.lock().unwrap().clone();
        let answer = match refusal {
            Some(refusal) => Err(refusal),
            None => self.inner.create(object, deadline).await,
        };
        self.asked.lock().unwrap().push((begun, Instant::now()));
        answer
    }

    async fn get(&self, name: &str) -> Result<Option<ObjectState>, Error> {
        self.inner.get(name).await
    }

    async fn release(&self, name: &str, uid: &ObjectUid) -> Result<(), Error> {
        self.inner.release(name, uid).await
    }

    async fn delete(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, Error> {
        self.inner.delete(name, uid).await
    }

    async fn pods(&self, id: &SubmissionId) -> Result<Vec<PodSight>, Error> {
        self.inner.pods(id).await
    }

    async fn delete_pod(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, Error> {
        self.inner.delete_pod(name, uid).await
    }

    async fn watch(&self, events: mpsc::Sender<ClusterEvent>) {
        self.inner.watch(events).await;
    }

    async fn identity(&self) -> Result<String, Error> {
        self.inner.identity().await
    }
}

/// A few at first, then one after the other, each after a rest.
fn audit_creates(asked: &[Asked], case: u16) {
    let refused_at = asked[0].1;
    let first = asked
        .iter()
        .filter(|(begun, _)| *begun < refused_at + REST)
        .count();
    assert!(first <= MAX_PENDING + 5, "{case}: {first} before the first rest");
    for pair in asked[first - 1..].windows(2) {
        let rest = pair[1].0.saturating_duration_since(pair[0].1);
        assert!(
            rest >= REST,
            "{case}: a probe {rest:?} after the answer to another create"
        );
    }
    assert!(asked.len() > first + 5, "{case}: not probed on: {}", asked.len());
}

async fn refused((status, reason, message): (u16, &str, &str)) {
    let installation = InstallationId::random();
    let clock: Arc<dyn Clock> = Arc::new(PausedClock::start());
    let store = Arc::new(MemoryStore::prompt(installation.clone(), Faults::default()));
    let queue = Arc::new(MemoryQueue::of(Vec::new(), Faults::default()));
    let a = Arc::new(Refusing {
        inner: simulated("a", 20, 64_000, &installation, &clock),
        refusal: Mutex::new(Some(CreateError::Answered {
            status,
            reason: reason.into(),
            message: message.into(),
            retry_after: (status == 429).then_some(1),
        })),
        asked: Mutex::default(),
    });
    let ports = Ports {
        installation,
        store: Arc::clone(&store) as _,
        coordination: Arc::clone(&store) as _,
        queues: vec![(
            Arc::clone(&queue) as Arc<dyn SubmissionQueue>,
            Some("dev".parse().unwrap()),
        )],
        clusters: HashMap::from([("a".parse().unwrap(), Arc::clone(&a) as Arc<dyn Cluster>)]),
        dial: no_other(),
    };
    let places = places(clock);
    let running = put_together(&config(), ports, places).await.unwrap().start();
    let stop = CancellationToken::new();
    tokio::join!(running.until(stop.clone()), async {
        watched(&store, &queue, &a, status).await;
        stop.cancel();
    });
}

async fn watched(store: &MemoryStore, queue: &MemoryQueue, a: &Refusing, case: u16) {
    for n in 0..JOBS {
        let mut spec = spec(&format!("job-{n}"));
        spec["annotations"]["simulated.spark-broker/run-time"] = json!("2s");
        queue.put(spec.to_string());
    }
    sleep(REFUSED).await;
    let refused = a.asked.lock().unwrap().clone();
    audit_creates(&refused, case);
    let records = store.records();
    assert_eq!(records.len(), JOBS);
    let waits = |state| matches!(state, State::Queued | State::Dispatching);
    assert!(
        records
            .iter()
            .all(|record| waits(record.state) && record.tries == 0),
        "{case}: {records:#?}"
    );

    *a.refusal.lock().unwrap() = None;
    let mut records = Vec::new();
    for _ in 0..PATIENCE {
        sleep(Duration::from_secs(1)).await;
        records = store.records();
        if records.iter().all(|record| record.state.is_terminal()) {
            break;
        }
    }
    let well =
        |record: &&spark_broker::submission::Record| record.state == State::Succeeded && record.tries == 0;
    assert_eq!(records.iter().filter(well).count(), JOBS, "{case}: {records:#?}");
    let attempts: u32 = records.iter().map(|record| record.attempt.0).sum();
    assert_eq!(
        a.asked.lock().unwrap().len(),
        attempts as usize,
        "{case}: a create for each attempt"
    );
}

#[test]
fn a_cluster_that_refuses_every_create_gets_few_then_single_probes_and_fails_no_job() {
    for refusal in REFUSALS {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(refused(refusal));
    }
}

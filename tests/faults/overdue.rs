//! A driver is told to go on a node that says nothing any more: its record says so, and after a person's word the job runs
//! on another cluster, while the object that is left is removed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use spark_broker::adapters::simulated::SimulatedCluster;
use spark_broker::app::{Ports, put_together};
use spark_broker::broker::storing::Records;
use spark_broker::config::Config;
use spark_broker::lifecycle::Rules;
use spark_broker::model::{Clock, ClusterName, InstallationId, ObjectUid, SubmissionId};
use spark_broker::ports::Error;
use spark_broker::ports::cluster::{Cluster, ClusterEvent, CreateError, Deleted, PodSight};
use spark_broker::ports::queue::SubmissionQueue;
use spark_broker::ports::service::Confirmed;
use spark_broker::submission::{Reason, Record, State};
use spark_broker::watch::{Driver, DriverStop, ObjectState};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::PausedClock;
use crate::clusters::no_other;
use crate::fault::Faults;
use crate::queue::MemoryQueue;
use crate::run::{places, simulated, spec};
use crate::store::MemoryStore;

/// In paused time.
const PATIENCE: u64 = 3_600;

const CONFIG: &str = "
domain: overdue
intake: [{queueName: jobs, defaultQueue: dev}]
api: {listen: '127.0.0.1:0'}
health: {listen: '127.0.0.1:0'}
defaults: {image: 'spark:3.5.0'}
queues: [{name: dev, policy: ordered}]
clusters:
  - {name: a, type: simulated, namespace: jobs}
  - {name: b, type: simulated, namespace: jobs}
";

/// A cluster whose drivers, once its nodes are silent, are told to go and stand on.
struct Silenced {
    inner: Arc<SimulatedCluster>,
    /// Since when its nodes are silent.
    since: watch::Sender<Option<Timestamp>>,
}

impl Silenced {
    fn shown(&self, mut driver: Driver) -> Driver {
        driver.stop = self.since.borrow().map(|due| DriverStop::Deleting { due });
        driver
    }
}

#[async_trait]
impl Cluster for Silenced {
    fn namespace(&self) -> &str {
        self.inner.namespace()
    }

    async fn create(&self, object: &Value, deadline: Duration) -> Result<ObjectState, CreateError> {
        self.inner.create(object, deadline).await
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
        let (inner_events, mut said) = mpsc::channel(64);
        let mut silence = self.since.subscribe();
        let mut last: Option<Driver> = None;
        let forward = async {
            loop {
                let event = tokio::select! {
                    event = said.recv() => match event {
                        Some(ClusterEvent::Driver(driver)) => {
                            last = Some(*driver.clone());
                            ClusterEvent::Driver(Box::new(self.shown(*driver)))
                        }
                        Some(ClusterEvent::DriverGone(_)) if self.since.borrow().is_some() => continue,
                        Some(event) => event,
                        None => return,
                    },
                    Ok(()) = silence.changed() => match last.clone() {
                        Some(driver) => ClusterEvent::Driver(Box::new(self.shown(driver))),
                        None => continue,
                    },
                };
                if events.send(event).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = self.inner.watch(inner_events) => {}
            () = forward => {}
        }
    }

    async fn identity(&self) -> Result<String, Error> {
        self.inner.identity().await
    }
}

async fn until(store: &MemoryStore, what: &str, holds: impl Fn(&Record) -> bool) -> Record {
    for _ in 0..PATIENCE {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Some(record) = store.records().into_iter().find(|record| holds(record)) {
            return record;
        }
    }
    panic!("not {what}: {:#?}", store.records());
}

/// What a person sees and says, and what comes of it.
async fn given_up(store: &Arc<MemoryStore>, clock: &Arc<dyn Clock>, a: &Silenced) {
    let running = until(store, "running", |record| record.state == State::Running).await;
    assert_eq!(running.cluster.as_ref().unwrap().as_str(), "a");
    let records = Records {
        store: Arc::clone(store) as _,
        clock: Arc::clone(clock),
        rules: Rules::default(),
        domain: running.domain.clone(),
        cancel_memory: 60,
    };
    let say = || records.confirm_lost(&running.id, "its machine burnt");
    assert!(matches!(say().await, Ok(Confirmed::NotInDoubt(_))), "it runs");
    a.since.send_replace(Some(clock.now()));
    let told = until(store, "told", |record| record.overdue.is_some()).await;
    assert_eq!(
        (told.state, told.verdict.reason),
        (State::Running, Some(Reason::NodeLost))
    );
    let waited = told.updated_at.duration_since(a.since.borrow().unwrap());
    assert!(waited.unsigned_abs() >= Duration::from_secs(300), "{waited}");
    tokio::time::sleep(Duration::from_secs(900)).await;
    assert_eq!(store.records()[0].version, told.version, "it waits for a word");

    assert!(matches!(say().await, Ok(Confirmed::Taken(_))));
    let again = until(store, "elsewhere", |record| {
        record.state == State::Running && record.attempt.0 == 2
    })
    .await;
    assert_eq!(again.cluster.as_ref().unwrap().as_str(), "b");
    assert_eq!(again.overdue, None);
    for _ in 0..PATIENCE {
        if a.inner.get("sb-job-a1").await.unwrap().is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("the object of the first attempt is left");
}

async fn overdue() {
    let installation = InstallationId::random();
    let clock: Arc<dyn Clock> = Arc::new(PausedClock::start());
    let mut job = spec("job");
    job["annotations"]["simulated.spark-broker/run-time"] = json!("10h");
    job["retry"] = json!({"on": ["NodeLost"]});
    let store = Arc::new(MemoryStore::prompt(installation.clone(), Faults::default()));
    let queue = Arc::new(MemoryQueue::of(Vec::new(), Faults::default()));
    let a = Arc::new(Silenced {
        inner: Arc::new(simulated("a", 4, 64_000, &installation, &clock)),
        since: watch::Sender::new(None),
    });
    let b: Arc<dyn Cluster> = Arc::new(simulated("b", 4, 64_000, &installation, &clock));
    let clusters: HashMap<ClusterName, Arc<dyn Cluster>> = [
        ("a".parse().unwrap(), Arc::clone(&a) as Arc<dyn Cluster>),
        ("b".parse().unwrap(), b),
    ]
    .into();
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
    let places = places(Arc::clone(&clock));
    let config = Config::check(CONFIG).unwrap_or_else(|faults| panic!("{faults}"));
    let running = put_together(&config, ports, places).await.unwrap().start();
    let stop = CancellationToken::new();
    tokio::join!(running.until(stop.clone()), async {
        // Once both clusters are in sight, whichever comes first.
        tokio::time::sleep(Duration::from_secs(1)).await;
        queue.put(job.to_string());
        given_up(&store, &clock, &a).await;
        stop.cancel();
    });
}

#[test]
fn a_driver_that_does_not_go_waits_for_a_persons_word_and_its_job_runs_elsewhere_then() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(overdue());
}

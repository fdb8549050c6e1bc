//! A cluster is taken out of the configuration while a job runs there, and the process begins anew: the job is followed
//! to its end, nothing new goes there, and once nothing is left, neither is the cluster.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use spark_broker::adapters::simulated::SimulatedCluster;
use spark_broker::app::{Ports, StartError, put_together};
use spark_broker::config::Config;
use spark_broker::model::{Clock, InstallationId};
use spark_broker::ports::cluster::Cluster;
use spark_broker::ports::queue::SubmissionQueue;
use spark_broker::ports::store::{ClusterWish, Coordination, LostConfirmed};
use spark_broker::submission::{Reason, Record, State};
use tokio_util::sync::CancellationToken;

use crate::clock::PausedClock;
use crate::fault::Faults;
use crate::queue::MemoryQueue;
use crate::run::{places, simulated, spec};
use crate::store::MemoryStore;

/// In paused time.
const PATIENCE: u64 = 3_600;

fn config(clusters: &[&str]) -> Config {
    let mut text = "
domain: removed
intake: [{queueName: jobs, defaultQueue: dev}]
timing: {endSettle: 90s}
api: {listen: '127.0.0.1:0'}
health: {listen: '127.0.0.1:0'}
defaults: {image: 'spark:3.5.0'}
queues: [{name: dev}]
clusters:
"
    .to_owned();
    for name in clusters {
        text += &format!("  - {{name: {name}, type: simulated, namespace: jobs, queues: [dev]}}\n");
    }
    Config::check(&text).unwrap_or_else(|faults| panic!("{faults}"))
}

/// Store, queue and clusters, which outlive pods.
struct World {
    clock: Arc<dyn Clock>,
    installation: InstallationId,
    store: Arc<MemoryStore>,
    queue: Arc<MemoryQueue>,
    clusters: HashMap<&'static str, Arc<SimulatedCluster>>,
    /// Why none of them can be connected by its section, if so.
    refuses: Option<&'static str>,
}

impl World {
    fn new() -> Self {
        let (installation, clock) = (
            InstallationId::random(),
            Arc::new(PausedClock::start()) as Arc<dyn Clock>,
        );
        let cluster = |name| (name, Arc::new(simulated(name, 4, 64_000, &installation, &clock)));
        Self {
            store: Arc::new(MemoryStore::prompt(installation.clone(), Faults::default())),
            queue: Arc::new(MemoryQueue::of(Vec::new(), Faults::default())),
            clusters: ["a", "b"].map(cluster).into(),
            installation,
            clock,
            refuses: None,
        }
    }

    /// A pod whose configuration names these clusters runs while `watching` does.
    async fn pod(&self, named: &[&'static str], watching: impl Future<Output = ()>) {
        let port = |name: &&'static str| Arc::clone(&self.clusters[name]) as Arc<dyn Cluster>;
        let (all, refuses) = (self.clusters.clone(), self.refuses);
        let queue = Arc::clone(&self.queue) as Arc<dyn SubmissionQueue>;
        let ports = Ports {
            installation: self.installation.clone(),
            store: Arc::clone(&self.store) as _,
            coordination: Arc::clone(&self.store) as _,
            queues: vec![(queue, Some("dev".parse().unwrap()))],
            clusters: named
                .iter()
                .map(|name| (name.parse().unwrap(), port(name)))
                .collect(),
            dial: Arc::new(move |cluster| match refuses {
                Some(why) => Err(StartError::Configuration(why.into())),
                None => Ok(Arc::clone(&all[cluster.settings.name.as_str()]) as _),
            }),
        };
        let places = places(Arc::clone(&self.clock));
        let running = put_together(&config(named), ports, places).await.unwrap().start();
        let stop = CancellationToken::new();
        tokio::join!(running.until(stop.clone()), async {
            watching.await;
            stop.cancel();
        });
    }

    fn send(&self, id: &str, change: impl Fn(&mut Value)) {
        let mut spec = spec(id);
        change(&mut spec);
        self.queue.put(spec.to_string());
    }

    fn record(&self, id: &str) -> Option<Record> {
        self.store
            .records()
            .into_iter()
            .find(|record| record.id.as_str() == id)
    }

    async fn reaches(&self, id: &str, state: State) -> Record {
        for _ in 0..PATIENCE {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if let Some(record) = self.record(id).filter(|record| record.state == state) {
                return record;
            }
        }
        panic!("{id} isn't {state}: {:?}", self.record(id));
    }

    async fn sections(&self, names: &[&str]) {
        for _ in 0..PATIENCE {
            let known: Vec<String> = self
                .store
                .lock()
                .sections
                .keys()
                .map(ToString::to_string)
                .collect();
            if known == names {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("{:?}, not {names:?}", self.store.lock().sections);
    }
}

async fn removed() {
    let world = World::new();
    world.send("stays", |spec| {
        spec["clusters"] = json!(["a"]);
        spec["annotations"]["simulated.spark-broker/run-time"] = json!("20m");
    });
    world
        .pod(&["a", "b"], async {
            world.reaches("stays", State::Running).await;
        })
        .await;
    let after = async {
        for n in 0..6 {
            world.send(&format!("later-{n}"), |_| {});
        }
        for n in 0..6 {
            let record = world.reaches(&format!("later-{n}"), State::Succeeded).await;
            assert_eq!(record.cluster.unwrap().as_str(), "b");
        }
        assert_eq!(world.record("stays").unwrap().state, State::Running);
        world.sections(&["a", "b"]).await;
    };
    world.pod(&["b"], after).await;
    // Another start: the connection has outlived a pod that didn't know the cluster.
    let to_the_end = async {
        let record = world.reaches("stays", State::Succeeded).await;
        assert_eq!((record.attempt.0, record.cluster.unwrap().as_str()), (1, "a"));
        world.sections(&["b"]).await;
    };
    world.pod(&["b"], to_the_end).await;
}

#[test]
fn a_removed_cluster_takes_nothing_new_and_what_runs_there_is_followed_to_its_end() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(removed());
}

async fn unconnected() {
    let mut world = World::new();
    world.send("stays", |spec| {
        spec["clusters"] = json!(["a"]);
        spec["annotations"]["simulated.spark-broker/run-time"] = json!("20m");
    });
    let runs = async {
        world.reaches("stays", State::Running).await;
    };
    world.pod(&["a", "b"], runs).await;
    world.refuses = Some("its token file is gone");
    let given_up = async {
        // However long: nothing is known of it.
        tokio::time::sleep(Duration::from_secs(PATIENCE)).await;
        assert_eq!(world.record("stays").unwrap().state, State::Running);
        let name = "a".parse().unwrap();
        let wish = ClusterWish::LostConfirmed(LostConfirmed {
            reason: "torn down".into(),
            author: None,
            at: world.clock.now(),
        });
        let domain = "removed".parse().unwrap();
        world.store.set_cluster_wish(&domain, &name, &wish).await.unwrap();
        let record = world.reaches("stays", State::Failed).await;
        assert_eq!(record.verdict.reason, Some(Reason::Lost));
        assert!(record.verdict.message.unwrap().contains("torn down"));
        world.sections(&["b"]).await;
        let left = world.store.lock().wishes[&name].lost_confirmed.clone();
        assert_eq!(left, None, "it is carried out");
    };
    world.pod(&["b"], given_up).await;
}

#[test]
fn a_removed_cluster_that_cannot_be_connected_is_given_up_by_a_persons_word() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(unconnected());
}

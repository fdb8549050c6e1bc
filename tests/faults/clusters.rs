//! Simulated clusters behind the faults, with every object that was ever made on them written down.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use spark_broker::adapters::simulated::SimulatedCluster;
use spark_broker::app::{Dial, StartError};
use spark_broker::model::{ObjectUid, SubmissionId};
use spark_broker::ports::Error;
use spark_broker::ports::cluster::{Cluster, ClusterEvent, CreateError, Deleted, PodSight};
use spark_broker::submission::RawState;
use spark_broker::watch::ObjectState;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::fault::{Faults, LATE, Mode};

/// An object's name and its cluster.
type Made = (String, Arc<SimulatedCluster>);

/// All objects ever made, by submission, and those that were made beside one that hadn't finished.
#[derive(Clone, Default)]
pub struct Ledger {
    made: Arc<Mutex<BTreeMap<String, Vec<Made>>>>,
    doubled: Arc<Mutex<Vec<String>>>,
    /// When each was made.
    times: Arc<Mutex<Vec<Instant>>>,
}

impl Ledger {
    /// The submission's objects that haven't finished.
    pub async fn unfinished(&self, submission: &str) -> Vec<String> {
        let made = self
            .made
            .lock()
            .unwrap()
            .get(submission)
            .cloned()
            .unwrap_or_default();
        let mut open = Vec::new();
        for (name, cluster) in made {
            let object = cluster.get(&name).await.unwrap();
            if object.is_some_and(|object| !object.known_raw().is_some_and(RawState::is_terminal)) {
                open.push(name);
            }
        }
        open
    }

    /// All submissions that an object was made for.
    pub fn submissions(&self) -> Vec<String> {
        self.made.lock().unwrap().keys().cloned().collect()
    }

    /// What was doubled.
    pub fn doubled(&self) -> Vec<String> {
        self.doubled.lock().unwrap().clone()
    }

    /// When objects were made, in order.
    pub fn times(&self) -> Vec<Instant> {
        self.times.lock().unwrap().clone()
    }

    async fn note(&self, object: &ObjectState, cluster: &Arc<SimulatedCluster>) {
        let submission = object.submission_id.as_ref().unwrap().to_string();
        let open = self.unfinished(&submission).await;
        // Not a panic: the broker would survive it.
        if !open.is_empty() {
            let text = format!("{} was made while {open:?} hadn't finished", object.name);
            self.doubled.lock().unwrap().push(text);
        }
        self.times.lock().unwrap().push(Instant::now());
        let mut made = self.made.lock().unwrap();
        let of_it = made.entry(submission).or_default();
        of_it.push((object.name.clone(), Arc::clone(cluster)));
    }
}

/// No cluster but those at hand is connected.
pub fn no_other() -> Dial {
    Arc::new(|cluster| {
        let name = &cluster.settings.name;
        Err(StartError::Configuration(format!("{name} isn't there")))
    })
}

/// One cluster.
pub struct FaultyCluster {
    inner: Arc<SimulatedCluster>,
    ledger: Ledger,
    faults: Faults,
}

impl FaultyCluster {
    pub fn over(inner: impl Into<Arc<SimulatedCluster>>, ledger: Ledger, faults: Faults) -> Self {
        Self {
            inner: inner.into(),
            ledger,
            faults,
        }
    }
}

async fn create(
    inner: Arc<SimulatedCluster>,
    ledger: Ledger,
    object: Value,
    deadline: Duration,
) -> Result<ObjectState, CreateError> {
    let made = inner.create(&object, deadline).await?;
    ledger.note(&made, &inner).await;
    Ok(made)
}

#[async_trait]
impl Cluster for FaultyCluster {
    fn namespace(&self) -> &str {
        self.inner.namespace()
    }

    async fn create(&self, object: &Value, deadline: Duration) -> Result<ObjectState, CreateError> {
        let creating = create(
            Arc::clone(&self.inner),
            self.ledger.clone(),
            object.clone(),
            deadline,
        );
        match self.faults.hit("cluster.create") {
            None => creating.await,
            Some(Mode::Fails) => Err(CreateError::NotConnected("refused".into())),
            Some(Mode::AppliesThenFails) => {
                drop(creating.await);
                Err(CreateError::Ambiguous("the connection broke".into()))
            }
            // Carried out late, the answer to it or to nobody.
            Some(mode @ (Mode::Delays | Mode::FailsThenApplies)) => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "what a server does after its client has gone"
                )]
                tokio::spawn(async move {
                    tokio::time::sleep(LATE).await;
                    drop(creating.await);
                });
                let given = if mode == Mode::Delays {
                    deadline.min(LATE)
                } else {
                    Duration::ZERO
                };
                tokio::time::sleep(given).await;
                Err(CreateError::Ambiguous("no answer in time".into()))
            }
        }
    }

    async fn get(&self, name: &str) -> Result<Option<ObjectState>, Error> {
        self.faults.around("cluster.get", self.inner.get(name)).await
    }

    async fn release(&self, name: &str, uid: &ObjectUid) -> Result<(), Error> {
        self.faults
            .around("cluster.release", self.inner.release(name, uid))
            .await
    }

    async fn delete(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, Error> {
        self.faults
            .around("cluster.delete", self.inner.delete(name, uid))
            .await
    }

    async fn pods(&self, id: &SubmissionId) -> Result<Vec<PodSight>, Error> {
        self.faults.around("cluster.pods", self.inner.pods(id)).await
    }

    async fn delete_pod(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, Error> {
        self.faults
            .around("cluster.delete_pod", self.inner.delete_pod(name, uid))
            .await
    }

    /// Where the fault hits an event, the connection breaks there for a while, and everything is listed anew.
    async fn watch(&self, events: mpsc::Sender<ClusterEvent>) {
        let (inner_events, mut said) = mpsc::channel(64);
        let forward = async {
            while let Some(event) = said.recv().await {
                if self.faults.hit("cluster.event").is_some() {
                    self.inner.set_away(Some("the watch broke".into()));
                    tokio::time::sleep(LATE).await;
                    self.inner.set_away(None);
                    continue;
                }
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
        self.faults
            .around("cluster.identity", self.inner.identity())
            .await
    }
}

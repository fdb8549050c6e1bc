//! Simulated clusters behind the faults.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use spark_broker::adapters::simulated::SimulatedCluster;
use spark_broker::app::{Dial, StartError};
use spark_broker::model::{ObjectUid, SubmissionId};
use spark_broker::ports::Error;
use spark_broker::ports::cluster::{Cluster, ClusterEvent, CreateError, Deleted, PodSight};
use spark_broker::watch::ObjectState;
use tokio::sync::mpsc;

use crate::fault::{Faults, LATE, Mode};
use crate::ledger::Ledger;
use crate::orphans::Orphans;

/// How long a cluster takes to answer: what it shows is told apart by when it was asked for.
pub const MOMENT: Duration = Duration::from_millis(2);

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
    /// Whether drivers outlive their objects.
    ownerless: bool,
    orphans: Orphans,
}

impl FaultyCluster {
    pub fn over(inner: impl Into<Arc<SimulatedCluster>>, ledger: Ledger, faults: Faults) -> Self {
        Self {
            inner: inner.into(),
            ledger,
            faults,
            ownerless: false,
            orphans: Orphans::default(),
        }
    }

    /// The same, where drivers outlive their objects.
    pub fn ownerless(self) -> Self {
        Self {
            ownerless: true,
            ..self
        }
    }

    /// Creates the object whether or not anybody waits for it.
    fn creating(
        &self,
        object: &Value,
        deadline: Duration,
    ) -> impl Future<Output = Result<ObjectState, CreateError>> + Send + 'static {
        let (inner, ledger, orphans) = (Arc::clone(&self.inner), self.ledger.clone(), self.orphans.clone());
        let object = object.clone();
        async move {
            let made = inner.create(&object, deadline).await?;
            ledger.note(&made, &inner, &orphans).await;
            Ok(made)
        }
    }

    async fn delete_object(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, Error> {
        if self.ownerless {
            return self.orphans.delete_object(&self.inner, name, uid).await;
        }
        self.inner.delete(name, uid).await
    }

    async fn all_pods(&self, id: &SubmissionId) -> Result<Vec<PodSight>, Error> {
        let mut pods = self.inner.pods(id).await?;
        pods.extend(self.orphans.of(&id.dns_form()));
        Ok(pods)
    }

    async fn delete_any_pod(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, Error> {
        match self.inner.delete_pod(name, uid).await? {
            Deleted::Done => Ok(Deleted::Done),
            Deleted::Absent => Ok(self.orphans.delete(uid).await),
        }
    }
}

#[async_trait]
impl Cluster for FaultyCluster {
    fn namespace(&self) -> &str {
        self.inner.namespace()
    }

    async fn create(&self, object: &Value, deadline: Duration) -> Result<ObjectState, CreateError> {
        let creating = self.creating(object, deadline);
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
        tokio::time::sleep(MOMENT).await;
        self.faults.around("cluster.get", self.inner.get(name)).await
    }

    async fn release(&self, name: &str, uid: &ObjectUid) -> Result<(), Error> {
        self.faults
            .around("cluster.release", self.inner.release(name, uid))
            .await
    }

    async fn delete(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, Error> {
        self.faults
            .around("cluster.delete", self.delete_object(name, uid))
            .await
    }

    async fn pods(&self, id: &SubmissionId) -> Result<Vec<PodSight>, Error> {
        self.faults.around("cluster.pods", self.all_pods(id)).await
    }

    async fn delete_pod(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, Error> {
        self.faults
            .around("cluster.delete_pod", self.delete_any_pod(name, uid))
            .await
    }

    /// Where the fault hits an event, the connection breaks there for a while, and everything is listed anew.
    async fn watch(&self, events: mpsc::Sender<ClusterEvent>) {
        let (inner_events, mut said) = mpsc::channel(64);
        self.orphans.tell(&inner_events);
        let forward = async {
            while let Some(event) = said.recv().await {
                let Some(event) = self.orphans.shown(event) else {
                    continue;
                };
                self.ledger.hear(&event);
                if self.faults.hit("cluster.watch").is_some() {
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

//! Carries out the acts that were decided: every call of the active scheduler to store and clusters is made here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use super::attempt::Attempt;
use super::lease::Held;
use super::plan::Act;
use crate::error::{Class, Classify};
use crate::model::{Clock, ClusterName, ObjectUid, SubmissionId};
use crate::ports::Error;
use crate::ports::cluster::{Cluster, CreateError, PodSight};
use crate::ports::store::{Store, Write};
use crate::submission::{Change, Record, RecordKey, SpecTexts, State};
use crate::watch::ObjectState;

/// The longest that a create may take, the lease permitting.
const CREATE_DEADLINE: Duration = Duration::from_secs(30);
/// Calls under way at once, to each cluster, to the store for jobs on their way to one, and to the store for the rest: one
/// that is slow must not be given ever more at once, nor keep the others waiting; and thousands of jobs that change at
/// once, at a takeover or when a cluster goes, must keep no new one from its cluster.
const CALLS: usize = 32;
/// Pods of one attempt deleted at once.
const DELETIONS: usize = 8;

/// Makes the object of an attempt from its record and its specs.
pub type MakeObject = Arc<dyn Fn(&Record, &SpecTexts) -> Result<Value, String> + Send + Sync>;

/// What carries acts out.
#[derive(Clone)]
pub struct Hands {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The clusters by name.
    pub clusters: Arc<HashMap<ClusterName, Arc<dyn Cluster>>>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The lease.
    pub held: watch::Receiver<Option<Held>>,
    /// Makes objects.
    pub make_object: MakeObject,
    store_calls: Arc<Semaphore>,
    placing_calls: Arc<Semaphore>,
    cluster_calls: Arc<HashMap<ClusterName, Semaphore>>,
}

/// What came of an act.
#[derive(Debug)]
pub enum Outcome {
    /// Of [`Act::Write`] and of the intent.
    Written(Result<Write, Error>),
    /// Of [`Act::Create`]: when it was sent, and the answer.
    Created(Duration, Result<ObjectState, CreateError>),
    /// Of [`Act::Create`]: the object can't be made, and no later try will make it: why. Nothing was sent.
    Unmade(String),
    /// Of [`Act::Create`]: the store doesn't give the specs now. Nothing was sent.
    Unread(Error),
    /// Of [`Act::Look`]: when it was asked.
    Looked(Duration, Result<Option<ObjectState>, Error>),
    /// Of [`Act::ListPods`]: when it was asked.
    Listed(Duration, Result<Vec<PodSight>, Error>),
    /// Of [`Act::Release`]: when it was asked.
    Released(Duration, Result<(), Error>),
    /// Of a delete, of object or pod: when it was asked.
    Deleted(Duration, Result<(), Error>),
    /// The lease doesn't allow the act now; nothing was done.
    Lapsed,
}

impl Outcome {
    /// The store doesn't give an attempt's specs: its cluster has nothing to do with it.
    fn without_specs(error: Error) -> Self {
        match error.class() {
            Class::Permanent => Self::Unmade(format!("its spec can't be read from the table: {error}")),
            Class::Transient { .. } | Class::Conflict => Self::Unread(error),
        }
    }
}

impl Hands {
    /// Hands over these parts.
    pub fn new(
        store: Arc<dyn Store>,
        clusters: Arc<HashMap<ClusterName, Arc<dyn Cluster>>>,
        clock: Arc<dyn Clock>,
        held: watch::Receiver<Option<Held>>,
        make_object: MakeObject,
    ) -> Self {
        let limit = |name: &ClusterName| (name.clone(), Semaphore::new(CALLS));
        let cluster_calls = Arc::new(clusters.keys().map(limit).collect());
        Self {
            store,
            clusters,
            clock,
            held,
            make_object,
            store_calls: Arc::new(Semaphore::new(CALLS)),
            placing_calls: Arc::new(Semaphore::new(CALLS)),
            cluster_calls,
        }
    }

    /// How long the lease still allows to act.
    pub fn rest(&self) -> Option<Duration> {
        self.held.borrow().as_ref()?.rest(self.clock.monotonic())
    }

    /// Carries `act` out for `attempt`.
    pub async fn perform(&self, attempt: &Attempt, act: Act) -> Outcome {
        let record = &attempt.record;
        let of_cluster = || self.cluster_calls.get(record.cluster.as_ref()?);
        let limit = match &act {
            Act::Write(next) => self.store_limit(record, next),
            _ => of_cluster().unwrap_or(&self.store_calls),
        };
        let Ok(_permit) = limit.acquire().await else {
            return Outcome::Lapsed;
        };
        if self.rest().is_none() {
            return Outcome::Lapsed;
        }
        if let Act::Write(next) = act {
            let change = Change::between(record, &next, self.store.shards());
            return Outcome::Written(
                self.store
                    .update(&RecordKey::from(record), &change, next.epoch)
                    .await,
            );
        }
        let cluster = record.cluster.as_ref().and_then(|name| self.clusters.get(name));
        let Some(cluster) = cluster else {
            return Outcome::Looked(
                self.clock.monotonic(),
                Err(Error::transient("the cluster isn't configured any more")),
            );
        };
        let asked = self.clock.monotonic();
        let name = record.intended_object_name();
        match act {
            Act::Create => self.create(cluster.as_ref(), record).await,
            Act::Look => Outcome::Looked(asked, cluster.get(&name).await),
            Act::Release(uid) => Outcome::Released(asked, cluster.release(&name, &uid).await),
            Act::ListPods => Outcome::Listed(asked, cluster.pods(&record.id).await),
            Act::DeleteObject(uid) => Outcome::Deleted(asked, cluster.delete(&name, &uid).await.map(drop)),
            Act::DeletePods(pods) => Outcome::Deleted(asked, delete_pods(cluster.as_ref(), &pods).await),
            Act::Rest | Act::Wait(_) | Act::Forget | Act::Write(_) => Outcome::Lapsed,
        }
    }

    fn store_limit(&self, before: &Record, next: &Record) -> &Semaphore {
        if [before.state, next.state].contains(&State::Dispatching) {
            &self.placing_calls
        } else {
            &self.store_calls
        }
    }

    async fn create(&self, cluster: &dyn Cluster, record: &Record) -> Outcome {
        let specs = match self.specs(record).await {
            Ok(specs) => specs,
            Err(error) => return Outcome::without_specs(error),
        };
        let object = match (self.make_object)(record, &specs) {
            Ok(object) => object,
            Err(why) => return Outcome::Unmade(why),
        };
        // Reading the specs took time: the lease is looked at just before the create.
        let Some(deadline) = self.rest().map(|rest| rest.min(CREATE_DEADLINE)) else {
            return Outcome::Lapsed;
        };
        let sent = self.clock.monotonic();
        Outcome::Created(sent, cluster.create(&object, deadline).await)
    }

    async fn specs(&self, record: &Record) -> Result<SpecTexts, Error> {
        match record.spec.effective {
            Some(_) => Ok(record.spec.clone()),
            None => self.store.specs(record).await,
        }
    }

    /// Writes the intent `next` over the backlog's `outline`. An answer that got lost is asked for again, as long as the
    /// lease holds: the write itself says whether it was done.
    pub async fn intend(&self, outline: &Record, next: &Record) -> Outcome {
        let change = Change::between(outline, next, self.store.shards());
        let key = RecordKey::from(outline);
        let mut pause = Duration::from_millis(100);
        loop {
            let Ok(permit) = self.store_limit(outline, next).acquire().await else {
                return Outcome::Lapsed;
            };
            if self.rest().is_none() {
                return Outcome::Lapsed;
            }
            let answer = self.store.update(&key, &change, next.epoch).await;
            drop(permit);
            match answer {
                Err(error) if is_transient(&error) => {
                    tracing::debug!(submission.id = %key.id, %error, "the intent is written again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
                answer => return Outcome::Written(answer),
            }
        }
    }

    /// The records of `ids`, asked for until the store answers or the lease is gone.
    pub async fn records(&self, ids: &[SubmissionId]) -> Option<Vec<Record>> {
        loop {
            self.rest()?;
            match self.store.get_many(ids).await {
                Ok(records) => return Some(records),
                Err(error) => {
                    tracing::debug!(%error, "records are asked for again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

async fn delete_pods(cluster: &dyn Cluster, pods: &[(String, ObjectUid)]) -> Result<(), Error> {
    for some in pods.chunks(DELETIONS) {
        let deletions = some.iter().map(|(pod, uid)| cluster.delete_pod(pod, uid));
        try_join_all(deletions).await?;
    }
    Ok(())
}

/// Whether asking again may help.
pub(super) fn is_transient(error: &Error) -> bool {
    matches!(error.class(), Class::Transient { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_store_doesnt_give_is_the_stores_failure_and_for_good_only_where_it_never_will() {
        let away = Outcome::without_specs(Error::transient("throttled"));
        assert!(matches!(away, Outcome::Unread(_)), "{away:?}");
        match Outcome::without_specs(Error::permanent("spec#job-1#inc-1 can't be unpacked")) {
            Outcome::Unmade(why) => assert!(why.contains("spec#job-1#inc-1"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

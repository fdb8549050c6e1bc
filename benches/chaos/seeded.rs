//! Bugs that the audit must find, as decorators of the broker's ports. The shipped program has neither.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use spark_broker::app::Parts;
use spark_broker::model::{ClusterName, Domain, Epoch, ObjectUid, QueueName, SubmissionId, Version};
use spark_broker::ports::Error;
use spark_broker::ports::cluster::{Cluster, ClusterEvent, CreateError, Deleted, PodSight};
use spark_broker::ports::store::{Create, Page, Store, Write};
use spark_broker::submission::{
    BacklogEntry, Change, Record, RecordKey, SpecTexts, from_attributes, to_attributes,
};
use spark_broker::watch::{ObjectState, Ownership};
use tokio::sync::mpsc;

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The object is created first, and its intent written afterwards.
    NoIntent,
    /// Whatever has the name is taken for the attempt's own object.
    AdoptsAll,
}

impl Bug {
    /// As the command line names it; any other word is none.
    pub fn named(name: &str) -> Option<Self> {
        [Self::NoIntent, Self::AdoptsAll]
            .into_iter()
            .find(|bug| Self::name(Some(*bug)) == name)
    }

    pub fn name(bug: Option<Self>) -> &'static str {
        match bug {
            None => "none",
            Some(Self::NoIntent) => "no-intent",
            Some(Self::AdoptsAll) => "adopts-all",
        }
    }
}

/// Puts the bug into the parts of a broker.
pub fn seed(parts: &mut Parts, bug: Option<Bug>) {
    match bug {
        None => {}
        Some(Bug::NoIntent) => {
            parts.store = Arc::new(NoIntent {
                inner: Arc::clone(&parts.store),
                unwritten: Mutex::default(),
            });
        }
        Some(Bug::AdoptsAll) => {
            for cluster in parts.clusters.values_mut() {
                *cluster = Arc::new(AdoptsAll {
                    inner: Arc::clone(cluster),
                    wanted: Arc::default(),
                });
            }
        }
    }
}

/// An intent that was said to be written.
type Intent = (RecordKey, Change, Option<Epoch>);

struct NoIntent {
    inner: Arc<dyn Store>,
    unwritten: Mutex<HashMap<SubmissionId, Intent>>,
}

impl NoIntent {
    /// Says that the intent is written.
    async fn pretend(&self, intent: Intent) -> Result<Write, Error> {
        let (key, change, epoch) = &intent;
        let stored = self.inner.get(&key.id).await?;
        let Some(stored) =
            stored.filter(|record| record.version == key.version && record.incarnation == key.incarnation)
        else {
            return self.inner.update(key, change, *epoch).await;
        };
        let mut next = to_attributes(&stored, self.inner.shards());
        next.extend(change.set.clone());
        next.insert("version".into(), json!(Version(key.version.0 + 1)));
        if let Some(Value::Array(history)) = next.get_mut("history") {
            history.extend(change.append.iter().cloned());
        }
        let next = from_attributes(next).map_err(|error| Error::permanent(error.to_string()))?;
        self.unwritten.lock().unwrap().insert(key.id.clone(), intent);
        Ok(Write::Done(Box::new(next)))
    }
}

#[async_trait]
impl Store for NoIntent {
    async fn update(&self, key: &RecordKey, change: &Change, epoch: Option<Epoch>) -> Result<Write, Error> {
        if change.set.get("state") == Some(&json!("DISPATCHING")) {
            return self.pretend((key.clone(), change.clone(), epoch)).await;
        }
        let unwritten = self.unwritten.lock().unwrap().remove(&key.id);
        if let Some((key, change, epoch)) = unwritten {
            self.inner.update(&key, &change, epoch).await?;
        }
        self.inner.update(key, change, epoch).await
    }

    async fn create(&self, record: &Record) -> Result<Create, Error> {
        self.inner.create(record).await
    }

    async fn replace(&self, old: &RecordKey, record: &Record) -> Result<Write, Error> {
        self.inner.replace(old, record).await
    }

    async fn get(&self, id: &SubmissionId) -> Result<Option<Record>, Error> {
        self.inner.get(id).await
    }

    async fn get_many(&self, ids: &[SubmissionId]) -> Result<Vec<Record>, Error> {
        self.inner.get_many(ids).await
    }

    async fn specs(&self, record: &Record) -> Result<SpecTexts, Error> {
        self.inner.specs(record).await
    }

    async fn backlog(
        &self,
        domain: &Domain,
        shard: u32,
        from: Option<Timestamp>,
        page: Option<String>,
    ) -> Result<Page<BacklogEntry>, Error> {
        self.inner.backlog(domain, shard, from, page).await
    }

    async fn live(
        &self,
        domain: &Domain,
        cluster: &ClusterName,
        page: Option<String>,
    ) -> Result<Page<Record>, Error> {
        self.inner.live(domain, cluster, page).await
    }

    async fn wishes(&self, domain: &Domain, page: Option<String>) -> Result<Page<Record>, Error> {
        self.inner.wishes(domain, page).await
    }

    async fn recent(
        &self,
        queue: &QueueName,
        day: &str,
        shard: u32,
        page: Option<String>,
    ) -> Result<Page<SubmissionId>, Error> {
        self.inner.recent(queue, day, shard, page).await
    }

    fn shards(&self) -> u32 {
        self.inner.shards()
    }

    async fn probe(&self) -> Result<(), Error> {
        self.inner.probe().await
    }
}

/// Whose objects are wanted, by name.
type Wanted = Arc<Mutex<HashMap<String, Ownership>>>;

struct AdoptsAll {
    inner: Arc<dyn Cluster>,
    wanted: Wanted,
}

fn adopted(mut object: ObjectState, wanted: &Wanted) -> ObjectState {
    if let Some(owner) = wanted.lock().unwrap().get(&object.name) {
        object.owner = owner.clone();
    }
    object
}

fn adopted_event(event: ClusterEvent, wanted: &Wanted) -> ClusterEvent {
    match event {
        ClusterEvent::Listed { objects, drivers } => ClusterEvent::Listed {
            objects: objects.into_iter().map(|o| adopted(o, wanted)).collect(),
            drivers,
        },
        ClusterEvent::Object(object) => ClusterEvent::Object(Box::new(adopted(*object, wanted))),
        ClusterEvent::ObjectGone(object) => ClusterEvent::ObjectGone(Box::new(adopted(*object, wanted))),
        other @ (ClusterEvent::Driver(_)
        | ClusterEvent::DriverGone(_)
        | ClusterEvent::Capacity(_)
        | ClusterEvent::Pools(_)
        | ClusterEvent::Unread(..)
        | ClusterEvent::Unreachable(_)) => other,
    }
}

#[async_trait]
impl Cluster for AdoptsAll {
    fn namespace(&self) -> &str {
        self.inner.namespace()
    }

    async fn create(&self, object: &Value, deadline: Duration) -> Result<ObjectState, CreateError> {
        let labels = serde_json::from_value(object["metadata"]["labels"].clone()).unwrap_or_default();
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        self.wanted
            .lock()
            .unwrap()
            .insert(name, Ownership::from_labels(&labels));
        self.inner.create(object, deadline).await
    }

    async fn get(&self, name: &str) -> Result<Option<ObjectState>, Error> {
        let found = self.inner.get(name).await?;
        Ok(found.map(|object| adopted(object, &self.wanted)))
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
        let forward = async {
            while let Some(event) = said.recv().await {
                if events.send(adopted_event(event, &self.wanted)).await.is_err() {
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

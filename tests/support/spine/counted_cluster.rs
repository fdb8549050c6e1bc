//! A cluster behind the port, with every call counted and the windows of the broker measured from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use spark_broker::model::{ObjectUid, SubmissionId};
use spark_broker::ports::Error;
use spark_broker::ports::cluster::{Cluster, ClusterEvent, CreateError, Deleted, PodSight};
use spark_broker::watch::{Driver, DriverPhase, ObjectState};
use tokio::sync::mpsc;

/// What was asked of a cluster.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    /// How often each object was created, by name.
    pub creates: BTreeMap<String, u64>,
    /// How often each other verb was called.
    pub others: BTreeMap<&'static str, u64>,
    /// Objects that the operator hasn't picked up, as far as the watch has told.
    pending: BTreeSet<String>,
    /// Objects that haven't ended, as far as the watch has told.
    live: BTreeSet<String>,
    /// The most that were ever pending at once.
    pub most_pending: usize,
    /// The most that were ever live at once.
    pub most_live: usize,
    /// When the driver of which object started, by the cluster's word.
    pub started: BTreeMap<String, Timestamp>,
    /// When the driver of which object ended, by the cluster's word.
    pub ended: BTreeMap<String, Timestamp>,
}

/// Counts what is asked of `inner`.
pub struct CountedCluster {
    inner: Arc<dyn Cluster>,
    calls: Arc<Mutex<Calls>>,
}

impl CountedCluster {
    /// Wraps `inner`; both see the same counts.
    pub fn over(inner: Arc<dyn Cluster>) -> (Self, Arc<Mutex<Calls>>) {
        let calls = Arc::new(Mutex::new(Calls::default()));
        let counted = Self {
            inner,
            calls: Arc::clone(&calls),
        };
        (counted, calls)
    }

    fn called(&self, verb: &'static str) {
        *self.calls.lock().unwrap().others.entry(verb).or_default() += 1;
    }
}

impl Calls {
    /// Whether every object has ended or gone, as far as the watch has told.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    fn created(&mut self, name: &str) {
        *self.creates.entry(name.to_owned()).or_default() += 1;
        self.pending.insert(name.to_owned());
        self.live.insert(name.to_owned());
        self.most_pending = self.most_pending.max(self.pending.len());
        self.most_live = self.most_live.max(self.live.len());
    }

    /// Told before the broker is: what it then creates is measured against what it could know.
    fn seen(&mut self, event: &ClusterEvent) {
        if let ClusterEvent::Driver(driver) = event {
            self.driver(driver);
        }
        let (ClusterEvent::Object(object) | ClusterEvent::ObjectGone(object)) = event else {
            return;
        };
        let gone = matches!(event, ClusterEvent::ObjectGone(_));
        if gone || !object.raw.is_empty() {
            self.pending.remove(&object.name);
        }
        if gone || matches!(object.raw.as_str(), "COMPLETED" | "FAILED") {
            self.live.remove(&object.name);
        }
    }

    fn driver(&mut self, driver: &Driver) {
        let (started, ended) = match &driver.phase {
            DriverPhase::Running { since } => (*since, None),
            DriverPhase::Ended(end) => (end.started_at, end.finished_at),
            DriverPhase::Waiting { .. } | DriverPhase::Unknown => (None, None),
        };
        let Some(object) = &driver.object_name else {
            return;
        };
        started.map(|at| self.started.insert(object.clone(), at));
        ended.map(|at| self.ended.insert(object.clone(), at));
    }
}

#[async_trait]
impl Cluster for CountedCluster {
    fn namespace(&self) -> &str {
        self.inner.namespace()
    }

    async fn create(&self, object: &Value, deadline: Duration) -> Result<ObjectState, CreateError> {
        let name = object.pointer("/metadata/name").and_then(Value::as_str);
        self.calls.lock().unwrap().created(name.unwrap_or_default());
        self.inner.create(object, deadline).await
    }

    async fn get(&self, name: &str) -> Result<Option<ObjectState>, Error> {
        self.called("get");
        self.inner.get(name).await
    }

    async fn release(&self, name: &str, uid: &ObjectUid) -> Result<(), Error> {
        self.called("release");
        self.inner.release(name, uid).await
    }

    async fn delete(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, Error> {
        self.called("delete");
        self.inner.delete(name, uid).await
    }

    async fn pods(&self, id: &SubmissionId) -> Result<Vec<PodSight>, Error> {
        self.called("pods");
        self.inner.pods(id).await
    }

    async fn delete_pod(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, Error> {
        self.called("delete_pod");
        self.inner.delete_pod(name, uid).await
    }

    async fn watch(&self, events: mpsc::Sender<ClusterEvent>) {
        let (inner_events, mut said) = mpsc::channel(256);
        let forward = async {
            while let Some(event) = said.recv().await {
                self.calls.lock().unwrap().seen(&event);
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

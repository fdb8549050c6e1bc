//! A cluster that left the configuration and can't be connected by the section that it had: a cluster that never answers,
//! so that its jobs wait for it, say why, and are given up by a person's word as those of any other.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::model::{ObjectUid, SubmissionId};
use crate::ports::Error;
use crate::ports::cluster::{Cluster, ClusterEvent, CreateError, Deleted, PodSight};
use crate::watch::ObjectState;

/// The cluster, and why it can't be connected.
pub struct Unconnected {
    why: String,
}

impl Unconnected {
    /// One that can't be connected for this reason.
    pub fn new(why: &str) -> Self {
        Self {
            why: format!("can't be connected any more: {why}"),
        }
    }

    fn error(&self) -> Error {
        Error::transient(self.why.clone())
    }
}

#[async_trait]
impl Cluster for Unconnected {
    fn namespace(&self) -> &str {
        ""
    }

    async fn create(&self, _: &Value, _: Duration) -> Result<ObjectState, CreateError> {
        Err(CreateError::NotConnected(self.why.clone()))
    }

    async fn get(&self, _: &str) -> Result<Option<ObjectState>, Error> {
        Err(self.error())
    }

    async fn release(&self, _: &str, _: &ObjectUid) -> Result<(), Error> {
        Err(self.error())
    }

    async fn delete(&self, _: &str, _: &ObjectUid) -> Result<Deleted, Error> {
        Err(self.error())
    }

    async fn pods(&self, _: &SubmissionId) -> Result<Vec<PodSight>, Error> {
        Err(self.error())
    }

    async fn delete_pod(&self, _: &str, _: &ObjectUid) -> Result<Deleted, Error> {
        Err(self.error())
    }

    async fn watch(&self, events: mpsc::Sender<ClusterEvent>) {
        let told = events.send(ClusterEvent::Unreachable(self.why.clone())).await;
        if told.is_ok() {
            events.closed().await;
        }
    }

    async fn identity(&self) -> Result<String, Error> {
        Err(self.error())
    }
}

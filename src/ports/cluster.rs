//! A cluster that runs Spark applications.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::mpsc;

use super::Error;
use crate::model::{ObjectUid, Resources, SubmissionId};
pub use crate::routing::Node as NodeView;
use crate::routing::{CapacitySource, Pool};
use crate::watch::{Driver, ObjectState};

/// Why an object wasn't surely created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    /// No connection was made: surely nothing happened.
    #[error("no connection: {0}")]
    NotConnected(String),
    /// The API server answered with a status of 400 to 499, or that it couldn't call a webhook (500). To the sole
    /// create of an attempt this says that nothing happened; to a repeat it proves nothing.
    #[error("{status} {reason}: {message}")]
    Answered {
        /// The HTTP status.
        status: u16,
        /// The API server's `reason`, such as `AlreadyExists`, `Invalid`, `Forbidden`.
        reason: String,
        /// Its message.
        message: String,
        /// Seconds of `Retry-After`, where given.
        retry_after: Option<u64>,
    },
    /// The request may have been carried out: a broken connection, a time-out, a 5xx.
    #[error("no clear answer: {0}")]
    Ambiguous(String),
}

/// What came of a delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone or going.
    Done,
    /// There was nothing by that name and UID.
    Absent,
}

/// What a cluster can take, as its watches show it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CapacityView {
    /// Schedulable, ready nodes.
    pub nodes: Vec<NodeView>,
    /// What pods of ours that count in `nodes` request, by object name: reservations that are met already.
    pub bound: Vec<(String, Resources)>,
}

/// What another source than the nodes says of a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolsView {
    /// Which.
    pub source: CapacitySource,
    /// All that it limits.
    pub pools: Vec<Pool>,
    /// What pods of ours that `pools` have counted request, by object name.
    pub counted: Vec<(String, Resources)>,
}

/// What a cluster's watches say. The latest state, perhaps repeated, perhaps with steps left out.
#[derive(Debug, Clone)]
pub enum ClusterEvent {
    /// A full list of our objects and drivers: what isn't in it doesn't exist. The first event after a connection.
    Listed {
        /// Objects with our installation's label.
        objects: Vec<ObjectState>,
        /// Driver pods with our installation's label.
        drivers: Vec<Driver>,
    },
    /// An object was made or changed.
    Object(Box<ObjectState>),
    /// An object is gone; its last state.
    ObjectGone(Box<ObjectState>),
    /// A driver pod was made or changed.
    Driver(Box<Driver>),
    /// A driver pod is gone; its last state.
    DriverGone(Box<Driver>),
    /// Capacity changed.
    Capacity(Box<CapacityView>),
    /// Another source than the nodes was read.
    Pools(Box<PoolsView>),
    /// Another source than the nodes can't be read: why. What it said last is older from now on.
    Unread(CapacitySource, String),
    /// The cluster can't be watched now: why. What was said before is older from now on.
    Unreachable(String),
}

/// One cluster: a namespace with a Spark operator.
///
/// Creates are sent once per call, without a retry underneath.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// The namespace of its objects.
    fn namespace(&self) -> &str;

    /// Creates `object` (a whole `SparkApplication`) with strict field validation, waiting at most `deadline`.
    async fn create(&self, object: &Value, deadline: Duration) -> Result<ObjectState, CreateError>;

    /// The object by that name, not older than this call.
    async fn get(&self, name: &str) -> Result<Option<ObjectState>, Error>;

    /// Releases the object, if it has that UID and is suspended: the one change ever made to an object, since an operator
    /// that sees a change while it submits may submit twice. One that isn't suspended, or is gone, is left as it is.
    async fn release(&self, name: &str, uid: &ObjectUid) -> Result<(), Error>;

    /// Deletes the object, if it has that UID, with background propagation.
    async fn delete(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, Error>;

    /// Driver and executor pods of one submission, by label, not older than this call: (name, UID) of each, drivers also
    /// read.
    async fn pods(&self, id: &SubmissionId) -> Result<Vec<PodSight>, Error>;

    /// Deletes a pod, if it has that UID.
    async fn delete_pod(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, Error>;

    /// Watches until the receiver is dropped; reconnects by itself with a back-off and then begins with
    /// [`ClusterEvent::Listed`] again. Called once.
    async fn watch(&self, events: mpsc::Sender<ClusterEvent>);

    /// UIDs of the namespace kube-system and of ours, joined: another value means another cluster behind the same name. An
    /// error where ours is being deleted.
    async fn identity(&self) -> Result<String, Error>;
}

/// A pod of a submission.
#[derive(Debug, Clone, PartialEq)]
pub struct PodSight {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: ObjectUid,
    /// Who made it.
    pub owner: crate::watch::Ownership,
    /// Read further, where it is a driver.
    pub driver: Option<Driver>,
}

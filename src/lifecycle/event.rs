//! What can happen to a record, and what comes of it.

use jiff::Timestamp;

use crate::model::{Attempt, ClusterName, Epoch, ObjectUid};
use crate::submission::{Placement, Reason, Record};
use crate::watch::Observation;

/// Something that happened, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub happening: Happening,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// The scheduler chose a cluster: the intent, written before anything is done.
    Placed {
        /// The cluster.
        cluster: ClusterName,
        /// The namespace of the object to come.
        namespace: String,
        /// The scheduler's epoch.
        epoch: Epoch,
        /// Why there.
        placement: Box<Placement>,
    },
    /// A new scheduler makes the record its own before it acts.
    Restamped {
        /// Its epoch.
        epoch: Epoch,
    },
    /// The attempt surely did nothing on its cluster.
    NothingDone {
        /// Why it didn't.
        reason: Reason,
        /// For people.
        message: String,
        /// Whether it counts against `retry.maxAttempts`.
        counted: bool,
        /// Whether this cluster can't run the job at all.
        exclude_cluster: bool,
        /// Not to be placed again before this time.
        not_before: Option<Timestamp>,
    },
    /// The cluster refused the job for good.
    Refused {
        /// Why.
        reason: Reason,
        /// The API server's or the webhook's message.
        message: String,
    },
    /// The object exists.
    Created {
        /// Its UID.
        uid: ObjectUid,
    },
    /// The cluster was looked at.
    Observed(Box<Observation>),
    /// The object is gone and nobody saw its end, by the proof of the design's §10.
    Lost,
    /// A person confirmed that nothing of the attempt is left, though no proof can be had: `Lost` where the whole cluster
    /// is gone for good, `NodeLost` where the driver's node is.
    LossConfirmed {
        /// Which.
        reason: Reason,
        /// For people.
        message: String,
    },
    /// The object is missing together with too many others of its cluster to be called lost; or isn't any more.
    Doubted {
        /// For people; absent where the doubt is over.
        message: Option<String>,
    },
    /// The driver was told to go and doesn't; or it is another one, or has gone.
    Overdue {
        /// Its UID, and the sentence for people; absent where that is over.
        driver: Option<(ObjectUid, String)>,
    },
    /// The driver doesn't start, and its cluster says why; or that is over.
    Waits {
        /// For people; absent where it is over.
        message: Option<String>,
    },
    /// A person says that the node of the driver that doesn't go is gone.
    LossSaid {
        /// Why, and who says so.
        why: String,
    },
    /// Somebody asked for the end.
    CancelRequested,
    /// The scheduler begins to stop the attempt, for a cancel or a time-out.
    Stopped {
        /// `Cancelled` or the time-out.
        reason: Reason,
        /// For people.
        message: String,
    },
    /// The attempt didn't get as far as a running driver in time: `PickupTimeout`, `StartTimeout` or `Drained`.
    NotStarted {
        /// Which.
        reason: Reason,
        /// For people.
        message: String,
        /// Whether the cluster has failed each job of late before its driver started.
        fails_all: bool,
    },
    /// The attempt is proven over, by the proof of the design's §7.
    AttemptOver {
        /// Where another attempt follows: not before this time.
        not_before: Option<Timestamp>,
    },
    /// The cluster has been silent for too long: the attempt is given up there, and the next may go elsewhere.
    Abandoned {
        /// For people.
        message: String,
    },
    /// Nothing of an attempt that was given up is left on its cluster.
    AbandonedGone {
        /// The attempt.
        attempt: Attempt,
    },
    /// It waited longer than `timeouts.queue`.
    QueueTimedOut {
        /// Why it had to wait.
        message: String,
    },
}

/// What comes of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The record as it must be written now, its version grown by one.
    Next(Box<Record>),
    /// Nothing: a repeat, or nothing that matters in this state.
    Ignored,
    /// The event can't happen in this state: the caller has a bug, or relies on something stale.
    Illegal,
}

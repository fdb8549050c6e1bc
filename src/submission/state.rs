//! The states of a submission, the operator's raw states beside them, and the reasons.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
        )]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every value, in the order of the lifecycle.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that stands in records and answers.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|v| v.as_str() == text).ok_or_else(|| text.to_owned())
            }
        }
    };
}

words!(
    /// Where a submission stands.
    State {
        /// Accepted; waits in the backlog for a cluster.
        Queued = "QUEUED",
        /// A cluster is chosen and the intent written; the object may or may not exist there.
        Dispatching = "DISPATCHING",
        /// The object exists on its cluster.
        Submitted = "SUBMITTED",
        /// The object is suspended by the cluster's own queue system.
        Held = "HELD",
        /// The driver runs.
        Running = "RUNNING",
        /// The attempt failed and will be followed by another once it is proven over.
        Retrying = "RETRYING",
        /// To be stopped; waits for the proof that the attempt is over.
        Cancelling = "CANCELLING",
        /// The driver ended with 0.
        Succeeded = "SUCCEEDED",
        /// Ended without success.
        Failed = "FAILED",
        /// Ended by request.
        Cancelled = "CANCELLED",
        /// Never accepted; doesn't hold its ID.
        Rejected = "REJECTED",
    }
);

impl State {
    /// Whether nothing follows this state.
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::Rejected => true,
            Self::Queued
            | Self::Dispatching
            | Self::Submitted
            | Self::Held
            | Self::Running
            | Self::Retrying
            | Self::Cancelling => false,
        }
    }

    /// Whether the record follows what the cluster shows of a submitted object.
    pub const fn is_followed(self) -> bool {
        match self {
            Self::Submitted | Self::Held | Self::Running => true,
            Self::Queued
            | Self::Dispatching
            | Self::Retrying
            | Self::Cancelling
            | Self::Succeeded
            | Self::Failed
            | Self::Cancelled
            | Self::Rejected => false,
        }
    }

    /// Whether an attempt of the submission occupies a cluster: from the intent until its end is proven.
    pub const fn is_live(self) -> bool {
        match self {
            Self::Dispatching
            | Self::Submitted
            | Self::Held
            | Self::Running
            | Self::Retrying
            | Self::Cancelling => true,
            Self::Queued | Self::Succeeded | Self::Failed | Self::Cancelled | Self::Rejected => false,
        }
    }
}

words!(
    /// The machine-readable reason beside a state.
    Reason {
        /// No allowed cluster has room now.
        NoCapacity = "NoCapacity",
        /// No allowed cluster could hold the job even if it were empty.
        NeverFits = "NeverFits",
        /// A limit of the job queue is reached.
        QueueLimit = "QueueLimit",
        /// The active scheduler's configuration doesn't know the job queue.
        QueueUnknown = "QueueUnknown",
        /// No configured cluster serves the queue, the selector and the Spark version together.
        NoCluster = "NoCluster",
        /// The allowed clusters don't answer, refuse us or fail each job.
        ClusterUnhealthy = "ClusterUnhealthy",
        /// The pace of the allowed clusters is used up for now.
        Pacing = "Pacing",
        /// Waits for its turn behind others.
        Waiting = "Waiting",
        /// The message can't be decoded.
        InvalidMessage = "InvalidMessage",
        /// The spec breaks a rule, or the cluster's API server or admission webhook refused it.
        InvalidSpec = "InvalidSpec",
        /// A message form, a field or an option whose effect isn't built, or that no allowed cluster's CRD knows.
        UnsupportedField = "UnsupportedField",
        /// The spec is larger than a record can hold.
        TooLarge = "TooLarge",
        /// The ID belongs to a submission with another spec.
        Conflict = "Conflict",
        /// An object that isn't ours has the name of ours.
        NameTaken = "NameTaken",
        /// The operator could not submit the application.
        SubmissionFailed = "SubmissionFailed",
        /// The operator didn't pick the object up in time.
        PickupTimeout = "PickupTimeout",
        /// The driver waits to start, and its cluster says for what: an image that can't be pulled, a node with room.
        DriverWaiting = "DriverWaiting",
        /// The driver didn't start in time.
        StartTimeout = "StartTimeout",
        /// The driver ended with an exit code other than 0.
        ApplicationFailed = "ApplicationFailed",
        /// The driver was killed for want of memory.
        OutOfMemory = "OutOfMemory",
        /// The driver was evicted.
        DriverEvicted = "DriverEvicted",
        /// The driver's node went away.
        NodeLost = "NodeLost",
        /// The object is gone and nobody saw its end.
        Lost = "Lost",
        /// Its object is missing together with many others of its cluster: nothing is decided until a person confirms it.
        LostUnconfirmed = "LostUnconfirmed",
        /// Its cluster is being emptied.
        Drained = "Drained",
        /// Waited longer than `timeouts.queue`.
        QueueTimeout = "QueueTimeout",
        /// Ran longer than `timeouts.run`.
        RunTimeout = "RunTimeout",
        /// Somebody asked for its end.
        Cancelled = "Cancelled",
        /// The cluster's own queue system holds the object.
        Suspended = "Suspended",
    }
);

words!(
    /// The operator's `status.applicationState.state`.
    RawState {
        /// Not picked up yet; the operator writes no word.
        New = "",
        /// spark-submit returned.
        Submitted = "SUBMITTED",
        /// The operator saw the driver run.
        Running = "RUNNING",
        /// Ended well; terminal.
        Completed = "COMPLETED",
        /// Ended badly; terminal.
        Failed = "FAILED",
        /// spark-submit failed; not terminal.
        SubmissionFailed = "SUBMISSION_FAILED",
        /// Waits to be run again.
        PendingRerun = "PENDING_RERUN",
        /// Being invalidated after a change of its spec.
        Invalidating = "INVALIDATING",
        /// The driver succeeded; not terminal.
        Succeeding = "SUCCEEDING",
        /// The driver failed; not terminal.
        Failing = "FAILING",
        /// Being suspended.
        Suspending = "SUSPENDING",
        /// Suspended.
        Suspended = "SUSPENDED",
        /// Released from suspension, not submitted yet.
        Resuming = "RESUMING",
        /// The driver's phase is unknown.
        Unknown = "UNKNOWN",
    }
);

impl RawState {
    /// Whether the operator does nothing more with the object.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

//! What the surfaces (HTTP API, queue intake) ask of the broker itself.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Error;
use crate::error::Violation;
use crate::lookup::Explained;
use crate::model::SubmissionId;
use crate::submission::{Reason, Record};

/// What came of a submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// It stands in the store: accepted means durable.
    Accepted(Box<Record>),
    /// The same submission stands already.
    Duplicate(Box<Record>),
    /// Another spec stands under that ID.
    Conflict(Box<Record>),
    /// It breaks rules: every one of them.
    Rejected {
        /// `InvalidMessage`, `InvalidSpec`, `UnsupportedField` or `TooLarge`.
        reason: Reason,
        /// The ID, where a valid one could be found.
        id: Option<SubmissionId>,
        /// Every fault.
        violations: Vec<Violation>,
    },
}

/// What came of asking where a submission would go.
#[derive(Debug, Clone, PartialEq)]
pub enum Answered {
    /// The answer.
    Explained(Box<Explained>),
    /// It breaks rules, as in [`Submitted::Rejected`].
    Rejected {
        /// For machines.
        reason: Reason,
        /// The ID, where a valid one could be found.
        id: Option<SubmissionId>,
        /// Every fault.
        violations: Vec<Violation>,
    },
    /// No scheduler has told yet what it knows.
    Unknown,
}

/// What came of a wish to cancel.
#[derive(Debug, Clone, PartialEq)]
pub enum Cancelled {
    /// It is CANCELLED.
    Done(Box<Record>),
    /// The wish is written; the scheduler stops the attempt.
    Requested(Box<Record>),
    /// It had ended before.
    Ended(Box<Record>),
    /// Nobody knows the ID; a submission that arrives under it before `until` is CANCELLED at once.
    Unknown {
        /// Until when the wish is remembered.
        until: Timestamp,
    },
}

/// What came of a person's word that a driver's node is gone.
#[derive(Debug, Clone, PartialEq)]
pub enum Confirmed {
    /// The word is written; the scheduler ends the attempt.
    Taken(Box<Record>),
    /// There is no doubt about its driver that a person could end.
    NotInDoubt(Box<Record>),
    /// Nobody knows the ID.
    Unknown,
}

/// Whether this pod can do its work, and why not: one sentence for each thing that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Readiness {
    /// Empty: ready.
    pub missing: Vec<String>,
}

/// The broker, as its surfaces see it.
#[async_trait]
pub trait Service: Send + Sync {
    /// Takes one job spec (the bytes of an HTTP body) in; it stands in the store when this returns
    /// [`Submitted::Accepted`]. A rejected one leaves no record. An ID is made where the spec has none.
    async fn submit(&self, body: &[u8], sender: Option<&str>) -> Result<Submitted, Error>;

    /// Where one job spec would go now. It isn't taken in, and nothing changes.
    async fn explain(&self, body: &[u8], sender: Option<&str>) -> Result<Answered, Error>;

    /// Asks for the end of a submission; of one that nobody knows yet, too.
    async fn cancel(&self, id: &SubmissionId) -> Result<Cancelled, Error>;

    /// Takes a person's word that the node of a driver that doesn't go is gone; `why` also says whose word it is.
    async fn confirm_lost(&self, id: &SubmissionId, why: &str) -> Result<Confirmed, Error>;

    /// Whether the store, the queues and the lease have been seen.
    fn readiness(&self) -> Readiness;
}

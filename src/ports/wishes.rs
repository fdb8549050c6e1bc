//! What people wish of a cluster: closed, emptied, or given up for lost. Kept on the cluster's item beside its board, so
//! that no restart is needed and none is forgotten in one.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::lookup::moment;

/// What a driver that is told to go may take: twice the grace that Kubernetes gives a pod by default. So long before a
/// drain's deadline what runs is cancelled.
const STOPPING: SignedDuration = SignedDuration::from_mins(1);

/// Closed to new submissions; those that are there go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cordon {
    /// Why.
    pub reason: String,
    /// Who wished it, as they call themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Since when.
    #[serde(with = "moment::required")]
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// When it ends by itself; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "moment::optional")]
    #[schema(value_type = Option<String>)]
    pub until: Option<Timestamp>,
}

impl Cordon {
    /// Whether it has ended by itself.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// What becomes of the jobs that have started before a drain's deadline comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DrainThen {
    /// They run on to their end.
    Leave,
    /// They are cancelled.
    Cancel,
}

/// Closed to new submissions, and emptied by a deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Drain {
    /// Why.
    pub reason: String,
    /// Who wished it, as they call themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Since when.
    #[serde(with = "moment::required")]
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// When it is to be empty. `timing.submitSettle` and a minute before, jobs that never started are withdrawn and wait for
    /// another cluster.
    #[serde(with = "moment::required")]
    #[schema(value_type = String)]
    pub deadline: Timestamp,
    /// What becomes of the others. They are cancelled a minute before the deadline.
    pub then: DrainThen,
}

impl Drain {
    /// Whether what never started is withdrawn by now: early enough to be off the cluster by the deadline, where the operator
    /// may be submitting it for as long as `settle`.
    pub fn withdraws(&self, now: Timestamp, settle: Duration) -> bool {
        let settle = SignedDuration::try_from(settle).unwrap_or(SignedDuration::MAX);
        self.is_as_near_as(settle.saturating_add(STOPPING), now)
    }

    /// What becomes by now of what has started: if it is cancelled, early enough to have stopped by the deadline.
    pub fn then_at(&self, now: Timestamp) -> DrainThen {
        if self.is_as_near_as(STOPPING, now) {
            self.then
        } else {
            DrainThen::Leave
        }
    }

    fn is_as_near_as(&self, ahead: SignedDuration, now: Timestamp) -> bool {
        self.deadline.duration_since(now) <= ahead
    }
}

/// A person's word that what is missing on the cluster is lost; where it can't be reached, that all of it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LostConfirmed {
    /// Why.
    pub reason: String,
    /// Who said so, as they call themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// When.
    #[serde(with = "moment::required")]
    #[schema(value_type = String)]
    pub at: Timestamp,
}

/// One wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterWish {
    /// To close it.
    Cordon(Cordon),
    /// To empty it.
    Drain(Drain),
    /// To give up what is missing there.
    LostConfirmed(LostConfirmed),
}

impl ClusterWish {
    /// Which wish it is.
    pub fn kind(&self) -> WishKind {
        match self {
            Self::Cordon(_) => WishKind::Cordon,
            Self::Drain(_) => WishKind::Drain,
            Self::LostConfirmed(_) => WishKind::LostConfirmed,
        }
    }
}

/// Which wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WishKind {
    /// [`Cordon`].
    Cordon,
    /// [`Drain`].
    Drain,
    /// [`LostConfirmed`].
    LostConfirmed,
}

/// All wishes of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterWishes {
    /// Closed to new submissions.
    pub cordon: Option<Cordon>,
    /// To be emptied.
    pub drain: Option<Drain>,
    /// What is missing there is lost.
    pub lost_confirmed: Option<LostConfirmed>,
}

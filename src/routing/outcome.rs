//! What a cycle answers: placements, and for the rest why they wait.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::figures::{Figures, QueueFigures};
use super::refusal::Refusal;
use crate::model::{Attempt, ClusterName, Demand, QueueName, SubmissionId};
use crate::submission::{BacklogEntry, Placement, Reason};

/// The two times that a cycle goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The wall clock: for `notBefore` and for people.
    pub wall: Timestamp,
    /// Monotonic, since the process's start: for pace, ages and holds.
    pub mono: Duration,
}

/// A placement, reserved already.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The entry as the backlog has it.
    pub entry: BacklogEntry,
    /// Where it goes.
    pub cluster: ClusterName,
    /// Why, for the record.
    pub placement: Placement,
}

/// A submission that was considered and waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// The submission.
    pub id: SubmissionId,
    /// Its job queue.
    pub queue: QueueName,
    /// For machines.
    pub reason: Reason,
    /// What `message` is made of: shared by submissions that wait for the same.
    pub why: Arc<Why>,
}

impl Waiting {
    /// For people: one sentence with a clause for each cluster.
    pub fn message(&self) -> String {
        self.why.message()
    }
}

/// Why a submission waits.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Why {
    /// What holds it whatever the cluster; empty: the clusters decide.
    pub general: String,
    /// For each cluster that doesn't take it, why; in the clusters' order.
    pub refusals: Vec<Refusal>,
}

impl Why {
    pub(super) fn unknown_queue(queue: &QueueName) -> Arc<Self> {
        Arc::new(Self {
            general: format!("the active scheduler's configuration doesn't know the job queue {queue}"),
            refusals: Vec::new(),
        })
    }

    /// One sentence with a clause for each cluster.
    pub fn message(&self) -> String {
        let mut text = self.general.clone();
        for refusal in &self.refusals {
            let joint = if text.is_empty() { "" } else { "; " };
            // Writing to a String doesn't fail.
            let _ = write!(text, "{joint}{refusal}");
        }
        text
    }
}

/// What a cycle decided.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cycle {
    /// In the order in which they were decided.
    pub placements: Vec<Decision>,
    /// Those that were considered and not placed, queue by queue in their order.
    pub waiting: Vec<Waiting>,
}

/// Where a submission would go now.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Where it would go if it were its turn.
    pub placement: Option<Placement>,
    /// Why it would wait.
    pub reason: Option<Reason>,
    /// For each cluster that doesn't take it, why, and what holds it whatever the cluster.
    pub why: Arc<Why>,
    /// Its job queue; absent where the scheduler doesn't know it.
    pub queue: Option<QueueFigures>,
    /// The configured clusters, in the configuration's order.
    pub clusters: Vec<Asked>,
}

/// What one cluster answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Which.
    pub cluster: ClusterName,
    /// Its answer.
    pub answer: Answer,
    /// The same for people; empty where it was chosen.
    pub why: String,
    /// The figures that it was given by.
    pub figures: Figures,
}

/// Whether a cluster would take a submission now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It would go there.
    Chosen,
    /// It passes every filter; the policy chose another.
    Passes,
    /// A filter keeps it away.
    Refuses,
    /// A limit of the job queue holds it, whatever the cluster: no cluster was asked.
    NotAsked,
    /// The scheduler hasn't told yet what it knows of this cluster.
    NotKnown,
}

/// A submission that occupies a cluster, as the store tells after a takeover.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveJob {
    /// The submission.
    pub id: SubmissionId,
    /// Its current attempt: with the ID, the name by which its pods are counted.
    pub attempt: Attempt,
    /// Its job queue.
    pub queue: QueueName,
    /// Where it is.
    pub cluster: ClusterName,
    /// What it needs.
    pub demand: Demand,
    /// Whether it is being created or not yet picked up by the operator.
    pub pending: bool,
    /// Whether all its pods have been there once (it has run for a while): nothing is kept free for it any more.
    pub settled: bool,
}

/// Whether a cluster can be given objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It can.
    Healthy,
    /// It can't: why.
    Unhealthy(String),
}

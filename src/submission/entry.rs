//! What the scheduler keeps in memory of a QUEUED submission.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::{NewRecord, Record, Verdict};
use super::state::Reason;
use crate::model::{Attempt, ClusterName, Demand, Domain, Incarnation, QueueName, SubmissionId, Version};

/// What the scheduler remembers of a QUEUED submission: the projection of the `backlog` index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BacklogEntry {
    /// The submission ID.
    #[serde(rename = "submissionId")]
    pub id: SubmissionId,
    /// The record's incarnation.
    pub incarnation: Incarnation,
    /// The record's version.
    pub version: Version,
    /// The job queue.
    pub queue: QueueName,
    /// Larger goes first.
    #[serde(default)]
    pub priority: i32,
    /// Older goes first.
    pub accepted_at: Timestamp,
    /// What it needs.
    #[serde(default)]
    pub demand: Demand,
    /// The number of the next intent.
    pub attempt: Attempt,
    /// Tries so far.
    #[serde(default)]
    pub tries: u32,
    /// Not before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// When waiting ends in FAILED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_timeout_at: Option<Timestamp>,
    /// Where it may run; empty: anywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub selector: Vec<ClusterName>,
    /// The Spark version it asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spark_version: Option<String>,
    /// Where it can't run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded_clusters: Vec<ClusterName>,
}

impl From<&Record> for BacklogEntry {
    fn from(record: &Record) -> Self {
        Self {
            id: record.id.clone(),
            incarnation: record.incarnation.clone(),
            version: record.version,
            queue: record.queue.clone(),
            priority: record.priority,
            accepted_at: record.accepted_at,
            demand: record.demand.clone(),
            attempt: record.attempt,
            tries: record.tries,
            not_before: record.not_before,
            queue_timeout_at: record.queue_timeout_at,
            selector: record.selector.clone(),
            spark_version: record.spark_version.clone(),
            excluded_clusters: record.excluded_clusters.clone(),
        }
    }
}

impl BacklogEntry {
    /// The QUEUED record as far as the entry knows it. Good for computing a [`super::Change`] of what a transition
    /// sets; never to be stored whole. It carries a reason, so that a transition that clears reasons removes whatever
    /// reason the stored record has.
    pub fn outline(&self, domain: &Domain) -> Record {
        let mut record = Record::queued(NewRecord {
            id: self.id.clone(),
            domain: domain.clone(),
            queue: self.queue.clone(),
            fingerprint: String::new(),
            at: self.accepted_at,
        });
        record.incarnation = self.incarnation.clone();
        record.version = self.version;
        record.priority = self.priority;
        record.demand = self.demand.clone();
        record.attempt = self.attempt;
        record.tries = self.tries;
        record.not_before = self.not_before;
        record.queue_timeout_at = self.queue_timeout_at;
        record.selector = self.selector.clone();
        record.spark_version = self.spark_version.clone();
        record.excluded_clusters = self.excluded_clusters.clone();
        record.verdict = Verdict {
            reason: Some(Reason::Waiting),
            message: Some(String::new()),
            message_detail: None,
            reason_at: Some(self.accepted_at),
        };
        record
    }
}

//! The record of a submission, field by field. Serialised names are the table's attribute names: a public interface.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::placement::Placement;
use super::state::{Reason, State};
use crate::error::Violation;
use crate::model::{
    Attempt, ClusterName, Demand, Domain, Epoch, Incarnation, ObjectUid, QueueName, SubmissionId, Version,
};

/// The most transitions a record keeps; the first and the last ones stay.
pub const HISTORY_MAX: usize = 100;

/// The lifecycle record of one submission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The submission ID.
    #[serde(rename = "submissionId")]
    pub id: SubmissionId,
    /// Random; another record under the same ID has another.
    pub incarnation: Incarnation,
    /// Grows by one with each write.
    pub version: Version,
    /// The epoch of the scheduler that wrote last; absent until a scheduler has written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// The domain whose scheduler places it.
    pub domain: Domain,
    /// The job queue.
    pub queue: QueueName,
    /// Larger goes first within a queue.
    #[serde(default)]
    pub priority: i32,
    /// The application's name, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_name: Option<String>,
    /// Who sent it, as SQS or the API saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// SHA-256 of the canonical JSON of the user's request, in hex.
    pub fingerprint: String,
    /// The user's and the effective spec as JSON texts; absent where they stand in the `spec#` item.
    #[serde(flatten)]
    pub spec: SpecTexts,
    /// What it needs from a cluster.
    #[serde(default)]
    pub demand: Demand,
    /// The Spark version it asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spark_version: Option<String>,
    /// The clusters it may run on; empty: any that serves its queue.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub selector: Vec<ClusterName>,
    /// Clusters that refused it for a field their CRD doesn't know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded_clusters: Vec<ClusterName>,
    /// Its time-outs.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// What it may be retried for.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// What the operator does itself within an attempt.
    #[serde(default)]
    pub restart_policy: RestartPolicy,
    /// Where it stands.
    pub state: State,
    /// Why it stands there.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The number of the current or next intent, from 1.
    pub attempt: Attempt,
    /// How many attempts count against `retry.maxAttempts`.
    #[serde(default)]
    pub tries: u32,
    /// Attempts given up whose objects may still appear.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub abandoned: Vec<Abandoned>,
    /// The cluster of the current attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterName>,
    /// The namespace of the current attempt's object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The name of the current attempt's object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_name: Option<String>,
    /// The UID of the object, from SUBMITTED on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_uid: Option<ObjectUid>,
    /// The UID of the driver pod that decided the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_uid: Option<ObjectUid>,
    /// The name of the driver pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_pod: Option<String>,
    /// Spark's own application ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spark_application_id: Option<String>,
    /// The exit code of the driver's container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The operator's state as it was at the last transition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_state: Option<String>,
    /// Why the cluster was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// Every transition, oldest first, at most [`HISTORY_MAX`].
    #[serde(default)]
    pub history: Vec<Transition>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When its object was first known to exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<Timestamp>,
    /// When the driver's container started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// When the record was last written.
    pub updated_at: Timestamp,
    /// Not to be placed before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// When the queue time-out ends its waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_timeout_at: Option<Timestamp>,
    /// Whether somebody asked for its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_requested: bool,
    /// The driver that was told to go and doesn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue: Option<Overdue>,
    /// The submission that this one repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun_of: Option<SubmissionId>,
    /// What is wrong with a REJECTED one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// Epoch seconds after which the table may delete the record; set at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

/// The specs as JSON texts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpecTexts {
    /// The user's request as it was sent.
    #[serde(rename = "spec", default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The request after the layers that don't depend on the cluster.
    #[serde(rename = "effectiveSpec", default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<String>,
}

/// Why a record stands where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// For machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// For people: one sentence, at most 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the message was taken from, where that says more: at most 8 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_detail: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_at: Option<Timestamp>,
}

/// A driver that was told to go and doesn't.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overdue {
    /// The UID of its pod.
    pub driver: ObjectUid,
    /// For people: one sentence, at most 512 characters.
    pub message: String,
    /// Why a person says that its node is gone, and who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
}

/// Time-outs in seconds; absent: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeouts {
    /// Of all waiting in the queue, from acceptance or the last attempt whose driver started; what is spent on a cluster
    /// doesn't count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<u64>,
    /// From SUBMITTED until the operator picks the object up, or a driver is seen; absent: 15 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pickup: Option<u64>,
    /// From the sight of the driver until it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// From the driver's start to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
}

/// What a submission may be retried for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryPolicy {
    /// The most tries, the first included.
    pub max_attempts: u32,
    /// Causes that are retried although the driver may have started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<Reason>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            on: Vec::new(),
        }
    }
}

/// What the operator itself does when a driver ends (`restartPolicy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// Nothing.
    #[default]
    Never,
    /// Runs a failed driver again, up to the number of `onFailureRetries`; 0 where absent.
    OnFailure(u32),
    /// Runs it again whatever its end.
    Always,
}

/// An attempt given up before its object was seen gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Abandoned {
    /// Its number.
    pub attempt: Attempt,
    /// Its cluster.
    pub cluster: ClusterName,
}

/// One transition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// From which state; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<State>,
    /// To which state.
    pub to: State,
    /// Why, for machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// On which cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub cluster: Option<ClusterName>,
    /// In which attempt.
    #[schema(value_type = u32)]
    pub attempt: Attempt,
}

/// What intake knows of a submission when it makes its record.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRecord {
    /// The submission ID.
    pub id: SubmissionId,
    /// The scheduling domain.
    pub domain: Domain,
    /// The job queue.
    pub queue: QueueName,
    /// SHA-256 of the user's request.
    pub fingerprint: String,
    /// When it was accepted.
    pub at: Timestamp,
}

/// The queue of a record that belongs to none.
static NO_QUEUE: std::sync::LazyLock<QueueName> = std::sync::LazyLock::new(QueueName::none);

impl Record {
    /// A QUEUED record; the caller fills in what the spec says.
    #[expect(clippy::too_many_lines, reason = "one line for each field: a table")]
    pub fn queued(new: NewRecord) -> Self {
        let first = Transition {
            at: new.at,
            from: None,
            to: State::Queued,
            reason: None,
            message: None,
            cluster: None,
            attempt: Attempt(1),
        };
        Self {
            id: new.id,
            incarnation: Incarnation::random(),
            version: Version(1),
            epoch: None,
            domain: new.domain,
            queue: new.queue,
            priority: 0,
            application_name: None,
            sender: None,
            fingerprint: new.fingerprint,
            spec: SpecTexts::default(),
            demand: Demand::default(),
            spark_version: None,
            selector: Vec::new(),
            excluded_clusters: Vec::new(),
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
            restart_policy: RestartPolicy::default(),
            state: State::Queued,
            verdict: Verdict::default(),
            attempt: Attempt(1),
            tries: 0,
            abandoned: Vec::new(),
            cluster: None,
            namespace: None,
            object_name: None,
            object_uid: None,
            driver_uid: None,
            driver_pod: None,
            spark_application_id: None,
            exit_code: None,
            raw_state: None,
            placement: None,
            history: vec![first],
            accepted_at: new.at,
            submitted_at: None,
            started_at: None,
            finished_at: None,
            updated_at: new.at,
            not_before: None,
            queue_timeout_at: None,
            cancel_requested: false,
            overdue: None,
            rerun_of: None,
            violations: Vec::new(),
            expires_at: None,
        }
    }

    /// What a cancel leaves under an ID that nobody knows yet, for `memory` seconds: stored without `state`.
    pub fn tombstone(id: SubmissionId, domain: Domain, at: Timestamp, memory: i64) -> Self {
        let queue = NO_QUEUE.clone();
        let mut record = Self::queued(NewRecord {
            id,
            domain,
            queue,
            fingerprint: String::new(),
            at,
        });
        record.state = State::Cancelled;
        record.cancel_requested = true;
        record.history.clear();
        record.expires_at = Some(at.as_second().saturating_add(memory));
        record
    }

    /// Whether this is only the memory of a cancel that came before its submission.
    pub fn is_tombstone(&self) -> bool {
        self.state == State::Cancelled && self.fingerprint.is_empty()
    }

    /// The name that the object of the current attempt has, whether it exists or not.
    pub fn intended_object_name(&self) -> String {
        self.id.object_name(self.attempt)
    }

    /// Whether the record has outlived its retention: it then counts as absent, whether the table has deleted it or not.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now.as_second())
    }
}

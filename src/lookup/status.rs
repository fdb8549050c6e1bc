//! The status of a submission.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::moment;
use crate::error::Violation;
use crate::model::{Attempt, ClusterName, QueueName, SubmissionId, Version};
use crate::submission::{Reason, Record, State};

/// Why a QUEUED submission waits, as the active scheduler last wrote it on its queue's board. The record itself isn't
/// written for that: its writes are the transitions alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// For machines.
    pub reason: Reason,
    /// For people.
    pub message: String,
    /// Which one it is in its queue's order, from 1; absent where that isn't known.
    pub position: Option<u64>,
    /// When the scheduler said so.
    pub at: Option<Timestamp>,
}

/// Where a submission stands, the same from HTTP and the command line. Absent fields are left out; times are RFC 3339 in
/// UTC with milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The submission ID.
    #[schema(value_type = String)]
    pub submission_id: SubmissionId,
    /// Where it stands.
    pub state: State,
    /// Whether nothing follows this state.
    pub terminal: bool,
    /// Why it stands there, for machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Why it stands there, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the message was taken from, where that says more, such as the standard error of spark-submit; at most 8 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_detail: Option<String>,
    /// Since when it stands there for that reason.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "moment::optional")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub reason_at: Option<Timestamp>,
    /// Which one it is in its job queue's order, from 1, while it waits; absent where that isn't known: the active
    /// scheduler tells it of the first fifty of a queue, at most some seconds old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// The job queue.
    #[schema(value_type = String)]
    pub queue: QueueName,
    /// The application's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_name: Option<String>,
    /// The cluster of the current attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub cluster: Option<ClusterName>,
    /// The namespace of the current attempt's object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The number of the current attempt or, while QUEUED, of the next.
    #[schema(value_type = u32)]
    pub attempt: Attempt,
    /// How many attempts were begun.
    pub attempts: u32,
    /// The name of the current attempt's object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_name: Option<String>,
    /// Spark's own application ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spark_application_id: Option<String>,
    /// The name of the driver's pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_pod: Option<String>,
    /// The exit code of the driver's container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The operator's own state at the last transition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_state: Option<String>,
    /// Grows by one with each write of the record.
    #[schema(value_type = u64)]
    pub version: Version,
    /// When it was accepted.
    #[serde(with = "moment::required")]
    #[schema(value_type = String, format = DateTime)]
    pub accepted_at: Timestamp,
    /// When its object was first known to exist.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "moment::optional")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub submitted_at: Option<Timestamp>,
    /// When the driver's container started.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "moment::optional")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "moment::optional")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// When the record was last written.
    #[serde(with = "moment::required")]
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// Whether somebody asked for its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_requested: bool,
    /// The submission that this one repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub rerun_of: Option<SubmissionId>,
    /// What is wrong with a REJECTED one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// Where more is told.
    pub links: Links,
}

/// Paths below the API's own address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Links {
    /// This status.
    #[serde(rename = "self")]
    pub this: String,
    /// Every transition.
    pub history: String,
    /// Why its cluster was chosen.
    pub placement: String,
}

impl Links {
    /// The links of `id`. Every character of an ID is legal in a path.
    pub fn of(id: &SubmissionId) -> Self {
        let this = format!("/v1/submissions/{id}");
        Self {
            history: format!("{this}/history"),
            placement: format!("{this}/placement"),
            this,
        }
    }
}

impl Status {
    /// The status that `record` gives; `waiting` counts only while it is QUEUED.
    pub fn of(record: &Record, waiting: Option<Waiting>) -> Self {
        let verdict = &record.verdict;
        let mut status = Self {
            submission_id: record.id.clone(),
            state: record.state,
            terminal: record.state.is_terminal(),
            reason: verdict.reason,
            message: verdict.message.clone().filter(|text| !text.is_empty()),
            message_detail: verdict.message_detail.clone(),
            reason_at: verdict.reason_at,
            position: None,
            queue: record.queue.clone(),
            application_name: record.application_name.clone(),
            cluster: record.cluster.clone(),
            namespace: record.namespace.clone(),
            attempt: record.attempt,
            attempts: attempts_begun(record),
            object_name: record.object_name.clone(),
            spark_application_id: record.spark_application_id.clone(),
            driver_pod: record.driver_pod.clone(),
            exit_code: record.exit_code,
            raw_state: record.raw_state.clone(),
            version: record.version,
            accepted_at: record.accepted_at,
            submitted_at: record.submitted_at,
            started_at: record.started_at,
            finished_at: record.finished_at,
            updated_at: record.updated_at,
            cancel_requested: record.cancel_requested,
            rerun_of: record.rerun_of.clone(),
            violations: record.violations.clone(),
            links: Links::of(&record.id),
        };
        if let (State::Retrying | State::Cancelling, Some(overdue)) = (record.state, &record.overdue) {
            let stopped = status.message.map_or(String::new(), |why| format!("{why}; "));
            status.message = Some(format!("{stopped}{}", overdue.message));
        }
        if let (State::Queued, Some(waiting)) = (record.state, waiting) {
            status.reason = Some(waiting.reason);
            status.message = Some(waiting.message);
            status.message_detail = None;
            status.position = waiting.position;
            status.reason_at = waiting.at.or(status.reason_at);
        }
        status
    }
}

/// The number of attempts whose intent was written. While QUEUED, and after an end from there, `attempt` names one that
/// hasn't begun.
fn attempts_begun(record: &Record) -> u32 {
    let begun = record.state.is_live() || record.object_name.is_some();
    let Attempt(number) = record.attempt;
    if begun { number } else { number.saturating_sub(1) }
}

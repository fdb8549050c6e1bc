//! Transitions, placement and lists.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::moment;
use super::status::Status;
use crate::model::{Attempt, ClusterName, Demand, SubmissionId};
use crate::submission::{Placement, Reason, Record, State};

/// Every transition of a submission, oldest first; of more than 100 the first and the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// The submission ID.
    #[schema(value_type = String)]
    pub submission_id: SubmissionId,
    /// Oldest first.
    pub transitions: Vec<HistoryEntry>,
}

/// One transition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// When.
    #[serde(with = "moment::required")]
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

impl From<&Record> for History {
    fn from(record: &Record) -> Self {
        let entry = |t: &crate::submission::Transition| HistoryEntry {
            at: t.at,
            from: t.from,
            to: t.to,
            reason: t.reason,
            message: t.message.clone(),
            cluster: t.cluster.clone(),
            attempt: t.attempt,
        };
        Self {
            submission_id: record.id.clone(),
            transitions: record.history.iter().map(entry).collect(),
        }
    }
}

/// Why the cluster of the current attempt was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlacementView {
    /// The submission ID.
    #[schema(value_type = String)]
    pub submission_id: SubmissionId,
    /// The attempt it is about.
    #[schema(value_type = u32)]
    pub attempt: Attempt,
    /// What it needs: its driver, one executor, and how many executors Spark starts with.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub demand: Demand,
    /// The decision and its reasons; absent until one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
}

impl From<&Record> for PlacementView {
    fn from(record: &Record) -> Self {
        Self {
            submission_id: record.id.clone(),
            attempt: record.attempt,
            demand: record.demand.clone(),
            placement: record.placement.clone(),
        }
    }
}

/// A page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// The submissions.
    pub submissions: Vec<Status>,
    /// Pass it on as `cursor` to read further; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

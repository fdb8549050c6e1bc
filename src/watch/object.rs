//! A `SparkApplication` as the API server shows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::marks;
use crate::model::{Attempt, Incarnation, InstallationId, ObjectUid, SubmissionId};
use crate::submission::{RawState, Record};

/// Something that isn't a `SparkApplication`.
#[derive(Debug, thiserror::Error)]
#[error("not a SparkApplication: {0}")]
pub struct Unreadable(#[from] serde_json::Error);

/// Who made an object or a pod, by its labels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ownership {
    /// The installation's UUID.
    pub installation: Option<InstallationId>,
    /// The submission in its DNS form.
    pub submission: Option<String>,
    /// The record's incarnation.
    pub incarnation: Option<Incarnation>,
    /// The attempt.
    pub attempt: Option<Attempt>,
}

impl Ownership {
    /// Read from labels; what can't be read is absent.
    pub fn from_labels(labels: &BTreeMap<String, String>) -> Self {
        let get = |name: &str| labels.get(name);
        Self {
            installation: get(marks::INSTALLATION).and_then(|v| v.parse().ok()),
            submission: get(marks::SUBMISSION).cloned(),
            incarnation: get(marks::INCARNATION).and_then(|v| v.parse().ok()),
            attempt: get(marks::ATTEMPT).and_then(|v| v.parse().ok()).map(Attempt),
        }
    }

    /// Whether it belongs to this installation and to this submission ID, in whatever incarnation and attempt.
    pub fn is_ours(&self, installation: &InstallationId, record: &Record) -> bool {
        self.installation.as_ref() == Some(installation)
            && self.submission.as_deref() == Some(&record.id.dns_form())
    }

    /// Whether it belongs to this installation and to this submission and incarnation, whatever the attempt.
    pub fn is_of(&self, installation: &InstallationId, record: &Record) -> bool {
        self.is_ours(installation, record) && self.incarnation.as_ref() == Some(&record.incarnation)
    }
}

/// One object, pruned to what decisions need.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectState {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: ObjectUid,
    /// Who made it.
    pub owner: Ownership,
    /// The submission ID of its annotation.
    pub submission_id: Option<SubmissionId>,
    /// `status.applicationState.state`, word for word; "" before the operator's first word.
    pub raw: String,
    /// `status.applicationState.errorMessage`.
    pub error_message: Option<String>,
    /// `status.sparkApplicationId`.
    pub spark_application_id: Option<String>,
    /// `status.driverInfo.podName`.
    pub driver_pod: Option<String>,
    /// `status.executionAttempts`.
    pub execution_attempts: u32,
    /// `status.terminationTime`.
    pub terminated_at: Option<Timestamp>,
    /// `spec.suspend`.
    pub suspended: bool,
    /// Whether it was created suspended under `commit: two-phase`.
    pub two_phase: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// When it was created.
    pub created_at: Option<Timestamp>,
}

impl ObjectState {
    /// The raw state, if it is one of the operator's fourteen.
    pub fn known_raw(&self) -> Option<RawState> {
        self.raw.parse().ok()
    }

    /// Whether the object shows that a driver existed: by its state or by what its message tells.
    pub fn tells_of_driver(&self) -> bool {
        let by_state = self.known_raw().is_some_and(|raw| match raw {
            RawState::Running
            | RawState::Completed
            | RawState::Succeeding
            | RawState::Failing
            | RawState::PendingRerun
            | RawState::Unknown => true,
            RawState::New
            | RawState::Submitted
            | RawState::Failed
            | RawState::SubmissionFailed
            | RawState::Invalidating
            | RawState::Suspending
            | RawState::Suspended
            | RawState::Resuming => false,
        });
        let message = self.error_message.as_deref().unwrap_or("").to_lowercase();
        // Not every "not found" is a driver's: an unknown service account is one, too.
        let by_message = ["already exist", "driver pod not found", "driver container"]
            .iter()
            .any(|word| message.contains(word));
        by_state || by_message || self.execution_attempts >= 1
    }

    /// Whether the object shows that a driver has run, and not only that one was submitted.
    pub fn tells_of_run(&self) -> bool {
        let only_submitted = match self.known_raw() {
            Some(RawState::Submitted | RawState::Suspending | RawState::Suspended | RawState::Resuming) => {
                true
            }
            Some(
                RawState::New
                | RawState::Running
                | RawState::Completed
                | RawState::Failed
                | RawState::SubmissionFailed
                | RawState::PendingRerun
                | RawState::Invalidating
                | RawState::Succeeding
                | RawState::Failing
                | RawState::Unknown,
            )
            | None => false,
        };
        self.execution_attempts > 1 || !only_submitted && self.tells_of_driver()
    }

    /// Whether the operator says that it failed.
    pub fn has_failed(&self) -> bool {
        matches!(
            self.known_raw(),
            Some(RawState::Failed | RawState::SubmissionFailed)
        )
    }

    /// Whether the operator has taken the object up.
    pub fn is_picked_up(&self) -> bool {
        match self.known_raw() {
            Some(RawState::New | RawState::Suspending | RawState::Suspended | RawState::Resuming) => false,
            Some(
                RawState::Submitted
                | RawState::Running
                | RawState::Completed
                | RawState::Failed
                | RawState::SubmissionFailed
                | RawState::PendingRerun
                | RawState::Invalidating
                | RawState::Succeeding
                | RawState::Failing
                | RawState::Unknown,
            )
            | None => true,
        }
    }
}

/// Reads an object from its JSON.
pub fn read_object(value: &Value) -> Result<ObjectState, Unreadable> {
    let shape = Shape::deserialize(value)?;
    let status = shape.status.unwrap_or_default();
    let app = status.application_state.unwrap_or_default();
    Ok(ObjectState {
        owner: Ownership::from_labels(&shape.metadata.labels),
        submission_id: shape
            .metadata
            .annotations
            .get(marks::SUBMISSION_ID)
            .and_then(|id| id.parse().ok()),
        name: shape.metadata.name,
        uid: shape.metadata.uid,
        raw: app.state,
        error_message: app.error_message.filter(|text| !text.is_empty()),
        spark_application_id: status.spark_application_id.filter(|id| !id.is_empty()),
        driver_pod: status
            .driver_info
            .and_then(|info| info.pod_name)
            .filter(|name| !name.is_empty()),
        execution_attempts: status.execution_attempts,
        terminated_at: status.termination_time,
        two_phase: shape
            .metadata
            .annotations
            .get(marks::COMMIT)
            .is_some_and(|word| word == marks::TWO_PHASE),
        suspended: shape.spec.unwrap_or_default().suspend.unwrap_or(false),
        deleting: shape.metadata.deletion_timestamp.is_some(),
        created_at: shape.metadata.creation_timestamp,
    })
}

#[derive(Deserialize)]
struct Shape {
    metadata: Metadata,
    spec: Option<SpecShape>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    uid: ObjectUid,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    creation_timestamp: Option<Timestamp>,
    deletion_timestamp: Option<Timestamp>,
}

#[derive(Deserialize, Default)]
struct SpecShape {
    suspend: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Status {
    application_state: Option<ApplicationState>,
    spark_application_id: Option<String>,
    driver_info: Option<DriverInfo>,
    #[serde(default)]
    execution_attempts: u32,
    termination_time: Option<Timestamp>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct ApplicationState {
    #[serde(default)]
    state: String,
    error_message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DriverInfo {
    pod_name: Option<String>,
}

//! The broker's own fields: names of queues and clusters, IDs, causes of retries.

use serde_json::Value;

use super::scalar::text;
use crate::error::Violation;
use crate::model::{ClusterName, InvalidName, QueueName, SubmissionId};
use crate::submission::Reason;

/// The causes that a job may be retried for although its driver may have started.
pub const RETRIED_CAUSES: &[Reason] = &[
    Reason::Lost,
    Reason::DriverEvicted,
    Reason::NodeLost,
    Reason::OutOfMemory,
    Reason::ApplicationFailed,
];

pub(crate) fn queue(value: &Value, at: &str, faults: &mut Vec<Violation>) {
    name::<QueueName>(value, at, faults);
}

pub(crate) fn cluster(value: &Value, at: &str, faults: &mut Vec<Violation>) {
    name::<ClusterName>(value, at, faults);
}

pub(crate) fn submission_id(value: &Value, at: &str, faults: &mut Vec<Violation>) {
    name::<SubmissionId>(value, at, faults);
}

fn name<T: std::str::FromStr<Err = InvalidName>>(value: &Value, at: &str, faults: &mut Vec<Violation>) {
    let Some(written) = text(value, at, faults) else {
        return;
    };
    if let Err(error) = written.parse::<T>() {
        let length = written.chars().count();
        faults.push(Violation::new(
            at,
            format!("{:?} ({length} characters)", error.found),
            error.expected,
        ));
    }
}

pub(crate) fn cause(value: &Value, at: &str, faults: &mut Vec<Violation>) {
    let known = value
        .as_str()
        .is_some_and(|text| RETRIED_CAUSES.iter().any(|cause| cause.as_str() == text));
    if !known {
        let words: Vec<_> = RETRIED_CAUSES.iter().map(|cause| cause.as_str()).collect();
        faults.push(Violation::new(at, value, format!("one of {}", words.join(", "))));
    }
}

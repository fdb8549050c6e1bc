//! Requests that aren't accepted.

use crate::error::Violation;
use crate::message::Undecodable;
use crate::model::SubmissionId;
use crate::submission::{Reason, Record};

/// A request that isn't accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// The ID under which the REJECTED record stands.
    pub id: SubmissionId,
    /// For machines.
    pub reason: Reason,
    /// Every fault.
    pub violations: Vec<Violation>,
    /// SHA-256 of the request or, where it can't be decoded, of its faults.
    pub fingerprint: String,
    /// The request as it was sent, where it could be decoded.
    pub user: Option<String>,
}

impl Rejection {
    /// Of a spec that is larger than a record can hold.
    pub fn too_large(record: &Record, why: &str) -> Self {
        Self {
            id: record.id.clone(),
            reason: Reason::TooLarge,
            violations: vec![Violation::new("", why, "a spec of at most 390 KB compressed")],
            fingerprint: record.fingerprint.clone(),
            user: None,
        }
    }

    /// Of a message that can't be decoded: under its own ID where it gives a valid one, else under its `MessageId`.
    pub fn of_message(fault: Undecodable, message_id: &str) -> Self {
        let fingerprint = fault.fingerprint();
        let by_message = || {
            message_id
                .parse()
                .unwrap_or_else(|_| SubmissionId::of_message(message_id))
        };
        let id = fault.id.unwrap_or_else(by_message);
        Self {
            id,
            reason: fault.reason,
            violations: fault.violations,
            fingerprint,
            user: None,
        }
    }
}

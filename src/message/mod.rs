//! From the bytes of a message to a request: one decoder, by shape.

mod fingerprint;
mod json;
mod shapes;
mod spark_application;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::Violation;
use crate::model::SubmissionId;
use crate::submission::Reason;

pub use fingerprint::fingerprint;

/// The message attribute that names the submission.
const ID_ATTRIBUTE: &str = "submissionId";

/// A message as a queue delivers it.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// Its body.
    pub body: &'a [u8],
    /// Its `MessageId`: the submission ID where nothing in the message gives one.
    pub message_id: &'a str,
    /// Its attributes.
    pub attributes: &'a BTreeMap<String, String>,
}

/// What a message asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// To run an application.
    Submit(Submission),
    /// To end one.
    Cancel {
        /// Which.
        id: SubmissionId,
    },
    /// Nothing: why it is passed over.
    Ignore {
        /// For the log.
        why: &'static str,
    },
}

/// A request to run an application, not yet checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// Its ID.
    pub id: SubmissionId,
    /// The job spec as the user sent it.
    pub spec: Map<String, Value>,
    /// SHA-256 of the canonical JSON of `spec`, in hex.
    pub fingerprint: String,
}

/// A message that asks for nothing that we can do.
#[derive(Debug, Clone, PartialEq)]
pub struct Undecodable {
    /// `InvalidMessage`, `InvalidSpec` or `UnsupportedField`.
    pub reason: Reason,
    /// The submission ID, where the message gives a valid one.
    pub id: Option<SubmissionId>,
    /// Every fault.
    pub violations: Vec<Violation>,
}

impl Undecodable {
    fn invalid(violation: Violation) -> Self {
        Self {
            reason: Reason::InvalidMessage,
            id: None,
            violations: vec![violation],
        }
    }

    /// SHA-256 of nothing but its faults: the same faulty message again is told by it.
    pub fn fingerprint(&self) -> String {
        let faults: Vec<Value> = self
            .violations
            .iter()
            .map(|v| Value::from(v.to_string()))
            .collect();
        fingerprint(&Value::Array(faults))
    }
}

/// Reads a message from a submission queue.
pub fn decode(envelope: &Envelope<'_>) -> Result<Request, Undecodable> {
    let object = match json::parse(envelope.body).map_err(Undecodable::invalid)? {
        Value::Object(object) => object,
        Value::Array(items) if shapes::is_claim_check(&items, envelope) => return Err(shapes::claim_check()),
        other => {
            let found = format!("{}: {other}", kind(&other));
            let expected = "a JSON object: a job spec, an EventBridge event, a SparkApplication or {\"cancel\": \"<id>\"}";
            return Err(Undecodable::invalid(Violation::new("", found, expected)));
        }
    };
    shapes::read(object, envelope)
}

/// Reads a job spec (or a `SparkApplication`) from the body of an HTTP request; `id` is its ID where it names none.
pub fn decode_spec(body: &[u8], id: &str) -> Result<Submission, Undecodable> {
    let none = BTreeMap::new();
    match decode(&Envelope {
        body,
        message_id: id,
        attributes: &none,
    })? {
        Request::Submit(submission) => Ok(submission),
        Request::Cancel { .. } | Request::Ignore { .. } => Err(Undecodable::invalid(Violation::new(
            "",
            "another kind of message",
            "a job spec",
        ))),
    }
}

/// Whether a `SparkApplication` names a job queue in its labels.
pub fn names_queue(manifest: &Map<String, Value>) -> bool {
    spark_application::queue_of(manifest).is_some()
}

/// What JSON calls the kind of `value`.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;

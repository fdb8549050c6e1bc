//! Answers that aren't what was asked for, as RFC 9457 says: `application/problem+json`.

use std::time::Duration;

use axum::extract::rejection::BytesRejection;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Class, Classify, Violation};
use crate::model::SubmissionId;
use crate::ports;
use crate::submission::{Reason, Record};

/// When a caller may ask again where the store doesn't say.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(5);

/// Paths of the design that aren't built yet.
const NOT_BUILT: [&str; 2] = ["/logs", "/skatev2"];

/// Why a request wasn't fulfilled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// A URN that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// Why a submission was refused, for machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The submission that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub submission_id: Option<SubmissionId>,
    /// Every fault of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// What this process still lacks, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Seconds after which the same request may succeed; also the header `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem of the kind `urn:spark-broker:problem:<kind>`.
    pub fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:spark-broker:problem:{kind}"),
            title: status.canonical_reason().unwrap_or("").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            reason: None,
            submission_id: None,
            violations: Vec::new(),
            missing: Vec::new(),
            retry_after: None,
        }
    }

    /// A request with faults.
    pub fn invalid(detail: impl Into<String>, violations: Vec<Violation>) -> Self {
        Self {
            violations,
            ..Self::new(StatusCode::BAD_REQUEST, "invalid-request", detail)
        }
    }

    /// An ID nobody knows.
    pub fn unknown_submission(id: &SubmissionId) -> Self {
        Self {
            submission_id: Some(id.clone()),
            ..Self::new(
                StatusCode::NOT_FOUND,
                "unknown-submission",
                format!("no submission has the ID {id}"),
            )
        }
    }

    /// A cancel for an ID that nobody knows yet.
    pub fn remembered(id: &SubmissionId, until: Timestamp) -> Self {
        let detail = format!(
            "no submission has the ID {id}; one that arrives under it before {until} is CANCELLED at once"
        );
        Self {
            detail,
            ..Self::unknown_submission(id)
        }
    }

    /// A person's word on a driver of which there is no doubt.
    pub fn not_in_doubt(record: &Record) -> Self {
        let (state, reason) = (record.state, record.verdict.reason);
        let reason = reason.map_or(String::new(), |reason| format!(" with reason {reason}"));
        let detail = format!(
            "it is {state}{reason}; only a submission whose driver was told to go and doesn't, which its message then says, \
             can be confirmed lost"
        );
        Self {
            submission_id: Some(record.id.clone()),
            ..Self::new(StatusCode::CONFLICT, "not-in-doubt", detail)
        }
    }
}

impl From<Box<Problem>> for Problem {
    fn from(boxed: Box<Problem>) -> Self {
        *boxed
    }
}

impl From<ports::Error> for Problem {
    fn from(error: ports::Error) -> Self {
        let delay = match error.class() {
            Class::Transient { retry_after } => retry_after.unwrap_or(RETRY_AFTER_DEFAULT),
            Class::Conflict => Duration::from_secs(1),
            Class::Permanent => {
                tracing::error!(%error, "a request failed");
                return Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal-error",
                    "the request can't be fulfilled; the broker's log says why",
                );
            }
        };
        tracing::warn!(%error, "a request can't be fulfilled now");
        Self {
            retry_after: Some(delay.as_secs().max(1)),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "the store can't be reached or takes no more requests now; ask again (with the same submissionId, where you submit)",
            )
        }
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        let detail = rejection.body_text();
        if rejection.status() != StatusCode::PAYLOAD_TOO_LARGE {
            return Self::new(StatusCode::BAD_REQUEST, "unreadable-body", detail);
        }
        let limit = format!("a body of at most {} bytes", super::BODY_MAX);
        Self {
            reason: Some(Reason::TooLarge),
            violations: vec![Violation::new("", "a larger body", limit)],
            ..Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

pub(super) async fn unknown_path(uri: Uri) -> Problem {
    let path = uri.path();
    let detail = if NOT_BUILT.iter().any(|part| path.contains(part)) {
        format!("{path} isn't built yet; /openapi.json lists what is")
    } else {
        format!("there is nothing at {path}; /openapi.json lists what there is")
    };
    Problem::new(StatusCode::NOT_FOUND, "unknown-path", detail)
}

pub(super) async fn unknown_method(method: Method, uri: Uri) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "unknown-method",
        format!(
            "{method} isn't allowed on {}; /openapi.json lists what is",
            uri.path()
        ),
    )
}

//! One request to an API server and its answer, told apart by what is certain: nothing was sent, it was answered, or
//! nobody knows.

use std::error::Error as StdError;
use std::time::Duration;

use http::Request;
use http::header::RETRY_AFTER;
use kube::Client;
use kube::client::Body;
use kube::core::Status;
use serde_json::Value;

use super::token::NoToken;
use crate::error::shorten;
use crate::ports;

/// What an API server said instead of doing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u16,
    /// The `reason` of its Status; empty where the answer wasn't one (a proxy's, or a resource that doesn't exist).
    pub(super) reason: String,
    pub(super) message: String,
    /// The `details.name` of its Status.
    pub(super) name: String,
    pub(super) retry_after: Option<u64>,
}

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// Surely nothing was sent.
    NotSent(String),
    /// A status of 400 to 499.
    Refused(Refusal),
    /// It may have been carried out.
    Unclear {
        message: String,
        retry_after: Option<u64>,
    },
}

impl Failure {
    fn unclear(message: impl Into<String>) -> Self {
        Self::Unclear {
            message: message.into(),
            retry_after: None,
        }
    }

    /// Whether the API server says that the object `name` doesn't exist; a 404 of anything else doesn't say that.
    pub(super) fn says_absent(&self, name: &str) -> bool {
        matches!(self, Self::Refused(r) if r.code == 404 && r.reason == "NotFound" && r.name == name)
    }

    /// Whether a test of a JSON patch failed: the object isn't what it was taken for. The API server answers that with a
    /// 422 which, unlike one about the object that would come of it, names nothing.
    pub(super) fn says_test_failed(&self) -> bool {
        matches!(self, Self::Refused(r) if r.code == 422 && r.reason == "Invalid" && r.name.is_empty())
    }

    /// Whether the precondition on the UID failed: another object has the name.
    pub(super) fn says_other_uid(&self) -> bool {
        matches!(self, Self::Refused(r) if r.code == 409 && r.message.contains("UID"))
    }
}

impl From<Failure> for ports::Error {
    fn from(failure: Failure) -> Self {
        let after = |seconds: Option<u64>| seconds.map(Duration::from_secs);
        match failure {
            Failure::NotSent(message) => Self::transient(message),
            Failure::Unclear { message, retry_after } => Self::throttled(message, after(retry_after)),
            Failure::Refused(r) => {
                let text = format!("{} {}: {}", r.code, r.reason, r.message);
                match r.code {
                    400 | 422 => Self::permanent(text),
                    _ => Self::throttled(text, after(r.retry_after)),
                }
            }
        }
    }
}

/// Sends `request` and reads its JSON, all within `limit`.
pub(super) async fn call(
    client: &Client,
    request: Result<Request<Vec<u8>>, http::Error>,
    limit: Duration,
) -> Result<Value, Failure> {
    let request = request.map_err(|error| Failure::NotSent(error.to_string()))?;
    match tokio::time::timeout(limit, answer(client, request)).await {
        Ok(result) => result,
        Err(_) => Err(Failure::unclear(format!(
            "no answer within {} ms",
            limit.as_millis()
        ))),
    }
}

async fn answer(client: &Client, request: Request<Vec<u8>>) -> Result<Value, Failure> {
    let response = client
        .send(request.map(Body::from))
        .await
        .map_err(|error| unanswered(&error))?;
    let (parts, body) = response.into_parts();
    let header = parts
        .headers
        .get(RETRY_AFTER)
        .and_then(|v| v.to_str().ok()?.parse().ok());
    let body = body.collect_bytes().await;
    if parts.status.is_success() {
        let bytes = body.map_err(|error| Failure::unclear(chain(&error)))?;
        return serde_json::from_slice(&bytes).map_err(|error| Failure::unclear(error.to_string()));
    }
    let text = body.unwrap_or_default();
    let refusal = refusal(parts.status.as_u16(), &text, header);
    if parts.status.is_client_error() {
        return Err(Failure::Refused(refusal));
    }
    Err(Failure::Unclear {
        message: format!("{} {}: {}", refusal.code, refusal.reason, refusal.message),
        retry_after: refusal.retry_after,
    })
}

fn refusal(code: u16, body: &[u8], header: Option<u64>) -> Refusal {
    let Ok(status) = serde_json::from_slice::<Status>(body) else {
        return Refusal {
            code,
            reason: String::new(),
            message: shorten(String::from_utf8_lossy(body).trim(), 500),
            name: String::new(),
            retry_after: header,
        };
    };
    let (name, seconds) = status
        .details
        .map(|d| (d.name, d.retry_after_seconds))
        .unwrap_or_default();
    let by_details = Some(u64::from(seconds)).filter(|seconds| *seconds > 0);
    Refusal {
        code,
        reason: status.reason,
        message: shorten(&status.message, 2000),
        name,
        retry_after: header.or(by_details),
    }
}

fn unanswered(error: &kube::Error) -> Failure {
    if never_sent(error) {
        Failure::NotSent(chain(error))
    } else {
        Failure::unclear(chain(error))
    }
}

/// Whether the request never left: no connection, no TLS session, or no token to go with it.
fn never_sent(error: &kube::Error) -> bool {
    let by_auth = matches!(error, kube::Error::Auth(_));
    by_auth
        || causes(error).any(|cause| {
            let connect = cause.downcast_ref::<hyper_util::client::legacy::Error>();
            connect.is_some_and(hyper_util::client::legacy::Error::is_connect) || cause.is::<NoToken>()
        })
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        (*error).source()
    })
}

/// What an error and its causes say, each thing once, shortened.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        let words = cause.to_string();
        if !text.contains(&words) {
            text += if text.is_empty() { "" } else { ": " };
            text += &words;
        }
    }
    shorten(&text, 500)
}

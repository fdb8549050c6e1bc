//! Calls of the HTTP API.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::{Method, Request, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::arguments::ApiOptions;
use super::exit::Exit;
use crate::api::{ClusterLine, Clusters, Queues};
use crate::error::Violation;
use crate::lookup::{Cancellations, Explained, Listing, Status};
use crate::model::{ClusterName, SubmissionId};

/// How long a call may take beside what it asks the API to wait.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the API may work on one call that cancels many, and somewhat more.
const CANCELLATIONS_MAX: Duration = Duration::from_secs(30);

/// Why a command couldn't do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The API can't be reached or can't answer now.
    #[error("{0}")]
    Unavailable(String),
    /// Nobody knows the ID.
    #[error("{0}")]
    Unknown(String),
    /// The API refused the request.
    #[error("{detail}{}", listed(violations))]
    Refused {
        /// The API's own sentence.
        detail: String,
        /// Every fault.
        violations: Vec<Violation>,
    },
    /// The command can't be carried out as it was written.
    #[error("{0}")]
    Usage(String),
    /// The configuration has faults.
    #[error(transparent)]
    Config(#[from] crate::config::Faults),
    /// Standard output can't be written.
    #[error("writing the answer: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// The exit code that tells of it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Unavailable(_) => Exit::Unavailable,
            Self::Unknown(_) => Exit::Unknown,
            Self::Refused { .. } | Self::Output(_) => Exit::Otherwise,
            Self::Usage(_) => Exit::Usage,
            Self::Config(_) => Exit::Config,
        }
    }
}

impl Failure {
    /// The same, told of `what`.
    #[must_use]
    pub fn about(self, what: &str) -> Self {
        let told = |why: String| format!("{what}: {why}");
        match self {
            Self::Unavailable(why) => Self::Unavailable(told(why)),
            Self::Unknown(why) => Self::Unknown(told(why)),
            Self::Refused { detail, violations } => Self::Refused {
                detail: told(detail),
                violations,
            },
            Self::Usage(why) => Self::Usage(told(why)),
            other @ (Self::Config(_) | Self::Output(_)) => other,
        }
    }
}

fn listed(violations: &[Violation]) -> String {
    violations.iter().map(|v| format!("\n  {v}")).collect()
}

/// A client of one API.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    base: String,
    token: Option<String>,
}

impl Client {
    /// A client for the API that `options` name; reads the token file.
    pub fn new(options: &ApiOptions) -> Result<Self, Failure> {
        let base = options.api.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(Failure::Usage(format!(
                "--api {base}: expected a URL such as http://127.0.0.1:8080"
            )));
        }
        let token = match &options.token_file {
            None => None,
            Some(path) => Some(
                std::fs::read_to_string(path)
                    .map_err(|e| Failure::Usage(format!("--token-file {}: {e}", path.display())))?
                    .trim()
                    .to_owned(),
            ),
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .tls_config(tls)
            .user_agent(concat!("spark-broker/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { agent, base, token })
    }

    /// Submits a job spec.
    pub fn submit(&self, spec: &[u8]) -> Result<Status, Failure> {
        self.call(Method::POST, "/v1/submissions", spec, Duration::ZERO)
    }

    /// Asks where a job spec would go.
    pub fn explain(&self, spec: &[u8]) -> Result<Explained, Failure> {
        self.call(Method::POST, "/v1/explain", spec, Duration::ZERO)
    }

    /// Looks a submission up.
    pub fn status(&self, id: &SubmissionId) -> Result<Status, Failure> {
        self.call(Method::GET, &format!("/v1/submissions/{id}"), b"", Duration::ZERO)
    }

    /// Looks a submission up after at most `wait`: earlier when it appears or changes or, with `end`, ends.
    pub fn status_after(&self, id: &SubmissionId, wait: Duration, end: bool) -> Result<Status, Failure> {
        let until = if end { "end" } else { "change" };
        let path = format!("/v1/submissions/{id}?wait={}ms&until={until}", wait.as_millis());
        self.call(Method::GET, &path, b"", wait)
    }

    /// Asks for a submission's end.
    pub fn cancel(&self, id: &SubmissionId) -> Result<Status, Failure> {
        self.call(
            Method::DELETE,
            &format!("/v1/submissions/{id}"),
            b"",
            Duration::ZERO,
        )
    }

    /// Says that the node of its driver is gone.
    pub fn confirm_lost(&self, id: &SubmissionId, body: &Value) -> Result<Status, Failure> {
        let path = format!("/v1/submissions/{id}/confirm-lost");
        self.call(Method::POST, &path, body.to_string().as_bytes(), Duration::ZERO)
    }

    /// Cancels all that `body` selects, or counts them.
    pub fn cancel_many(&self, body: &Value) -> Result<Cancellations, Failure> {
        let body = body.to_string();
        self.call(
            Method::POST,
            "/v1/cancellations",
            body.as_bytes(),
            CANCELLATIONS_MAX,
        )
    }

    /// A page of a list; `query` are its parameters.
    pub fn list(&self, query: &[(&str, String)]) -> Result<Listing, Failure> {
        let text: Vec<_> = query
            .iter()
            .map(|(name, v)| format!("{name}={}", escaped(v)))
            .collect();
        let path = format!("/v1/submissions?{}", text.join("&"));
        self.call(Method::GET, &path, b"", Duration::ZERO)
    }

    /// The clusters.
    pub fn clusters(&self) -> Result<Clusters, Failure> {
        self.call(Method::GET, "/v1/clusters", b"", Duration::ZERO)
    }

    /// The job queues.
    pub fn queues(&self) -> Result<Queues, Failure> {
        self.call(Method::GET, "/v1/queues", b"", Duration::ZERO)
    }

    /// Sets a wish of a cluster, or takes it back.
    pub fn wish(
        &self,
        method: &str,
        cluster: &ClusterName,
        wish: &str,
        body: &Value,
    ) -> Result<ClusterLine, Failure> {
        let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let path = format!("/v1/clusters/{cluster}/{wish}");
        self.call(method, &path, body.as_bytes(), Duration::ZERO)
    }

    fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &[u8],
        wait: Duration,
    ) -> Result<T, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let request = request
            .body(body.to_vec())
            .map_err(|e| Failure::Usage(format!("--api {}: {e}", self.base)))?;
        let request = self
            .agent
            .configure_request(request)
            .timeout_global(Some(wait + PATIENCE))
            .allow_non_standard_methods(true)
            .build();
        let response = self.agent.run(request).map_err(|e| self.away(&e))?;
        self.read(response)
    }

    fn read<T: DeserializeOwned>(&self, mut response: Response<Body>) -> Result<T, Failure> {
        let status = response.status();
        let text = response.body_mut().read_to_string().map_err(|e| self.away(&e))?;
        if status.is_success() {
            return serde_json::from_str(&text).map_err(|e| self.away(&e));
        }
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        let detail = match problem["detail"].as_str() {
            Some(detail) => detail.to_owned(),
            None => format!("{} answers {status}", self.base),
        };
        let known = problem["type"].as_str().unwrap_or_default();
        Err(match status.as_u16() {
            404 if [":unknown-submission", ":unknown-cluster"]
                .iter()
                .any(|kind| known.ends_with(kind)) =>
            {
                Failure::Unknown(detail)
            }
            400 | 409 | 413 => Failure::Refused {
                detail,
                violations: serde_json::from_value(problem["violations"].clone()).unwrap_or_default(),
            },
            401 | 403 => Failure::Usage(format!("{detail} (--token-file)")),
            _ => Failure::Unavailable(detail),
        })
    }

    fn away(&self, error: &dyn std::fmt::Display) -> Failure {
        Failure::Unavailable(format!("the API at {} can't be used: {error}", self.base))
    }
}

/// A value of a query string: all but unreserved characters in percent form (RFC 3986, section 2.3).
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_query_value_keeps_its_meaning() {
        assert_eq!(escaped("QUEUED,RUNNING"), "QUEUED%2CRUNNING");
        assert_eq!(
            escaped("2026-11-23T05:31:50+01:00"),
            "2026-11-23T05%3A31%3A50%2B01%3A00"
        );
    }
}

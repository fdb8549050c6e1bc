//! HTTP as curl would do it.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

/// An answer; `body` is null where it isn't JSON.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) text: String,
}

/// Calls, or says why there was no answer.
pub(super) fn call(method: &str, url: &str, body: &[u8]) -> Result<Answer, String> {
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(90)))
        .build()
        .into();
    let request = Request::builder()
        .method(method)
        .uri(url)
        .header("content-type", "application/json")
        .body(body.to_vec())
        .map_err(|e| e.to_string())?;
    let request = agent
        .configure_request(request)
        .allow_non_standard_methods(true)
        .build();
    let mut response = agent.run(request).map_err(|e| e.to_string())?;
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().map_err(|e| e.to_string())?;
    let body = serde_json::from_str(&text).unwrap_or_default();
    Ok(Answer { status, body, text })
}

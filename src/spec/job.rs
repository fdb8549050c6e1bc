//! What the broker itself reads of an effective spec.

use serde_json::{Map, Value};

use super::duration::duration;
use super::path::at;
use crate::model::ClusterName;
use crate::submission::{Reason, RestartPolicy, RetryPolicy, Timeouts};

type Object = Map<String, Value>;

/// The broker's own part of a job spec, read from one that has passed its checks.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSpec {
    /// The name of the job queue, where one is given.
    pub queue: Option<String>,
    /// For people.
    pub application_name: Option<String>,
    /// The Spark version.
    pub spark_version: Option<String>,
    /// Larger goes first.
    pub priority: i32,
    /// The clusters it may run on; empty: any.
    pub clusters: Vec<ClusterName>,
    /// The namespace whose clusters it may run on, where a manifest names one.
    pub namespace: Option<String>,
    /// Its time-outs.
    pub timeouts: Timeouts,
    /// What it may be retried for.
    pub retry: RetryPolicy,
    /// What the operator does itself.
    pub restart_policy: RestartPolicy,
}

impl JobSpec {
    /// Reads an effective spec.
    pub fn of(spec: &Object) -> Self {
        let text = |name: &str| spec.get(name).and_then(Value::as_str).map(str::to_owned);
        let names = spec.get("clusters").and_then(Value::as_array);
        let clusters = names
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str()?.parse().ok());
        let priority = spec
            .get("priority")
            .and_then(Value::as_i64)
            .and_then(|n| i32::try_from(n).ok());
        Self {
            queue: text("queue"),
            application_name: text("applicationName"),
            spark_version: text("sparkVersion"),
            priority: priority.unwrap_or(0),
            clusters: clusters.collect(),
            namespace: text("namespace"),
            timeouts: timeouts(spec),
            retry: retry(spec),
            restart_policy: restart_policy(spec),
        }
    }
}

fn timeouts(spec: &Object) -> Timeouts {
    let seconds = |path: &str| at(spec, path).and_then(duration).map(|d| d.as_secs());
    Timeouts {
        queue: seconds("timeouts.queue"),
        pickup: seconds("timeouts.pickup"),
        start: seconds("timeouts.start"),
        run: seconds("timeouts.run"),
    }
}

/// `retry.maxAttempts`, else the operator's submission retries, which never reach it: on them it deletes a driver that
/// runs and runs the job again.
fn retry(spec: &Object) -> RetryPolicy {
    let number = |path: &str| {
        at(spec, path)
            .and_then(Value::as_u64)
            .and_then(|n| u32::try_from(n).ok())
    };
    let resubmissions = number("restartPolicy.onSubmissionFailureRetries").map(|n| n.saturating_add(1));
    let default = RetryPolicy::default();
    let named = at(spec, "retry.on").and_then(Value::as_array);
    let on: Vec<Reason> = named
        .into_iter()
        .flatten()
        .filter_map(|word| word.as_str()?.parse().ok())
        .collect();
    RetryPolicy {
        max_attempts: number("retry.maxAttempts")
            .or(resubmissions)
            .unwrap_or(default.max_attempts),
        on,
    }
}

fn restart_policy(spec: &Object) -> RestartPolicy {
    let retries = at(spec, "restartPolicy.onFailureRetries")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    match at(spec, "restartPolicy.type").and_then(Value::as_str) {
        Some("Always") => RestartPolicy::Always,
        Some("OnFailure") => RestartPolicy::OnFailure(u32::try_from(retries).unwrap_or(u32::MAX)),
        Some(_) | None => RestartPolicy::Never,
    }
}

//! What the rest of the program needs to know of a checked spec.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::check::{self, Extent};
use super::merged::SparkConf;
use super::schema::{APPLICATION, BROKER};
use super::{demand, duration, image};
use crate::error::Violation;
use crate::model::{ClusterName, Demand, QueueName};
use crate::submission::{Reason, RestartPolicy, RetryPolicy, Timeouts};

/// An effective spec, read.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSpec {
    /// The job queue, where the spec names one.
    pub queue: Option<QueueName>,
    /// Larger goes first within a queue.
    pub priority: i32,
    /// The application's name, for people.
    pub application_name: Option<String>,
    /// The Spark version.
    pub spark_version: String,
    /// The clusters that it may run on; empty: any that serves its queue.
    pub clusters: Vec<ClusterName>,
    /// Only clusters of this namespace.
    pub namespace: Option<String>,
    /// Time-outs, in seconds.
    pub timeouts: Timeouts,
    /// What it may be retried for.
    pub retry: RetryPolicy,
    /// What the operator does itself within an attempt.
    pub restart_policy: RestartPolicy,
    /// What it needs of a cluster.
    pub demand: Demand,
    /// Labels for the object.
    pub labels: BTreeMap<String, String>,
    /// Annotations for the object.
    pub annotations: BTreeMap<String, String>,
}

/// Checks a whole effective spec and reads it; else every violation.
pub fn read(effective: &Map<String, Value>) -> Result<JobSpec, Vec<Violation>> {
    let mut faults = Vec::new();
    check::object(effective, &[APPLICATION, BROKER], Extent::Whole, "", &mut faults);
    check_together(effective, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    let text = |name: &str| effective.get(name).and_then(Value::as_str);
    let texts = |name: &str| -> BTreeMap<String, String> {
        let map = effective.get(name).and_then(Value::as_object).into_iter().flatten();
        map.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    };
    let clusters = effective.get("clusters").and_then(Value::as_array).into_iter().flatten();
    Ok(JobSpec {
        queue: text("queue").and_then(|queue| queue.parse().ok()),
        priority: effective.get("priority").and_then(Value::as_i64).and_then(|p| i32::try_from(p).ok()).unwrap_or(0),
        application_name: text("applicationName").map(str::to_owned),
        spark_version: text("sparkVersion").unwrap_or_default().to_owned(),
        clusters: clusters.filter_map(|name| name.as_str()?.parse().ok()).collect(),
        namespace: text("namespace").map(str::to_owned),
        timeouts: timeouts(effective),
        retry: retry(effective),
        restart_policy: restart_policy(effective),
        demand: demand::demand(effective),
        labels: texts("labels"),
        annotations: texts("annotations"),
    })
}

/// Rules about several fields at once.
fn check_together(spec: &Map<String, Value>, faults: &mut Vec<Violation>) {
    if !image::has_image(spec) {
        let version = spec.get("sparkVersion").and_then(Value::as_str).unwrap_or_default();
        let found = format!("nothing, and no image is configured for {} {version}", image::application_type(spec));
        faults.push(Violation::new("image", found, "an image, or a configured pair of type and Spark version"));
    }
    let conf = SparkConf::of(spec);
    for key in conf.devices_without_vendor() {
        let vendor = key.replace(".amount", ".vendor");
        let expected = format!("`{vendor}` beside it, such as nvidia.com: Spark refuses a device without a vendor");
        faults.push(Violation::new(super::path::key("sparkConf", key), "no vendor", expected));
    }
    if conf.bool("spark.memory.offHeap.enabled") && conf.bytes("spark.memory.offHeap.size").is_none_or(|b| b.0 == 0) {
        let place = super::path::key("sparkConf", "spark.memory.offHeap.size");
        faults.push(Violation::new(place, "nothing, or 0", "a size above 0: off-heap memory is enabled"));
    }
    let everywhere = spec.contains_key("nodeSelector");
    for part in ["driver", "executor"] {
        if everywhere && spec.get(part).is_some_and(|part| part.get("nodeSelector").is_some()) {
            let expected = "one of the two: the operator's webhook refuses both";
            faults.push(Violation::new(format!("{part}.nodeSelector"), "beside `nodeSelector`", expected));
        }
    }
    let bound = |key: &str| conf.int(&format!("spark.dynamicAllocation.{key}"));
    if let (true, Some(least), Some(most)) =
        (conf.bool("spark.dynamicAllocation.enabled"), bound("minExecutors"), bound("maxExecutors"))
        && least > most
    {
        let expected = format!("at least dynamicAllocation.minExecutors, which is {least}");
        faults.push(Violation::new("dynamicAllocation.maxExecutors", most, expected));
    }
}

fn timeouts(spec: &Map<String, Value>) -> Timeouts {
    let of = |name: &str| spec.get("timeouts").and_then(|t| t.get(name)).and_then(duration::parse);
    Timeouts { queue: of("queue"), pickup: of("pickup"), start: of("start"), run: of("run") }
}

/// `restartPolicy.onSubmissionFailureRetries` is read here and never sent: on it the operator deletes a driver that runs or
/// has succeeded and runs the job again.
fn retry(spec: &Map<String, Value>) -> RetryPolicy {
    let number = |object: &str, name: &str| {
        spec.get(object).and_then(|o| o.get(name)).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok())
    };
    let max_attempts = number("retry", "maxAttempts")
        .or_else(|| number("restartPolicy", "onSubmissionFailureRetries").map(|retries| retries.saturating_add(1)))
        .unwrap_or(RetryPolicy::default().max_attempts);
    let on = spec.get("retry").and_then(|retry| retry.get("on")).and_then(Value::as_array).into_iter().flatten();
    let on: Vec<Reason> = on.filter_map(|cause| cause.as_str()?.parse().ok()).collect();
    RetryPolicy { max_attempts, on }
}

fn restart_policy(spec: &Map<String, Value>) -> RestartPolicy {
    let policy = spec.get("restartPolicy");
    let retries = policy.and_then(|p| p.get("onFailureRetries")).and_then(Value::as_u64);
    match policy.and_then(|p| p.get("type")).and_then(Value::as_str) {
        Some("Always") => RestartPolicy::Always,
        Some("OnFailure") => RestartPolicy::OnFailure(retries.and_then(|n| u32::try_from(n).ok()).unwrap_or(0)),
        Some(_) | None => RestartPolicy::Never,
    }
}

//! Twenty jobs that come to every method of every port, and how each must end.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use spark_broker::submission::State;

use crate::run::spec;

/// Its message breaks the rules, and is parked.
pub const REJECTED: &str = "job-1";
/// Cancelled while it runs on the cluster whose drivers have no owner.
pub const CANCELLED_WHILE_IT_RUNS: &str = "job-7";
/// Its cancel is sent along with it.
pub const CANCELLED_SOON: &str = "job-13";
/// Cancelled before it is sent.
pub const CANCELLED_BEFORE: &str = "job-15";
/// Somebody deletes its object while it runs.
pub const DELETED: &str = "job-17";
/// Its spec is too large for its record.
const LARGE: &str = "job-19";

/// All specs, in order.
pub fn specs() -> Vec<(String, Value)> {
    (0..20).map(|n| (format!("job-{n}"), spec_of(n))).collect()
}

fn spec_of(n: usize) -> Value {
    let id = format!("job-{n}");
    let mut spec = spec(&id);
    let annotate = |spec: &mut Value, key: &str, value: &str| {
        spec["annotations"][format!("simulated.spark-broker/{key}")] = json!(value);
    };
    annotate(&mut spec, "run-time", &format!("{}s", 5 + n % 7));
    match n {
        3 | 9 => annotate(&mut spec, "exit-code", "3"),
        5 | 11 => annotate(&mut spec, "failure", "SubmissionFailed"),
        _ => {}
    }
    match id.as_str() {
        REJECTED => spec["driver"]["memory"] = json!("much"),
        CANCELLED_WHILE_IT_RUNS | DELETED => {
            annotate(&mut spec, "run-time", "10m");
            spec["clusters"] = json!(["a"]);
        }
        CANCELLED_SOON | CANCELLED_BEFORE => annotate(&mut spec, "run-time", "10m"),
        LARGE => spec["arguments"] = json!(["x".repeat(12 * 1024)]),
        _ => {}
    }
    spec
}

/// How each ends.
pub fn ends() -> BTreeMap<String, State> {
    let end = |n: usize, id: &str| match (n, id) {
        (_, REJECTED) => State::Rejected,
        (_, CANCELLED_WHILE_IT_RUNS | CANCELLED_SOON | CANCELLED_BEFORE) => State::Cancelled,
        (3 | 5 | 9 | 11, _) | (_, DELETED) => State::Failed,
        _ => State::Succeeded,
    };
    let ids = (0..20).map(|n| (n, format!("job-{n}")));
    ids.map(|(n, id)| (id.clone(), end(n, &id))).collect()
}

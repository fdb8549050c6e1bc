//! The `spec` of the `SparkApplication` that an effective spec becomes.

use serde_json::{Map, Value};

use super::image;
use super::schema::is_broker_field;

/// Without the broker's own fields, with the type and `mode: cluster`, and without the operator's own retries of submissions:
/// on them it deletes a driver that runs or has succeeded and runs the job again.
pub fn object_spec(effective: &Map<String, Value>) -> Map<String, Value> {
    let mut spec: Map<_, _> = effective
        .iter()
        .filter(|(name, _)| !is_broker_field(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    spec.insert("type".into(), image::application_type(effective).into());
    spec.insert("mode".into(), "cluster".into());
    for part in ["driver", "executor"] {
        spec.entry(part).or_insert_with(|| Value::Object(Map::new()));
    }
    if let Some(Value::Object(policy)) = spec.get_mut("restartPolicy") {
        policy.shift_remove("onSubmissionFailureRetries");
        policy.shift_remove("onSubmissionFailureRetryInterval");
    }
    spec
}

//! The `SparkApplication` that is sent to a cluster.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::layers::application_type;
use super::schema::BROKER;

type Object = Map<String, Value>;

/// What marks an object as ours.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectMarks {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Labels on object, driver and executors.
    pub labels: BTreeMap<String, String>,
    /// Annotations on the object.
    pub annotations: BTreeMap<String, String>,
}

/// The object that `effective` asks for. `time_to_live` is the cluster's, in seconds; the larger of it and the user's
/// is sent.
pub fn object(effective: &Object, marks: &ObjectMarks, time_to_live: Option<u64>) -> Value {
    let mut spec = effective.clone();
    for field in BROKER {
        spec.remove(field.name);
    }
    let kind = application_type(effective).to_owned();
    spec.entry("type").or_insert_with(|| kind.into());
    spec.entry("mode").or_insert_with(|| "cluster".into());
    if let Some(policy) = spec.get_mut("restartPolicy").and_then(Value::as_object_mut) {
        policy.remove("onSubmissionFailureRetries");
        policy.remove("onSubmissionFailureRetryInterval");
    }
    let own = spec.get("timeToLiveSeconds").and_then(Value::as_u64);
    if let Some(seconds) = own.max(time_to_live) {
        spec.insert("timeToLiveSeconds".into(), seconds.into());
    }
    for part in ["driver", "executor"] {
        let part = spec.entry(part).or_insert_with(|| json!({}));
        if let Some(part) = part.as_object_mut() {
            let labels = with(part.get("labels"), &marks.labels);
            part.insert("labels".into(), labels);
        }
    }
    // The driver's pod can outlive its object: its annotations then tell whose it is.
    if let Some(driver) = spec.get_mut("driver").and_then(Value::as_object_mut) {
        let annotations = with(driver.get("annotations"), &marks.annotations);
        driver.insert("annotations".into(), annotations);
    }
    json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {
            "name": marks.name,
            "namespace": marks.namespace,
            "labels": with(effective.get("labels"), &marks.labels),
            "annotations": with(effective.get("annotations"), &marks.annotations),
        },
        "spec": spec,
    })
}

/// The user's entries with ours over them.
fn with(own: Option<&Value>, ours: &BTreeMap<String, String>) -> Value {
    let mut all = own.and_then(Value::as_object).cloned().unwrap_or_default();
    all.extend(
        ours.iter()
            .map(|(key, value)| (key.clone(), Value::from(value.as_str()))),
    );
    Value::Object(all)
}

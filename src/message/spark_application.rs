//! A whole `SparkApplication`, as people `kubectl apply` it, read as a job spec.

use serde_json::{Map, Value};

use super::kind;
use crate::error::Violation;

/// The label that names the job queue.
const QUEUE_LABEL: &str = "spark-broker/queue";

/// The job queue that the labels of `manifest` name.
pub fn queue_of(manifest: &Map<String, Value>) -> Option<&Value> {
    manifest.get("metadata")?.get("labels")?.get(QUEUE_LABEL)
}

/// The job spec that `manifest` stands for, or everything in it that a job spec can't carry.
pub fn to_spec(mut manifest: Map<String, Value>) -> Result<Map<String, Value>, Vec<Violation>> {
    let mut faults = Vec::new();
    expect(
        &manifest,
        "apiVersion",
        "sparkoperator.k8s.io/v1beta2",
        &mut faults,
    );
    expect(&manifest, "kind", "SparkApplication", &mut faults);
    let mut spec = match manifest.remove("spec") {
        Some(Value::Object(spec)) => spec,
        found => {
            let found = found.as_ref().map_or("nothing", kind);
            faults.push(Violation::new("spec", found, "an object"));
            Map::new()
        }
    };
    match manifest.remove("metadata") {
        Some(Value::Object(metadata)) => read_metadata(metadata, &mut spec, &mut faults),
        Some(other) => faults.push(Violation::new("metadata", kind(&other), "an object")),
        None => {}
    }
    for key in manifest
        .keys()
        .filter(|key| *key != "apiVersion" && *key != "kind")
    {
        let expected = match key.as_str() {
            "status" => "apiVersion, kind, metadata and spec alone; remove it: the operator writes it",
            _ => "apiVersion, kind, metadata and spec alone",
        };
        faults.push(Violation::new(key, "a field that isn't carried", expected));
    }
    if faults.is_empty() { Ok(spec) } else { Err(faults) }
}

fn expect(manifest: &Map<String, Value>, key: &str, expected: &str, faults: &mut Vec<Violation>) {
    let found = manifest.get(key).cloned().unwrap_or(Value::Null);
    if found.as_str() != Some(expected) {
        faults.push(Violation::new(key, found, expected));
    }
}

fn read_metadata(metadata: Map<String, Value>, spec: &mut Map<String, Value>, faults: &mut Vec<Violation>) {
    for (key, value) in metadata.into_iter().filter(|(_, value)| !value.is_null()) {
        match key.as_str() {
            "name" => carry("applicationName", &key, value, spec, faults),
            "namespace" | "annotations" => carry(&key, &key, value, spec, faults),
            "labels" => read_labels(value, spec, faults),
            _ => {
                let expected = format!(
                    "name, namespace, labels and annotations alone; {}",
                    instead_of(&key)
                );
                faults.push(Violation::new(format!("metadata.{key}"), value, expected));
            }
        }
    }
}

/// What to do with a field of the metadata that isn't carried.
fn instead_of(key: &str) -> &'static str {
    match key {
        "generateName" => {
            "write `name`, the application's name: the broker names the object by the submission ID"
        }
        "finalizers" | "ownerReferences" => "remove it: the broker makes and removes the object",
        "uid" | "resourceVersion" | "generation" | "creationTimestamp" | "managedFields" | "selfLink" => {
            "remove it: the API server writes it"
        }
        _ => "remove it",
    }
}

fn read_labels(mut labels: Value, spec: &mut Map<String, Value>, faults: &mut Vec<Violation>) {
    if let Some(queue) = labels
        .as_object_mut()
        .and_then(|map| map.shift_remove(QUEUE_LABEL))
    {
        carry("queue", &format!("labels.{QUEUE_LABEL}"), queue, spec, faults);
    }
    carry("labels", "labels", labels, spec, faults);
}

/// Writes what stands in the metadata into the field of the job spec that means the same, unless it says so itself.
fn carry(field: &str, key: &str, value: Value, spec: &mut Map<String, Value>, faults: &mut Vec<Violation>) {
    match spec.get(field) {
        Some(own) if *own != value => {
            let expected = format!("one of the two: `spec.{field}` says otherwise");
            faults.push(Violation::new(format!("metadata.{key}"), value, expected));
        }
        Some(_) | None => drop(spec.insert(field.to_owned(), value)),
    }
}

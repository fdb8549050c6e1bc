//! What a pod requests beside Spark's own container: sidecars, init containers, and what a pod template brings.
//!
//! A pod requests the sum of its containers, or the largest init container where that is more
//! (<https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers>).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::quantity;
use crate::model::Resources;

/// Adds to `own`, the request of Spark's container, what the rest of the pod of `part` (`driver`, `executor`) requests.
pub(crate) fn add_beside(own: &mut Resources, part: &str, field: Option<&Map<String, Value>>) {
    let Some(field) = field else { return };
    let template = field.get("template").and_then(|template| template.get("spec"));
    let listed =
        |from: Option<&Value>| -> Vec<Value> { from.and_then(Value::as_array).cloned().unwrap_or_default() };
    let of_template = |list: &str| listed(template.and_then(|spec| spec.get(list)));
    let mut beside = listed(field.get("sidecars"));
    for (index, container) in of_template("containers").into_iter().enumerate() {
        match is_sparks(&container, index, part) {
            // Spark writes its own CPU and memory over those of the template and keeps the rest.
            true => own.extended.extend(requests(&container).extended),
            false => beside.push(container),
        }
    }
    let mut sum = beside
        .iter()
        .fold(own.clone(), |sum, container| sum.plus(&requests(container)));
    let mut largest = Resources::default();
    for container in listed(field.get("initContainers"))
        .into_iter()
        .chain(of_template("initContainers"))
    {
        let needs = requests(&container);
        if container.get("restartPolicy").and_then(Value::as_str) == Some("Always") {
            sum = sum.plus(&needs);
        } else {
            largest = largest.max(&needs);
        }
    }
    *own = sum.max(&largest);
}

/// The operator names Spark's containers so when it passes the template on; without one of that name Spark takes the first.
fn is_sparks(container: &Value, index: usize, part: &str) -> bool {
    let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
    match part {
        "driver" => name == "spark-kubernetes-driver",
        _ => name == "spark-kubernetes-executor" || name == "executor" || (index == 0 && name.is_empty()),
    }
}

/// What a container requests; a limit without a request counts as one.
fn requests(container: &Value) -> Resources {
    let amounts = |kind: &str| {
        container
            .get("resources")
            .and_then(|r| r.get(kind))
            .and_then(Value::as_object)
    };
    let mut found = BTreeMap::new();
    for (name, amount) in ["limits", "requests"].into_iter().filter_map(amounts).flatten() {
        let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
        if let Some(milli) = quantity::parse_milli(&text) {
            found.insert(name.as_str(), milli);
        }
    }
    let mut sum = Resources::default();
    for (name, milli) in found {
        match name {
            "cpu" => sum.cpu.0 = milli,
            "memory" => sum.memory.0 = milli.div_ceil(1000),
            other => drop(sum.extended.insert(other.to_owned(), milli.div_ceil(1000))),
        }
    }
    sum
}

//! Which parts of a spec decide what a job needs, and so where it may go.

use serde_json::{Map, Value};

use super::{conf, path};

/// Fields of the application.
const FIELDS: [&str; 4] = [
    "dynamicAllocation",
    "mainApplicationFile",
    "memoryOverheadFactor",
    "sparkVersion",
];
/// Fields of the driver and of the executor.
const PART_FIELDS: [&str; 8] = [
    "coreRequest",
    "cores",
    "gpu",
    "initContainers",
    "instances",
    "memory",
    "memoryOverhead",
    "sidecars",
];

/// The places of `spec` that [`super::demand`] reads, or by which a cluster is chosen.
pub fn sizing(spec: &Map<String, Value>) -> Vec<String> {
    let top = FIELDS.iter().filter(|name| spec.contains_key(**name));
    let mut places: Vec<String> = top.map(|name| (*name).to_owned()).collect();
    for part in ["driver", "executor"] {
        let Some(fields) = spec.get(part).and_then(Value::as_object) else {
            continue;
        };
        let named = PART_FIELDS.iter().filter(|name| fields.contains_key(**name));
        places.extend(named.map(|name| path::key(part, name)));
        let template = fields.get("template").and_then(|template| template.get("spec"));
        for list in ["containers", "initContainers"] {
            if template.is_some_and(|spec| spec.get(list).is_some()) {
                places.push(format!("{part}.template.spec.{list}"));
            }
        }
    }
    let keys = spec.get("sparkConf").and_then(Value::as_object);
    let sizing = keys
        .into_iter()
        .flat_map(Map::keys)
        .filter(|key| conf::sizes(key));
    places.extend(sizing.map(|key| path::key("sparkConf", key)));
    places
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_decides_where_a_job_goes_is_named_and_nothing_else() {
        let spec = json!({
            "executor": {"memory": "1g", "nodeSelector": {"a": "b"}, "template": {"spec": {"containers": []}}},
            "driver": {"template": {"spec": {"priorityClassName": "p"}}},
            "sparkVersion": "3.5.0",
            "sparkConf": {"spark.executor.instances": "3", "spark.eventLog.enabled": "true",
                "spark.executor.resource.gpu.amount": "1", "spark.kubernetes.driver.limit.cores": "2"},
        });
        assert_eq!(
            sizing(spec.as_object().unwrap()),
            [
                "sparkVersion",
                "executor.memory",
                "executor.template.spec.containers",
                "sparkConf.spark.executor.instances",
                "sparkConf.spark.executor.resource.gpu.amount",
            ]
        );
    }
}

//! On which nodes the pods of a job may go, as the operator and Spark make them.
//!
//! Sources: Spark's `BasicDriverFeatureStep` and `BasicExecutorFeatureStep` write the selectors of the configuration over
//! those of the pod template; the operator passes `nodeSelector` on as configuration (`submission.go`, 2.4.0), and its
//! webhook adds driver's and executor's `nodeSelector` and `tolerations` to the pods (`sparkpod_defaulter.go`).

use serde_json::{Map, Value};

use super::merged::SparkConf;
use crate::model::{Constraints, NAMES_OF_NODES, TaintEffect, Toleration};

/// What a partial spec, such as a cluster's defaults, says of the nodes of driver and executors.
pub fn node_constraints(spec: &Map<String, Value>) -> [Constraints; 2] {
    let conf = SparkConf::of(spec);
    ["driver", "executor"].map(|part| constraints(&conf, part, spec))
}

/// On which nodes the pods of `part` (`driver`, `executor`) may go.
pub(super) fn constraints(conf: &SparkConf, part: &str, spec: &Map<String, Value>) -> Constraints {
    let field = spec.get(part);
    let template = field.and_then(|field| field.get("template")?.get("spec"));
    let mut found = Constraints::default();
    let selector = &mut found.node_selector;
    let texts = |from: Option<&Value>| -> Vec<(String, String)> {
        let labels = from
            .and_then(|from| from.get("nodeSelector"))
            .and_then(Value::as_object);
        let labels = labels.into_iter().flatten();
        labels
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect()
    };
    selector.extend(texts(template));
    for prefix in [
        "spark.kubernetes.node.selector.".to_owned(),
        format!("spark.kubernetes.{part}.node.selector."),
    ] {
        selector.extend(conf.below(&prefix));
    }
    selector.extend(texts(field));
    selector.retain(|label, _| !NAMES_OF_NODES.contains(&label.as_str()));
    for from in [template, field].into_iter().flatten() {
        let listed = from.get("tolerations").and_then(Value::as_array);
        found
            .tolerations
            .extend(listed.into_iter().flatten().filter_map(toleration));
    }
    found
}

/// Nothing where it tolerates only what keeps no pod away.
fn toleration(value: &Value) -> Option<Toleration> {
    let text = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let effect = match text("effect") {
        None => None,
        Some("NoSchedule") => Some(TaintEffect::NoSchedule),
        Some("NoExecute") => Some(TaintEffect::NoExecute),
        Some(_) => return None,
    };
    let exists = text("operator") == Some("Exists");
    Some(Toleration {
        key: text("key").map(str::to_owned),
        value: (!exists).then(|| text("value").unwrap_or_default().to_owned()),
        effect,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_come_from_template_configuration_and_fields_and_tolerations_are_added_up() {
        let spec = json!({
            "nodeSelector": {"pool": "app", "arch": "arm64"},
            "sparkConf": {
                "spark.kubernetes.node.selector.pool": "conf",
                "spark.kubernetes.node.selector.zone": "conf",
                "spark.kubernetes.driver.node.selector.zone": "driver-conf",
                "spark.kubernetes.executor.node.selector.disk": "ssd",
            },
            "driver": {
                "nodeSelector": {"arch": "amd64", "kubernetes.io/hostname": "n1"},
                "tolerations": [{"key": "a", "operator": "Exists"}, {"key": "b", "effect": "PreferNoSchedule"}],
                "template": {"spec": {
                    "nodeSelector": {"zone": "template", "rack": "7"},
                    "tolerations": [{"key": "c", "value": "v", "effect": "NoExecute"}],
                }},
            },
        });
        let spec = spec.as_object().unwrap();
        let conf = SparkConf::of(spec);
        let driver = constraints(&conf, "driver", spec);
        let labels: Vec<String> = driver
            .node_selector
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        assert_eq!(labels, ["arch=amd64", "pool=app", "rack=7", "zone=driver-conf"]);
        let told = serde_json::to_value(&driver.tolerations).unwrap();
        assert_eq!(
            told,
            json!([{"key": "c", "value": "v", "effect": "NoExecute"}, {"key": "a"}])
        );
        let executor = constraints(&conf, "executor", spec);
        let labels: Vec<String> = executor
            .node_selector
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        assert_eq!(labels, ["arch=arm64", "disk=ssd", "pool=app", "zone=conf"]);
        assert!(executor.tolerations.is_empty());
    }
}

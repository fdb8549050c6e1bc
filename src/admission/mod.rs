//! Guard rails: what a job queue lets in, whatever else is well-formed.

mod named;

use regex::Regex;
use serde_json::{Map, Value};

use crate::error::Violation;
use crate::model::Demand;
use crate::spec;

type Object = Map<String, Value>;

/// What a job queue lets in; an absent list allows everything. `hostPath` volumes and privileged containers are let in
/// nowhere.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Who may send; a `*` at the end stands for any rest.
    pub senders: Option<Vec<String>>,
    /// Which images may run; a `*` at the end stands for any rest.
    pub images: Option<Vec<String>>,
    /// Which service accounts may be used.
    pub service_accounts: Option<Vec<String>>,
    /// Keys that `sparkConf` must not hold.
    pub denied_spark_conf: Vec<Regex>,
    /// Most executors: of the start and of dynamic allocation's maximum.
    pub max_executors: Option<u32>,
}

/// Everything in the effective spec that `policy` doesn't let in.
pub fn check(policy: &Policy, spec: &Object, demand: &Demand, sender: Option<&str>) -> Vec<Violation> {
    let mut faults = Vec::new();
    if let Some(senders) = &policy.senders
        && !sender.is_some_and(|sender| matches_any(senders, sender))
    {
        faults.push(Violation::new(
            "sender",
            sender.unwrap_or("nobody"),
            "a sender that the queue allows",
        ));
    }
    listed(named::images(spec), policy.images.as_deref(), &mut faults);
    let accounts = named::service_accounts(spec);
    listed(accounts, policy.service_accounts.as_deref(), &mut faults);
    denied_conf(spec, &policy.denied_spark_conf, &mut faults);
    if let Some(max) = policy.max_executors {
        too_many(spec, demand, max, &mut faults);
    }
    host_paths_of_conf(spec, &mut faults);
    for (name, value) in spec {
        forbidden(value, name, &mut faults);
    }
    faults
}

fn matches_any(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => text.starts_with(prefix),
        None => pattern == text,
    })
}

fn listed(named: Vec<(String, String)>, allowed: Option<&[String]>, faults: &mut Vec<Violation>) {
    let Some(allowed) = allowed else { return };
    for (path, found) in named.into_iter().filter(|(_, name)| !matches_any(allowed, name)) {
        let expected = format!("one that the queue allows: {}", allowed.join(", "));
        faults.push(Violation::new(path, found, expected));
    }
}

fn denied_conf(spec: &Object, denied: &[Regex], faults: &mut Vec<Violation>) {
    let conf = spec.get("sparkConf").and_then(Value::as_object);
    for key in conf.into_iter().flat_map(Map::keys) {
        if let Some(pattern) = denied.iter().find(|pattern| pattern.is_match(key)) {
            let expected = format!("no key that matches {pattern}: the queue denies it");
            faults.push(Violation::new(
                format!("sparkConf.{key}"),
                "a denied key",
                expected,
            ));
        }
    }
}

fn too_many(spec: &Object, demand: &Demand, max: u32, faults: &mut Vec<Violation>) {
    let expected = format!("at most {max}, the queue's limit");
    if demand.executors > max {
        faults.push(Violation::new(
            "executor.instances",
            demand.executors,
            expected.clone(),
        ));
    }
    if let Some(most) =
        spec::most_executors(spec).filter(|most| most.is_none_or(|most| most > u64::from(max)))
    {
        let found = most.map_or_else(|| "no bound".to_owned(), |most| most.to_string());
        faults.push(Violation::new("dynamicAllocation.maxExecutors", found, expected));
    }
}

/// Volumes that `sparkConf` mounts from a node.
fn host_paths_of_conf(spec: &Object, faults: &mut Vec<Violation>) {
    let conf = spec.get("sparkConf").and_then(Value::as_object);
    for key in conf.into_iter().flat_map(Map::keys) {
        let mounts = [
            "spark.kubernetes.driver.volumes.hostPath.",
            "spark.kubernetes.executor.volumes.hostPath.",
        ];
        if mounts.iter().any(|prefix| key.starts_with(prefix)) {
            let path = format!("sparkConf.{key}");
            faults.push(Violation::new(
                path,
                "a hostPath volume",
                "another kind of volume",
            ));
        }
    }
}

/// `hostPath` volumes and privileged containers, wherever they stand.
fn forbidden(value: &Value, path: &str, faults: &mut Vec<Violation>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let path = format!("{path}.{key}");
                match (key.as_str(), inner) {
                    ("hostPath", Value::Object(_)) => {
                        faults.push(Violation::new(
                            &path,
                            "a hostPath volume",
                            "another kind of volume",
                        ));
                    }
                    ("privileged", Value::Bool(true)) => {
                        faults.push(Violation::new(
                            &path,
                            "true",
                            "false: privileged containers are let in nowhere",
                        ));
                    }
                    _ => forbidden(inner, &path, faults),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                forbidden(item, &format!("{path}[{index}]"), faults);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(policy: &Policy, spec: &Value, sender: Option<&str>) -> Vec<String> {
        let spec = spec.as_object().unwrap();
        check(policy, spec, &crate::spec::demand(spec), sender)
            .into_iter()
            .map(|v| v.path)
            .collect()
    }

    #[test]
    fn each_guard_rail_holds_and_says_where() {
        let policy = Policy {
            senders: Some(vec!["AIDA*".into()]),
            images: Some(vec!["registry/spark:*".into()]),
            service_accounts: Some(vec!["spark".into()]),
            denied_spark_conf: vec![Regex::new("^spark\\.kubernetes\\.authenticate").unwrap()],
            max_executors: Some(10),
        };
        let good = json!({"image": "registry/spark:3", "driver": {"serviceAccount": "spark"}, "executor": {"instances": 10}});
        assert_eq!(paths(&policy, &good, Some("AIDA1")), [""; 0]);
        let bad = json!({
            "image": "other/spark:3", "driver": {"serviceAccount": "root"}, "executor": {"instances": 11},
            "dynamicAllocation": {"enabled": true, "maxExecutors": 11}, "sparkConf": {"spark.kubernetes.authenticate.x": "y"}
        });
        let expected = [
            "sender",
            "image",
            "driver.serviceAccount",
            "sparkConf.spark.kubernetes.authenticate.x",
            "executor.instances",
            "dynamicAllocation.maxExecutors",
        ];
        assert_eq!(paths(&policy, &bad, None), expected);
    }

    #[test]
    fn no_other_way_leads_around_a_guard_rail() {
        let policy = Policy {
            images: Some(vec!["ours/*".into()]),
            service_accounts: Some(vec!["spark".into()]),
            max_executors: Some(10),
            ..Policy::default()
        };
        let spec = json!({
            "sparkConf": {
                "spark.kubernetes.container.image": "x", "spark.kubernetes.executor.container.image": "ours/y",
                "spark.kubernetes.authenticate.driver.serviceAccountName": "root", "spark.dynamicAllocation.enabled": "true",
                "spark.kubernetes.driver.volumes.hostPath.v.mount.path": "/v"
            },
            "driver": {
                "sidecars": [{"image": "x"}], "initContainers": [{"image": "ours/z"}],
                "template": {"spec": {"serviceAccountName": "root", "initContainers": [{"image": "x"}]}}
            }
        });
        let expected = [
            "sparkConf.spark.kubernetes.container.image",
            "driver.sidecars[0].image",
            "driver.template.spec.initContainers[0].image",
            "sparkConf.spark.kubernetes.authenticate.driver.serviceAccountName",
            "driver.template.spec.serviceAccountName",
            "dynamicAllocation.maxExecutors",
            "sparkConf.spark.kubernetes.driver.volumes.hostPath.v.mount.path",
        ];
        assert_eq!(paths(&policy, &spec, None), expected);
    }

    #[test]
    fn host_paths_and_privileged_containers_are_let_in_nowhere() {
        let spec = json!({
            "volumes": [{"name": "v", "hostPath": {"path": "/"}}],
            "driver": {"template": {"spec": {"containers": [{"securityContext": {"privileged": true}}]}}}
        });
        let found = paths(&Policy::default(), &spec, None);
        assert_eq!(
            found,
            [
                "volumes[0].hostPath",
                "driver.template.spec.containers[0].securityContext.privileged"
            ]
        );
    }
}

use serde_json::{Value, json};

use super::*;

fn quota(name: &str, spec: Value, status: Value) -> ResourceQuota {
    let object = json!({"metadata": {"name": name}, "spec": spec, "status": status});
    serde_json::from_value(object).unwrap()
}

fn only(spec: Value, status: Value) -> Option<Pool> {
    let mut quotas = Quotas::default();
    quotas.quota(&quota("q", spec, status));
    quotas.pools(&[]).into_iter().next()
}

fn amounts<const N: usize>(named: [(&str, u64); N]) -> BTreeMap<String, u64> {
    named.map(|(name, amount)| (name.to_owned(), amount)).into()
}

#[test]
fn what_a_quota_leaves_is_hard_less_used_of_what_jobs_request() {
    let hard = json!({
        "requests.cpu": "10", "memory": "4Gi", "pods": "20", "requests.nvidia.com/gpu": "2",
        "limits.cpu": "1", "count/pods": "1", "requests.storage": "1Gi", "services": "0",
        "gold.storageclass.storage.k8s.io/requests.storage": "1Gi",
    });
    let used = json!({"requests.cpu": "2500m", "memory": "1Gi", "pods": "3", "requests.nvidia.com/gpu": "2"});
    let pool = only(json!({"hard": hard}), json!({"hard": hard, "used": used})).unwrap();
    let gib = 1 << 30;
    let total = [
        ("cpu", 10_000),
        ("memory", 4 * gib),
        ("pods", 20),
        ("nvidia.com/gpu", 2),
    ];
    assert_eq!(pool.total, amounts(total));
    let free = [
        ("cpu", 7500),
        ("memory", 3 * gib),
        ("pods", 17),
        ("nvidia.com/gpu", 0),
    ];
    assert_eq!(pool.free, amounts(free));
}

#[test]
fn both_names_of_one_resource_count_and_the_least_wins() {
    let hard = json!({"cpu": "8", "requests.cpu": "6"});
    let used = json!({"cpu": "5", "requests.cpu": "1"});
    let pool = only(json!({"hard": hard}), json!({"hard": hard, "used": used})).unwrap();
    assert_eq!((pool.total["cpu"], pool.free["cpu"]), (6000, 3000));
}

#[test]
fn what_is_not_counted_yet_leaves_nothing_and_a_lowered_limit_counts_at_once() {
    let pool = only(json!({"hard": {"cpu": "8"}}), Value::Null).unwrap();
    assert_eq!((pool.total["cpu"], pool.free["cpu"]), (8000, 0));
    let status = json!({"hard": {"cpu": "8"}, "used": {"cpu": "5"}});
    let pool = only(json!({"hard": {"cpu": "6"}}), status.clone()).unwrap();
    assert_eq!(pool.free["cpu"], 1000);
    let pool = only(json!({"hard": {"cpu": "20"}}), status.clone()).unwrap();
    assert_eq!(pool.free["cpu"], 3000, "a raised one counts once it is enforced");
    let pool = only(json!({"hard": {"cpu": "4"}}), status).unwrap();
    assert_eq!(pool.free["cpu"], 0, "in use beyond the limit");
}

#[test]
fn a_quota_counts_only_if_its_scopes_are_true_of_every_spark_pod() {
    let scoped = |fields: Value| {
        let mut spec = json!({"hard": {"pods": "5"}});
        spec.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        only(spec, json!({"hard": {"pods": "5"}, "used": {"pods": "1"}})).is_some()
    };
    let selector = |scope: &str, operator: &str, values: Value| {
        json!({"scopeSelector": {"matchExpressions": [
            {"scopeName": scope, "operator": operator, "values": values}]}})
    };
    assert!(scoped(json!({})));
    assert!(scoped(json!({"scopes": ["NotTerminating", "NotBestEffort"]})));
    assert!(scoped(selector("NotTerminating", "Exists", Value::Null)));
    for scope in [
        "Terminating",
        "BestEffort",
        "PriorityClass",
        "CrossNamespacePodAffinity",
    ] {
        assert!(!scoped(json!({"scopes": [scope]})), "{scope}");
        assert!(!scoped(json!({"scopes": ["NotTerminating", scope]})), "{scope}");
    }
    assert!(!scoped(selector("PriorityClass", "In", json!(["high"]))));
    assert!(!scoped(selector("PriorityClass", "DoesNotExist", Value::Null)));
}

#[test]
fn a_pod_that_was_seen_is_in_use_before_its_quota_says_so() {
    let mut quotas = Quotas::default();
    let status = json!({"hard": {"cpu": "8"}, "used": {"cpu": "1"}});
    quotas.quota(&quota("q", json!({"hard": {"cpu": "8"}}), status));
    let mut pods = Resources::default();
    pods.set("cpu", 3000);
    assert_eq!(quotas.pools(&[("sb-1-a1".into(), pods)])[0].free["cpu"], 5000);
}

#[test]
fn quotas_come_and_go() {
    let mut quotas = Quotas::default();
    let of = |name| quota(name, json!({"hard": {"cpu": "8"}}), Value::Null);
    quotas.quota(&of("a"));
    quotas.quota(&of("b"));
    quotas.quota_gone(&of("a"));
    let names: Vec<String> = quotas.pools(&[]).into_iter().map(|pool| pool.name).collect();
    assert_eq!(names, ["b"]);
}

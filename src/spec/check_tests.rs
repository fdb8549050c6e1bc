//! Specs as users write them, right and wrong.

use serde_json::{Map, Value, json};

use super::*;
use crate::error::Violation;

fn faults(spec: Value) -> Vec<Violation> {
    check(spec.as_object().unwrap())
}

fn only(spec: Value) -> Violation {
    let mut found = faults(spec);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn fine(spec: Value) {
    assert_eq!(faults(spec.clone()), [], "{spec}");
}

#[test]
fn what_the_reader_of_a_field_accepts_is_accepted() {
    fine(json!({"driver": {"coreLimit": "1200m"}, "executor": {"coreRequest": "0.5"}}));
    for memory in ["1024m", "2gb", "1024"] {
        fine(
            json!({"driver": {"memory": memory}, "executor": {"memoryOverhead": memory, "memoryLimit": "2Gi"}}),
        );
    }
    fine(
        json!({"driver": {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}}),
    );
    fine(
        json!({"volumes": [{"name": "v", "emptyDir": {}}], "timeouts": {"queue": "2h", "run": 90}, "image": null}),
    );
}

#[test]
fn what_it_refuses_is_refused_with_what_to_write_instead() {
    let driver = |memory: &str| only(json!({"driver": {"memory": memory}}));
    assert!(driver("1.5g").expected.contains("`1536m`"));
    assert!(driver("2Gi").expected.contains("`2g`"));
    assert!(driver("2 gigs").expected.contains("`2g`"));
    let violation = driver("2 gigs");
    assert_eq!(
        (violation.path.as_str(), violation.found.as_str()),
        ("driver.memory", "\"2 gigs\"")
    );
    assert!(
        only(json!({"sparkConf": {"spark.executor.cores": 2}}))
            .expected
            .contains("\"2\"")
    );
    assert_eq!(
        only(json!({"executor": {"coreRequest": "many"}})).path,
        "executor.coreRequest"
    );
}

#[test]
fn unknown_fields_come_with_a_suggestion() {
    let violation = only(json!({"mainAplicationFile": "a"}));
    assert!(
        violation.expected.contains("`mainApplicationFile`"),
        "{violation}"
    );
    let violation = only(json!({"executor": {"instance": 2}}));
    assert_eq!(violation.path, "executor.instance");
    assert!(violation.expected.contains("`instances`"), "{violation}");
    let violation = only(json!({"volumes": [{"name": "v", "emptyDirr": {}}]}));
    assert_eq!(violation.path, "volumes[0].emptyDirr");
}

#[test]
fn executors_out_of_range_are_refused() {
    for instances in [json!(-1), json!(1_000_000_000_000_u64), json!(1.5), json!("2")] {
        assert_eq!(
            only(json!({"executor": {"instances": instances}})).path,
            "executor.instances"
        );
    }
}

#[test]
fn what_the_broker_owns_or_what_hides_the_driver_is_refused() {
    for (spec, path) in [
        (json!({"suspend": true}), "suspend"),
        (json!({"driver": {"podName": "x"}}), "driver.podName"),
        (json!({"mode": "client"}), "mode"),
        (
            json!({"sparkConf": {"spark.kubernetes.driver.pod.name": "x"}}),
            "sparkConf.spark.kubernetes.driver.pod.name",
        ),
        (
            json!({"sparkConf": {"spark.kubernetes.namespace": "x"}}),
            "sparkConf.spark.kubernetes.namespace",
        ),
        (
            json!({"sparkConf": {"spark.kubernetes.submission.waitAppCompletion": "true"}}),
            "sparkConf.spark.kubernetes.submission.waitAppCompletion",
        ),
        (
            json!({"labels": {"spark-broker/attempt": "7"}}),
            "labels.spark-broker/attempt",
        ),
    ] {
        assert_eq!(only(spec).path, path);
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let found =
        faults(json!({"queue": 5, "driver": {"memory": "x"}, "executor": {"cores": 0}, "nonsense": 1}));
    let paths: Vec<_> = found.iter().map(|v| v.path.as_str()).collect();
    assert_eq!(paths, ["queue", "driver.memory", "executor.cores", "nonsense"]);
}

#[test]
fn a_flood_of_faults_still_fits_a_record() {
    let spec: Map<String, Value> = (0..100_000).map(|n| (format!("field-{n}"), json!(1))).collect();
    let found = check(&spec);
    assert_eq!(found.len(), 201);
    assert_eq!(found[200].found, "99800 more faults");
    let deep = (0..90).fold(json!(1), |inner, _| json!({"x".repeat(1000): inner}));
    let found = faults(json!({"driver": {"template": {"spec": {"affinity": deep}}}, "x".repeat(100_000): 1}));
    assert!(
        found.iter().all(|fault| fault.path.chars().count() <= 400),
        "{found:?}"
    );
}

#[test]
fn submission_retries_are_read_as_the_brokers_own_and_never_sent() {
    let spec = json!({"restartPolicy": {"type": "OnFailure", "onFailureRetries": 2, "onSubmissionFailureRetries": 4}});
    let spec = spec.as_object().unwrap();
    assert_eq!(JobSpec::of(spec).retry.max_attempts, 5);
    let marks = ObjectMarks {
        name: "n".into(),
        namespace: "s".into(),
        labels: [("spark-broker/attempt".to_owned(), "1".to_owned())].into(),
        annotations: Default::default(),
    };
    let object = object(spec, &marks, Some(60));
    assert_eq!(
        object["spec"]["restartPolicy"],
        json!({"type": "OnFailure", "onFailureRetries": 2})
    );
    assert_eq!(object["spec"]["timeToLiveSeconds"], 60);
    assert_eq!(object["spec"]["driver"]["labels"]["spark-broker/attempt"], "1");
}

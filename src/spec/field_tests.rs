//! Field by field: what is accepted, and what is refused with which words.

use serde_json::{Map, Value, json};

use super::*;
use crate::error::Violation;

fn map(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn faults(value: Value) -> Vec<Violation> {
    check(&map(value))
}

fn paths(faults: &[Violation]) -> Vec<&str> {
    faults.iter().map(|fault| fault.path.as_str()).collect()
}

/// The example of the README, which names neither type nor image.
fn pi() -> Value {
    json!({
        "applicationName": "SparkPiDemo", "queue": "dev", "sparkVersion": "3.5.0",
        "mainApplicationFile": "local:///usr/lib/spark/examples/jars/spark-examples.jar",
        "mainClass": "org.apache.spark.examples.SparkPi",
        "driver": {"cores": 1, "memory": "2g", "serviceAccount": "emr-containers-sa-spark", "labels": {"version": "3.5.0"}},
        "executor": {"instances": 1, "cores": 1, "memory": "2g", "labels": {"version": "3.5.0"}}
    })
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn with(mut spec: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    spec.pointer_mut(parent).unwrap()[key] = value;
    spec
}

#[test]
fn a_plain_spec_has_no_fault() {
    assert_eq!(faults(pi()), []);
}

/// Place and value.
const ACCEPTED: &[(&str, &str)] = &[
    ("/sparkConf", r#"{"fs.s3a.endpoint": "x"}"#),
    ("/nodeSelector", r#"{"a": "b"}"#),
    ("/driver/coreLimit", r#""1200m""#),
    ("/driver/coreRequest", r#""0.5""#),
    ("/executor/coreRequest", r#""1""#),
    ("/driver/memory", r#""1024m""#),
    ("/driver/memory", r#""2gb""#),
    ("/driver/memory", r#""1024""#),
    ("/executor/memoryOverhead", r#""512m""#),
    ("/driver/memoryLimit", r#""2Gi""#),
    ("/driver/memoryLimit", r#""2g""#),
    ("/memoryOverheadFactor", r#""0.25""#),
    ("/arguments", r#"["1", "2"]"#),
    (
        "/sparkConf",
        r#"{"spark.executor.memory": "3g", "spark.sql.shuffle.partitions": "200"}"#,
    ),
    (
        "/volumes",
        r#"[{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}, {"name": "w", "emptyDir": {"sizeLimit": 100}}]"#,
    ),
    (
        "/driver/env",
        r#"[{"name": "A", "value": "b"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]"#,
    ),
    (
        "/driver/sidecars",
        r#"[{"name": "s", "image": "i", "resources": {"requests": {"cpu": 1}}}]"#,
    ),
    (
        "/driver/template",
        r#"{"metadata": {"labels": {"a": "b"}}, "spec": {"nodeSelector": {"a": "b"}}}"#,
    ),
    (
        "/driver/lifecycle",
        r#"{"preStop": {"exec": {"command": ["a"]}}}"#,
    ),
    (
        "/driver/lifecycle",
        r#"{"preStop": {"httpGet": {"port": "http"}}}"#,
    ),
    (
        "/driver/tolerations",
        r#"[{"key": "a", "operator": "Exists", "tolerationSeconds": 3}]"#,
    ),
    ("/labels", r#"{"team": "a", "example.com/x": ""}"#),
    ("/annotations", r#"{"simulated.spark-broker/run-time": "8s"}"#),
    ("/timeouts", r#"{"queue": "1h30m", "run": 60}"#),
    (
        "/retry",
        r#"{"maxAttempts": 5, "on": ["Lost", "ApplicationFailed"]}"#,
    ),
    ("/clusters", r#"["spark-cluster-a"]"#),
    ("/driver/memory", r#"null"#),
    ("/image", r#""r/i:{spark-broker:submission-id}""#),
    ("/driver/labels", r#"{"job": "{spark-broker:submission-id}"}"#),
];

#[test]
fn what_the_reader_of_a_field_accepts_is_accepted() {
    for (pointer, value) in ACCEPTED {
        let (pointer, value) = (*pointer, json_of(value));
        assert_eq!(
            faults(with(pi(), pointer, value.clone())),
            [],
            "{pointer} {value}"
        );
    }
}

/// Place, value, the place of the fault, and a part of what is expected.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    ("/driver/memory", r#""2 gigs""#, "driver.memory", "`2g`"),
    ("/driver/memory", r#""1.5g""#, "driver.memory", "`1536m`"),
    ("/executor/memory", r#""2Gi""#, "executor.memory", "`2g`"),
    (
        "/executor/memoryOverhead",
        r#""512Mi""#,
        "executor.memoryOverhead",
        "`512m`",
    ),
    ("/driver/memory", r#"2048"#, "driver.memory", "\"2048m\""),
    ("/driver/memory", r#""0""#, "driver.memory", "`1m`"),
    ("/driver/cores", r#""2""#, "driver.cores", "whole number"),
    ("/driver/cores", r#"0"#, "driver.cores", "between 1"),
    ("/driver/cores", r#"1.5"#, "driver.cores", "whole number"),
    ("/driver/coreLimit", r#"2"#, "driver.coreLimit", "\"2\""),
    ("/driver/coreLimit", r#""two""#, "driver.coreLimit", "1200m"),
    (
        "/executor/instances",
        r#"-1"#,
        "executor.instances",
        "between 1 and",
    ),
    (
        "/executor/instances",
        r#"1000000000000"#,
        "executor.instances",
        "100000",
    ),
    (
        "/sparkConf",
        r#"{"spark.executor.instances": "-3"}"#,
        "sparkConf.spark.executor.instances",
        "between 0",
    ),
    (
        "/sparkConf",
        r#"{"spark.executor.cores": 4}"#,
        "sparkConf.spark.executor.cores",
        "\"4\"",
    ),
    (
        "/sparkConf",
        r#"{"spark.a": true}"#,
        "sparkConf.spark.a",
        "\"true\"",
    ),
    (
        "/sparkConf",
        r#"{"spark.driver.memory": "1.5g"}"#,
        "sparkConf.spark.driver.memory",
        "`1536m`",
    ),
    ("/sparkConf", r#"[]"#, "sparkConf", "an object"),
    ("/mode", r#""client""#, "mode", "`cluster`"),
    ("/type", r#""java""#, "type", "`Java`"),
    ("/suspend", r#"true"#, "suspend", "broker"),
    ("/driver/podName", r#""x""#, "driver.podName", "collide"),
    ("/template", r#""t""#, "template", "aren't built"),
    ("/parameters", r#"{}"#, "parameters", "aren't built"),
    ("/queue", r#""No Queue""#, "queue", "DNS label"),
    ("/submissionId", r#""a/b""#, "submissionId", "[A-Za-z0-9._:-]"),
    ("/clusters", r#""a""#, "clusters", "a list"),
    ("/timeouts", r#"{"run": "1 hour"}"#, "timeouts.run", "30s"),
    ("/timeouts", r#"{"rum": "1h"}"#, "timeouts.rum", "`run`"),
    (
        "/retry",
        r#"{"on": ["SubmissionFailed"]}"#,
        "retry.on[0]",
        "ApplicationFailed",
    ),
    ("/priority", r#"3000000000"#, "priority", "whole number"),
    ("/drivr", r#"{}"#, "drivr", "did you mean `driver`?"),
    (
        "/executor/memoryOverHead",
        r#""1g""#,
        "executor.memoryOverHead",
        "did you mean `memoryOverhead`?",
    ),
    ("/executor/zzz", r#""1g""#, "executor.zzz", "remove it"),
    (
        "/driver/labels",
        r#"{"spark-broker/queue": "x"}"#,
        "driver.labels.spark-broker/queue",
        "spark-broker/",
    ),
    ("/driver/labels", r#"{"a": "b c"}"#, "driver.labels.a", "63"),
    ("/driver/labels", r#"{"a": 1}"#, "driver.labels.a", "\"1\""),
    ("/image", r#""{spark-broker:nope}""#, "image", "submission-id"),
    ("/driver", r#"[]"#, "driver", "an object"),
    (
        "/driver/gpu",
        r#"{"name": "nvidia.com/gpu", "quantity": 0}"#,
        "driver.gpu.quantity",
        "between 1",
    ),
    (
        "/driver/env",
        r#"[{"value": "b"}]"#,
        "driver.env[0].name",
        "requires",
    ),
    (
        "/driver/env",
        r#"[{"name": "A", "valeu": "b"}]"#,
        "driver.env[0].valeu",
        "knows",
    ),
    (
        "/driver/env",
        r#"[{"name": "A", "value": 1}]"#,
        "driver.env[0].value",
        "string",
    ),
    (
        "/driver/affinity",
        r#"{"nodeAffinity": {"x": 1}}"#,
        "driver.affinity.nodeAffinity.x",
        "knows",
    ),
    (
        "/driver/securityContext",
        r#"{"runAsUser": "root"}"#,
        "driver.securityContext.runAsUser",
        "i64",
    ),
    (
        "/volumes",
        r#"[{"name": "v", "emptyDri": {}}]"#,
        "volumes[0].emptyDri",
        "knows",
    ),
    (
        "/driver/template",
        r#"{"spec": {"nodeSelektor": {}}}"#,
        "driver.template.spec.nodeSelektor",
        "knows",
    ),
    (
        "/driver/ports",
        r#"[{"name": "a", "protocol": "TCP"}]"#,
        "driver.ports[0].containerPort",
        "required",
    ),
];

#[test]
fn what_the_reader_refuses_is_refused_with_what_to_write_instead() {
    for (pointer, value, path, expected) in REFUSED {
        let (pointer, value) = (*pointer, json_of(value));
        let found = faults(with(pi(), pointer, value.clone()));
        let fault = found.iter().find(|fault| fault.path == *path);
        let fault = fault.unwrap_or_else(|| panic!("{pointer} {value}: {found:?}"));
        assert!(fault.expected.contains(expected), "{pointer} {value}: {fault:?}");
        assert_eq!(found.len(), 1, "{pointer} {value}: {found:?}");
    }
}

#[test]
fn what_hides_the_driver_is_refused() {
    for key in [
        "spark.kubernetes.driver.pod.name",
        "spark.kubernetes.namespace",
        "spark.kubernetes.submission.waitAppCompletion",
        "spark.master",
        "spark.kubernetes.driver.podTemplateFile",
        "spark.kubernetes.driver.label.spark-broker/attempt",
    ] {
        assert_eq!(faults(json!({"sparkConf": {key: "x"}})).len(), 1, "{key}");
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let spec = json!({
        "submissionId": "a/b", "queue": "Q", "driver": {"memory": "2 gigs", "cores": 0}, "executor": {"instances": -1},
        "sparkConf": {"spark.kubernetes.namespace": "x"}, "volumes": [{"nam": "v"}, 3], "bogus": 1
    });
    let found = faults(spec);
    let expected = [
        "submissionId",
        "queue",
        "driver.memory",
        "driver.cores",
        "executor.instances",
        "sparkConf.spark.kubernetes.namespace",
        "volumes[0].nam",
        "volumes[0].name",
        "volumes[1]",
        "bogus",
    ];
    assert_eq!(paths(&found), expected);
}

#[test]
fn an_effective_spec_lacks_nothing() {
    let found = missing(&map(
        json!({"monitoring": {"exposeDriverMetrics": true}, "driver": {"envSecretKeyRefs": {"A": {"name": "s"}}}}),
    ));
    let expected = [
        "sparkVersion",
        "mainApplicationFile",
        "driver.envSecretKeyRefs.A.key",
        "monitoring.exposeExecutorMetrics",
    ];
    assert_eq!(paths(&found), expected);
    assert_eq!(missing(&map(pi())), []);
    assert!(!has_image(&map(pi())));
    assert!(has_image(&map(
        json!({"sparkConf": {"spark.kubernetes.container.image": "i"}})
    )));
    assert!(has_image(&map(
        json!({"driver": {"image": "i"}, "executor": {"image": "i"}})
    )));
    assert!(!has_image(&map(json!({"driver": {"image": "i"}}))));
}

#[test]
fn fields_that_contradict_each_other_are_refused() {
    for (pointer, value, path) in [
        (
            "/sparkConf",
            json!({"spark.executor.resource.gpu.amount": "1"}),
            "sparkConf.spark.executor.resource.gpu.amount",
        ),
        (
            "/sparkConf",
            json!({"spark.memory.offHeap.enabled": "true"}),
            "sparkConf.spark.memory.offHeap.size",
        ),
        (
            "/dynamicAllocation",
            json!({"enabled": true, "minExecutors": 5, "maxExecutors": 3}),
            "dynamicAllocation.maxExecutors",
        ),
    ] {
        assert_eq!(paths(&missing(&map(with(pi(), pointer, value)))), [path]);
    }
}

#[test]
fn fields_that_are_not_built_are_refused_by_name() {
    for path in UNBUILT {
        let value = path
            .rsplit('.')
            .fold(json!("1h"), |inner, name| json!({name: inner}));
        let found = faults(value);
        assert_eq!(paths(&found), [*path]);
        assert!(found[0].expected.contains("built yet"), "{found:?}");
    }
}

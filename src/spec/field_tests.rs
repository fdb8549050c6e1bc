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

fn with(mut spec: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    spec.pointer_mut(parent).unwrap()[key] = value;
    spec
}

#[test]
fn a_plain_spec_has_no_fault() {
    assert_eq!(faults(pi()), []);
}

#[test]
fn what_the_reader_of_a_field_accepts_is_accepted() {
    for (pointer, value) in [
        ("/driver/coreLimit", json!("1200m")),
        ("/driver/coreRequest", json!("0.5")),
        ("/executor/coreRequest", json!("1")),
        ("/driver/memory", json!("1024m")),
        ("/driver/memory", json!("2gb")),
        ("/driver/memory", json!("1024")),
        ("/executor/memoryOverhead", json!("512m")),
        ("/driver/memoryLimit", json!("2Gi")),
        ("/driver/memoryLimit", json!("2g")),
        ("/memoryOverheadFactor", json!("0.25")),
        ("/arguments", json!(["1", "2"])),
        (
            "/sparkConf",
            json!({"spark.executor.memory": "3g", "spark.sql.shuffle.partitions": "200"}),
        ),
        (
            "/volumes",
            json!([{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}, {"name": "w", "emptyDir": {"sizeLimit": 100}}]),
        ),
        (
            "/driver/env",
            json!([{"name": "A", "value": "b"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]),
        ),
        (
            "/driver/sidecars",
            json!([{"name": "s", "image": "i", "resources": {"requests": {"cpu": 1}}}]),
        ),
        (
            "/driver/template",
            json!({"metadata": {"labels": {"a": "b"}}, "spec": {"nodeSelector": {"a": "b"}}}),
        ),
        (
            "/driver/lifecycle",
            json!({"preStop": {"exec": {"command": ["a"]}}}),
        ),
        (
            "/driver/lifecycle",
            json!({"preStop": {"httpGet": {"port": "http"}}}),
        ),
        (
            "/driver/tolerations",
            json!([{"key": "a", "operator": "Exists", "tolerationSeconds": 3}]),
        ),
        ("/labels", json!({"team": "a", "example.com/x": ""})),
        ("/annotations", json!({"simulated.spark-broker/run-time": "8s"})),
        ("/timeouts", json!({"queue": "1h30m", "run": 60})),
        (
            "/retry",
            json!({"maxAttempts": 5, "on": ["Lost", "ApplicationFailed"]}),
        ),
        ("/clusters", json!(["spark-cluster-a"])),
        ("/driver/memory", Value::Null),
        ("/image", json!("r/i:{spark-broker:submission-id}")),
        ("/driver/labels", json!({"job": "{spark-broker:submission-id}"})),
    ] {
        assert_eq!(
            faults(with(pi(), pointer, value.clone())),
            [],
            "{pointer} {value}"
        );
    }
}

#[test]
fn what_the_reader_refuses_is_refused_with_what_to_write_instead() {
    for (pointer, value, path, expected) in [
        ("/driver/memory", json!("2 gigs"), "driver.memory", "`2g`"),
        ("/driver/memory", json!("1.5g"), "driver.memory", "`1536m`"),
        ("/executor/memory", json!("2Gi"), "executor.memory", "`2g`"),
        (
            "/executor/memoryOverhead",
            json!("512Mi"),
            "executor.memoryOverhead",
            "`512m`",
        ),
        ("/driver/memory", json!(2048), "driver.memory", "\"2048m\""),
        ("/driver/memory", json!("0"), "driver.memory", "`1m`"),
        ("/driver/cores", json!("2"), "driver.cores", "whole number"),
        ("/driver/cores", json!(0), "driver.cores", "between 1"),
        ("/driver/cores", json!(1.5), "driver.cores", "whole number"),
        ("/driver/coreLimit", json!(2), "driver.coreLimit", "\"2\""),
        ("/driver/coreLimit", json!("two"), "driver.coreLimit", "1200m"),
        (
            "/executor/instances",
            json!(-1),
            "executor.instances",
            "between 1 and",
        ),
        (
            "/executor/instances",
            json!(1_000_000_000_000_u64),
            "executor.instances",
            "100000",
        ),
        (
            "/sparkConf",
            json!({"spark.executor.instances": "-3"}),
            "sparkConf.spark.executor.instances",
            "between 0",
        ),
        (
            "/sparkConf",
            json!({"spark.executor.cores": 4}),
            "sparkConf.spark.executor.cores",
            "\"4\"",
        ),
        (
            "/sparkConf",
            json!({"spark.a": true}),
            "sparkConf.spark.a",
            "\"true\"",
        ),
        (
            "/sparkConf",
            json!({"spark.driver.memory": "1.5g"}),
            "sparkConf.spark.driver.memory",
            "`1536m`",
        ),
        (
            "/sparkConf",
            json!({"fs.s3a.endpoint": "x"}),
            "sparkConf.fs.s3a.endpoint",
            "spark.",
        ),
        ("/sparkConf", json!([]), "sparkConf", "an object"),
        ("/mode", json!("client"), "mode", "`cluster`"),
        ("/type", json!("java"), "type", "`Java`"),
        ("/suspend", json!(true), "suspend", "broker"),
        ("/driver/podName", json!("x"), "driver.podName", "collide"),
        ("/template", json!("t"), "template", "aren't built"),
        ("/parameters", json!({}), "parameters", "aren't built"),
        ("/queue", json!("No Queue"), "queue", "DNS label"),
        ("/submissionId", json!("a/b"), "submissionId", "[A-Za-z0-9._:-]"),
        ("/clusters", json!("a"), "clusters", "a list"),
        ("/timeouts", json!({"run": "1 hour"}), "timeouts.run", "30s"),
        ("/timeouts", json!({"rum": "1h"}), "timeouts.rum", "`run`"),
        (
            "/retry",
            json!({"on": ["SubmissionFailed"]}),
            "retry.on[0]",
            "ApplicationFailed",
        ),
        ("/priority", json!(3_000_000_000_u64), "priority", "whole number"),
        ("/drivr", json!({}), "drivr", "did you mean `driver`?"),
        (
            "/executor/memoryOverHead",
            json!("1g"),
            "executor.memoryOverHead",
            "did you mean `memoryOverhead`?",
        ),
        ("/executor/zzz", json!("1g"), "executor.zzz", "remove it"),
        (
            "/driver/labels",
            json!({"spark-broker/queue": "x"}),
            "driver.labels.spark-broker/queue",
            "spark-broker/",
        ),
        ("/driver/labels", json!({"a": "b c"}), "driver.labels.a", "63"),
        ("/driver/labels", json!({"a": 1}), "driver.labels.a", "\"1\""),
        ("/image", json!("{spark-broker:nope}"), "image", "submission-id"),
        ("/driver", json!([]), "driver", "an object"),
        (
            "/driver/gpu",
            json!({"name": "nvidia.com/gpu", "quantity": 0}),
            "driver.gpu.quantity",
            "between 1",
        ),
        (
            "/driver/env",
            json!([{"value": "b"}]),
            "driver.env[0].name",
            "requires",
        ),
        (
            "/driver/env",
            json!([{"name": "A", "valeu": "b"}]),
            "driver.env[0].valeu",
            "knows",
        ),
        (
            "/driver/env",
            json!([{"name": "A", "value": 1}]),
            "driver.env[0].value",
            "string",
        ),
        (
            "/driver/affinity",
            json!({"nodeAffinity": {"x": 1}}),
            "driver.affinity.nodeAffinity.x",
            "knows",
        ),
        (
            "/driver/securityContext",
            json!({"runAsUser": "root"}),
            "driver.securityContext.runAsUser",
            "i64",
        ),
        (
            "/volumes",
            json!([{"name": "v", "emptyDri": {}}]),
            "volumes[0].emptyDri",
            "knows",
        ),
        (
            "/driver/template",
            json!({"spec": {"nodeSelektor": {}}}),
            "driver.template.spec.nodeSelektor",
            "knows",
        ),
        (
            "/driver/ports",
            json!([{"name": "a", "protocol": "TCP"}]),
            "driver.ports[0].containerPort",
            "required",
        ),
    ] {
        let found = faults(with(pi(), pointer, value.clone()));
        let fault = found.iter().find(|fault| fault.path == path);
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
    let both = with(
        with(pi(), "/nodeSelector", json!({"a": "b"})),
        "/driver/nodeSelector",
        json!({"a": "b"}),
    );
    assert_eq!(paths(&missing(&map(both))), ["driver.nodeSelector"]);
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

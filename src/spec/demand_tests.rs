//! The pods' requests that Spark would make, worked out by hand. Memory in MiB: heap + max(384, factor × heap) or the
//! explicit overhead (`BasicDriverFeatureStep`, `BasicExecutorFeatureStep`), plus off-heap and PySpark memory for
//! executors; initial executors by `Utils.getDynamicAllocationInitialExecutors`. All of Spark 3.5.

use serde_json::{Value, json};

use super::demand;
use crate::model::{Bytes, Demand, Millicores};

const GIB: u64 = 1024;

/// (millicores, MiB)
pub(super) type Pod = (u64, u64);

/// The specs of all tests of demand. Spark itself is asked about each of them by `tests/real/demand.rs`.
const SPECS: &str = include_str!("../../tests/support/spark/demand.json");

/// The demand of `spec`, which must stand among [`SPECS`].
pub(super) fn of(spec: Value) -> Demand {
    let specs: Vec<Value> = serde_json::from_str(SPECS).unwrap();
    assert!(
        specs.contains(&spec),
        "not in tests/support/spark/demand.json: {spec}"
    );
    demand(spec.as_object().unwrap())
}

pub(super) fn check(spec: Value, driver: Pod, executor: Pod, executors: u32) {
    let found = of(spec.clone());
    let pods = [(&found.driver, driver), (&found.executor, executor)];
    for (pod, (milli, mib)) in pods {
        assert_eq!(
            (pod.cpu, pod.memory, pod.pods),
            (Millicores(milli), Bytes::mib(mib), 1),
            "{spec}"
        );
    }
    assert_eq!(found.executors, executors, "{spec}");
}

pub(super) fn jvm(rest: Value) -> Value {
    let mut spec = json!({"type": "Scala", "mainApplicationFile": "local:///a.jar"});
    spec.as_object_mut()
        .unwrap()
        .extend(rest.as_object().unwrap().clone());
    spec
}

pub(super) fn python(rest: Value) -> Value {
    let mut spec = jvm(rest);
    spec["type"] = json!("Python");
    spec["mainApplicationFile"] = json!("local:///a.py");
    spec
}

/// What Spark asks for where nothing is said: 1 core, 1024 + 384.
pub(super) const PLAIN: Pod = (1000, GIB + 384);

#[test]
fn jvm_defaults() {
    check(jvm(json!({})), PLAIN, PLAIN, 1);
}

#[test]
fn python_overhead_is_four_tenths() {
    // 0.4 × 1024 = 409.6, cut to 409.
    check(python(json!({})), (1000, 1433), (1000, 1433), 1);
    // 0.4 × 8192 = 3276.8.
    check(
        python(json!({"executor": {"memory": "8g"}})),
        (1000, 1433),
        (1000, 8192 + 3276),
        1,
    );
}

#[test]
fn r_is_no_jvm_either() {
    let mut spec = jvm(json!({"driver": {"memory": "4g"}}));
    spec["type"] = json!("R");
    spec["mainApplicationFile"] = json!("local:///a.R");
    // 0.4 × 4096 = 1638.4.
    check(spec, (1000, 4096 + 1638), (1000, 1433), 1);
}

#[test]
fn the_type_follows_from_the_main_class() {
    check(
        json!({"mainClass": "A", "mainApplicationFile": "a"}),
        PLAIN,
        PLAIN,
        1,
    );
    check(
        json!({"mainApplicationFile": "a.py"}),
        (1000, 1433),
        (1000, 1433),
        1,
    );
}

#[test]
fn fields_of_driver_and_executor() {
    let spec = jvm(
        json!({"driver": {"cores": 2, "memory": "2g"}, "executor": {"cores": 3, "memory": "2g", "instances": 5}}),
    );
    // 0.1 × 2048 is less than 384.
    check(spec, (2000, 2432), (3000, 2432), 5);
}

#[test]
fn large_heaps_have_a_tenth() {
    let spec = jvm(json!({"driver": {"memory": "16g"}, "executor": {"memory": "10g"}}));
    // 1638.4 and 1024.
    check(spec, (1000, 16 * GIB + 1638), (1000, 11 * GIB), 1);
}

#[test]
fn explicit_overhead_replaces_the_computed_one() {
    let spec = jvm(json!({
        "driver": {"memory": "4g", "memoryOverhead": "1g"},
        "executor": {"memory": "4g", "memoryOverhead": "100m"}
    }));
    check(spec, (1000, 5 * GIB), (1000, 4 * GIB + 100), 1);
}

#[test]
fn a_bare_number_is_mib() {
    check(
        jvm(json!({"driver": {"memory": "1024", "memoryOverhead": "512"}})),
        (1000, 1536),
        PLAIN,
        1,
    );
}

#[test]
fn core_requests_replace_cores() {
    let spec = jvm(json!({
        "driver": {"cores": 4, "coreRequest": "1200m"}, "executor": {"cores": 4, "coreRequest": "0.5"}
    }));
    check(spec, (1200, GIB + 384), (500, GIB + 384), 1);
}

#[test]
fn limits_are_no_requests() {
    check(
        jvm(json!({"driver": {"coreLimit": "4", "memoryLimit": "8Gi"}})),
        PLAIN,
        PLAIN,
        1,
    );
}

#[test]
fn everything_by_spark_conf_alone() {
    let spec = jvm(json!({"sparkConf": {
        "spark.driver.memory": "3g", "spark.driver.cores": "2", "spark.executor.memory": "6g", "spark.executor.cores": "4",
        "spark.executor.instances": "7"
    }}));
    // 0.1 × 6144 = 614.4.
    check(spec, (2000, 3 * GIB + 384), (4000, 6 * GIB + 614), 7);
}

#[test]
fn overhead_by_spark_conf() {
    let spec = jvm(json!({"sparkConf": {
        "spark.driver.memoryOverhead": "700m", "spark.executor.memoryOverhead": "2g"
    }}));
    check(spec, (1000, GIB + 700), (1000, 3 * GIB), 1);
}

#[test]
fn request_cores_by_spark_conf() {
    let spec = jvm(json!({"sparkConf": {
        "spark.kubernetes.driver.request.cores": "750m", "spark.kubernetes.executor.request.cores": "1.5"
    }}));
    check(spec, (750, GIB + 384), (1500, GIB + 384), 1);
}

#[test]
fn a_field_goes_before_its_twin() {
    let spec = jvm(json!({
        "driver": {"memory": "2g", "cores": 1}, "executor": {"instances": 2},
        "sparkConf": {"spark.driver.memory": "9g", "spark.driver.cores": "9", "spark.executor.instances": "9"}
    }));
    check(spec, (1000, 2 * GIB + 384), PLAIN, 2);
}

#[test]
fn off_heap_memory_is_added_to_executors_when_enabled() {
    let spec = |enabled: &str| {
        jvm(json!({"executor": {"memory": "8g"}, "sparkConf": {
            "spark.memory.offHeap.enabled": enabled, "spark.memory.offHeap.size": "2g"
        }}))
    };
    // 8192 + 819 + 2048, as Spark 3.5.6 gives it: 11059.
    check(spec("true"), PLAIN, (1000, 11_059), 1);
    check(spec("false"), PLAIN, (1000, 8192 + 819), 1);
}

#[test]
fn off_heap_size_without_a_unit_is_bytes() {
    let spec = jvm(json!({"sparkConf": {
        "spark.memory.offHeap.enabled": "true", "spark.memory.offHeap.size": "1073741824"
    }}));
    check(spec, PLAIN, (1000, GIB + 384 + GIB), 1);
}

#[test]
fn pyspark_memory_counts_for_python_alone() {
    let conf = json!({"sparkConf": {"spark.executor.pyspark.memory": "512m"}});
    check(python(conf.clone()), (1000, 1433), (1000, 1433 + 512), 1);
    check(jvm(conf), PLAIN, PLAIN, 1);
}

#[test]
fn factors() {
    // 8192 × 0.25 = 2048; the executor's own request of 500m: 10240 MiB, as Spark 3.5.6 gives it.
    let spec =
        jvm(json!({"memoryOverheadFactor": "0.25", "executor": {"memory": "8g", "coreRequest": "500m"}}));
    check(spec, PLAIN, (500, 10_240), 1);
    let by_conf = jvm(
        json!({"executor": {"memory": "8g"}, "sparkConf": {"spark.kubernetes.memoryOverheadFactor": "0.25"}}),
    );
    check(by_conf, PLAIN, (1000, 10_240), 1);
}

#[test]
fn a_parts_own_factor_goes_first() {
    let spec = jvm(json!({
        "memoryOverheadFactor": "0.5", "driver": {"memory": "8g"}, "executor": {"memory": "8g"},
        "sparkConf": {"spark.driver.memoryOverheadFactor": "0.2", "spark.executor.memoryOverheadFactor": "0.3"}
    }));
    // 1638.4 and 2457.6.
    check(spec, (1000, 8192 + 1638), (1000, 8192 + 2457), 1);
}

#[test]
fn dynamic_allocation_starts_with_the_largest_of_minimum_initial_and_instances() {
    let with = |allocation: Value, instances: Value| {
        jvm(json!({"dynamicAllocation": allocation, "executor": {"instances": instances}}))
    };
    check(
        with(json!({"enabled": true, "maxExecutors": 50}), Value::Null),
        PLAIN,
        PLAIN,
        0,
    );
    check(
        with(
            json!({"enabled": true, "minExecutors": 2, "maxExecutors": 50}),
            Value::Null,
        ),
        PLAIN,
        PLAIN,
        2,
    );
    check(
        with(
            json!({"enabled": true, "minExecutors": 2, "initialExecutors": 6}),
            Value::Null,
        ),
        PLAIN,
        PLAIN,
        6,
    );
    check(
        with(
            json!({"enabled": true, "minExecutors": 2, "initialExecutors": 6}),
            json!(9),
        ),
        PLAIN,
        PLAIN,
        9,
    );
    check(
        with(json!({"enabled": false, "initialExecutors": 6}), json!(3)),
        PLAIN,
        PLAIN,
        3,
    );
}

#[test]
fn dynamic_allocation_by_spark_conf() {
    let spec = jvm(json!({"sparkConf": {
        "spark.dynamicAllocation.enabled": "true", "spark.dynamicAllocation.minExecutors": "3",
        "spark.dynamicAllocation.initialExecutors": "4", "spark.dynamicAllocation.maxExecutors": "400"
    }}));
    check(spec, PLAIN, PLAIN, 4);
}

#[test]
fn gpus_are_extended_resources() {
    let demand = of(jvm(
        json!({"executor": {"gpu": {"name": "nvidia.com/gpu", "quantity": 2}, "instances": 3}}),
    ));
    assert_eq!(demand.executor.get("nvidia.com/gpu"), 2);
    assert_eq!(demand.total().get("nvidia.com/gpu"), 6);
    let by_conf = of(jvm(json!({"sparkConf": {
        "spark.executor.resource.gpu.amount": "1", "spark.executor.resource.gpu.vendor": "nvidia.com"
    }})));
    assert_eq!(by_conf.executor.get("nvidia.com/gpu"), 1);
    assert_eq!(by_conf.driver.get("nvidia.com/gpu"), 0);
}

#[test]
fn no_executors_need_only_the_driver() {
    let demand = of(jvm(json!({"executor": {"instances": 0}})));
    assert_eq!(demand.total(), demand.driver);
}

#[test]
fn the_total_is_driver_and_initial_executors() {
    let demand = of(jvm(
        json!({"executor": {"instances": 4, "cores": 2, "memory": "4g"}}),
    ));
    // 4096 + 409 for each of four, 1408 for the driver.
    assert_eq!(demand.total().memory, Bytes::mib(4 * 4505 + 1408));
    assert_eq!((demand.total().cpu, demand.total().pods), (Millicores(9000), 5));
}

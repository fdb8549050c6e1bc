//! Demand where the operator's or spark-submit's own ways matter: which of two twins wins, what the file's name decides,
//! what the operator fills in. Worked out by hand as in `demand_tests`; for the operator after its `submission.go` and
//! `defaults.go`, 2.4.0.

use serde_json::{Value, json};

use super::demand_tests::{PLAIN, check, jvm, of, python};

#[test]
fn the_file_decides_what_spark_submit_takes_it_for() {
    // `SparkSubmit.isPython` and `isR` look at the file's name alone.
    let of_type = |kind: &str, file: &str| json!({"type": kind, "mainApplicationFile": file});
    check(of_type("Scala", "s3://b/a.py"), (1000, 1433), (1000, 1433), 1);
    check(of_type("Python", "s3://b/a.jar"), PLAIN, PLAIN, 1);
    check(of_type("R", "s3://b/a.r"), (1000, 1433), (1000, 1433), 1);
}

#[test]
fn the_operator_passes_the_field_of_the_overhead_factor_before_spark_conf() {
    let spec = jvm(
        json!({"memoryOverheadFactor": "0.5", "driver": {"memory": "8g"}, "executor": {"memory": "8g"},
        "sparkConf": {"spark.kubernetes.memoryOverheadFactor": "0.25"}}),
    );
    // The last `--conf` wins: 8192 × 0.25.
    check(spec, (1000, 10_240), (1000, 10_240), 1);
}

#[test]
fn a_drivers_own_factor_is_not_handed_on_but_the_common_one_is() {
    let spec = python(json!({"driver": {"memory": "4g"}, "executor": {"memory": "4g"},
        "sparkConf": {"spark.driver.memoryOverheadFactor": "0.5"}}));
    // 2048 for the driver; 0.4 × 4096 = 1638.4 for the executor.
    check(spec, (1000, 6144), (1000, 4096 + 1638), 1);
    // A common factor goes before the 0.4 of Python: 0.1 × 8192 = 819.2.
    let spec = python(
        json!({"memoryOverheadFactor": "0.1", "driver": {"memory": "8g"}, "executor": {"memory": "8g"}}),
    );
    check(spec, (1000, 8192 + 819), (1000, 8192 + 819), 1);
}

#[test]
fn only_spark_4_knows_a_least_overhead_of_its_own() {
    let spec = |version: &str| {
        jvm(json!({"sparkVersion": version, "sparkConf": {
            "spark.driver.minMemoryOverhead": "600m", "spark.executor.minMemoryOverhead": "1g"
        }}))
    };
    check(spec("4.0.0"), (1000, 1624), (1000, 2048), 1);
    check(spec("3.5.6"), PLAIN, PLAIN, 1);
}

#[test]
fn dynamic_allocation_by_spark_conf_alone_has_the_operators_one_executor() {
    // The operator's defaulting doesn't see it (it looks for a key in lower case) and sets `instances: 1`.
    let conf = |more: Value| {
        let mut conf = json!({"spark.dynamicAllocation.enabled": "true"});
        conf.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        jvm(json!({"sparkConf": conf}))
    };
    check(conf(json!({})), PLAIN, PLAIN, 1);
    check(
        conf(json!({"spark.dynamicAllocation.minExecutors": "5"})),
        PLAIN,
        PLAIN,
        5,
    );
    check(conf(json!({"spark.executor.instances": "8"})), PLAIN, PLAIN, 8);
}

#[test]
fn the_field_of_dynamic_allocation_goes_before_its_twin() {
    let spec = jvm(json!({
        "dynamicAllocation": {"enabled": true, "minExecutors": 2},
        "sparkConf": {"spark.dynamicAllocation.minExecutors": "9", "spark.dynamicAllocation.initialExecutors": "4"}
    }));
    check(spec, PLAIN, PLAIN, 4);
    // Not enabled, the field isn't passed at all, and what `sparkConf` says stands.
    let spec = jvm(json!({
        "dynamicAllocation": {"enabled": false, "minExecutors": 7},
        "sparkConf": {"spark.dynamicAllocation.enabled": "true", "spark.dynamicAllocation.minExecutors": "3"}
    }));
    check(spec, PLAIN, PLAIN, 3);
}

#[test]
fn overhead_of_python_is_explicit_or_four_tenths_beside_pyspark_memory() {
    let spec = python(
        json!({"executor": {"memory": "4g", "memoryOverhead": "1g", "cores": 2, "instances": 3}, "sparkConf": {
            "spark.executor.pyspark.memory": "2g", "spark.memory.offHeap.enabled": "true", "spark.memory.offHeap.size": "512m"
        }}),
    );
    // 4096 + 1024 + 2048 + 512.
    check(spec, (1000, 1433), (2000, 7680), 3);
}

#[test]
fn any_device_with_a_vendor_counts() {
    let found = of(jvm(
        json!({"driver": {"gpu": {"name": "amd.com/gpu", "quantity": 1}}, "sparkConf": {
            "spark.executor.resource.fpga.amount": "2", "spark.executor.resource.fpga.vendor": "xilinx.com",
            "spark.driver.resource.gpu.amount": "1", "spark.driver.resource.gpu.vendor": "nvidia.com",
            "spark.executor.resource.gpu.amount": "0"
        }}),
    ));
    assert_eq!(
        found.executor.extended,
        [("xilinx.com/fpga".to_owned(), 2)].into()
    );
    assert_eq!(
        found.driver.extended,
        [("amd.com/gpu".to_owned(), 1), ("nvidia.com/gpu".to_owned(), 1)].into()
    );
}

#[test]
fn memory_in_kibibytes_is_cut_to_whole_mebibytes() {
    // 2,097,663 KiB are 2048.5 MiB.
    check(
        jvm(json!({"driver": {"memory": "2097663k"}})),
        (1000, 2048 + 384),
        PLAIN,
        1,
    );
}

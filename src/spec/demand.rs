//! What the pods of a job will request, computed as the operator and Spark compute it.
//!
//! Sources: the operator's `submission.go` (2.4.0) for the configuration that it passes and `defaults.go` for what it
//! fills in; Spark's `BasicDriverFeatureStep`, `BasicExecutorFeatureStep`, `ResourceProfile.getResourcesForClusterManager`
//! and `Utils.getDynamicAllocationInitialExecutors` (3.5 and 4.0) for what becomes of it.

use serde_json::{Map, Value};

use super::constraints::constraints;
use super::merged::SparkConf;
use super::{containers, quantity};
use crate::model::{Bytes, Demand, Millicores, Resources};

/// The least overhead, unless Spark 4's `minMemoryOverhead` says otherwise.
const OVERHEAD_MIN_MIB: u64 = 384;
const FACTOR_JVM: f64 = 0.1;
const FACTOR_OTHER: f64 = 0.4;
/// Spark's own default where neither the operator nor the user names a number (`SchedulerBackendUtils`).
const EXECUTORS_OF_SPARK: u64 = 2;

/// What the driver, each executor and the first executors together request. The spec is an effective one that passed
/// its checks; what can't be read counts as its default.
pub fn demand(spec: &Map<String, Value>) -> Demand {
    let conf = SparkConf::of(spec);
    let language = Language::of(spec);
    let executors = u32::try_from(executors(&conf)).unwrap_or(u32::MAX);
    Demand {
        driver: driver(&conf, language, spec),
        executor: executor(&conf, language, spec),
        executors,
        driver_constraints: constraints(&conf, "driver", spec),
        executor_constraints: constraints(&conf, "executor", spec),
    }
}

/// What spark-submit takes the application for: by the name of its file, whatever `type` says (`SparkSubmit.isPython`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Jvm,
    Python,
    R,
}

impl Language {
    fn of(spec: &Map<String, Value>) -> Self {
        let file = spec
            .get("mainApplicationFile")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if file.ends_with(".py") || file == "pyspark-shell" {
            Self::Python
        } else if file.ends_with(".R") || file.ends_with(".r") || file == "sparkr-shell" {
            Self::R
        } else {
            Self::Jvm
        }
    }

    fn factor(self) -> f64 {
        match self {
            Self::Jvm => FACTOR_JVM,
            Self::Python | Self::R => FACTOR_OTHER,
        }
    }
}

/// The factor for both parts where a part has none of its own; the driver hands it on to the executors.
fn common_factor(conf: &SparkConf, language: Language) -> f64 {
    conf.factor("spark.kubernetes.memoryOverheadFactor")
        .unwrap_or_else(|| language.factor())
}

/// The explicit overhead, else the factor's share of `memory` (both in MiB) but not less than the minimum.
fn overhead(conf: &SparkConf, part: &str, memory: u64, common: f64) -> u64 {
    if let Some(explicit) = conf.mib(&format!("spark.{part}.memoryOverhead")) {
        return explicit;
    }
    let factor = conf
        .factor(&format!("spark.{part}.memoryOverheadFactor"))
        .unwrap_or(common);
    let least = conf
        .mib(&format!("spark.{part}.minMemoryOverhead"))
        .filter(|_| conf.is_spark_4())
        .unwrap_or(OVERHEAD_MIN_MIB);
    // As Scala's `toInt`: towards 0, saturating.
    let share = (factor * memory as f64) as i32;
    u64::try_from(share).unwrap_or(0).max(least)
}

fn driver(conf: &SparkConf, language: Language, spec: &Map<String, Value>) -> Resources {
    let memory = conf.mib("spark.driver.memory").unwrap_or(1024);
    let total = memory.saturating_add(overhead(conf, "driver", memory, common_factor(conf, language)));
    pod(conf, "driver", total, spec)
}

fn executor(conf: &SparkConf, language: Language, spec: &Map<String, Value>) -> Resources {
    let memory = conf.mib("spark.executor.memory").unwrap_or(1024);
    let off_heap = match conf.bool("spark.memory.offHeap.enabled") {
        true => conf
            .bytes("spark.memory.offHeap.size")
            .map_or(0, |size| size.0 / (1024 * 1024)),
        false => 0,
    };
    let pyspark = match language {
        Language::Python => conf.mib("spark.executor.pyspark.memory").unwrap_or(0),
        Language::Jvm | Language::R => 0,
    };
    let total = memory
        .saturating_add(overhead(conf, "executor", memory, common_factor(conf, language)))
        .saturating_add(off_heap)
        .saturating_add(pyspark);
    pod(conf, "executor", total, spec)
}

/// The pod of a part: Spark's container with `memory` MiB, and what else the spec puts beside it.
fn pod(conf: &SparkConf, part: &str, memory: u64, spec: &Map<String, Value>) -> Resources {
    let request = conf
        .text(&format!("spark.kubernetes.{part}.request.cores"))
        .and_then(quantity::parse_cpu);
    let cores = conf.int(&format!("spark.{part}.cores")).unwrap_or(1);
    let cpu = request.unwrap_or(Millicores(cores.saturating_mul(1000)));
    let mut own = Resources::new(cpu, Bytes::mib(memory), 1);
    own.extended = conf.devices(part);
    let field = spec.get(part).and_then(Value::as_object);
    containers::add_beside(&mut own, part, field);
    own
}

/// The number of executors that Spark starts with.
fn executors(conf: &SparkConf) -> u64 {
    let instances = conf.int("spark.executor.instances");
    if !conf.bool("spark.dynamicAllocation.enabled") {
        return instances.unwrap_or(EXECUTORS_OF_SPARK);
    }
    let least = conf.int("spark.dynamicAllocation.minExecutors").unwrap_or(0);
    let initial = conf
        .int("spark.dynamicAllocation.initialExecutors")
        .unwrap_or(least);
    least.max(initial).max(instances.unwrap_or(0))
}

/// The most executors that dynamic allocation may come to, `None` being no bound; nothing where it isn't enabled.
pub fn most_executors(spec: &Map<String, Value>) -> Option<Option<u64>> {
    let conf = SparkConf::of(spec);
    conf.bool("spark.dynamicAllocation.enabled")
        .then(|| conf.int("spark.dynamicAllocation.maxExecutors"))
}

//! What a job needs, computed from the merged Spark configuration as the operator would pass it to spark-submit.
//!
//! Sources: Spark 3.5 `BasicDriverFeatureStep`, `BasicExecutorFeatureStep`, `KubernetesConf`, `ResourceProfile`,
//! `Utils.getDynamicAllocationInitialExecutors`; the operator's `submission.go` for what it makes of the fields.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::layers::application_type;
use super::quantity::{kubernetes_cpu, spark_memory};
use super::rules::at;
use crate::model::{Bytes, Demand, Millicores, Resources};

type Object = Map<String, Value>;

/// Spark's least overhead.
const OVERHEAD_MIN: u64 = 384;
const MIB: u64 = 1024 * 1024;

/// The demand of an effective spec that has passed its checks; what can't be read counts as Spark's default.
pub fn demand(spec: &Object) -> Demand {
    let conf = Conf::of(spec);
    Demand {
        driver: driver(&conf),
        executor: executor(&conf),
        executors: executors(&conf),
    }
}

/// The merged configuration: `sparkConf` with what the operator adds for the fields. The operator writes a field's
/// `--conf` after those of `sparkConf`, and spark-submit keeps the last.
struct Conf<'a> {
    spec: &'a Object,
    is_jvm: bool,
    is_python: bool,
}

impl<'a> Conf<'a> {
    fn of(spec: &'a Object) -> Self {
        let kind = application_type(spec);
        Self {
            spec,
            is_jvm: kind == "Java" || kind == "Scala",
            is_python: kind == "Python",
        }
    }

    /// The field at `path` where it has a value, else the `sparkConf` twin.
    fn text(&self, path: &str, key: &str) -> Option<String> {
        let field = at(self.spec, path).and_then(|value| match value {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        });
        field.or_else(|| self.conf(key).map(str::to_owned))
    }

    fn conf(&self, key: &str) -> Option<&'a str> {
        self.spec.get("sparkConf")?.get(key)?.as_str()
    }

    fn mib(&self, path: &str, key: &str) -> Option<u64> {
        self.text(path, key)
            .and_then(|text| spark_memory(&text).ok())
            .map(|bytes| bytes.0 / MIB)
    }

    fn number<T: std::str::FromStr>(&self, path: &str, key: &str) -> Option<T> {
        self.text(path, key)?.trim().parse().ok()
    }

    fn flag(&self, path: &str, key: &str) -> bool {
        self.text(path, key)
            .is_some_and(|text| text.trim().eq_ignore_ascii_case("true"))
    }

    /// `coreRequest` or its twin, else whole cores.
    fn cpu(&self, part: &str) -> Millicores {
        let request = self
            .text(
                &format!("{part}.coreRequest"),
                &format!("spark.kubernetes.{part}.request.cores"),
            )
            .and_then(|text| kubernetes_cpu(&text));
        let cores = || {
            self.number::<u64>(&format!("{part}.cores"), &format!("spark.{part}.cores"))
                .unwrap_or(1)
        };
        request.unwrap_or_else(|| Millicores(cores().saturating_mul(1000)))
    }

    /// Explicit overhead, else the larger of the least and a part of the heap.
    fn overhead(&self, part: &str, heap: u64) -> u64 {
        let explicit = self.mib(
            &format!("{part}.memoryOverhead"),
            &format!("spark.{part}.memoryOverhead"),
        );
        let least = self
            .mib("", &format!("spark.{part}.minMemoryOverhead"))
            .unwrap_or(OVERHEAD_MIN);
        explicit.unwrap_or_else(|| scaled(heap, self.factor(part)).max(least))
    }

    /// The part's own factor, else the one for both, else 0.1 for the JVM and 0.4 otherwise. spark-submit sets the
    /// non-JVM default on the driver's conf alone and hands it to the executors.
    fn factor(&self, part: &str) -> f64 {
        let valid = |text: &str| {
            text.trim()
                .parse::<f64>()
                .ok()
                .filter(|f| f.is_finite() && *f >= 0.0)
        };
        let own = self
            .conf(&format!("spark.{part}.memoryOverheadFactor"))
            .and_then(valid);
        let both = || {
            self.text("memoryOverheadFactor", "spark.kubernetes.memoryOverheadFactor")
                .as_deref()
                .and_then(valid)
        };
        let default = if self.is_jvm { 0.1 } else { 0.4 };
        own.or_else(both).unwrap_or(default)
    }

    fn extended(&self, part: &str) -> BTreeMap<String, u64> {
        let mut extended = BTreeMap::new();
        let gpu = at(self.spec, &format!("{part}.gpu"));
        if let Some((name, quantity)) =
            gpu.and_then(|gpu| Some((gpu.get("name")?.as_str()?, gpu.get("quantity")?.as_u64()?)))
        {
            extended.insert(name.to_owned(), quantity);
        }
        let amount = self
            .number::<u64>("", &format!("spark.{part}.resource.gpu.amount"))
            .filter(|n| *n > 0);
        let vendor = self.conf(&format!("spark.{part}.resource.gpu.vendor"));
        if let Some((amount, vendor)) = amount.zip(vendor) {
            extended.insert(format!("{vendor}/gpu"), amount);
        }
        extended
    }
}

/// `part` of `mib`, cut to whole MiB as Spark does.
fn scaled(mib: u64, part: f64) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most 2^53 MiB"
    )]
    let result = (part * mib as f64) as u64;
    result
}

fn driver(conf: &Conf<'_>) -> Resources {
    let heap = conf.mib("driver.memory", "spark.driver.memory").unwrap_or(1024);
    let memory = heap.saturating_add(conf.overhead("driver", heap));
    Resources {
        cpu: conf.cpu("driver"),
        memory: Bytes::mib(memory),
        pods: 1,
        extended: conf.extended("driver"),
    }
}

fn executor(conf: &Conf<'_>) -> Resources {
    let heap = conf
        .mib("executor.memory", "spark.executor.memory")
        .unwrap_or(1024);
    let off_heap = if conf.flag("", "spark.memory.offHeap.enabled") {
        off_heap_mib(conf)
    } else {
        0
    };
    let pyspark = if conf.is_python {
        conf.mib("", "spark.executor.pyspark.memory").unwrap_or(0)
    } else {
        0
    };
    let memory = [conf.overhead("executor", heap), off_heap, pyspark]
        .into_iter()
        .fold(heap, u64::saturating_add);
    Resources {
        cpu: conf.cpu("executor"),
        memory: Bytes::mib(memory),
        pods: 1,
        extended: conf.extended("executor"),
    }
}

/// `spark.memory.offHeap.size` is in bytes where it has no unit; Spark rounds it down to MiB.
fn off_heap_mib(conf: &Conf<'_>) -> u64 {
    let Some(text) = conf.conf("spark.memory.offHeap.size") else {
        return 0;
    };
    match text.trim().parse::<u64>() {
        Ok(bytes) => bytes / MIB,
        Err(_) => spark_memory(text).map_or(0, |bytes| bytes.0 / MIB),
    }
}

/// `instances` (1 where absent); with dynamic allocation the largest of minimum, initial and instances.
fn executors(conf: &Conf<'_>) -> u32 {
    let instances: Option<u32> = conf.number("executor.instances", "spark.executor.instances");
    if !conf.flag("dynamicAllocation.enabled", "spark.dynamicAllocation.enabled") {
        return instances.unwrap_or(1);
    }
    let min: u32 = conf
        .number(
            "dynamicAllocation.minExecutors",
            "spark.dynamicAllocation.minExecutors",
        )
        .unwrap_or(0);
    let initial: u32 = conf
        .number(
            "dynamicAllocation.initialExecutors",
            "spark.dynamicAllocation.initialExecutors",
        )
        .unwrap_or(min);
    min.max(initial).max(instances.unwrap_or(0))
}

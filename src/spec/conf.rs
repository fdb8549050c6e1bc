//! `sparkConf`: what the broker forbids there, and what Spark refuses there.

use serde_json::{Map, Value};

use super::labels::OURS;
use super::memory::{self, Bare};
use super::scalar::text;
use super::schema::EXECUTORS_MAX;
use super::{path, quantity};
use crate::error::Violation;

/// Keys that would hide the driver, let attempts collide or be overridden; each with what to do instead.
const FORBIDDEN: &[(&str, &str)] = &[
    (
        "spark.kubernetes.driver.pod.name",
        "no fixed pod name: attempts would collide",
    ),
    (
        "spark.kubernetes.namespace",
        "no namespace: the driver runs in that of the chosen cluster",
    ),
    (
        "spark.kubernetes.submission.waitAppCompletion",
        "no such key: spark-submit must return at once",
    ),
    ("spark.master", "no such key: the broker chooses the cluster"),
];

/// Keys that the operator overrides by its own template files.
const TEMPLATE_FILES: &[&str] = &[
    "spark.kubernetes.driver.podTemplateFile",
    "spark.kubernetes.executor.podTemplateFile",
];

/// How Spark reads a key.
#[derive(Clone, Copy)]
enum Reading {
    Memory(Bare),
    Int(i64, i64),
    Bool,
    Factor,
    Cpu,
}

const READINGS: &[(&str, Reading)] = &[
    ("spark.driver.memory", Reading::Memory(Bare::Mib)),
    ("spark.driver.memoryOverhead", Reading::Memory(Bare::Mib)),
    ("spark.driver.minMemoryOverhead", Reading::Memory(Bare::Mib)),
    ("spark.executor.memory", Reading::Memory(Bare::Mib)),
    ("spark.executor.memoryOverhead", Reading::Memory(Bare::Mib)),
    ("spark.executor.minMemoryOverhead", Reading::Memory(Bare::Mib)),
    ("spark.executor.pyspark.memory", Reading::Memory(Bare::Mib)),
    ("spark.memory.offHeap.size", Reading::Memory(Bare::Bytes)),
    ("spark.memory.offHeap.enabled", Reading::Bool),
    ("spark.driver.cores", Reading::Int(1, i32::MAX as i64)),
    ("spark.executor.cores", Reading::Int(1, i32::MAX as i64)),
    ("spark.executor.instances", Reading::Int(0, EXECUTORS_MAX as i64)),
    ("spark.dynamicAllocation.enabled", Reading::Bool),
    (
        "spark.dynamicAllocation.minExecutors",
        Reading::Int(0, EXECUTORS_MAX as i64),
    ),
    (
        "spark.dynamicAllocation.initialExecutors",
        Reading::Int(0, EXECUTORS_MAX as i64),
    ),
    (
        "spark.dynamicAllocation.maxExecutors",
        Reading::Int(1, i32::MAX as i64),
    ),
    ("spark.driver.memoryOverheadFactor", Reading::Factor),
    ("spark.executor.memoryOverheadFactor", Reading::Factor),
    ("spark.kubernetes.memoryOverheadFactor", Reading::Factor),
    ("spark.kubernetes.driver.request.cores", Reading::Cpu),
    ("spark.kubernetes.driver.limit.cores", Reading::Cpu),
    ("spark.kubernetes.executor.request.cores", Reading::Cpu),
    ("spark.kubernetes.executor.limit.cores", Reading::Cpu),
];

/// Whether Spark or the operator reads from `key` what the pods ask for, or how many there are.
pub(crate) fn sizes(key: &str) -> bool {
    let read = READINGS.iter().any(|(name, _)| *name == key) && !key.ends_with(".limit.cores");
    let device = ["spark.driver.resource.", "spark.executor.resource."]
        .iter()
        .any(|prefix| key.starts_with(prefix));
    // In lower case it is the operator's own key.
    read || device || key == "spark.dynamicallocation.enabled"
}

/// Checks the whole map.
pub(crate) fn check(map: &Map<String, Value>, at: &str, faults: &mut Vec<Violation>) {
    for (key, value) in map {
        let place = path::key(at, key);
        check_key(key, &place, faults);
        if let Some(value) = text(value, &place, faults) {
            check_value(key, value, &place, faults);
        }
    }
}

fn check_key(key: &str, place: &str, faults: &mut Vec<Violation>) {
    if let Some((_, instead)) = FORBIDDEN.iter().find(|(forbidden, _)| *forbidden == key) {
        faults.push(Violation::new(place, "a key that the broker owns", *instead));
    }
    if TEMPLATE_FILES.contains(&key) {
        let expected = "no such key: write the template into `driver.template` or `executor.template`";
        faults.push(Violation::new(
            place,
            "a template file, which the operator overrides",
            expected,
        ));
    }
    let ours = [
        "spark.kubernetes.driver.label.",
        "spark.kubernetes.executor.label.",
    ]
    .iter()
    .any(|prefix| {
        key.strip_prefix(prefix)
            .is_some_and(|label| label.starts_with(OURS))
    });
    if ours {
        faults.push(Violation::new(
            place,
            "a label of the broker's",
            "no label under spark-broker/",
        ));
    }
    if key.contains(|c: char| c == '=' || c.is_whitespace()) {
        faults.push(Violation::new(
            place,
            "a key with `=` or white space",
            "a key of spark-submit's --conf",
        ));
    }
}

fn check_value(key: &str, value: &str, place: &str, faults: &mut Vec<Violation>) {
    let reading = READINGS
        .iter()
        .find(|(name, _)| *name == key)
        .map(|(_, reading)| *reading);
    let expected = match reading {
        None if amount_key(key) => parse_int(value)
            .filter(|n| *n >= 0)
            .is_none()
            .then(|| "a whole number".to_owned()),
        None => None,
        Some(Reading::Memory(bare)) => memory::parse(value, bare)
            .is_none()
            .then(|| memory::expected(value)),
        Some(Reading::Int(least, most)) => parse_int(value)
            .filter(|n| (least..=most).contains(n))
            .is_none()
            .then(|| format!("a whole number between {least} and {most}")),
        Some(Reading::Bool) => parse_bool(value).is_none().then(|| "true or false".to_owned()),
        Some(Reading::Factor) => parse_factor(value)
            .is_none()
            .then(|| "a number above 0, such as 0.2".to_owned()),
        Some(Reading::Cpu) => quantity::parse_cpu(value)
            .filter(|cpu| cpu.0 > 0)
            .is_none()
            .then(|| "an amount of CPU as Kubernetes reads it, such as 1200m or 1.5".to_owned()),
    };
    if let Some(expected) = expected {
        faults.push(Violation::new(place, format!("{value:?}"), expected));
    }
}

/// `spark.{driver,executor}.resource.<name>.amount`.
fn amount_key(key: &str) -> bool {
    ["spark.driver.resource.", "spark.executor.resource."]
        .iter()
        .any(|prefix| {
            key.strip_prefix(prefix)
                .is_some_and(|rest| rest.ends_with(".amount"))
        })
}

/// A whole number as Scala's `trim.toInt` reads it.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    text.trim().parse::<i32>().ok().map(i64::from)
}

/// A truth value as Scala's `trim.toBoolean` reads it.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A factor: a finite number above 0.
pub(crate) fn parse_factor(text: &str) -> Option<f64> {
    text.trim()
        .parse::<f64>()
        .ok()
        .filter(|factor| factor.is_finite() && *factor > 0.0)
}

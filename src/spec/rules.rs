//! What a job spec must not ask for, although every field is well-formed: what the broker owns, and what would hide the
//! driver from it.

use serde_json::{Map, Value};

use crate::error::Violation;

type Object = Map<String, Value>;

/// Fields whose effect isn't built yet, refused by name wherever they have a value.
const NOT_BUILT: &[(&str, &str)] = &[
    ("timeouts.pickup", "no value: this time-out isn't built yet"),
    ("timeouts.start", "no value: this time-out isn't built yet"),
];

/// Fields that the broker owns or that hide the driver.
const REFUSED: &[(&str, &str)] = &[
    ("suspend", "no value: the broker owns it"),
    (
        "driver.podName",
        "no value: attempts would collide on a fixed driver pod name",
    ),
];

/// `sparkConf` keys that hide the driver or collide, with the fault of each.
const REFUSED_CONF: &[(&str, &str)] = &[
    (
        "spark.kubernetes.driver.pod.name",
        "no value: attempts would collide on a fixed driver pod name",
    ),
    (
        "spark.kubernetes.namespace",
        "no value: the driver would run outside the cluster's namespace",
    ),
    (
        "spark.kubernetes.submission.waitAppCompletion",
        "no value: the operator sets it",
    ),
];

/// Label keys below this are the broker's.
const OWN_PREFIX: &str = "spark-broker/";

/// Adds what breaks a rule to `faults`.
pub fn check(user: &Object, faults: &mut Vec<Violation>) {
    for (path, expected) in NOT_BUILT.iter().chain(REFUSED) {
        if let Some(value) = at(user, path).filter(|value| !value.is_null()) {
            faults.push(Violation::new(*path, value, *expected));
        }
    }
    let conf = user.get("sparkConf").and_then(Value::as_object);
    for (key, expected) in REFUSED_CONF {
        if let Some(value) = conf
            .and_then(|conf| conf.get(*key))
            .filter(|value| !value.is_null())
        {
            faults.push(Violation::new(format!("sparkConf.{key}"), value, *expected));
        }
    }
    if let Some(mode) = conf
        .and_then(|conf| conf.get("spark.submit.deployMode"))
        .filter(|mode| *mode != "cluster")
    {
        faults.push(Violation::new(
            "sparkConf.spark.submit.deployMode",
            mode,
            "`cluster`",
        ));
    }
    for path in ["labels", "driver.labels", "executor.labels"] {
        own_labels(user, path, faults);
    }
    executors(user, faults);
}

/// The value at a dotted path.
pub fn at<'a>(object: &'a Object, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let first = object.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

fn own_labels(user: &Object, path: &str, faults: &mut Vec<Violation>) {
    let labels = at(user, path).and_then(Value::as_object);
    for key in labels
        .into_iter()
        .flat_map(Map::keys)
        .filter(|key| key.starts_with(OWN_PREFIX))
    {
        let expected = format!("no label under `{OWN_PREFIX}`: the broker owns them");
        faults.push(Violation::new(
            format!("{path}.{key}"),
            "a label of the broker's",
            expected,
        ));
    }
}

fn executors(user: &Object, faults: &mut Vec<Violation>) {
    let number = |path: &str| at(user, path).and_then(Value::as_u64);
    let (min, max) = (
        number("dynamicAllocation.minExecutors"),
        number("dynamicAllocation.maxExecutors"),
    );
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        let expected = format!("at least minExecutors, {min}");
        faults.push(Violation::new("dynamicAllocation.maxExecutors", max, expected));
    }
}

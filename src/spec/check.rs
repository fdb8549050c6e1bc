//! Walks a job spec along its tables and gathers every fault.

use serde_json::{Map, Value};

use super::field::{Field, Kind};
use super::schema::{APPLICATION, BROKER};
use super::{broker, conf, labels, path, scalar};
use crate::error::Violation;

/// The most faults that are told one by one.
const FAULTS_MAX: usize = 200;
/// The longest name for which a known one is sought.
const NAME_MAX: usize = 40;

/// How much of an object is there to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// A part: what is missing may come from another layer, and `null` removes what another layer sets.
    Part,
    /// The whole: an item of a list, which no layer merges.
    Whole,
}

/// Everything that is wrong with a spec as a user sends it, or with a layer, whatever the others say.
pub fn check(spec: &Map<String, Value>) -> Vec<Violation> {
    let mut faults = Vec::new();
    object(spec, &[BROKER, APPLICATION], Extent::Part, "", &mut faults);
    limited(faults)
}

/// A record must be able to hold them: the first 200, and how many more there are.
pub fn limited(mut faults: Vec<Violation>) -> Vec<Violation> {
    let more = faults.len().saturating_sub(FAULTS_MAX);
    if more > 0 {
        faults.truncate(FAULTS_MAX);
        faults.push(Violation::new(
            "",
            format!("{more} more faults"),
            "none: mend those above first",
        ));
    }
    faults
}

fn object(
    map: &Map<String, Value>,
    tables: &[&[Field]],
    extent: Extent,
    at: &str,
    faults: &mut Vec<Violation>,
) {
    let fields = || tables.iter().copied().flatten();
    for (key, value) in map {
        let place = path::key(at, key);
        match fields().find(|field| field.name == key) {
            Some(_) if value.is_null() && extent == Extent::Part => {}
            Some(field) => value_of(value, field.kind, extent, &place, faults),
            None => {
                let sought = faults.len() < FAULTS_MAX && key.len() <= NAME_MAX;
                let expected = instead(key, fields().map(|field| field.name).filter(|_| sought));
                faults.push(Violation::new(place, "an unknown field", expected));
            }
        }
    }
    if extent == Extent::Whole {
        for field in fields().filter(|field| field.required && !map.contains_key(field.name)) {
            faults.push(Violation::new(
                path::key(at, field.name),
                "nothing",
                "a value: it is required",
            ));
        }
    }
}

/// The known name that `unknown` was probably meant to be.
fn instead<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> String {
    let lower = unknown.to_ascii_lowercase();
    let near = known
        .map(|name| {
            (
                strsim::damerau_levenshtein(&lower, &name.to_ascii_lowercase()),
                name,
            )
        })
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min();
    match near {
        Some((_, name)) => format!("a known field; did you mean `{name}`?"),
        None => "a field of the job spec; remove it".to_owned(),
    }
}

/// Checks one value.
fn value_of(value: &Value, kind: Kind, extent: Extent, at: &str, faults: &mut Vec<Violation>) {
    match kind {
        Kind::Object(table) => match value {
            Value::Object(map) => object(map, &[table], extent, at, faults),
            other => faults.push(Violation::new(at, other, "an object")),
        },
        // What stands in a list isn't merged: it must be whole.
        Kind::Objects(table) => each(value, at, faults, |item, at, faults| {
            value_of(item, Kind::Object(table), Extent::Whole, at, faults);
        }),
        Kind::ObjectMap(table) => entries(value, extent, at, faults, |value, at, faults| {
            value_of(value, Kind::Object(table), extent, at, faults);
        }),
        Kind::Texts => each(value, at, faults, scalar::any_text),
        Kind::TextMap => entries(value, extent, at, faults, scalar::any_text),
        Kind::Quantities => entries(value, extent, at, faults, scalar::quantity),
        Kind::Labels => with_map(value, extent, at, faults, labels::check_labels),
        Kind::Annotations => with_map(value, extent, at, faults, labels::check_annotations),
        Kind::SparkConf => with_map(value, extent, at, faults, conf::check),
        Kind::Kube(check) => check(value, at, faults),
        Kind::KubeList(check) => each(value, at, faults, check),
        Kind::Clusters => each(value, at, faults, broker::cluster),
        Kind::Causes => each(value, at, faults, broker::cause),
        Kind::Scalar(scalar) => scalar::check(value, scalar, at, faults),
    }
}

fn each(
    value: &Value,
    at: &str,
    faults: &mut Vec<Violation>,
    check: impl Fn(&Value, &str, &mut Vec<Violation>),
) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check(item, &path::item(at, index), faults);
            }
        }
        other => faults.push(Violation::new(at, other, "a list")),
    }
}

fn entries(
    value: &Value,
    extent: Extent,
    at: &str,
    faults: &mut Vec<Violation>,
    check: impl Fn(&Value, &str, &mut Vec<Violation>),
) {
    match value {
        Value::Object(map) => {
            for (key, value) in map
                .iter()
                .filter(|(_, value)| extent == Extent::Whole || !value.is_null())
            {
                check(value, &path::key(at, key), faults);
            }
        }
        other => faults.push(Violation::new(at, other, "an object")),
    }
}

fn with_map(
    value: &Value,
    extent: Extent,
    at: &str,
    faults: &mut Vec<Violation>,
    check: fn(&Map<String, Value>, &str, &mut Vec<Violation>),
) {
    match value {
        Value::Object(map) if extent == Extent::Part && map.values().any(Value::is_null) => {
            let set: Map<_, _> = map
                .iter()
                .filter(|(_, v)| !v.is_null())
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect();
            check(&set, at, faults);
        }
        Value::Object(map) => check(map, at, faults),
        other => faults.push(Violation::new(at, other, "an object")),
    }
}

//! Walks a job spec along its tables and gathers every fault.

use serde_json::{Map, Value};

use super::field::{Field, Kind};
use super::memory::{self, Bare};
use super::schema::{APPLICATION, BROKER};
use super::{broker, conf, duration, labels, path, placeholder, quantity};
use crate::error::Violation;

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
                let expected = instead(key, fields().map(|field| field.name));
                faults.push(Violation::new(
                    place,
                    format!("an unknown field {:?}", crate::error::shorten(key, 100)),
                    expected,
                ));
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
        .filter(|_| unknown.len() <= 100)
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
        Kind::Text => {
            text(value, at, faults);
        }
        Kind::Name => {
            if text(value, at, faults) == Some("") {
                faults.push(Violation::new(at, "an empty text", "a text"));
            }
        }
        Kind::Bool => {
            if !value.is_boolean() {
                faults.push(Violation::new(at, value, "true or false"));
            }
        }
        Kind::Int(least, most) => int(value, least, most, at, faults),
        Kind::OneOf(words) => one_of(value, words, at, faults),
        Kind::Texts => each(value, at, faults, |item, at, faults| {
            text(item, at, faults);
        }),
        Kind::TextMap => {
            entries(value, extent, at, faults, |_, value, at, faults| {
                text(value, at, faults);
            });
        }
        Kind::Labels => with_map(value, extent, at, faults, labels::check_labels),
        Kind::Annotations => with_map(value, extent, at, faults, labels::check_annotations),
        Kind::SparkConf => with_map(value, extent, at, faults, conf::check),
        Kind::SparkMemory => spark_memory(value, at, faults),
        Kind::Cpu => cpu(value, at, faults),
        Kind::MemoryLimit => memory_limit(value, at, faults),
        Kind::Quantities => entries(value, extent, at, faults, |_, value, at, faults| {
            any_quantity(value, at, faults)
        }),
        Kind::Factor => factor(value, at, faults),
        Kind::Duration => {
            if duration::duration(value).is_none() {
                faults.push(Violation::new(at, value, duration::EXPECTED));
            }
        }
        Kind::Object(table) => match value {
            Value::Object(map) => object(map, &[table], extent, at, faults),
            other => faults.push(Violation::new(at, other, "an object")),
        },
        // What stands in a list isn't merged: it must be whole.
        Kind::Objects(table) => each(value, at, faults, |item, at, faults| {
            value_of(item, Kind::Object(table), Extent::Whole, at, faults);
        }),
        Kind::ObjectMap(table) => entries(value, extent, at, faults, |_, value, at, faults| {
            value_of(value, Kind::Object(table), extent, at, faults);
        }),
        Kind::Kube(check) => check(value, at, faults),
        Kind::KubeList(check) => each(value, at, faults, check),
        Kind::Queue => broker::queue(value, at, faults),
        Kind::SubmissionId => broker::submission_id(value, at, faults),
        Kind::Clusters => each(value, at, faults, broker::cluster),
        Kind::Causes => each(value, at, faults, broker::cause),
        Kind::Refused(expected) => faults.push(Violation::new(at, value, expected)),
    }
}

/// The text that `value` is, or a fault that says what to write.
pub(crate) fn text<'a>(value: &'a Value, at: &str, faults: &mut Vec<Violation>) -> Option<&'a str> {
    match value {
        Value::String(text) => {
            for name in placeholder::unknown(text) {
                let expected = format!("one of the placeholders {}", placeholder::PLACEHOLDERS.join(", "));
                faults.push(Violation::new(at, format!("the placeholder {name:?}"), expected));
            }
            Some(text)
        }
        Value::Number(_) | Value::Bool(_) => {
            faults.push(Violation::new(at, value, format!("a text: write \"{value}\"")));
            None
        }
        Value::Null | Value::Array(_) | Value::Object(_) => {
            faults.push(Violation::new(at, value, "a text"));
            None
        }
    }
}

fn int(value: &Value, least: i64, most: i64, at: &str, faults: &mut Vec<Violation>) {
    if value
        .as_i64()
        .is_some_and(|number| (least..=most).contains(&number))
    {
        return;
    }
    let expected = match (least, most) {
        (least, i64::MAX) => format!("a whole number of at least {least}"),
        (least, most) => format!("a whole number between {least} and {most}"),
    };
    faults.push(Violation::new(at, value, expected));
}

fn one_of(value: &Value, words: &[&str], at: &str, faults: &mut Vec<Violation>) {
    if value.as_str().is_some_and(|text| words.contains(&text)) {
        return;
    }
    let near = value
        .as_str()
        .and_then(|text| words.iter().find(|word| word.eq_ignore_ascii_case(text)));
    let expected = match near {
        Some(word) => format!("`{word}`"),
        None if words.len() == 1 => format!("`{}` and nothing else", words.concat()),
        None => format!("one of {}", words.join(", ")),
    };
    faults.push(Violation::new(at, value, expected));
}

fn spark_memory(value: &Value, at: &str, faults: &mut Vec<Violation>) {
    let Value::String(written) = value else {
        let expected = if value.is_u64() {
            format!("a text: write \"{value}m\"")
        } else {
            memory::expected("")
        };
        faults.push(Violation::new(at, value, expected));
        return;
    };
    match memory::parse(written, Bare::Mib) {
        Some(amount) if amount.0 >= 1024 * 1024 => {}
        Some(_) => faults.push(Violation::new(at, value, "at least `1m`")),
        None if placeholder::has(written) => {}
        None => faults.push(Violation::new(at, value, memory::expected(written))),
    }
}

fn cpu(value: &Value, at: &str, faults: &mut Vec<Violation>) {
    const EXPECTED: &str = "an amount of CPU above 0 as Kubernetes reads it, such as 1200m, 1.5 or 2";
    match value {
        Value::String(text) if quantity::parse_cpu(text).is_some_and(|cpu| cpu.0 > 0) => {}
        Value::Number(number) if number.as_f64().is_some_and(|n| n > 0.0) => {
            faults.push(Violation::new(at, value, format!("a text: write \"{number}\"")));
        }
        other => faults.push(Violation::new(at, other, EXPECTED)),
    }
}

/// The operator turns Spark's form into Kubernetes' first (`ConvertJavaMemoryStringToK8sMemoryString`).
fn memory_limit(value: &Value, at: &str, faults: &mut Vec<Violation>) {
    let read = value.as_str().filter(|text| {
        quantity::parse_memory(text).is_some_and(|memory| memory.0 > 0)
            || memory::parse(text, Bare::Bytes).is_some()
    });
    if read.is_none() {
        let expected = "an amount of memory as Kubernetes reads it, such as 2Gi or 512Mi";
        faults.push(Violation::new(at, value, expected));
    }
}

fn any_quantity(value: &Value, at: &str, faults: &mut Vec<Violation>) {
    let read = match value {
        Value::Number(number) => quantity::parse_milli(&number.to_string()),
        other => other.as_str().and_then(quantity::parse_milli),
    };
    if read.is_none() {
        faults.push(Violation::new(
            at,
            value,
            "a Kubernetes quantity, such as 4, 500m or 2Gi",
        ));
    }
}

fn factor(value: &Value, at: &str, faults: &mut Vec<Violation>) {
    match value.as_str().map(conf::parse_factor) {
        Some(Some(_)) => {}
        Some(None) => faults.push(Violation::new(at, value, "a number above 0, such as \"0.2\"")),
        None => {
            text(value, at, faults);
        }
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
    check: impl Fn(&str, &Value, &str, &mut Vec<Violation>),
) {
    match value {
        Value::Object(map) => {
            for (key, value) in map
                .iter()
                .filter(|(_, value)| extent == Extent::Whole || !value.is_null())
            {
                check(key, value, &path::key(at, key), faults);
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

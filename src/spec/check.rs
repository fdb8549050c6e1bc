//! Whether a job spec holds only known fields with values of their kind. Every violation is told at once.

use serde_json::{Map, Value};

use super::quantity::{kubernetes_bytes, kubernetes_cpu, spark_memory};
use super::rules;
use super::schema::{APPLICATION, BROKER, Field, Kind};
use crate::error::{Violation, shorten};
use crate::model::ClusterName;

type Object = Map<String, Value>;

/// Everything that is wrong with the user's request, whatever the configuration. `null` is no value: it removes a
/// default.
pub fn check(user: &Object) -> Vec<Violation> {
    let mut faults = Vec::new();
    let known = || BROKER.iter().chain(APPLICATION);
    for (name, value) in user {
        match known().find(|field| field.name == name) {
            Some(field) => check_value(field.kind, name, value, &mut faults),
            None => faults.push(unknown(name, name, known())),
        }
    }
    rules::check(user, &mut faults);
    faults
}

fn unknown<'a>(path: &str, name: &str, known: impl Iterator<Item = &'a Field>) -> Violation {
    let nearest = known
        .map(|field| {
            (
                strsim::damerau_levenshtein(&name.to_lowercase(), &field.name.to_lowercase()),
                field.name,
            )
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= 3.max(name.len() / 3));
    let expected = match nearest {
        Some((_, nearest)) => format!("a known field; did you mean `{nearest}`?"),
        None => "a known field".to_owned(),
    };
    Violation::new(path, "an unknown field", expected)
}

fn check_object(fields: &'static [Field], path: &str, value: &Value, faults: &mut Vec<Violation>) {
    let Some(object) = value.as_object() else {
        faults.push(mismatch(path, value, "an object"));
        return;
    };
    for (name, value) in object {
        let path = format!("{path}.{name}");
        match fields.iter().find(|field| field.name == name) {
            Some(field) => check_value(field.kind, &path, value, faults),
            None => faults.push(unknown(&path, name, fields.iter())),
        }
    }
}

fn check_value(kind: Kind, path: &str, value: &Value, faults: &mut Vec<Violation>) {
    if value.is_null() {
        return;
    }
    match kind {
        Kind::Object(fields) => check_object(fields, path, value, faults),
        Kind::Objects(fields) => each_item(path, value, faults, |path, item, faults| {
            check_object(fields, path, item, faults)
        }),
        Kind::ObjectMap(fields) => each_entry(path, value, faults, |path, item, faults| {
            check_object(fields, path, item, faults)
        }),
        Kind::Texts => each_item(path, value, faults, |path, item, faults| {
            scalar(Kind::Text, path, item, faults)
        }),
        Kind::Words(words) => each_item(path, value, faults, |path, item, faults| {
            scalar(Kind::Word(words), path, item, faults)
        }),
        Kind::TextMap => each_entry(path, value, faults, |path, item, faults| {
            scalar(Kind::Text, path, item, faults)
        }),
        Kind::ClusterNames => each_item(path, value, faults, |path, item, faults| {
            if item
                .as_str()
                .is_none_or(|name| name.parse::<ClusterName>().is_err())
            {
                faults.push(mismatch(path, item, "the name of a cluster"));
            }
        }),
        Kind::Kubernetes(read) => kubernetes(read, path, value, faults),
        Kind::Ruled => {}
        Kind::Text
        | Kind::Word(_)
        | Kind::Flag
        | Kind::Int(..)
        | Kind::SparkMemory
        | Kind::Cpu
        | Kind::KubernetesBytes
        | Kind::Factor
        | Kind::Duration => scalar(kind, path, value, faults),
    }
}

type Check<'a> = &'a dyn Fn(&str, &Value, &mut Vec<Violation>);

fn each_item(
    path: &str,
    value: &Value,
    faults: &mut Vec<Violation>,
    check: impl Fn(&str, &Value, &mut Vec<Violation>),
) {
    let check: Check<'_> = &check;
    match value.as_array() {
        Some(items) => {
            for (index, item) in items.iter().enumerate() {
                check(&format!("{path}[{index}]"), item, faults);
            }
        }
        None => faults.push(mismatch(path, value, "a list")),
    }
}

fn each_entry(
    path: &str,
    value: &Value,
    faults: &mut Vec<Violation>,
    check: impl Fn(&str, &Value, &mut Vec<Violation>),
) {
    match value.as_object() {
        Some(entries) => {
            for (name, item) in entries.iter().filter(|(_, item)| !item.is_null()) {
                check(&format!("{path}.{name}"), item, faults);
            }
        }
        None => faults.push(mismatch(path, value, "an object")),
    }
}

fn scalar(kind: Kind, path: &str, value: &Value, faults: &mut Vec<Violation>) {
    let text = value.as_str();
    let wrong = match kind {
        Kind::Text => text.is_none().then(|| text_instead(value)),
        Kind::Word(words) => text.is_none_or(|t| !words.contains(&t)).then(|| one_of(words)),
        Kind::Flag => (!value.is_boolean()).then(|| "true or false, without quotes".to_owned()),
        Kind::Int(min, max) => value
            .as_i64()
            .is_none_or(|n| n < min || n > max)
            .then(|| format!("a whole number from {min} to {max}")),
        Kind::SparkMemory => match text {
            Some(text) => spark_memory(text).err(),
            None => Some(text_instead(value)),
        },
        Kind::Cpu => text
            .and_then(kubernetes_cpu)
            .is_none()
            .then(|| "CPU as Kubernetes writes it, a text: `500m`, `0.5`, `2`".into()),
        Kind::KubernetesBytes => text
            .and_then(kubernetes_bytes)
            .is_none()
            .then(|| "bytes as Kubernetes writes them, a text: `2Gi`, `1500M`".into()),
        Kind::Factor => text
            .and_then(|t| t.parse::<f64>().ok())
            .is_none_or(|n| !n.is_finite() || n < 0.0)
            .then(|| "a decimal number as a text, such as \"0.1\"".into()),
        Kind::Duration => super::duration(value)
            .is_none()
            .then(|| "seconds, or a text such as `90s`, `15m`, `2h`, `1d`".to_owned()),
        Kind::Texts
        | Kind::Words(_)
        | Kind::TextMap
        | Kind::ClusterNames
        | Kind::Object(_)
        | Kind::Objects(_)
        | Kind::ObjectMap(_)
        | Kind::Kubernetes(_)
        | Kind::Ruled => None,
    };
    if let Some(expected) = wrong {
        faults.push(mismatch(path, value, &expected));
    }
}

fn text_instead(value: &Value) -> String {
    match value {
        Value::Number(_) | Value::Bool(_) => format!("a text: \"{value}\""),
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => "a text".to_owned(),
    }
}

fn one_of(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [only] => only.clone(),
        several => format!("one of {}", several.join(", ")),
    }
}

fn mismatch(path: &str, value: &Value, expected: &str) -> Violation {
    Violation::new(path, shorten(&value.to_string(), 120), expected)
}

/// A type of Kubernetes: what it doesn't give back when it is read and written again, it doesn't know.
fn kubernetes(
    read: fn(&Value) -> Result<Value, String>,
    path: &str,
    value: &Value,
    faults: &mut Vec<Violation>,
) {
    match read(value) {
        Ok(understood) => lost(path, value, &understood, faults),
        Err(error) => faults.push(mismatch(
            path,
            value,
            &format!("the Kubernetes type of this field: {error}"),
        )),
    }
}

fn lost(path: &str, given: &Value, understood: &Value, faults: &mut Vec<Violation>) {
    match (given, understood) {
        (Value::Object(given), Value::Object(understood)) => {
            for (name, value) in given.iter().filter(|(_, value)| !is_nothing(value)) {
                let path = format!("{path}.{name}");
                match understood.get(name) {
                    Some(kept) => lost(&path, value, kept, faults),
                    None => faults.push(Violation::new(
                        path,
                        "an unknown field",
                        "a field that Kubernetes knows here",
                    )),
                }
            }
        }
        (Value::Array(given), Value::Array(understood)) => {
            for (index, (given, kept)) in given.iter().zip(understood).enumerate() {
                lost(&format!("{path}[{index}]"), given, kept, faults);
            }
        }
        _ => {}
    }
}

/// What is left out when an empty field is written.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

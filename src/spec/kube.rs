//! Values whose types Kubernetes defines, checked by reading them as those types and looking for what was lost.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::path;
use crate::error::Violation;

/// Checks `value` as a `T`: its types, fields that `T` doesn't know, required fields that are missing.
pub(crate) fn check<T: DeserializeOwned + Serialize>(value: &Value, at: &str, faults: &mut Vec<Violation>) {
    check_as::<T>(value, at, true, faults);
}

/// As [`check`], for a pod template, which the operator takes without fields that a pod requires.
pub(crate) fn check_template<T: DeserializeOwned + Serialize>(
    value: &Value,
    at: &str,
    faults: &mut Vec<Violation>,
) {
    check_as::<T>(value, at, false, faults);
}

fn check_as<T: DeserializeOwned + Serialize>(
    value: &Value,
    at: &str,
    whole: bool,
    faults: &mut Vec<Violation>,
) {
    let mut value = value.clone();
    write_quantities(&mut value, false);
    match serde_path_to_error::deserialize::<_, T>(&value) {
        Ok(typed) => match serde_json::to_value(&typed) {
            Ok(again) => compare(&value, &again, at, whole, faults),
            Err(error) => faults.push(Violation::new(at, error, "a value that can be written again")),
        },
        Err(error) => {
            let inner = error.path().to_string();
            let place = match inner.as_str() {
                "." => at.to_owned(),
                inner if inner.starts_with('[') => format!("{at}{inner}"),
                inner => format!("{at}.{inner}"),
            };
            let (found, expected) = said(&error.into_inner().to_string());
            faults.push(Violation::new(place, found, expected));
        }
    }
}

/// What was found and what is expected, from the sentence of a type error.
fn said(message: &str) -> (String, String) {
    let message = message.strip_prefix("invalid type: ").unwrap_or(message);
    match message.split_once(", expected ") {
        Some((found, expected)) => (found.to_owned(), format!("{expected}, as Kubernetes has it")),
        None => (message.to_owned(), "a value of Kubernetes' own type".to_owned()),
    }
}

/// Kubernetes takes a quantity as a number too; its Rust type only as a text.
fn write_quantities(value: &mut Value, quantity: bool) {
    match value {
        Value::Number(number) if quantity => *value = Value::String(number.to_string()),
        Value::Array(items) => items.iter_mut().for_each(|item| write_quantities(item, false)),
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("limits" | "requests", Value::Object(amounts)) => {
                        amounts
                            .values_mut()
                            .for_each(|amount| write_quantities(amount, true));
                    }
                    ("sizeLimit" | "divisor", value) => write_quantities(value, true),
                    (_, value) => write_quantities(value, false),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What was sent but not understood is an unknown field; what appeared by itself was required.
fn compare(sent: &Value, read: &Value, at: &str, whole: bool, faults: &mut Vec<Violation>) {
    match (sent, read) {
        (Value::Object(sent), Value::Object(read)) => compare_maps(sent, read, at, whole, faults),
        (Value::Array(sent), Value::Array(read)) => {
            for (index, (sent, read)) in sent.iter().zip(read).enumerate() {
                compare(sent, read, &path::item(at, index), whole, faults);
            }
        }
        // Scalars of another form, such as a time written otherwise, are the same value.
        (_, _) => {}
    }
}

fn compare_maps(
    sent: &Map<String, Value>,
    read: &Map<String, Value>,
    at: &str,
    whole: bool,
    faults: &mut Vec<Violation>,
) {
    for (key, value) in sent {
        match read.get(key) {
            Some(read) => compare(value, read, &path::key(at, key), whole, faults),
            None if value.is_null() => {}
            None => faults.push(Violation::new(
                path::key(at, key),
                "an unknown field",
                "a field that Kubernetes knows there",
            )),
        }
    }
    // A reference without a name is legal in Kubernetes' schema, though useless.
    let lacks = |key: &&String| key.as_str() != "name" || !is_reference(at);
    let missing: BTreeSet<_> = read
        .keys()
        .filter(|key| !sent.contains_key(*key))
        .filter(lacks)
        .collect();
    for key in missing.into_iter().filter(|_| whole) {
        faults.push(Violation::new(
            path::key(at, key),
            "nothing",
            "a value: Kubernetes requires it",
        ));
    }
}

fn is_reference(at: &str) -> bool {
    ["Ref", ".configMap", ".secret"]
        .iter()
        .any(|end| at.ends_with(end))
}

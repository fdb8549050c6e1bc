//! Single values: texts, numbers, amounts, lengths of time.

use serde_json::Value;

use super::field::Scalar;
use super::memory::{self, Bare};
use super::quantity::{parse_cpu, parse_memory, parse_milli};
use super::{broker, conf, duration, placeholder};
use crate::error::Violation;

/// Checks one value.
pub(crate) fn check(value: &Value, scalar: Scalar, at: &str, faults: &mut Vec<Violation>) {
    match scalar {
        Scalar::Text => any_text(value, at, faults),
        Scalar::Name => {
            if text(value, at, faults) == Some("") {
                faults.push(Violation::new(at, "an empty text", "a text"));
            }
        }
        Scalar::Bool => {
            if !value.is_boolean() {
                faults.push(Violation::new(at, value, "true or false, without quotes"));
            }
        }
        Scalar::Int(least, most) => int(value, least, most, at, faults),
        Scalar::OneOf(words) => one_of(value, words, at, faults),
        Scalar::SparkMemory => spark_memory(value, at, faults),
        Scalar::Cpu => cpu(value, at, faults),
        Scalar::MemoryLimit => memory_limit(value, at, faults),
        Scalar::Factor => factor(value, at, faults),
        Scalar::Duration => {
            if duration::duration(value).is_none() {
                faults.push(Violation::new(at, value, duration::EXPECTED));
            }
        }
        Scalar::Queue => broker::queue(value, at, faults),
        Scalar::SubmissionId => broker::submission_id(value, at, faults),
        Scalar::Refused(expected) => faults.push(Violation::new(at, value, expected)),
    }
}

/// Checks that `value` is a text.
pub(crate) fn any_text(value: &Value, at: &str, faults: &mut Vec<Violation>) {
    text(value, at, faults);
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
        // Its digits may not be those that were written: YAML reads 3.10 as the number 3.1.
        Value::Number(number) if number.is_f64() => {
            faults.push(Violation::new(
                at,
                value,
                format!("a text: put it in quotes, as \"{value}\""),
            ));
            None
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
        None => faults.push(Violation::new(at, value, memory::expected(written))),
    }
}

fn cpu(value: &Value, at: &str, faults: &mut Vec<Violation>) {
    const EXPECTED: &str = "an amount of CPU above 0 as Kubernetes reads it, such as 1200m, 1.5 or 2";
    match value {
        Value::String(text) if parse_cpu(text).is_some_and(|cpu| cpu.0 > 0) => {}
        Value::Number(number) if number.as_f64().is_some_and(|n| n > 0.0) => {
            faults.push(Violation::new(at, value, format!("a text: write \"{number}\"")));
        }
        other => faults.push(Violation::new(at, other, EXPECTED)),
    }
}

/// The operator turns Spark's form into Kubernetes' first (`ConvertJavaMemoryStringToK8sMemoryString`).
fn memory_limit(value: &Value, at: &str, faults: &mut Vec<Violation>) {
    let read = value.as_str().filter(|text| {
        parse_memory(text).is_some_and(|memory| memory.0 > 0) || memory::parse(text, Bare::Bytes).is_some()
    });
    if read.is_none() {
        let expected = "an amount of memory as Kubernetes reads it, such as 2Gi or 512Mi";
        faults.push(Violation::new(at, value, expected));
    }
}

pub(crate) fn quantity(value: &Value, at: &str, faults: &mut Vec<Violation>) {
    let read = match value {
        Value::Number(number) => parse_milli(&number.to_string()),
        other => other.as_str().and_then(parse_milli),
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

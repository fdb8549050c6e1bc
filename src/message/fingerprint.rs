//! When two requests are the same.

use std::fmt::Write;

use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// SHA-256 in hex of `value` as canonical JSON: keys in order, no white space, a whole number without a fraction.
pub fn fingerprint(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    HEXLOWER.encode(&Sha256::digest(text))
}

fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            text.push('{');
            for (key, value) in entries {
                // Writing to a String doesn't fail.
                let _ = write!(text, "{}:", Value::from(key.as_str()));
                canonical(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Number(number) => match number
            .as_f64()
            .filter(|f| !number.is_i64() && !number.is_u64() && f.fract() == 0.0)
        {
            // 1.0 and 1e0 are 1.
            Some(whole) => drop(write!(text, "{whole:.0}")),
            None => drop(write!(text, "{number}")),
        },
        Value::Null | Value::Bool(_) | Value::String(_) => drop(write!(text, "{value}")),
    }
}

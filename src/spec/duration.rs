//! Lengths of time in a job spec: `30s`, `15m`, `2h`, `1d`, several joined (`1h30m`), or whole seconds.

use std::time::Duration;

use serde_json::Value;

/// The longest time-out: ten years.
const MAX_SECONDS: u64 = 10 * 365 * 86_400;

/// What is allowed.
pub(crate) const EXPECTED: &str =
    "a length of time of at least a second, such as 30s, 15m, 2h or 1h30m, or whole seconds";

/// Reads a length of time in whole seconds.
pub fn duration(value: &Value) -> Option<Duration> {
    seconds(value).map(Duration::from_secs)
}

fn seconds(value: &Value) -> Option<u64> {
    let seconds = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => parse_text(text.trim()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    seconds.filter(|seconds| (1..=MAX_SECONDS).contains(seconds))
}

fn parse_text(mut rest: &str) -> Option<u64> {
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let unit = match after.chars().next()? {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = &after[1..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn durations_have_units_or_are_seconds() {
        for (value, seconds) in [
            (json!("30s"), 30),
            (json!("1h30m"), 5400),
            (json!("2d"), 172_800),
            (json!(90), 90),
        ] {
            assert_eq!(super::seconds(&value), Some(seconds), "{value}");
        }
        for value in [
            json!(""),
            json!("30"),
            json!("0s"),
            json!(0),
            json!(-1),
            json!(1.5),
            json!("1y"),
            json!("9999999d"),
        ] {
            assert_eq!(super::seconds(&value), None, "{value}");
        }
    }
}

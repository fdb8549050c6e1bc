//! Durations as people write them: `30d`, `24h`, `15m`, `25s`, `300ms`, or several of them joined: `1h30m`.

use std::time::Duration;

/// A text that isn't a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a duration such as 30d, 24h, 15m, 25s, 300ms or 1h30m")]
pub struct InvalidDuration;

/// Reads a duration. A number without a unit is refused: nobody agrees on what it means.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(InvalidDuration);
    }
    while !rest.is_empty() {
        let (amount, after) = split_where(rest, |c| !c.is_ascii_digit());
        let (unit, next) = split_where(after, |c| !c.is_ascii_alphabetic());
        let amount: u64 = amount.parse().map_err(|_| InvalidDuration)?;
        let millis = amount
            .checked_mul(unit_millis(unit).ok_or(InvalidDuration)?)
            .ok_or(InvalidDuration)?;
        total = total
            .checked_add(Duration::from_millis(millis))
            .ok_or(InvalidDuration)?;
        rest = next;
    }
    Ok(total)
}

fn split_where(text: &str, stop: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(stop).unwrap_or(text.len()))
}

fn unit_millis(unit: &str) -> Option<u64> {
    match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60 * 1000),
        "h" => Some(3600 * 1000),
        "d" => Some(24 * 3600 * 1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, seconds) in [
            ("30d", 2_592_000),
            ("24h", 86_400),
            ("1h30m", 5400),
            ("25s", 25),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("300ms"), Ok(Duration::from_millis(300)));
    }

    #[test]
    fn what_isnt_a_duration_is_refused() {
        for text in [
            "",
            "5",
            "s",
            "-5s",
            "1.5h",
            "3 days",
            "5y",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}

//! Kubernetes quantities: `1200m`, `1.5`, `2Gi`, `1e3`.
//!
//! Source: `k8s.io/apimachinery/pkg/api/resource`, whose `ParseQuantity` reads them.

use crate::model::{Bytes, Millicores};

/// Reads `text` as a quantity, in thousandths, rounded up; `None` where Kubernetes would refuse it, or it is negative.
pub(crate) fn parse_milli(text: &str) -> Option<u64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() + fraction.len() == 0 || fraction.contains('.') {
        return None;
    }
    let (factor, exponent) = scale(suffix)?;
    // Zeros at the end of a fraction say nothing; more than 24 digits are no amount of anything.
    let fraction = fraction.trim_end_matches('0');
    let digits: u128 = match format!("{}{fraction}", whole.trim_start_matches('0')) {
        digits if digits.is_empty() => 0,
        digits if digits.len() > 24 => return None,
        digits => digits.parse().ok()?,
    };
    let power = exponent + 3 - i32::try_from(fraction.len()).ok()?;
    let scaled = digits.checked_mul(factor)?;
    let milli = if power >= 0 {
        scaled.checked_mul(10_u128.checked_pow(power.unsigned_abs())?)?
    } else {
        10_u128
            .checked_pow(power.unsigned_abs())
            .map_or(u128::from(scaled > 0), |by| scaled.div_ceil(by))
    };
    u64::try_from(milli).ok()
}

/// The factor and the power of ten that a suffix stands for.
fn scale(suffix: &str) -> Option<(u128, i32)> {
    Some(match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        other => {
            let exponent = other.strip_prefix(['e', 'E'])?;
            (1, exponent.parse::<i32>().ok().filter(|power| power.abs() <= 30)?)
        }
    })
}

/// An amount of CPU; parts of a millicore round up.
pub(crate) fn parse_cpu(text: &str) -> Option<Millicores> {
    parse_milli(text).map(Millicores)
}

/// An amount of memory; parts of a byte round up.
pub(crate) fn parse_memory(text: &str) -> Option<Bytes> {
    parse_milli(text).map(|milli| Bytes(milli.div_ceil(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        for (text, milli) in [
            ("1200m", 1200),
            ("1.5", 1500),
            ("0.5", 500),
            (".5", 500),
            ("2", 2000),
            ("2.", 2000),
            ("1e3", 1_000_000),
            ("1E-1", 100),
            ("0.0001", 1),
            ("2Ki", 2_048_000),
            ("1.5Gi", 1_610_612_736_000),
            ("100u", 1),
            ("+1", 1000),
        ] {
            assert_eq!(parse_milli(text), Some(milli), "{text}");
        }
        assert_eq!(parse_memory("2Gi"), Some(Bytes::mib(2048)));
    }

    #[test]
    fn what_kubernetes_refuses_is_refused() {
        for text in [
            "",
            "m",
            "two",
            "2 cores",
            "1g",
            "1.2.3",
            "-1",
            "1mi",
            "1e",
            "999999999999999999999999999E",
        ] {
            assert_eq!(parse_milli(text), None, "{text}");
        }
    }
}

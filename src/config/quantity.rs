//! Kubernetes quantities, as the API machinery reads them: a decimal number with a decimal (`m`, `k`, `M` …), binary
//! (`Ki`, `Mi` …) or exponential (`e3`) suffix.

use super::raw::RawQuantity;
use crate::model::{Bytes, Millicores};

/// Digits that a quantity may have altogether: more is no amount of anything, and would not fit the arithmetic.
const DIGITS_MAX: usize = 18;

/// Cores, in thousandths, rounded up.
pub(super) fn cores(raw: &RawQuantity) -> Option<Millicores> {
    scaled(raw, 1000).map(Millicores)
}

/// Memory in bytes, rounded up.
pub(super) fn memory(raw: &RawQuantity) -> Option<Bytes> {
    scaled(raw, 1).map(Bytes)
}

/// The quantity times `scale`, rounded up.
fn scaled(raw: &RawQuantity, scale: u128) -> Option<u64> {
    let text = match raw {
        RawQuantity::Number(number) => number.to_string(),
        RawQuantity::Text(text) => text.clone(),
    };
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > DIGITS_MAX || fraction.contains('.') {
        return None;
    }
    let (up, down) = factor(suffix)?;
    let amount: u128 = digits.parse().ok()?;
    let upper = amount.checked_mul(up)?.checked_mul(scale)?;
    let lower = 10_u128
        .checked_pow(u32::try_from(fraction.len()).ok()?)?
        .checked_mul(down)?;
    u64::try_from(upper.div_ceil(lower)).ok()
}

/// What a suffix multiplies by, and divides by.
fn factor(suffix: &str) -> Option<(u128, u128)> {
    let up = |factor: u128| Some((factor, 1));
    match suffix {
        "" => up(1),
        "n" => Some((1, 1_000_000_000)),
        "u" => Some((1, 1_000_000)),
        "m" => Some((1, 1000)),
        "k" => up(1000),
        "M" => up(1_000_000),
        "G" => up(1_000_000_000),
        "T" => up(1_000_000_000_000),
        "P" => up(1_000_000_000_000_000),
        "E" => up(1_000_000_000_000_000_000),
        "Ki" => up(1 << 10),
        "Mi" => up(1 << 20),
        "Gi" => up(1 << 30),
        "Ti" => up(1 << 40),
        "Pi" => up(1 << 50),
        "Ei" => up(1 << 60),
        exponential => {
            let exponent: i32 = exponential.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = 10_u128.checked_pow(exponent.unsigned_abs())?;
            Some(if exponent < 0 { (1, power) } else { (power, 1) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> RawQuantity {
        RawQuantity::Text(text.into())
    }

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        assert_eq!(cores(&RawQuantity::Number(800.into())), Some(Millicores(800_000)));
        assert_eq!(cores(&text("1200m")), Some(Millicores(1200)));
        assert_eq!(cores(&text("1.5")), Some(Millicores(1500)));
        assert_eq!(cores(&text("0.0001")), Some(Millicores(1)));
        assert_eq!(memory(&text("4Ti")), Some(Bytes(4 << 40)));
        assert_eq!(memory(&text("1e3")), Some(Bytes(1000)));
        assert_eq!(memory(&text("128974848000m")), Some(Bytes(128_974_848)));
    }

    #[test]
    fn what_kubernetes_refuses_is_refused() {
        for bad in [
            "",
            "Gi",
            "4 Gi",
            "4gb",
            "-1",
            "1.2.3",
            "9999999999999999999",
            "20Ei",
            "1e99",
        ] {
            assert_eq!(memory(&text(bad)), None, "{bad}");
        }
    }
}

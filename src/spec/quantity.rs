//! Quantities, each read as its reader reads it: memory as Spark does, requests and limits as Kubernetes does.

use crate::model::{Bytes, Millicores};

/// Reads memory as Spark's `JavaUtils.byteStringAs` does with MiB as its unit: a whole number with an optional unit
/// (`k`, `m`, `g`, `t`, `p`, each with or without `b`, in either case); a bare number is MiB. Else: what to write instead.
pub fn spark_memory(text: &str) -> Result<Bytes, String> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.len() - lower.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = lower.split_at(digits);
    let factor = match unit {
        "b" => Some(1),
        "k" | "kb" => Some(1 << 10),
        "" | "m" | "mb" => Some(1 << 20),
        "g" | "gb" => Some(1 << 30),
        "t" | "tb" => Some(1 << 40),
        "p" | "pb" => Some(1_u64 << 50),
        _ => None,
    };
    let bytes = number
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(n, factor)| n.checked_mul(factor));
    match bytes {
        Some(0) => Err("more than nothing, such as `2g`".into()),
        Some(bytes) => Ok(Bytes(bytes)),
        None => Err(suggestion(&lower)),
    }
}

/// What Spark would accept in the place of `text`.
fn suggestion(text: &str) -> String {
    let digits = text.len()
        - text
            .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
            .len();
    let (number, unit) = text.split_at(digits);
    let factor_mib = match unit.trim().chars().next() {
        Some('g') => Some(1024.0),
        Some('m') | None => Some(1.0),
        Some('t') => Some(1024.0 * 1024.0),
        Some(_) => None,
    };
    let mib = number
        .parse::<f64>()
        .ok()
        .zip(factor_mib)
        .map(|(n, factor)| (n * factor).ceil());
    let rule = "Spark's form: a whole number with k, m, g or t";
    match mib {
        Some(mib) if mib >= 1.0 && mib % 1024.0 == 0.0 => format!("`{}g` ({rule})", mib / 1024.0),
        Some(mib) if (1.0..1e12).contains(&mib) => format!("`{mib}m` ({rule})"),
        Some(_) | None => format!("{rule}, such as `1536m` or `2g`"),
    }
}

/// Reads CPU as Kubernetes does (`500m`, `0.5`, `2`), rounded up to a thousandth of a core.
pub fn kubernetes_cpu(text: &str) -> Option<Millicores> {
    let milli = scaled(text, 1000.0)?;
    Some(Millicores(milli))
}

/// Reads an amount of bytes as Kubernetes does (`2Gi`, `1500M`, `1e9`).
pub fn kubernetes_bytes(text: &str) -> Option<Bytes> {
    scaled(text, 1.0).map(Bytes)
}

/// A quantity (kubernetes.io, "Quantity": a decimal number with a binary or decimal suffix or an exponent) times `scale`,
/// rounded up.
fn scaled(text: &str, scale: f64) -> Option<u64> {
    let text = text.trim();
    let digits = text.len()
        - text
            .trim_start_matches(|c: char| c.is_ascii_digit() || "+-.".contains(c))
            .len();
    let (number, suffix) = text.split_at(digits);
    let factor = match suffix {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024_f64.powi(2),
        "Gi" => 1024_f64.powi(3),
        "Ti" => 1024_f64.powi(4),
        "Pi" => 1024_f64.powi(5),
        "Ei" => 1024_f64.powi(6),
        exponent => {
            let power: i32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
            10_f64.powi(power)
        }
    };
    let amount = number.parse::<f64>().ok()? * factor * scale;
    // What is a whole number but for the rounding of floats stays one.
    let whole = if (amount - amount.round()).abs() < 1e-6 {
        amount.round()
    } else {
        amount.ceil()
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range"
    )]
    (whole.is_finite() && (0.0..1e19).contains(&whole)).then_some(whole as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_spark_reads_it() {
        for (text, mib) in [
            ("512m", 512),
            ("2g", 2048),
            ("2gb", 2048),
            ("2G", 2048),
            ("1024", 1024),
            ("1024m", 1024),
            ("1t", 1 << 20),
        ] {
            assert_eq!(spark_memory(text), Ok(Bytes::mib(mib)), "{text}");
        }
    }

    #[test]
    fn what_spark_refuses_is_refused_with_what_to_write_instead() {
        for (text, instead) in [
            ("1.5g", "`1536m`"),
            ("2Gi", "`2g`"),
            ("2 gigs", "`2g`"),
            ("512Mi", "`512m`"),
        ] {
            assert!(
                spark_memory(text).unwrap_err().contains(instead),
                "{text}: {:?}",
                spark_memory(text)
            );
        }
        for text in ["", "g", "-2g", "lots", "0", "99999999999999999999g"] {
            assert!(spark_memory(text).is_err(), "{text}");
        }
    }

    #[test]
    fn cpu_and_bytes_are_read_as_kubernetes_reads_them() {
        for (text, milli) in [
            ("1200m", 1200),
            ("0.5", 500),
            ("1.5", 1500),
            ("2", 2000),
            ("0.1", 100),
        ] {
            assert_eq!(kubernetes_cpu(text), Some(Millicores(milli)), "{text}");
        }
        for (text, bytes) in [
            ("2Gi", 2 << 30),
            ("1500M", 1_500_000_000),
            ("1e9", 1_000_000_000),
            ("128974848", 128_974_848),
        ] {
            assert_eq!(kubernetes_bytes(text), Some(Bytes(bytes)), "{text}");
        }
        for text in ["", "x", "1x", "-1", "1.5.2"] {
            assert_eq!(kubernetes_cpu(text), None, "{text}");
        }
    }
}

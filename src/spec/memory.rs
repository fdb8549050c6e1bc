//! Amounts of memory as Spark reads them (`JavaUtils.byteStringAs`): `512m`, `2g`, `2gb`, or a bare number.

use crate::model::Bytes;

/// The largest amount that Spark's own arithmetic holds.
const MAX: u64 = i64::MAX as u64;
const MIB: u64 = 1024 * 1024;

/// The unit of a bare number, which is that of the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bare {
    /// Bytes, as `spark.memory.offHeap.size` has it.
    Bytes,
    /// MiB, as all others have it.
    Mib,
}

/// Reads `text` as Spark does; `None` where Spark would refuse it.
pub(crate) fn parse(text: &str, bare: Bare) -> Option<Bytes> {
    let text = text.trim().to_ascii_lowercase();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit {
        "" if bare == Bare::Bytes => 1,
        "" => MIB,
        "b" => 1,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => MIB,
        "g" | "gb" => 1 << 30,
        "t" | "tb" => 1 << 40,
        "p" | "pb" => 1 << 50,
        _ => return None,
    };
    let bytes = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (bytes <= MAX).then_some(Bytes(bytes))
}

/// What to write instead of `text`, where it can be guessed: `1536m` for `1.5g`, `2g` for `2Gi` or `2 gigs`.
pub(crate) fn suggest(text: &str) -> Option<String> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().ok()?;
    let mib = match unit.trim_start().chars().next().map(|c| c.to_ascii_lowercase()) {
        None | Some('m') => number,
        Some('b') => number / MIB as f64,
        Some('k') => number / 1024.0,
        Some('g') => number * 1024.0,
        Some('t') => number * 1024.0 * 1024.0,
        Some(_) => return None,
    };
    let mib = mib.ceil();
    if !(1.0..=1e12).contains(&mib) {
        return None;
    }
    // In range: 1 to 10^12.
    let mib = mib as u64;
    Some(if mib.is_multiple_of(1024) {
        format!("{}g", mib / 1024)
    } else {
        format!("{mib}m")
    })
}

/// What is allowed at a place where `found` stands.
pub(crate) fn expected(found: &str) -> String {
    match suggest(found) {
        Some(instead) => {
            format!("`{instead}`: Spark reads whole numbers with k, m, g or t, such as 512m or 2g")
        }
        None => "an amount of memory as Spark reads it: a whole number with k, m, g or t, such as 512m or 2g"
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spark_accepts_is_read_to_the_byte() {
        for (text, mib) in [
            ("1024m", 1024),
            ("2gb", 2048),
            ("1024", 1024),
            ("2G", 2048),
            (" 512MB ", 512),
            ("1t", 1 << 20),
        ] {
            assert_eq!(parse(text, Bare::Mib), Some(Bytes::mib(mib)), "{text}");
        }
        assert_eq!(parse("1024", Bare::Bytes), Some(Bytes(1024)));
        assert_eq!(parse("512k", Bare::Mib), Some(Bytes(512 * 1024)));
    }

    #[test]
    fn what_spark_refuses_is_refused_with_what_to_write_instead() {
        for (text, instead) in [
            ("1.5g", Some("1536m")),
            ("2Gi", Some("2g")),
            ("2 gigs", Some("2g")),
            ("512Mi", Some("512m")),
            ("0.3g", Some("308m")),
            ("-2g", None),
            ("lots", None),
            ("", None),
            ("g", None),
            ("99999999999999999999g", None),
            ("16777216p", None),
        ] {
            assert_eq!(parse(text, Bare::Mib), None, "{text}");
            assert_eq!(suggest(text).as_deref(), instead, "{text}");
        }
    }
}

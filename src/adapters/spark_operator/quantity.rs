//! Amounts as Kubernetes writes them (kubernetes.io, "Quantity"): `1500m`, `0.5`, `2Gi`, `1e3`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::model::{Bytes, Millicores, Resources};

/// The amount in thousandths, rounded up; `None` where it isn't a quantity, or is negative.
fn thousandths(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '+'))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let scale: f64 = match suffix {
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
        "Mi" => 1024f64.powi(2),
        "Gi" => 1024f64.powi(3),
        "Ti" => 1024f64.powi(4),
        "Pi" => 1024f64.powi(5),
        "Ei" => 1024f64.powi(6),
        exponent => 10f64.powi(exponent.strip_prefix(['e', 'E'])?.parse().ok()?),
    };
    // Whole numbers without a fraction stay exact up to 2^53.
    let amount = number.parse::<f64>().ok()? * scale * 1000.0;
    let rounded = amount.round();
    // A product such as 0.1 * 1000 that misses its integer by an ulp is that integer, not the next one.
    let whole = if (amount - rounded).abs() < 1e-6 * rounded.max(1.0) {
        rounded
    } else {
        amount.ceil()
    };
    Some(whole as u64)
}

fn whole(text: &str) -> Option<u64> {
    Some(thousandths(text)?.div_ceil(1000))
}

/// The amount of a resource: CPU in millicores, any other in whole units.
pub(super) fn amount(name: &str, Quantity(text): &Quantity) -> Option<u64> {
    match name {
        "cpu" => thousandths(text),
        _ => whole(text),
    }
}

/// Reads a list of requests or of allocatable amounts; what is neither CPU, memory, pods nor an extended resource (its
/// name has a domain) doesn't count.
pub(super) fn resources(list: &BTreeMap<String, Quantity>) -> Resources {
    let mut sum = Resources::default();
    for (name, Quantity(text)) in list {
        match name.as_str() {
            "cpu" => sum.cpu = Millicores(thousandths(text).unwrap_or(0)),
            "memory" => sum.memory = Bytes(whole(text).unwrap_or(0)),
            "pods" => sum.pods = whole(text).unwrap_or(0),
            extended if extended.contains('/') => {
                sum.extended.insert(extended.to_owned(), whole(text).unwrap_or(0));
            }
            _ => {}
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_kubernetes_does() {
        let cases = [
            ("1500m", 1500),
            ("0.1", 100),
            ("0.3", 300),
            (".5", 500),
            ("2", 2000),
            ("1e3", 1_000_000),
            ("1E3", 1_000_000),
            ("2k", 2_000_000),
            ("100n", 1),
            ("1Ki", 1_024_000),
        ];
        for (text, expected) in cases {
            assert_eq!(thousandths(text), Some(expected), "{text}");
        }
        assert_eq!(whole("2432Mi"), Some(2432 * 1024 * 1024));
        assert_eq!(whole("1.5Gi"), Some(1536 * 1024 * 1024));
        assert_eq!(whole("16384256Ki"), Some(16_384_256 * 1024));
        for text in ["", "two", "1 Gi", "-1", "1Xi"] {
            assert_eq!(thousandths(text), None, "{text}");
        }
    }

    #[test]
    fn what_scheduling_does_not_count_is_left_out() {
        let list = [
            ("cpu", "2"),
            ("ephemeral-storage", "10Gi"),
            ("nvidia.com/gpu", "1"),
            ("pods", "110"),
        ];
        let list = list.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned())));
        let found = resources(&list.into());
        assert_eq!(
            (found.cpu.0, found.pods, found.get("nvidia.com/gpu")),
            (2000, 110, 1)
        );
        assert_eq!(found.get("ephemeral-storage"), 0);
    }
}

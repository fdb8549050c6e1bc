//! Labels and annotations: Kubernetes' syntax, and what of them is the broker's.

use serde_json::{Map, Value};

use super::scalar::text;
use super::{path, placeholder};
use crate::error::Violation;

/// What the broker's own labels begin with.
pub(crate) const OURS: &str = "spark-broker/";
/// The label by which Kueue takes an object into one of its queues, from its documentation.
pub const KUEUE_QUEUE: &str = "kueue.x-k8s.io/queue-name";

/// Checks a map of labels.
pub(crate) fn check_labels(map: &Map<String, Value>, at: &str, faults: &mut Vec<Violation>) {
    for (key, value) in map {
        let place = path::key(at, key);
        if key.starts_with(OURS) {
            faults.push(Violation::new(
                &place,
                "a label of the broker's",
                "no label under spark-broker/",
            ));
        }
        check_key(key, &place, faults);
        if let Some(value) = text(value, &place, faults)
            && !placeholder::has(value)
            && !is_label_value(value)
        {
            let expected = "at most 63 characters of [A-Za-z0-9._-], a letter or a digit at both ends";
            faults.push(Violation::new(place, format!("{value:?}"), expected));
        }
    }
}

/// Checks a map of annotations.
pub(crate) fn check_annotations(map: &Map<String, Value>, at: &str, faults: &mut Vec<Violation>) {
    for (key, value) in map {
        let place = path::key(at, key);
        if key.starts_with(OURS) {
            faults.push(Violation::new(
                &place,
                "an annotation of the broker's",
                "no annotation under spark-broker/",
            ));
        }
        check_key(key, &place, faults);
        text(value, &place, faults);
    }
}

fn check_key(key: &str, place: &str, faults: &mut Vec<Violation>) {
    let (prefix, name) = key
        .rsplit_once('/')
        .map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let prefix_is_dns = prefix.is_none_or(|prefix| {
        prefix.len() <= 253
            && prefix
                .split('.')
                .all(|part| is_label_value(part) && !part.is_empty())
    });
    if name.is_empty() || !is_label_value(name) || !prefix_is_dns {
        let expected = "a key such as `team` or `example.com/team`: a name of at most 63 of [A-Za-z0-9._-]";
        faults.push(Violation::new(place, format!("the key {key:?}"), expected));
    }
}

fn is_label_value(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |b: Option<&u8>| b.is_none_or(u8::is_ascii_alphanumeric);
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(b))
}

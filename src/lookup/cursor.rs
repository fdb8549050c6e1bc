//! Where a list goes on: opaque text for its reader, a position in the index `recent` for us.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::SubmissionId;

/// A text that isn't a cursor of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected the nextCursor of an earlier answer")]
pub struct InvalidCursor;

/// A position in a list that runs from now into the past, day by day, over several partitions of the index at once.
///
/// New submissions arrive at the front of a partition, so a position is no number: it is the last ID that was taken from
/// each partition. Should that entry be gone (the table has deleted it), `before` still excludes what was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The day that is being read: `2026-11-23`.
    #[serde(rename = "d")]
    pub day: String,
    /// Accepted time and ID of the last submission taken; absent at the start of a day.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub before: Option<(Timestamp, SubmissionId)>,
    /// The last ID taken from each partition, by `<queue>#<shard>`.
    #[serde(rename = "p", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub taken: BTreeMap<String, SubmissionId>,
}

impl Cursor {
    /// The start of `day`.
    pub fn at_day(day: String) -> Self {
        Self {
            day,
            before: None,
            taken: BTreeMap::new(),
        }
    }

    /// As text that is legal in a URL.
    pub fn encode(&self) -> String {
        // Strings, times and a map with text keys always have a JSON form.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// From text.
    pub fn decode(text: &str) -> Result<Self, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let cursor: Self = serde_json::from_slice(&bytes).map_err(|_| InvalidCursor)?;
        cursor
            .day
            .parse::<jiff::civil::Date>()
            .map_err(|_| InvalidCursor)?;
        Ok(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_form() {
        let id: SubmissionId = "job:1.a_b-c".parse().unwrap();
        let cursor = Cursor {
            day: "2026-11-23".into(),
            before: Some((Timestamp::UNIX_EPOCH, id.clone())),
            taken: BTreeMap::from([("dev#3".to_owned(), id)]),
        };
        let text = cursor.encode();
        assert!(
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        );
        assert_eq!(Cursor::decode(&text), Ok(cursor));
    }

    #[test]
    fn foreign_text_is_no_cursor() {
        let unknown_day = URL_SAFE_NO_PAD.encode(r#"{"d":"today"}"#);
        for text in ["", "x", "e30", "not a cursor", &unknown_day] {
            assert_eq!(Cursor::decode(text), Err(InvalidCursor), "{text}");
        }
    }
}

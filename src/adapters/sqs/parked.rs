//! What a parked message looks like, and how it is made to fit.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sqs::types::MessageAttributeValue;

use crate::ports::Error;
use crate::ports::queue::{Message, Parking};

/// The most bytes of body and attributes together.
const MESSAGE_MAX: usize = 1_048_576;
/// The most bytes of `detail`.
const DETAIL_MAX: usize = 1024;
/// The type of every attribute here; SQS counts it in.
const TYPE: &str = "String";

/// The original body, and at most four attributes however many the sender had.
pub(super) struct Parked {
    pub(super) body: String,
    pub(super) attributes: HashMap<String, MessageAttributeValue>,
}

impl Parked {
    /// `reason` and `submissionId` whole, `detail` cut to 1 KiB or to what room there is, then of the sender's own
    /// attributes what still fits, the largest left out first. An error where the body leaves no room for the first two.
    pub(super) fn new(message: &Message, why: &Parking) -> Result<Self, Error> {
        let mut parked = Room {
            left: 0,
            attributes: HashMap::new(),
        };
        let body = allowed(&message.body);
        parked.left = MESSAGE_MAX.saturating_sub(body.len());
        for (name, value) in [("reason", &why.reason), ("submissionId", &why.submission_id)] {
            if !parked.put(name, allowed(value))? {
                return Err(Error::permanent(format!(
                    "message {} can't be parked: its {} bytes leave no room for {name}",
                    message.id,
                    body.len()
                )));
            }
        }
        let detail = parked.cut("detail", &allowed(&why.detail), DETAIL_MAX);
        parked.put("detail", detail)?;
        let folded = fold(&message.attributes, parked.room_for("senderAttributes"));
        parked.put("senderAttributes", folded)?;
        Ok(Self {
            body,
            attributes: parked.attributes,
        })
    }
}

struct Room {
    left: usize,
    attributes: HashMap<String, MessageAttributeValue>,
}

impl Room {
    fn room_for(&self, name: &str) -> usize {
        self.left.saturating_sub(name.len() + TYPE.len())
    }

    fn cut(&self, name: &str, text: &str, max: usize) -> String {
        let end = text.floor_char_boundary(max.min(self.room_for(name)));
        text.get(..end).unwrap_or_default().to_owned()
    }

    /// Whether it fitted. SQS refuses empty values, so they are left out.
    fn put(&mut self, name: &str, value: String) -> Result<bool, Error> {
        if value.is_empty() {
            return Ok(true);
        }
        if value.len() > self.room_for(name) {
            return Ok(false);
        }
        self.left -= name.len() + TYPE.len() + value.len();
        let value = MessageAttributeValue::builder()
            .data_type(TYPE)
            .string_value(value)
            .build();
        self.attributes.insert(
            name.to_owned(),
            value.map_err(|e| Error::permanent(e.to_string()))?,
        );
        Ok(true)
    }
}

/// The attributes as a JSON object of at most `max` bytes; empty where nothing is to be said.
fn fold(attributes: &BTreeMap<String, String>, max: usize) -> String {
    let mut kept: BTreeMap<_, _> = attributes.iter().collect();
    while let Some(largest) = kept
        .iter()
        .max_by_key(|(_, value)| value.len())
        .map(|(name, _)| *name)
    {
        let text = serde_json::to_string(&kept)
            .map(|text| allowed(&text))
            .unwrap_or_default();
        if text.len() <= max {
            return text;
        }
        kept.remove(largest);
    }
    String::new()
}

/// SQS takes `#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF` (SendMessage in its API
/// reference); anything else becomes U+FFFD.
fn allowed(text: &str) -> String {
    let legal = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..);
    text.chars()
        .map(|c| if legal(c) { c } else { '\u{FFFD}' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(sizes: [usize; 3]) -> BTreeMap<String, String> {
        ["a", "b", "c"]
            .into_iter()
            .zip(sizes)
            .map(|(name, size)| (name.to_owned(), "x".repeat(size)))
            .collect()
    }

    #[test]
    fn the_largest_attributes_are_left_out_until_the_rest_fits() {
        assert_eq!(
            fold(&attributes([1, 2, 3]), 100),
            r#"{"a":"x","b":"xx","c":"xxx"}"#
        );
        assert_eq!(fold(&attributes([1, 99, 3]), 50), r#"{"a":"x","c":"xxx"}"#);
        assert_eq!(fold(&attributes([60, 99, 70]), 50), "");
        assert_eq!(fold(&BTreeMap::new(), 50), "");
    }
}

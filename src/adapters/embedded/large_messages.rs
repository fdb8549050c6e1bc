//! Messages of up to 1 MiB in the crate's queues, which stop at 256 KiB.
//!
//! What exceeds the crate's limit travels inside its queue in one hidden message attribute, which holds the rest of the
//! body and the message's own attributes. So redelivery, redrive and deletion stay the crate's own.

use std::collections::HashMap;

use rustack_sqs_core::message::{md5_of_body, md5_of_message_attributes};
use rustack_sqs_model::error::SqsError;
use rustack_sqs_model::types::{Message, MessageAttributeValue};
use serde::{Deserialize, Serialize};

/// The most bytes of body and attributes together, in a message and in a batch.
pub(super) const MESSAGE_MAX: usize = 1_048_576;
/// The crate's own limit, which it counts over the body alone.
pub(super) const CRATE_MAX: usize = 262_144;
/// The hidden attribute.
pub(super) const HIDDEN: &str = "spark-broker.large-message";

type Attributes = HashMap<String, MessageAttributeValue>;

/// What a hidden attribute holds.
#[derive(Serialize, Deserialize)]
struct Hidden {
    rest: String,
    attributes: Attributes,
}

/// Moves what the crate would refuse into the hidden attribute.
pub(super) fn hide(body: &mut String, attributes: &mut Attributes) -> Result<(), SqsError> {
    if body.len() <= CRATE_MAX {
        return Ok(());
    }
    let rest = body.split_off(body.floor_char_boundary(CRATE_MAX));
    let hidden = Hidden {
        rest,
        attributes: std::mem::take(attributes),
    };
    let text = serde_json::to_string(&hidden).map_err(|e| SqsError::internal_error(e.to_string()))?;
    let value = MessageAttributeValue {
        data_type: "String".to_owned(),
        string_value: Some(text),
        binary_value: None,
    };
    attributes.insert(HIDDEN.to_owned(), value);
    Ok(())
}

/// The message as it was sent, with the attributes that were asked for.
pub(super) fn unhide(message: &mut Message, wanted: &[String]) {
    let hidden = message
        .message_attributes
        .remove(HIDDEN)
        .and_then(|value| value.string_value);
    if let Some(hidden) = hidden.and_then(|text| serde_json::from_str::<Hidden>(&text).ok()) {
        let body = message.body.get_or_insert_default();
        body.push_str(&hidden.rest);
        message.md5_of_body = Some(md5_of_body(body));
        message.message_attributes = hidden.attributes;
        message
            .message_attributes
            .retain(|name, _| is_wanted(name, wanted));
    }
    // SQS digests the attributes that it returns, the crate all that were sent; SDKs compare.
    message.md5_of_message_attributes = md5_of_message_attributes(&message.message_attributes);
}

fn is_wanted(name: &str, wanted: &[String]) -> bool {
    wanted.iter().any(|w| w == "All" || w == ".*" || w == name)
}

/// SQS counts the body, and of each attribute its name, type and value.
pub(super) fn size(body: &str, attributes: &Attributes) -> usize {
    let one = |(name, value): (&String, &MessageAttributeValue)| {
        let text = value.string_value.as_ref().map_or(0, String::len);
        name.len() + value.data_type.len() + text + value.binary_value.as_ref().map_or(0, Vec::len)
    };
    body.len() + attributes.iter().map(one).sum::<usize>()
}

pub(super) fn refuse_above_limit(size: usize) -> Result<(), SqsError> {
    if size <= MESSAGE_MAX {
        return Ok(());
    }
    Err(SqsError::invalid_parameter_value(format!(
        "One or more parameters are invalid. Reason: Message must be shorter than {MESSAGE_MAX} bytes."
    )))
}

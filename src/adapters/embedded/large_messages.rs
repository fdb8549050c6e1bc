//! What SQS allows and the queue crate doesn't: messages of up to 1 MiB (the crate stops at 256 KiB), group IDs on
//! standard queues, numbers as texts in redrive policies; and what SQS refuses and the crate would choke on: numbers out of range.
//!
//! What exceeds the crate's limit travels inside its queue in one hidden message attribute, which holds the rest of the
//! body and the message's own attributes. So redelivery, redrive and deletion stay the crate's own.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_core::message::{md5_of_body, md5_of_message_attributes};
use rustack_sqs_core::provider::RustackSqs;
use rustack_sqs_http::{body::SqsResponseBody, dispatch::SqsHandler, response::json_response};
use rustack_sqs_model::error::{SqsError, SqsErrorCode};
use rustack_sqs_model::input::{
    ChangeMessageVisibilityBatchInput, ChangeMessageVisibilityInput, CreateQueueInput,
    GetQueueAttributesInput, ReceiveMessageInput, SendMessageBatchInput, SendMessageInput,
    SetQueueAttributesInput,
};
use rustack_sqs_model::operations::SqsOperation;
use rustack_sqs_model::output::{
    GetQueueAttributesOutput, ReceiveMessageOutput, SendMessageBatchOutput, SendMessageOutput,
};
use rustack_sqs_model::types::{Message, MessageAttributeValue};
use serde::{Deserialize, Serialize};

/// The most bytes of body and attributes together, in a message and in a batch.
const MESSAGE_MAX: usize = 1_048_576;
/// The crate's own limit, which it counts over the body alone.
const CRATE_MAX: usize = 262_144;
/// The hidden attribute.
const HIDDEN: &str = "spark-broker.large-message";
/// The most seconds a message may be hidden.
const VISIBILITY_MAX: i32 = 43_200;

type Attributes = HashMap<String, MessageAttributeValue>;
type Response = Result<http::Response<SqsResponseBody>, SqsError>;

/// Answers what needs correction itself, over the crate's queues, and leaves the rest to the crate's handler.
#[derive(Debug)]
pub(super) struct LargeMessages {
    provider: Arc<RustackSqs>,
    rest: RustackSqsHandler,
}

impl LargeMessages {
    pub(super) fn over(provider: Arc<RustackSqs>) -> Self {
        Self {
            rest: RustackSqsHandler::new(Arc::clone(&provider)),
            provider,
        }
    }
}

impl SqsHandler for LargeMessages {
    fn handle_operation(
        &self,
        operation: SqsOperation,
        body: Bytes,
    ) -> Pin<Box<dyn Future<Output = Response> + Send>> {
        let sqs = Arc::clone(&self.provider);
        match operation {
            SqsOperation::SendMessage => Box::pin(async move { reply(&send(&sqs, read(&body)?).await?) }),
            SqsOperation::SendMessageBatch => {
                Box::pin(async move { reply(&send_batch(&sqs, read(&body)?).await?) })
            }
            SqsOperation::ReceiveMessage => {
                Box::pin(async move { reply(&receive(&sqs, read(&body)?).await?) })
            }
            SqsOperation::GetQueueAttributes => {
                Box::pin(async move { reply(&queue_attributes(&sqs, read(&body)?).await?) })
            }
            SqsOperation::CreateQueue => Box::pin(async move {
                let mut input: CreateQueueInput = read(&body)?;
                correct(&mut input.attributes);
                reply(&sqs.create_queue(input).await?)
            }),
            SqsOperation::SetQueueAttributes => Box::pin(async move {
                let mut input: SetQueueAttributesInput = read(&body)?;
                correct(&mut input.attributes);
                reply(&sqs.set_queue_attributes(input).await?)
            }),
            SqsOperation::ChangeMessageVisibility => Box::pin(async move {
                let input: ChangeMessageVisibilityInput = read(&body)?;
                within(
                    "VisibilityTimeout",
                    Some(input.visibility_timeout),
                    0,
                    VISIBILITY_MAX,
                )?;
                reply(&sqs.change_message_visibility(input).await?)
            }),
            SqsOperation::ChangeMessageVisibilityBatch => Box::pin(async move {
                let input: ChangeMessageVisibilityBatchInput = read(&body)?;
                for entry in &input.entries {
                    within(
                        "VisibilityTimeout",
                        Some(entry.visibility_timeout),
                        0,
                        VISIBILITY_MAX,
                    )?;
                }
                reply(&sqs.change_message_visibility_batch(input).await?)
            }),
            _ => self.rest.handle_operation(operation, body),
        }
    }
}

async fn send(sqs: &RustackSqs, mut input: SendMessageInput) -> Result<SendMessageOutput, SqsError> {
    within("DelaySeconds", input.delay_seconds, 0, 900)?;
    refuse_above_limit(size(&input.message_body, &input.message_attributes))?;
    let md5 = (
        md5_of_body(&input.message_body),
        md5_of_message_attributes(&input.message_attributes),
    );
    if !is_fifo(&input.queue_url) {
        input.message_group_id = None;
    }
    hide(&mut input.message_body, &mut input.message_attributes)?;
    let mut output = sqs.send_message(input).await?;
    (output.md5_of_message_body, output.md5_of_message_attributes) = (Some(md5.0), md5.1);
    Ok(output)
}

async fn send_batch(
    sqs: &RustackSqs,
    mut input: SendMessageBatchInput,
) -> Result<SendMessageBatchOutput, SqsError> {
    let total = input
        .entries
        .iter()
        .map(|e| size(&e.message_body, &e.message_attributes))
        .sum();
    refuse_above_limit(total).map_err(|e| SqsError::new(SqsErrorCode::BatchRequestTooLong, e.message))?;
    let fifo = is_fifo(&input.queue_url);
    let mut md5s = HashMap::new();
    for entry in &mut input.entries {
        within("DelaySeconds", entry.delay_seconds, 0, 900)?;
        let md5 = (
            md5_of_body(&entry.message_body),
            md5_of_message_attributes(&entry.message_attributes),
        );
        md5s.insert(entry.id.clone(), md5);
        if !fifo {
            entry.message_group_id = None;
        }
        hide(&mut entry.message_body, &mut entry.message_attributes)?;
    }
    let mut output = sqs.send_message_batch(input).await?;
    for sent in &mut output.successful {
        if let Some(md5) = md5s.remove(&sent.id) {
            (sent.md5_of_message_body, sent.md5_of_message_attributes) = md5;
        }
    }
    Ok(output)
}

async fn receive(sqs: &RustackSqs, mut input: ReceiveMessageInput) -> Result<ReceiveMessageOutput, SqsError> {
    within("MaxNumberOfMessages", input.max_number_of_messages, 1, 10)?;
    within("WaitTimeSeconds", input.wait_time_seconds, 0, 20)?;
    within("VisibilityTimeout", input.visibility_timeout, 0, VISIBILITY_MAX)?;
    let wanted = input.message_attribute_names.clone();
    input.message_attribute_names.push(HIDDEN.to_owned());
    let mut output = sqs.receive_message(input).await?;
    for message in &mut output.messages {
        unhide(message, &wanted);
    }
    Ok(output)
}

async fn queue_attributes(
    sqs: &RustackSqs,
    input: GetQueueAttributesInput,
) -> Result<GetQueueAttributesOutput, SqsError> {
    let mut output = sqs.get_queue_attributes(input).await?;
    if let Some(limit) = output.attributes.get_mut("MaximumMessageSize")
        && *limit == CRATE_MAX.to_string()
    {
        *limit = MESSAGE_MAX.to_string();
    }
    Ok(output)
}

/// A limit above the crate's is what every queue here has anyway; a count in a redrive policy may be a text.
fn correct(attributes: &mut HashMap<String, String>) {
    let above = |limit: &String| {
        limit
            .parse()
            .is_ok_and(|n: usize| (CRATE_MAX..=MESSAGE_MAX).contains(&n))
    };
    if attributes.get("MaximumMessageSize").is_some_and(above) {
        attributes.remove("MaximumMessageSize");
    }
    if let Some(text) = attributes.get_mut("RedrivePolicy")
        && let Ok(mut policy) = serde_json::from_str::<serde_json::Value>(text)
        && let Some(count) = policy["maxReceiveCount"]
            .as_str()
            .and_then(|count| count.parse::<u32>().ok())
    {
        policy["maxReceiveCount"] = count.into();
        *text = policy.to_string();
    }
}

/// What a hidden attribute holds.
#[derive(Serialize, Deserialize)]
struct Hidden {
    rest: String,
    attributes: Attributes,
}

fn hide(body: &mut String, attributes: &mut Attributes) -> Result<(), SqsError> {
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

fn unhide(message: &mut Message, wanted: &[String]) {
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
fn size(body: &str, attributes: &Attributes) -> usize {
    let one = |(name, value): (&String, &MessageAttributeValue)| {
        let text = value.string_value.as_ref().map_or(0, String::len);
        name.len() + value.data_type.len() + text + value.binary_value.as_ref().map_or(0, Vec::len)
    };
    body.len() + attributes.iter().map(one).sum::<usize>()
}

fn refuse_above_limit(size: usize) -> Result<(), SqsError> {
    if size <= MESSAGE_MAX {
        return Ok(());
    }
    Err(SqsError::invalid_parameter_value(format!(
        "One or more parameters are invalid. Reason: Message must be shorter than {MESSAGE_MAX} bytes."
    )))
}

fn within(name: &str, value: Option<i32>, min: i32, max: i32) -> Result<(), SqsError> {
    match value {
        Some(value) if !(min..=max).contains(&value) => Err(SqsError::invalid_parameter_value(format!(
            "Value {value} for parameter {name} is invalid. Reason: Must be between {min} and {max}."
        ))),
        Some(_) | None => Ok(()),
    }
}

fn is_fifo(queue_url: &str) -> bool {
    queue_url.ends_with(".fifo")
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, SqsError> {
    serde_json::from_slice(body)
        .map_err(|e| SqsError::invalid_parameter_value(format!("the request can't be read: {e}")))
}

fn reply<T: Serialize>(output: &T) -> Response {
    let json = serde_json::to_vec(output).map_err(|e| SqsError::internal_error(e.to_string()))?;
    Ok(json_response(json, &uuid::Uuid::new_v4().to_string()))
}

//! The crate's handler with what it gets wrong put right: messages of up to 1 MiB, group IDs on standard queues, texts
//! for numbers in redrive policies, the names of errors that SDKs look for; and numbers out of range, on which the crate
//! would choke, refused.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_core::message::{md5_of_body, md5_of_message_attributes};
use rustack_sqs_core::provider::RustackSqs;
use rustack_sqs_http::response::{error_to_response, json_response};
use rustack_sqs_http::{body::SqsResponseBody, dispatch::SqsHandler};
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
use serde::Serialize;
use serde_json::json;

use super::large_messages::{CRATE_MAX, HIDDEN, MESSAGE_MAX, hide, refuse_above_limit, size, unhide};

/// The most seconds a message may be hidden.
const VISIBILITY_MAX: i32 = 43_200;

type Response = http::Response<SqsResponseBody>;

/// Answers what needs correction itself, over the crate's queues, and leaves the rest to the crate's handler.
#[derive(Debug)]
pub(super) struct Corrected(Arc<RustackSqs>);

impl Corrected {
    pub(super) fn over(provider: Arc<RustackSqs>) -> Self {
        Self(provider)
    }
}

impl SqsHandler for Corrected {
    fn handle_operation(
        &self,
        operation: SqsOperation,
        body: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<Response, SqsError>> + Send>> {
        let sqs = Arc::clone(&self.0);
        Box::pin(async move {
            Ok(answer(sqs, operation, body)
                .await
                .unwrap_or_else(|error| refused(&error)))
        })
    }
}

async fn answer(sqs: Arc<RustackSqs>, operation: SqsOperation, body: Bytes) -> Result<Response, SqsError> {
    match operation {
        SqsOperation::SendMessage => reply(&send(&sqs, read(&body)?).await?),
        SqsOperation::SendMessageBatch => reply(&send_batch(&sqs, read(&body)?).await?),
        SqsOperation::ReceiveMessage => reply(&receive(&sqs, read(&body)?).await?),
        SqsOperation::GetQueueAttributes => reply(&queue_attributes(&sqs, read(&body)?).await?),
        SqsOperation::CreateQueue => {
            let mut input: CreateQueueInput = read(&body)?;
            correct(&mut input.attributes);
            reply(&sqs.create_queue(input).await?)
        }
        SqsOperation::SetQueueAttributes => {
            let mut input: SetQueueAttributesInput = read(&body)?;
            correct(&mut input.attributes);
            reply(&sqs.set_queue_attributes(input).await?)
        }
        SqsOperation::ChangeMessageVisibility => {
            let input: ChangeMessageVisibilityInput = read(&body)?;
            within(
                "VisibilityTimeout",
                Some(input.visibility_timeout),
                0,
                VISIBILITY_MAX,
            )?;
            reply(&sqs.change_message_visibility(input).await?)
        }
        SqsOperation::ChangeMessageVisibilityBatch => {
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
        }
        SqsOperation::ListDeadLetterSourceQueues => {
            let output = sqs.list_dead_letter_source_queues(read(&body)?).await?;
            // The one name in SQS's answers that begins with a small letter.
            reply(&json!({"queueUrls": output.queue_urls}))
        }
        other => RustackSqsHandler::new(sqs).handle_operation(other, body).await,
    }
}

/// The crate names errors as the old query protocol did; SDKs that speak JSON look for the names of the service's model.
fn refused(error: &SqsError) -> Response {
    let old = error.code.error_type();
    let name = match old.strip_prefix("AWS.SimpleQueueService.").unwrap_or(old) {
        "NonExistentQueue" => "QueueDoesNotExist",
        "QueueAlreadyExists" => "QueueNameExists",
        same => same,
    };
    let body = json!({"__type": format!("com.amazonaws.sqs#{name}"), "message": error.message});
    let mut response = error_to_response(error, &uuid::Uuid::new_v4().to_string());
    // It was computed over the body that goes.
    response.headers_mut().remove("x-amz-crc32");
    *response.body_mut() = SqsResponseBody::from_json(body.to_string().into_bytes());
    response
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

fn reply<T: Serialize>(output: &T) -> Result<Response, SqsError> {
    let json = serde_json::to_vec(output).map_err(|e| SqsError::internal_error(e.to_string()))?;
    Ok(json_response(json, &uuid::Uuid::new_v4().to_string()))
}

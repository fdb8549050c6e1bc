//! A submission queue in SQS, with its dead-letter queue.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageSystemAttributeName,
    QueueAttributeName,
};
use jiff::Timestamp;

use crate::adapters::aws::port_error;
use crate::ports::Error;
use crate::ports::queue::{Message, Parking, QueueFacts, Receipt, SubmissionQueue};

mod parked;
mod setup;

pub use setup::create_queues;

/// The most entries of a batch, and messages of a receive.
const BATCH: usize = 10;
/// The longest long poll.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// The longest that a message may be hidden.
const VISIBILITY_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// How configuration names a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueAddress {
    /// By name, in the credentials' own account and region.
    Name(String),
    /// By URL.
    Url(String),
}

/// A submission queue and where its unusable messages go.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
    dead_letter_url: Option<String>,
}

impl SqsQueue {
    /// Finds the queue and its dead-letter queue: `dead_letter` by name, else the one of the queue's redrive policy.
    /// Without either the queue can be received from, but [`SubmissionQueue::park`] fails.
    pub async fn connect(
        client: Client,
        address: QueueAddress,
        dead_letter: Option<String>,
    ) -> Result<Self, Error> {
        let url = match address {
            QueueAddress::Name(name) => setup::url_of(&client, &name, None).await?,
            QueueAddress::Url(url) => url,
        };
        let dead_letter_url = match dead_letter {
            Some(name) => Some(setup::url_of(&client, &name, None).await?),
            None => setup::dead_letter_of(&client, &url).await?,
        };
        Ok(Self {
            client,
            url,
            dead_letter_url,
        })
    }

    /// The queue's URL.
    pub fn url(&self) -> &str {
        &self.url
    }
}

#[async_trait]
impl SubmissionQueue for SqsQueue {
    async fn receive(&self, wait: Duration, visibility: Duration) -> Result<Vec<Message>, Error> {
        let output = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .wait_time_seconds(seconds(wait, WAIT_MAX))
            .visibility_timeout(seconds(visibility, VISIBILITY_MAX))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(|e| port_error(format_args!("ReceiveMessage {}", self.url), e))?;
        Ok(output
            .messages
            .unwrap_or_default()
            .into_iter()
            .filter_map(message)
            .collect())
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<Vec<Receipt>, Error> {
        let mut failed = Vec::new();
        for batch in receipts.chunks(BATCH) {
            let entries = numbered(batch).map(|(id, receipt)| {
                DeleteMessageBatchRequestEntry::builder()
                    .id(id)
                    .receipt_handle(receipt)
                    .build()
            });
            let output = self
                .client
                .delete_message_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries.collect::<Result<_, _>>().map_err(malformed)?))
                .send()
                .await
                .map_err(|e| port_error(format_args!("DeleteMessageBatch {}", self.url), e))?;
            failed.extend(output.failed.iter().filter_map(|entry| named(batch, &entry.id)));
        }
        Ok(failed)
    }

    async fn extend(&self, receipts: &[Receipt], visibility: Duration) -> Result<Vec<Receipt>, Error> {
        let mut failed = Vec::new();
        for batch in receipts.chunks(BATCH) {
            let entries = numbered(batch).map(|(id, receipt)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(id)
                    .receipt_handle(receipt)
                    .visibility_timeout(seconds(visibility, VISIBILITY_MAX))
                    .build()
            });
            let output = self
                .client
                .change_message_visibility_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries.collect::<Result<_, _>>().map_err(malformed)?))
                .send()
                .await
                .map_err(|e| port_error(format_args!("ChangeMessageVisibilityBatch {}", self.url), e))?;
            failed.extend(output.failed.iter().filter_map(|entry| named(batch, &entry.id)));
        }
        Ok(failed)
    }

    async fn park(&self, message: &Message, why: &Parking) -> Result<(), Error> {
        let Some(url) = &self.dead_letter_url else {
            return Err(Error::permanent(format!(
                "queue {} has no dead-letter queue",
                self.url
            )));
        };
        let parked = parked::Parked::new(message, why)?;
        self.client
            .send_message()
            .queue_url(url)
            .message_body(parked.body)
            .set_message_attributes(Some(parked.attributes))
            .send()
            .await
            .map_err(|e| port_error(format_args!("SendMessage {url}"), e))?;
        Ok(())
    }

    async fn send(&self, body: &str) -> Result<String, Error> {
        let output = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .send()
            .await
            .map_err(|e| port_error(format_args!("SendMessage {}", self.url), e))?;
        output
            .message_id
            .ok_or_else(|| Error::transient("SendMessage: the answer has no MessageId"))
    }

    async fn describe(&self) -> Result<QueueFacts, Error> {
        let attributes = setup::attributes(&self.client, &self.url).await?;
        let dead_letter_retention = match &self.dead_letter_url {
            Some(url) => setup::retention(&setup::attributes(&self.client, url).await?),
            None => None,
        };
        let redrive = setup::redrive(&attributes);
        Ok(QueueFacts {
            fifo: attributes
                .get(&QueueAttributeName::FifoQueue)
                .is_some_and(|v| v == "true")
                || self.url.ends_with(".fifo"),
            dead_letter_url: self.dead_letter_url.clone(),
            max_receive_count: redrive.and_then(|r| r.max_receive_count),
            retention: setup::retention(&attributes).unwrap_or_default(),
            dead_letter_retention,
        })
    }
}

/// Whole seconds, rounded up, so that a short wait isn't none.
fn seconds(duration: Duration, max: Duration) -> i32 {
    let duration = duration.min(max);
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

fn numbered(batch: &[Receipt]) -> impl Iterator<Item = (String, String)> {
    batch
        .iter()
        .enumerate()
        .map(|(i, receipt)| (i.to_string(), receipt.0.clone()))
}

fn named(batch: &[Receipt], id: &str) -> Option<Receipt> {
    batch.get(id.parse::<usize>().ok()?).cloned()
}

fn malformed(error: aws_smithy_types::error::operation::BuildError) -> Error {
    Error::permanent(error.to_string())
}

/// SQS gives every message an ID and a receipt; what has none can't be worked on.
fn message(raw: aws_sdk_sqs::types::Message) -> Option<Message> {
    let facts = raw.attributes.unwrap_or_default();
    let fact = |name| facts.get(&name).map(String::as_str);
    let attributes: BTreeMap<_, _> = raw
        .message_attributes
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.string_value?)))
        .collect();
    Some(Message {
        id: raw.message_id?,
        receipt: Receipt(raw.receipt_handle?),
        body: raw.body.unwrap_or_default(),
        attributes,
        sender: fact(MessageSystemAttributeName::SenderId).map(str::to_owned),
        sent_at: fact(MessageSystemAttributeName::SentTimestamp)
            .and_then(|text| text.parse().ok())
            .and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        receive_count: fact(MessageSystemAttributeName::ApproximateReceiveCount)
            .and_then(|text| text.parse().ok())
            .unwrap_or(1),
    })
}

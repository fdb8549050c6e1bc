//! A submission queue with its dead-letter queue.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::Error;

/// What names a received message when it is deleted or held; new with each receive.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt(pub String);

/// A received message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The `MessageId` that the sender was told.
    pub id: String,
    /// For deleting and holding it.
    pub receipt: Receipt,
    /// Its body.
    pub body: String,
    /// Its attributes of type String and Number.
    pub attributes: BTreeMap<String, String>,
    /// `SenderId`, as SQS saw it.
    pub sender: Option<String>,
    /// `SentTimestamp`.
    pub sent_at: Option<Timestamp>,
    /// `ApproximateReceiveCount`.
    pub receive_count: u32,
}

/// Why a message is parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parking {
    /// For machines: the message attribute `reason`.
    pub reason: String,
    /// For people: the message attribute `detail`, cut to 1 KiB.
    pub detail: String,
    /// The message attribute `submissionId`.
    pub submission_id: String,
}

/// What start-up checks of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueFacts {
    /// A FIFO queue is refused: a blocked group blocks its jobs.
    pub fifo: bool,
    /// The dead-letter queue, by its redrive policy or by configuration.
    pub dead_letter_url: Option<String>,
    /// `maxReceiveCount` of the redrive policy.
    pub max_receive_count: Option<u32>,
    /// Retention of the queue.
    pub retention: Duration,
    /// Retention of the dead-letter queue.
    pub dead_letter_retention: Option<Duration>,
}

/// One submission queue. Delivery is at least once: a message may be received again at any time, deleted or not.
#[async_trait]
pub trait SubmissionQueue: Send + Sync {
    /// Up to 10 messages, hidden from others for `visibility`; waits for the first at most `wait` (0 to 20 s).
    async fn receive(&self, wait: Duration, visibility: Duration) -> Result<Vec<Message>, Error>;

    /// Deletes in batches of 10; the receipts that couldn't be deleted: their messages will be delivered again.
    async fn delete(&self, receipts: &[Receipt]) -> Result<Vec<Receipt>, Error>;

    /// Hides for `visibility` from now on (0: gives back at once), in batches of 10; the receipts that failed.
    async fn extend(&self, receipts: &[Receipt], visibility: Duration) -> Result<Vec<Receipt>, Error>;

    /// Sends the message to the dead-letter queue with `reason`, `detail`, `submissionId` and the sender's own
    /// attributes folded into one. Doesn't delete it.
    async fn park(&self, message: &Message, why: &Parking) -> Result<(), Error>;

    /// Sends a message; its `MessageId`.
    async fn send(&self, body: &str) -> Result<String, Error>;

    /// What start-up checks.
    async fn describe(&self) -> Result<QueueFacts, Error>;
}

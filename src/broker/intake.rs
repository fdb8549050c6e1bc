//! From an SQS message to a record: accepted means durable. A message is deleted only once its submission stands in the
//! store, or the message itself in the dead-letter queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::gate::{Gate, Reach};
use super::scheduler::Input;
use super::storing::{Records, Stored};
use super::supervise::{Kind, Tasks};
use crate::acceptance::{Acceptor, Rejection};
use crate::error::{Class, Classify, Violation};
use crate::message::{self, Request};
use crate::model::QueueName;
use crate::ports::Error;
use crate::ports::queue::{Message, Parking, Receipt, SubmissionQueue};
use crate::submission::{BacklogEntry, Reason, Record, State};
use crate::telemetry::{Metrics, Outcome};

/// How long a receive waits for the first message.
const LONG_POLL: Duration = Duration::from_secs(20);
/// How long received messages are hidden from others; renewed at a third.
const VISIBILITY: Duration = Duration::from_secs(60);
/// Most messages of one receive.
const BATCH: usize = 10;
/// The shortest and the longest pause before a message is handled again.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Most pollers of one submission queue.
const POLLERS: usize = 16;

/// The intake of one submission queue.
pub struct Intake {
    /// The submission queue.
    pub queue: Arc<dyn SubmissionQueue>,
    /// The job queue of specs that name none.
    pub default_queue: Option<QueueName>,
    /// Makes records of requests.
    pub acceptor: Arc<Acceptor>,
    /// Stores them.
    pub records: Records,
    /// Closed while the store is away.
    pub gate: Gate,
    /// Where new submissions are told to this pod's scheduler.
    pub arrivals: mpsc::Sender<Input>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Told whether the queue can be read.
    pub reach: Reach,
    /// Cancelled to stop receiving.
    pub stop: CancellationToken,
    /// How many pollers run.
    pub pollers: AtomicUsize,
}

/// What becomes of a received message.
enum Fate {
    Delete,
    /// Left to be delivered again, or to the queue's own redrive.
    Leave,
}

/// Why a message couldn't be handled now: a fault of the store pauses all intake, one of the dead-letter queue doesn't.
enum Fault {
    Store(Error),
    Queue(Error),
}

impl Fault {
    fn error(&self) -> &Error {
        match self {
            Self::Store(error) | Self::Queue(error) => error,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl Intake {
    /// Starts receiving: one poller at first, more as long as receives come back full.
    pub fn start(self: Arc<Self>, tasks: &Tasks) {
        self.pollers.store(1, Ordering::SeqCst);
        tasks.start(Kind::Essential, "intake", self.poll(tasks.clone(), true));
    }

    fn poll(self: Arc<Self>, tasks: Tasks, first: bool) -> futures::future::BoxFuture<'static, ()> {
        Box::pin(async move {
            while !self.stop.is_cancelled() {
                let received = self.receive().await;
                if received == BATCH && self.pollers.fetch_add(1, Ordering::SeqCst) < POLLERS {
                    tasks.start(Kind::Work, "intake", Arc::clone(&self).poll(tasks.clone(), false));
                } else if received == BATCH {
                    self.pollers.fetch_sub(1, Ordering::SeqCst);
                }
                if received == 0 && !first {
                    break;
                }
            }
            self.pollers.fetch_sub(1, Ordering::SeqCst);
        })
    }

    /// One receive and what follows from it; how many messages came.
    async fn receive(&self) -> usize {
        tokio::select! {
            () = self.stop.cancelled() => return 0,
            () = self.gate.opened() => {}
        }
        let received = tokio::select! {
            () = self.stop.cancelled() => return 0,
            received = self.queue.receive(LONG_POLL, VISIBILITY) => received,
        };
        match received {
            Ok(messages) => {
                self.reach.set(None);
                let count = messages.len();
                if count > 0 {
                    self.take_in(messages).await;
                }
                count
            }
            Err(error) => {
                tracing::warn!(%error, "the submission queue can't be read");
                self.reach.set(Some(error.to_string()));
                let pause = match error.class() {
                    Class::Transient { retry_after } => retry_after.unwrap_or(Duration::from_secs(1)),
                    Class::Conflict | Class::Permanent => Duration::from_secs(10),
                };
                tokio::select! { () = self.stop.cancelled() => {}, () = tokio::time::sleep(pause) => {} }
                0
            }
        }
    }

    /// Handles a batch while it is kept hidden from others, then deletes what is done.
    async fn take_in(&self, messages: Vec<Message>) {
        self.metrics.messages_received(messages.len() as u64);
        let receipts: Vec<Receipt> = messages.iter().map(|m| m.receipt.clone()).collect();
        let work = join_all(messages.iter().map(|message| self.settle(message)));
        let fates = tokio::select! {
            fates = work => fates,
            () = self.hold(&receipts) => return,
        };
        let done = |(receipt, fate): (&Receipt, Fate)| match fate {
            Fate::Delete => Some(receipt.clone()),
            Fate::Leave => None,
        };
        let done: Vec<Receipt> = receipts.iter().zip(fates).filter_map(done).collect();
        match self.queue.delete(&done).await {
            Ok(failed) if failed.is_empty() => {}
            Ok(failed) => tracing::warn!(
                count = failed.len(),
                "messages couldn't be deleted; they will come again"
            ),
            Err(error) => tracing::warn!(%error, "messages couldn't be deleted; they will come again"),
        }
    }

    async fn hold(&self, receipts: &[Receipt]) {
        loop {
            tokio::time::sleep(VISIBILITY / 3).await;
            if let Err(error) = self.queue.extend(receipts, VISIBILITY).await {
                tracing::warn!(%error, "messages can't be held");
            }
        }
    }

    /// Handles one message until the store has answered. At shutdown, while the store is away, it is given back.
    async fn settle(&self, message: &Message) -> Fate {
        let (mut parked, mut pause) = (false, PAUSE_MIN);
        loop {
            match self.handle(message, &mut parked).await {
                Ok(fate) => return fate,
                Err(fault) if matches!(fault.error().class(), Class::Permanent) => {
                    tracing::error!(message.id, error = %fault.error(), "a message can't be handled; it is left to the queue's redrive");
                    return Fate::Leave;
                }
                Err(Fault::Store(error)) => self.gate.close(&error.to_string()),
                Err(Fault::Queue(error)) => {
                    tracing::warn!(message.id, %error, "a message can't be parked yet");
                }
            }
            let again = async {
                tokio::time::sleep(pause).await;
                self.gate.opened().await;
            };
            tokio::select! {
                () = again => {}
                () = self.stop.cancelled() => {
                    let given_back = self.queue.extend(std::slice::from_ref(&message.receipt), Duration::ZERO).await;
                    if let Err(error) = given_back {
                        tracing::warn!(message.id, %error, "a message couldn't be given back; it will come again by itself");
                    }
                    return Fate::Leave;
                }
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn handle(&self, message: &Message, parked: &mut bool) -> Result<Fate, Fault> {
        let envelope = message::Envelope {
            body: message.body.as_bytes(),
            message_id: &message.id,
            attributes: &message.attributes,
        };
        match message::decode(&envelope) {
            Ok(Request::Submit(submission)) => {
                match self.acceptor.accept(
                    &submission,
                    self.default_queue.as_ref(),
                    message.sender.as_deref(),
                ) {
                    Ok(record) => self.store(message, record, parked).await,
                    Err(rejection) => self.reject(message, rejection, parked).await,
                }
            }
            Ok(Request::Cancel { id }) => {
                self.records.cancel(&id).await?;
                Ok(Fate::Delete)
            }
            Ok(Request::Ignore { why }) => {
                tracing::info!(message.id, why, "a message was passed over");
                Ok(Fate::Delete)
            }
            Err(undecodable) => {
                self.reject(message, Rejection::of_message(undecodable, &message.id), parked)
                    .await
            }
        }
    }

    async fn store(&self, message: &Message, record: Record, parked: &mut bool) -> Result<Fate, Fault> {
        let stored = match self.records.store(&record).await {
            Err(error) if error.is_too_large() => {
                return self
                    .reject(message, Rejection::too_large(&record, &error.to_string()), parked)
                    .await;
            }
            stored => stored?,
        };
        match stored {
            Stored::New(record) => {
                self.metrics
                    .submission(Some(record.queue.as_str()), Outcome::Accepted);
                if record.state == State::Queued {
                    // A full channel loses nothing: the scheduler reads the backlog too.
                    let _told = self
                        .arrivals
                        .try_send(Input::Backlog(vec![BacklogEntry::from(record.as_ref())]));
                }
                Ok(Fate::Delete)
            }
            Stored::Duplicate(record) => {
                self.metrics
                    .submission(Some(record.queue.as_str()), Outcome::Duplicate);
                Ok(Fate::Delete)
            }
            Stored::Conflict(record) => {
                let id = record.id.to_string();
                let violation = Violation::new(
                    "submissionId",
                    &id,
                    "an ID that no submission with another spec holds",
                );
                self.park(
                    message,
                    Reason::Conflict,
                    &id,
                    std::slice::from_ref(&violation),
                    parked,
                )
                .await?;
                Ok(Fate::Delete)
            }
        }
    }

    /// Parks the message, then writes the REJECTED record, then deletes: in this order nothing is lost at a crash.
    async fn reject(
        &self,
        message: &Message,
        rejection: Rejection,
        parked: &mut bool,
    ) -> Result<Fate, Fault> {
        let id = rejection.id.to_string();
        let parking = self
            .park(message, rejection.reason, &id, &rejection.violations, parked)
            .await;
        // A message that leaves no room for the reason beside it is told of in its record all the same.
        if parking
            .as_ref()
            .is_err_and(|fault| !matches!(fault.error().class(), Class::Permanent))
        {
            return parking.map(|()| Fate::Leave);
        }
        let mut record = self.acceptor.rejected(&rejection, message.sender.as_deref());
        let stored = match self.records.store(&record).await {
            // The request itself is in the dead-letter queue.
            Err(error) if error.is_too_large() => {
                record.spec.user = None;
                self.records.store(&record).await
            }
            stored => stored,
        };
        match stored? {
            // A record that stands under that ID is left untouched.
            Stored::New(_) | Stored::Duplicate(_) | Stored::Conflict(_) => {
                Ok(parking.map(|()| Fate::Delete)?)
            }
        }
    }

    /// Parks the message, once however often the rest of its handling is repeated.
    async fn park(
        &self,
        message: &Message,
        reason: Reason,
        id: &str,
        faults: &[Violation],
        parked: &mut bool,
    ) -> Result<(), Fault> {
        if *parked {
            return Ok(());
        }
        let detail = faults
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ");
        let why = Parking {
            reason: reason.to_string(),
            detail,
            submission_id: id.to_owned(),
        };
        self.queue.park(message, &why).await.map_err(Fault::Queue)?;
        *parked = true;
        let outcome = if reason == Reason::Conflict {
            Outcome::Conflict
        } else {
            Outcome::Rejected
        };
        self.metrics.submission(None, outcome);
        tracing::info!(message.id, submission.id = id, %reason, "a message was parked");
        Ok(())
    }
}

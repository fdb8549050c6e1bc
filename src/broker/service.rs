//! The broker as its surfaces see it.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};

use super::explaining::Explainer;
use super::gate::{Gate, Reach};
use super::lease::Held;
use super::scheduler::Input;
use super::storing::{Records, Stored};
use crate::acceptance::{Acceptor, Rejection};
use crate::error::{Class, Classify, Violation};
use crate::message;
use crate::model::SubmissionId;
use crate::ports::Error;
use crate::ports::service::{Answered, Cancelled, Confirmed, Readiness, Service, Submitted};
use crate::submission::{BacklogEntry, Reason, State};
use crate::telemetry::{Metrics, Outcome};

/// The broker behind the API of one pod.
pub struct Broker {
    /// Makes records of requests.
    pub acceptor: Arc<Acceptor>,
    /// Stores them.
    pub records: Records,
    /// Closed while the store is away.
    pub gate: Gate,
    /// Whether each submission queue can be read.
    pub queues: Vec<Reach>,
    /// Where new submissions are told to this pod's scheduler.
    pub arrivals: mpsc::Sender<Input>,
    /// Whether anybody has been seen to hold the lease: this pod or another.
    pub lease_seen: watch::Receiver<bool>,
    /// The lease, while this pod holds it.
    pub held: watch::Receiver<Option<Held>>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Answers where a submission would go.
    pub explainer: Explainer,
}

#[async_trait]
impl Service for Broker {
    async fn submit(&self, body: &[u8], sender: Option<&str>) -> Result<Submitted, Error> {
        let submission = match message::decode_spec(body, &uuid::Uuid::new_v4().to_string()) {
            Ok(submission) => submission,
            Err(fault) => return Ok(self.rejected(fault.reason, fault.id, fault.violations)),
        };
        let record = match self.acceptor.accept(&submission, None, sender) {
            Ok(record) => record,
            Err(fault) => return Ok(self.rejected(fault.reason, Some(fault.id), fault.violations)),
        };
        match self.records.store(&record).await {
            Ok(Stored::New(record)) => {
                self.metrics
                    .submission(Some(record.queue.as_str()), Outcome::Accepted);
                if record.state == State::Queued {
                    // A full channel loses nothing: the scheduler reads the backlog too.
                    let _told = self
                        .arrivals
                        .try_send(Input::Backlog(vec![BacklogEntry::from(record.as_ref())]));
                }
                Ok(Submitted::Accepted(record))
            }
            Ok(Stored::Duplicate(record)) => {
                self.metrics
                    .submission(Some(record.queue.as_str()), Outcome::Duplicate);
                Ok(Submitted::Duplicate(record))
            }
            Ok(Stored::Conflict(record)) => {
                self.metrics.submission(None, Outcome::Conflict);
                Ok(Submitted::Conflict(record))
            }
            Err(error) if error.is_too_large() => {
                let fault = Rejection::too_large(&record, &error.to_string());
                Ok(self.rejected(fault.reason, Some(fault.id), fault.violations))
            }
            Err(error) => {
                if matches!(error.class(), Class::Transient { .. }) {
                    self.gate.close(&error.to_string());
                }
                Err(error)
            }
        }
    }

    async fn explain(&self, body: &[u8], sender: Option<&str>) -> Result<Answered, Error> {
        let submission = match message::decode_spec(body, &uuid::Uuid::new_v4().to_string()) {
            Ok(submission) => submission,
            Err(fault) => {
                return Ok(Answered::Rejected {
                    reason: fault.reason,
                    id: fault.id,
                    violations: fault.violations,
                });
            }
        };
        let record = match self.acceptor.accept(&submission, None, sender) {
            Ok(record) => record,
            Err(fault) => {
                return Ok(Answered::Rejected {
                    reason: fault.reason,
                    id: Some(fault.id),
                    violations: fault.violations,
                });
            }
        };
        let explained = self.explainer.explain(BacklogEntry::from(&record)).await?;
        Ok(explained.map_or(Answered::Unknown, |told| Answered::Explained(Box::new(told))))
    }

    async fn cancel(&self, id: &SubmissionId) -> Result<Cancelled, Error> {
        let cancelled = self.records.cancel(id).await?;
        // Out of this pod's own backlog at once; another pod's scheduler looks for itself.
        if let Cancelled::Done(record) = &cancelled {
            drop(self.arrivals.try_send(Input::Records(vec![(**record).clone()])));
        }
        Ok(cancelled)
    }

    async fn confirm_lost(&self, id: &SubmissionId, why: &str) -> Result<Confirmed, Error> {
        self.records.confirm_lost(id, why).await
    }

    fn readiness(&self) -> Readiness {
        let mut missing = Vec::new();
        if let Some(why) = self.gate.closed() {
            missing.push(format!("the store takes no writes: {why}"));
        }
        let unread = self.queues.iter().filter_map(Reach::fault);
        missing.extend(unread.map(|why| format!("a submission queue can't be read: {why}")));
        if !*self.lease_seen.borrow() && self.held.borrow().is_none() {
            missing.push("no lease has been seen yet".to_owned());
        }
        Readiness { missing }
    }
}

impl Broker {
    fn rejected(&self, reason: Reason, id: Option<SubmissionId>, violations: Vec<Violation>) -> Submitted {
        self.metrics.submission(None, Outcome::Rejected);
        Submitted::Rejected {
            reason,
            id,
            violations,
        }
    }
}

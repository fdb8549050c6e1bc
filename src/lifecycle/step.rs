//! From a record and an event to the next record.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::event::{Event, Happening, Step};
use super::sentence::sentence;
use super::{doubt, ending, observed};
use crate::model::Epoch;
use crate::submission::{Abandoned, HISTORY_MAX, Reason, Record, State, Transition, Verdict};

/// The rules of the lifecycle with what they depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How long an ended record is kept.
    pub retention: Duration,
    /// How long the operator may take for an object, and for its word on a driver that has ended, where the job says
    /// nothing else.
    pub pickup: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(30 * 24 * 3600),
            pickup: Duration::from_secs(15 * 60),
        }
    }
}

impl Rules {
    /// How long the operator may take for the object of `record`.
    pub fn pickup_of(&self, record: &Record) -> Duration {
        record.timeouts.pickup.map_or(self.pickup, Duration::from_secs)
    }

    /// What comes of `event` for `record`.
    pub fn step(&self, record: &Record, event: &Event) -> Step {
        let at = event.at;
        if let Happening::AbandonedGone { attempt } = event.happening {
            return ending::closed(self, record, at, attempt);
        }
        if record.state.is_terminal() {
            return Step::Ignored;
        }
        match &event.happening {
            Happening::Placed { .. } => placed(record, event),
            Happening::Restamped { epoch } => restamped(record, at, *epoch),
            Happening::NothingDone { .. } => self.nothing_done(record, event),
            Happening::Refused { reason, message } if record.state == State::Dispatching => {
                ending::end(self, record, at, State::Failed, Some(*reason), message)
            }
            Happening::Created { uid } if record.state == State::Dispatching => {
                Step::Next(Box::new(submitted(record, at, Some(uid.clone()))))
            }
            Happening::Created { uid }
                if record.state == State::Submitted && record.object_uid.as_ref() == Some(uid) =>
            {
                Step::Ignored
            }
            Happening::Refused { .. } | Happening::Created { .. } => Step::Illegal,
            Happening::Observed(observation) => observed::observe(self, record, observation, at),
            Happening::Lost => self.lost(record, at),
            Happening::LossConfirmed { reason, message } => {
                ending::loss_confirmed(self, record, at, *reason, message)
            }
            Happening::Doubted { message } => doubt::doubted(record, at, message.as_deref()),
            Happening::Overdue { driver } => doubt::overdue(record, at, driver.as_ref()),
            Happening::Waits { message } => doubt::waits(record, at, message.as_deref()),
            Happening::LossSaid { why } => doubt::loss_said(record, at, why),
            Happening::CancelRequested => self.cancel_requested(record, at),
            Happening::Stopped { reason, message } => stopped(record, at, *reason, message),
            Happening::NotStarted {
                reason,
                message,
                fails_all,
            } => ending::not_started(record, at, *reason, message, *fails_all),
            Happening::AttemptOver { not_before } => self.attempt_over(record, at, *not_before),
            Happening::Abandoned { message } => abandoned(record, at, message),
            Happening::AbandonedGone { .. } => Step::Ignored,
            Happening::QueueTimedOut { message } if record.state == State::Queued => {
                let reason = Some(Reason::QueueTimeout);
                ending::end(self, record, at, State::Failed, reason, message)
            }
            Happening::QueueTimedOut { .. } => Step::Illegal,
        }
    }

    fn lost(&self, record: &Record, at: Timestamp) -> Step {
        match record.state {
            State::Submitted | State::Held | State::Running => {
                let message = "the object is gone from the cluster and nobody saw how the driver ended";
                ending::fail(self, record, at, Reason::Lost, message, true)
            }
            State::Queued
            | State::Dispatching
            | State::Retrying
            | State::Cancelling
            | State::Succeeded
            | State::Failed
            | State::Cancelled
            | State::Rejected => Step::Illegal,
        }
    }

    fn nothing_done(&self, record: &Record, event: &Event) -> Step {
        let Happening::NothingDone {
            reason,
            message,
            counted,
            exclude_cluster,
            not_before,
        } = &event.happening
        else {
            return Step::Illegal;
        };
        if record.state != State::Dispatching {
            return Step::Illegal;
        }
        let tries = record.tries + u32::from(*counted);
        if tries >= record.retry.max_attempts.max(1) {
            return ending::end(self, record, event.at, State::Failed, Some(*reason), message);
        }
        let mut record = record.clone();
        record.tries = tries;
        if let (true, Some(cluster)) = (*exclude_cluster, record.cluster.clone()) {
            record.excluded_clusters.push(cluster);
        }
        Step::Next(Box::new(requeued(
            &record,
            event.at,
            Some(*reason),
            message,
            *not_before,
        )))
    }

    fn cancel_requested(&self, record: &Record, at: Timestamp) -> Step {
        match record.state {
            State::Queued => {
                let mut record = record.clone();
                record.cancel_requested = true;
                ending::end(
                    self,
                    &record,
                    at,
                    State::Cancelled,
                    Some(Reason::Cancelled),
                    "cancelled before it was placed",
                )
            }
            State::Dispatching
            | State::Submitted
            | State::Held
            | State::Running
            | State::Retrying
            | State::Cancelling
                if record.cancel_requested =>
            {
                Step::Ignored
            }
            State::Dispatching
            | State::Submitted
            | State::Held
            | State::Running
            | State::Retrying
            | State::Cancelling => {
                let mut next = touched(record, at);
                next.cancel_requested = true;
                Step::Next(Box::new(next))
            }
            State::Succeeded | State::Failed | State::Cancelled | State::Rejected => Step::Ignored,
        }
    }

    fn attempt_over(&self, record: &Record, at: Timestamp, not_before: Option<Timestamp>) -> Step {
        let reason = record.verdict.reason;
        let message = record.verdict.message.clone().unwrap_or_default();
        match record.state {
            State::Cancelling => {
                let timed_out = reason.filter(|r| *r != Reason::Cancelled && !record.cancel_requested);
                if timed_out.is_some() {
                    return ending::end(self, record, at, State::Failed, timed_out, &message);
                }
                let told = reason == Some(Reason::Cancelled) && !message.is_empty();
                let message = if told { &message } else { "cancelled on request" };
                let cancelled = Some(Reason::Cancelled);
                ending::end(self, record, at, State::Cancelled, cancelled, message)
            }
            State::Retrying => Step::Next(Box::new(requeued(record, at, reason, &message, not_before))),
            State::Queued
            | State::Dispatching
            | State::Submitted
            | State::Held
            | State::Running
            | State::Succeeded
            | State::Failed
            | State::Cancelled
            | State::Rejected => Step::Illegal,
        }
    }
}

fn restamped(record: &Record, at: Timestamp, epoch: Epoch) -> Step {
    match record.epoch {
        Some(stamped) if stamped > epoch => Step::Illegal,
        // In the own epoch, too: nothing that was written over the version before can land any more.
        Some(_) | None => {
            let mut next = touched(record, at);
            next.epoch = Some(epoch);
            Step::Next(Box::new(next))
        }
    }
}

fn placed(record: &Record, event: &Event) -> Step {
    let Happening::Placed {
        cluster,
        namespace,
        epoch,
        placement,
    } = &event.happening
    else {
        return Step::Illegal;
    };
    if record.state != State::Queued || record.cancel_requested {
        return Step::Illegal;
    }
    let mut next = record.clone();
    next.cluster = Some(cluster.clone());
    next.namespace = Some(namespace.clone());
    next.object_name = Some(record.intended_object_name());
    next.epoch = Some(*epoch);
    next.placement = Some(placement.as_ref().clone());
    next.not_before = None;
    Step::Next(Box::new(moved(&next, event.at, State::Dispatching, None, "")))
}

pub(super) fn submitted(record: &Record, at: Timestamp, uid: Option<crate::model::ObjectUid>) -> Record {
    let mut next = moved(record, at, State::Submitted, None, "");
    next.object_uid = uid;
    next.submitted_at = Some(at);
    next
}

fn stopped(record: &Record, at: Timestamp, reason: Reason, message: &str) -> Step {
    match record.state {
        State::Dispatching | State::Submitted | State::Held | State::Running | State::Retrying => Step::Next(
            Box::new(moved(record, at, State::Cancelling, Some(reason), message)),
        ),
        State::Cancelling => Step::Ignored,
        State::Queued | State::Succeeded | State::Failed | State::Cancelled | State::Rejected => {
            Step::Illegal
        }
    }
}

/// Given up on a silent cluster: the record remembers where something may still appear.
fn abandoned(record: &Record, at: Timestamp, message: &str) -> Step {
    let (State::Dispatching, Some(cluster), false) = (record.state, &record.cluster, record.cancel_requested)
    else {
        return Step::Illegal;
    };
    let mut given_up = record.clone();
    given_up.abandoned.push(Abandoned {
        attempt: record.attempt,
        cluster: cluster.clone(),
    });
    let reason = Some(Reason::ClusterUnhealthy);
    Step::Next(Box::new(requeued(&given_up, at, reason, message, None)))
}

/// Back in the backlog with the next attempt's number; what belonged to the attempt before is cleared.
fn requeued(
    record: &Record,
    at: Timestamp,
    reason: Option<Reason>,
    message: &str,
    not_before: Option<Timestamp>,
) -> Record {
    let mut next = moved(record, at, State::Queued, reason, message);
    next.attempt = record.attempt.next();
    next.cluster = None;
    next.namespace = None;
    next.object_name = None;
    next.object_uid = None;
    next.driver_uid = None;
    next.driver_pod = None;
    next.spark_application_id = None;
    next.exit_code = None;
    next.raw_state = None;
    next.placement = None;
    next.submitted_at = None;
    next.started_at = None;
    next.finished_at = None;
    next.queue_timeout_at = queue_timeout(record, at);
    next.not_before = not_before;
    next
}

/// `timeouts.queue` counts the waiting in the queue: the time on a cluster moves the end of it on. After a driver has
/// started the wait is another one, and counts anew.
fn queue_timeout(record: &Record, at: Timestamp) -> Option<Timestamp> {
    if record.started_at.is_some() {
        let limit = i64::try_from(record.timeouts.queue?).ok()?;
        return at.checked_add(SignedDuration::from_secs(limit)).ok();
    }
    let mut history = record.history.iter().rev();
    let left = history.find(|transition| transition.from == Some(State::Queued));
    let away = at.duration_since(left.map_or(at, |left| left.at));
    record
        .queue_timeout_at?
        .checked_add(away.max(SignedDuration::ZERO))
        .ok()
}

/// The record with its version grown and its time set.
pub(super) fn touched(record: &Record, at: Timestamp) -> Record {
    let mut next = record.clone();
    next.version = record.version.next();
    next.updated_at = at;
    next
}

/// The record in another state, with the transition in its history.
pub(super) fn moved(
    record: &Record,
    at: Timestamp,
    to: State,
    reason: Option<Reason>,
    message: &str,
) -> Record {
    let mut next = touched(record, at);
    let (message, message_detail) = sentence(message);
    let message = (!message.is_empty()).then_some(message);
    next.state = to;
    // A person's word holds until what they spoke of is over.
    let stops = matches!(to, State::Retrying | State::Cancelling);
    next.overdue = next.overdue.filter(|overdue| stops && overdue.lost.is_some());
    next.verdict = Verdict {
        reason,
        message: message.clone(),
        message_detail,
        reason_at: reason.map(|_| at),
    };
    next.history.push(Transition {
        at,
        from: Some(record.state),
        to,
        reason,
        message,
        cluster: record.cluster.clone(),
        attempt: record.attempt,
    });
    // An intent is written without the stored history at hand, so it can be longer by more than one.
    let surplus = next.history.len().saturating_sub(HISTORY_MAX);
    next.history.drain(1..1 + surplus);
    next
}

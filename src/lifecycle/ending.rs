//! How a submission ends, and whether a failed attempt is followed by another.

use jiff::{SignedDuration, Timestamp};

use super::event::Step;
use super::step::{Rules, moved, touched};
use crate::model::Attempt;
use crate::submission::{Reason, Record, State};

/// The end of the record in `state`.
pub(super) fn end(
    rules: &Rules,
    record: &Record,
    at: Timestamp,
    state: State,
    reason: Option<Reason>,
    message: &str,
) -> Step {
    let mut next = moved(record, at, state, reason, message);
    next.finished_at = next.finished_at.or(Some(at));
    if next.abandoned.is_empty() {
        next.expires_at = expiry(rules, at);
    }
    Step::Next(Box::new(next))
}

/// Nothing of an abandoned `attempt` is left on its cluster: an ended record may expire once none is open.
pub(super) fn closed(rules: &Rules, record: &Record, at: Timestamp, attempt: Attempt) -> Step {
    let mut next = touched(record, at);
    next.abandoned.retain(|abandoned| abandoned.attempt != attempt);
    if next.abandoned.len() == record.abandoned.len() {
        return Step::Ignored;
    }
    if next.state.is_terminal() && next.abandoned.is_empty() {
        next.expires_at = expiry(rules, at);
    }
    Step::Next(Box::new(next))
}

fn expiry(rules: &Rules, at: Timestamp) -> Option<i64> {
    let retention = SignedDuration::try_from(rules.retention).unwrap_or(SignedDuration::MAX);
    at.checked_add(retention).ok().map(|t| t.as_second())
}

/// The attempt failed for `cause`: FAILED, or RETRYING where the cause may be retried (the design's §10, "Retry by cause").
///
/// Before a driver may have started, a failure is retried up to `retry.maxAttempts`. Once it may have started, only a
/// cause that `retry.on` names is: the job may have written its table already.
pub(super) fn fail(
    rules: &Rules,
    record: &Record,
    at: Timestamp,
    cause: Reason,
    message: &str,
    may_have_started: bool,
) -> Step {
    if cause == Reason::NoCapacity && !may_have_started {
        // A full quota is the cluster's state, not the job's fault: it waits, uncounted.
        return again_uncounted(record, at, cause, message);
    }
    let tries = record.tries + 1;
    let allowed = !may_have_started || record.retry.on.contains(&cause);
    let mut counted = record.clone();
    counted.tries = tries;
    if allowed && tries < record.retry.max_attempts && !record.cancel_requested {
        counted.finished_at = None;
        return Step::Next(Box::new(moved(
            &counted,
            at,
            State::Retrying,
            Some(cause),
            message,
        )));
    }
    end(rules, &counted, at, State::Failed, Some(cause), message)
}

/// What the cluster is to blame for is run again, and doesn't count as a try.
pub(super) fn again_uncounted(record: &Record, at: Timestamp, cause: Reason, message: &str) -> Step {
    let mut uncounted = record.clone();
    uncounted.finished_at = None;
    let to = State::Retrying;
    Step::Next(Box::new(moved(&uncounted, at, to, Some(cause), message)))
}

/// Its cluster or its driver's node is gone for good, says a person. Whether a driver had started there can't be known any
/// more, so only a job whose `retry.on` names `reason` is run again.
pub(super) fn loss_confirmed(
    rules: &Rules,
    record: &Record,
    at: Timestamp,
    reason: Reason,
    message: &str,
) -> Step {
    match record.state {
        State::Dispatching | State::Submitted | State::Held | State::Running => {
            fail(rules, record, at, reason, message, true)
        }
        State::Queued
        | State::Retrying
        | State::Cancelling
        | State::Succeeded
        | State::Failed
        | State::Cancelled
        | State::Rejected => Step::Illegal,
    }
}

/// Before any driver ran, time was up. An object that isn't picked up is its cluster's fault and doesn't count as a
/// try; a driver that doesn't start does, unless its cluster fails each job so, and after the last try the attempt is
/// stopped for good. To be withdrawn from a cluster that is being emptied doesn't count either.
pub(super) fn not_started(
    record: &Record,
    at: Timestamp,
    reason: Reason,
    message: &str,
    fails_all: bool,
) -> Step {
    match record.state {
        State::Submitted | State::Held => {}
        State::Queued
        | State::Dispatching
        | State::Running
        | State::Retrying
        | State::Cancelling
        | State::Succeeded
        | State::Failed
        | State::Cancelled
        | State::Rejected => return Step::Illegal,
    }
    let mut next = record.clone();
    let uncounted = fails_all || [Reason::PickupTimeout, Reason::Drained].contains(&reason);
    next.tries += u32::from(!uncounted);
    let again = next.tries < next.retry.max_attempts.max(1) && !record.cancel_requested;
    let to = if again { State::Retrying } else { State::Cancelling };
    Step::Next(Box::new(moved(&next, at, to, Some(reason), message)))
}

//! How a submission ends, and whether a failed attempt is followed by another.

use jiff::{SignedDuration, Timestamp};

use super::event::Step;
use super::step::{Rules, moved};
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
        let retention = SignedDuration::try_from(rules.retention).unwrap_or(SignedDuration::MAX);
        next.expires_at = at.checked_add(retention).ok().map(|t| t.as_second());
    }
    Step::Next(Box::new(next))
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
        let mut uncounted = record.clone();
        uncounted.finished_at = None;
        return Step::Next(Box::new(moved(
            &uncounted,
            at,
            State::Retrying,
            Some(cause),
            message,
        )));
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

//! From SUBMITTED to a running driver: `timeouts.pickup` until the operator takes the object up, `timeouts.start` from
//! the driver pod's creation until it runs (the design's §8 and §10).

use std::time::Duration;

use super::{Act, Circumstances, take};
use crate::broker::attempt::Attempt;
use crate::lifecycle::Happening;
use crate::submission::{Reason, Record, State};
use crate::watch::{Driver, DriverPhase, ObjectState};

/// Why an attempt whose pods went unwatched isn't run again.
const UNWATCHED: &str = "its pods went unwatched for more than a minute, so a driver may have run";

/// What to do about an attempt without a running driver: wait, make sure, or stop it because its time is up. `None` where
/// neither time-out is running.
pub(super) fn timed_out(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Act> {
    let record = &attempt.record;
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
        | State::Rejected => return None,
    }
    if attempt.sight.driver.is_some() {
        return start(attempt, at);
    }
    let unclaimed = |object: &ObjectState| !object.is_picked_up() && !object.tells_of_driver();
    let had_driver = record.driver_uid.is_some() || record.started_at.is_some();
    (attempt.sight.object.as_ref().is_some_and(unclaimed) && !had_driver).then(|| pickup(attempt, at))
}

/// The object that nobody picks up. That there is no driver is said by a list of pods from after the time-out.
fn pickup(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
    let record = &attempt.record;
    let limit = at.rules.pickup_of(record);
    let waited = at.since(record.submitted_at.unwrap_or(record.updated_at));
    if waited < limit {
        return Act::Wait(at.now + (limit - waited));
    }
    let due = at.now.saturating_sub(waited - limit);
    let is_fresh =
        |listed: Duration| listed >= due && attempt.sight.object_at.is_none_or(|seen| listed >= seen);
    if !attempt
        .sight
        .pods
        .as_ref()
        .is_some_and(|(listed, _)| is_fresh(*listed))
    {
        return Act::ListPods;
    }
    let message = format!(
        "the operator of {} hasn't picked the application up for {} s",
        cluster(record),
        waited.as_secs()
    );
    if attempt.memory.unwatched && !record.retry.on.contains(&Reason::Lost) {
        // A driver may have run unseen: what it wrote must not be written again.
        let message = format!("{message}; not run again: {UNWATCHED}");
        let reason = Reason::PickupTimeout;
        return take(record, at, Happening::Stopped { reason, message }).unwrap_or(Act::Rest);
    }
    not_started(attempt, at, Reason::PickupTimeout, message)
}

/// The driver that doesn't start.
fn start(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Act> {
    let driver = attempt.sight.driver.as_ref()?;
    let DriverPhase::Waiting { why } = &driver.phase else {
        return None;
    };
    let limit = Duration::from_secs(attempt.record.timeouts.start?);
    let waited = at.since(driver.created_at?);
    if waited < limit {
        return Some(Act::Wait(at.now + (limit - waited)));
    }
    let why = why.as_deref().unwrap_or("its cluster tells no reason");
    let message = format!("the driver hasn't started for {} s: {why}", waited.as_secs());
    let reason = Reason::StartTimeout;
    if let Some(ran) = may_have_run_before(attempt) {
        let message = format!("{message}; not run again: {ran}");
        return take(&attempt.record, at, Happening::Stopped { reason, message });
    }
    Some(not_started(attempt, at, reason, message))
}

/// Why an attempt whose driver waits may have run all the same: by a driver before this one.
fn may_have_run_before(attempt: &Attempt) -> Option<&'static str> {
    let record = &attempt.record;
    let drivers = attempt
        .sight
        .object
        .as_ref()
        .map_or(0, |object| object.execution_attempts);
    if record.started_at.is_some() || drivers > 1 {
        return Some("a driver before this one may have run");
    }
    // The only one that the operator tells of is the one that waits.
    let unseen = attempt.memory.unwatched && drivers != 1 && !record.retry.on.contains(&Reason::Lost);
    unseen.then_some(UNWATCHED)
}

pub(super) fn not_started(attempt: &Attempt, at: &Circumstances<'_>, reason: Reason, message: String) -> Act {
    let happening = Happening::NotStarted {
        reason,
        message,
        fails_all: at.fails_all,
    };
    take(&attempt.record, at, happening).unwrap_or(Act::Rest)
}

/// An attempt that is being stopped to be run again because no driver had started, and whose driver has: it may have
/// begun its work, and isn't run again.
pub(super) fn started_after_all(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Act> {
    let record = &attempt.record;
    let reason = record
        .verdict
        .reason
        .filter(|_| record.state == State::Retrying)?;
    let driver = attempt.sight.driver.as_ref();
    let started = if is_before_the_start(reason) {
        started_by_what_is_told(attempt)
    } else {
        // It ended without having run; the operator may have begun another one meanwhile.
        let another = driver.filter(|driver| record.driver_uid.as_ref() != Some(&driver.uid));
        let never_ran = record.started_at.is_none() && !record.retry.on.contains(&reason);
        never_ran && (another.is_some_and(has_run) || tells_of_second_driver(attempt))
    };
    if !started {
        return None;
    }
    let message = record.verdict.message.as_deref().unwrap_or_default();
    let message =
        format!("not run again, since its driver may have started while it was being stopped: {message}");
    take(record, at, Happening::Stopped { reason, message })
}

/// Whether a driver has started, or may have, by what is seen of it and what the object tells.
fn started_by_what_is_told(attempt: &Attempt) -> bool {
    let told = last_object(attempt).is_some_and(ObjectState::tells_of_run);
    let unseen = attempt.memory.unwatched && !attempt.record.retry.on.contains(&Reason::Lost);
    match attempt.sight.driver.as_ref().map(|driver| &driver.phase) {
        Some(DriverPhase::Running { .. }) => true,
        Some(DriverPhase::Ended(end)) => end.started_at.is_some() || told,
        Some(DriverPhase::Waiting { .. }) => tells_of_second_driver(attempt),
        Some(DriverPhase::Unknown) | None => told || unseen,
    }
}

/// The object as it is, or was when it was seen last.
fn last_object(attempt: &Attempt) -> Option<&ObjectState> {
    let gone = attempt.sight.object_gone.as_ref();
    attempt
        .sight
        .object
        .as_ref()
        .or(gone.and_then(|gone| gone.seen.as_ref()))
}

/// Whether the operator has made more than one driver: the first may have run.
fn tells_of_second_driver(attempt: &Attempt) -> bool {
    last_object(attempt).is_some_and(|object| object.execution_attempts > 1)
}

/// Whether its container has started.
fn has_run(driver: &Driver) -> bool {
    match &driver.phase {
        DriverPhase::Running { .. } => true,
        DriverPhase::Ended(end) => end.started_at.is_some(),
        DriverPhase::Waiting { .. } | DriverPhase::Unknown => false,
    }
}

/// Whether an attempt that is retried for `reason` had no driver that may have run.
fn is_before_the_start(reason: Reason) -> bool {
    [
        Reason::PickupTimeout,
        Reason::StartTimeout,
        Reason::Drained,
        Reason::SubmissionFailed,
        Reason::NoCapacity,
    ]
    .contains(&reason)
}

fn cluster(record: &Record) -> &str {
    record
        .cluster
        .as_ref()
        .map_or("its cluster", |name| name.as_str())
}

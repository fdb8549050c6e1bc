//! RETRYING and CANCELLING wait for the proof that the attempt is over (the design's §7); ended ones are cleaned up.

use std::time::Duration;

use jiff::SignedDuration;

use super::{Act, Circumstances, backoff_secs, take};
use crate::broker::attempt::Attempt;
use crate::lifecycle::Happening;
use crate::submission::{RawState, Reason, Record, State};
use crate::watch::{DriverPhase, ObjectState};

/// RETRYING and CANCELLING wait for the proof that the attempt is over (the design's §7).
pub(super) fn next(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
    let record = &attempt.record;
    if record.state == State::Retrying && record.cancel_requested {
        let message = "cancelled on request".to_owned();
        if let Some(act) = take(
            record,
            at,
            Happening::Stopped {
                reason: Reason::Cancelled,
                message,
            },
        ) {
            return act;
        }
    }
    if let Some(act) = take(record, at, Happening::Observed(Box::new(attempt.observation()))) {
        return act;
    }
    if !at.in_sight {
        return Act::Rest;
    }
    if let Some(object) = &attempt.sight.object {
        if !attempt.owns(at.installation, object) {
            return over(record, at);
        }
        let driver_ended = attempt
            .sight
            .driver
            .as_ref()
            .is_some_and(|d| matches!(d.phase, DriverPhase::Ended(_)));
        if object.known_raw() == Some(RawState::Failed) && driver_ended {
            return over(record, at);
        }
        let due = attempt
            .memory
            .delete_sent
            .map(|sent| sent + Duration::from_secs(10));
        return match due {
            Some(due) if due > at.now => Act::Wait(due),
            Some(_) | None => Act::DeleteObject(object.uid.clone()),
        };
    }
    object_is_gone(attempt, at)
}

/// The object is gone: its pods go too, and none may appear until the settling time is over.
fn object_is_gone(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
    let Some(gone) = &attempt.sight.object_gone else {
        return Act::Look;
    };
    let Some((listed, pods)) = attempt
        .sight
        .pods
        .as_ref()
        .filter(|(listed, _)| *listed >= gone.at)
    else {
        return Act::ListPods;
    };
    if let Some(pod) = pods
        .iter()
        .find(|pod| pod.owner.attempt == Some(attempt.record.attempt))
    {
        return Act::DeletePod(pod.name.clone(), pod.uid.clone());
    }
    let settled = gone.last.as_ref().is_some_and(shows_submission_returned);
    let never_created = attempt.record.object_uid.is_none();
    let settle = if never_created {
        at.settling.submit.max(at.settling.create)
    } else {
        at.settling.submit
    };
    let since = attempt.memory.no_pods_since.unwrap_or(*listed).max(gone.at);
    let due = since + settle;
    if settled || *listed >= due {
        return over(&attempt.record, at);
    }
    if at.now >= due {
        Act::ListPods
    } else {
        Act::Wait(due.min(at.now + Duration::from_secs(15)))
    }
}

/// The last state showed that no spark-submit was under way (the design's §7).
fn shows_submission_returned(last: &ObjectState) -> bool {
    match last.known_raw() {
        Some(
            RawState::Submitted
            | RawState::Running
            | RawState::Succeeding
            | RawState::Failing
            | RawState::Suspended
            | RawState::Completed,
        ) => true,
        Some(RawState::Failed) => last.tells_of_driver(),
        Some(
            RawState::New
            | RawState::SubmissionFailed
            | RawState::PendingRerun
            | RawState::Invalidating
            | RawState::Suspending
            | RawState::Resuming
            | RawState::Unknown,
        )
        | None => false,
    }
}

fn over(record: &Record, at: &Circumstances<'_>) -> Act {
    let secs = backoff_secs(record.tries, at.jitter);
    let not_before = at.wall.checked_add(SignedDuration::from_secs(secs)).ok();
    take(record, at, Happening::AttemptOver { not_before }).unwrap_or(Act::Rest)
}

/// After the end: an object that hasn't finished goes as soon as its driver is going or gone, else after a while.
pub(super) fn ended(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
    let Some(object) = attempt
        .sight
        .object
        .as_ref()
        .filter(|o| attempt.owns(at.installation, o))
    else {
        return Act::Forget;
    };
    if object.deleting || object.known_raw().is_some_and(RawState::is_terminal) {
        return Act::Forget;
    }
    let driver_going = attempt.sight.driver.as_ref().is_none_or(|d| d.stop.is_some());
    let at_once = driver_going
        || matches!(
            object.known_raw(),
            Some(RawState::SubmissionFailed | RawState::Invalidating | RawState::PendingRerun)
        );
    let ended_at = attempt.record.finished_at.unwrap_or(attempt.record.updated_at);
    let since_end = at.wall.duration_since(ended_at).unsigned_abs();
    if at_once || since_end >= at.settling.end {
        return Act::DeleteObject(object.uid.clone());
    }
    Act::Wait(at.now + (at.settling.end - since_end))
}

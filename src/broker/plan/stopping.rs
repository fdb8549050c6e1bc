//! RETRYING and CANCELLING wait for the proof that the attempt is over (the design's §7); ended ones are cleaned up.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Act, Circumstances, backoff_secs, overdue, picking_up, take};
use crate::broker::attempt::Attempt;
use crate::lifecycle::Happening;
use crate::model::ObjectUid;
use crate::ports::cluster::PodSight;
use crate::submission::{RawState, Reason, Record, RestartPolicy, State};
use crate::watch::{Driver, ObjectState};

/// A deletion that shows no effect is asked for again after this.
const DELETE_AGAIN: Duration = Duration::from_secs(10);

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
    if let Some(act) = picking_up::started_after_all(attempt, at) {
        return act;
    }
    if !at.in_sight {
        return Act::Rest;
    }
    if let Some(act) = overdue::told(attempt, at) {
        return act;
    }
    if let Some(second) = &attempt.sight.second.object {
        return delete(attempt, second, at);
    }
    if let Some(object) = &attempt.sight.object {
        if !attempt.owns(at.installation, object) {
            return over(record, at);
        }
        let driver_ended = attempt.sight.driver.as_ref().is_some_and(Driver::has_ended);
        if object.known_raw() == Some(RawState::Failed) && driver_ended {
            return over(record, at);
        }
        return delete(attempt, object, at);
    }
    object_is_gone(attempt, at)
}

/// The deletion of the object, asked for again where it stands on. One that has landed under the name since goes at once.
fn delete(attempt: &Attempt, object: &ObjectState, at: &Circumstances<'_>) -> Act {
    let sent = attempt.memory.delete_sent.as_ref();
    let of_it = sent.filter(|(uid, _)| *uid == object.uid);
    match of_it.map(|(_, sent)| *sent + DELETE_AGAIN) {
        Some(due) if due > at.now => Act::Wait(due),
        Some(_) | None => Act::DeleteObject(object.uid.clone()),
    }
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
    let left = left_pods(attempt, pods);
    if !left.is_empty() {
        return Act::DeletePods(left);
    }
    let saw_driver = attempt.record.driver_uid.is_some() || attempt.sight.driver.is_some();
    let settled = gone
        .last
        .as_ref()
        .is_some_and(|last| shows_submission_returned(last, saw_driver));
    let never_created = attempt.record.object_uid.is_none();
    let settle = if never_created {
        at.settling.submit.max(at.settling.create)
    } else {
        at.settling.submit
    };
    let since = attempt.memory.no_pods_since.unwrap_or(*listed).max(gone.at);
    // The name is free: a create that is still under way would make the object anew.
    let landed = attempt.landed_by(at.settling.create);
    let due = if settled {
        landed
    } else {
        landed.max(since + settle)
    };
    if *listed >= due {
        let looked = attempt.sight.looked.is_some_and(|looked| looked >= landed);
        return if looked || landed.is_zero() {
            over(&attempt.record, at)
        } else {
            Act::Look
        };
    }
    if at.now >= due {
        Act::ListPods
    } else {
        Act::Wait(due.min(at.now + Duration::from_secs(15)))
    }
}

/// What is there of the attempt's pods: as listed, and a driver that the watch has shown since.
fn left_pods(attempt: &Attempt, pods: &[PodSight]) -> Vec<(String, ObjectUid)> {
    let listed = pods.iter().filter(|pod| attempt.made(pod));
    let mut left: Vec<_> = listed.map(|pod| (pod.name.clone(), pod.uid.clone())).collect();
    let (own, second) = (&attempt.sight.driver, &attempt.sight.second.driver);
    let own = own.iter().filter(|_| !attempt.sight.driver_gone);
    for driver in own.chain(second) {
        if left.iter().all(|(_, uid)| *uid != driver.uid) {
            left.push((driver.pod.clone(), driver.uid.clone()));
        }
    }
    left
}

/// The last state showed that no spark-submit was under way (the design's §7).
fn shows_submission_returned(last: &ObjectState, saw_driver: bool) -> bool {
    match last.known_raw() {
        Some(
            RawState::Submitted
            | RawState::Running
            | RawState::Succeeding
            | RawState::Failing
            | RawState::Suspended
            | RawState::Completed,
        ) => true,
        Some(RawState::Failed) => saw_driver,
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

pub(super) fn over(record: &Record, at: &Circumstances<'_>) -> Act {
    // Grown by attempts that don't count too: one that its cluster fails again and again leaves the probe to others.
    let turns = match record.verdict.reason {
        Some(Reason::SubmissionFailed | Reason::StartTimeout) => record.attempt.0,
        Some(_) | None => record.tries,
    };
    let secs = backoff_secs(turns, at.jitter);
    let not_before = at.wall.checked_add(SignedDuration::from_secs(secs)).ok();
    take(record, at, Happening::AttemptOver { not_before }).unwrap_or(Act::Rest)
}

/// After the end: an object that hasn't finished goes as soon as its driver is going or gone, else after a while. Of a
/// job whose end was asked for nothing is left, finished or not. A second object or driver is left to the check against
/// the record that each stranger goes through.
pub(super) fn ended(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
    let (record, second) = (&attempt.record, &attempt.sight.second);
    if second.object.is_some() || second.driver.is_some() {
        return Act::Forget;
    }
    let owned = attempt.sight.object.as_ref();
    let owned = owned.filter(|object| attempt.owns(at.installation, object));
    let unfinished = owned.filter(|o| !o.deleting && !o.known_raw().is_some_and(RawState::is_terminal));
    let driver = attempt.sight.driver.as_ref();
    let driver = driver.filter(|_| !attempt.sight.driver_gone);
    let since_end = unfinished.and_then(|object| left_alone(object, driver, record, at.wall));
    match (since_end, unfinished) {
        (Some(since_end), _) if since_end < at.settling.end => {
            Act::Wait(at.now + (at.settling.end - since_end))
        }
        _ if record.cancel_requested => clear_away(attempt, at),
        (_, Some(_)) if !at.in_sight => Act::Rest,
        (_, Some(object)) => delete(attempt, object, at),
        (_, None) => Act::Forget,
    }
}

/// Object and pods of a cancelled job go, those that had finished too.
fn clear_away(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
    if attempt.record.cluster.is_none() {
        return Act::Forget;
    }
    if !at.in_sight {
        return Act::Rest;
    }
    if let Some(object) = &attempt.sight.object {
        return if !attempt.owns(at.installation, object) {
            Act::Forget
        } else if object.deleting {
            Act::Rest
        } else {
            delete(attempt, object, at)
        };
    }
    let Some(gone) = &attempt.sight.object_gone else {
        return Act::Forget;
    };
    match &attempt.sight.pods {
        Some((listed, pods)) if *listed >= gone.at => match left_pods(attempt, pods) {
            left if left.is_empty() => Act::Forget,
            left => Act::DeletePods(left),
        },
        Some(_) | None => Act::ListPods,
    }
}

/// Since when an object that hasn't finished, though its record has ended, is left for its operator to finish; `None`
/// where it isn't: its driver is going or gone, the operator is about to run it again (the design's §10), or the end was
/// asked for. Then too it is left beside a driver that has ended: an operator whose watch lags may submit it still, and
/// makes a driver again once the ended one, whose name keeps it from that, has gone with the object.
pub(in crate::broker) fn left_alone(
    object: &ObjectState,
    driver: Option<&Driver>,
    record: &Record,
    wall: Timestamp,
) -> Option<Duration> {
    let driver = driver.filter(|driver| driver.stop.is_none())?;
    // Under `Never` the operator tries nothing again by itself (its `ShouldRetry`).
    let never = record.restart_policy == RestartPolicy::Never;
    let reruns = match object.known_raw() {
        Some(RawState::SubmissionFailed) => !never,
        Some(RawState::Invalidating | RawState::PendingRerun) => true,
        Some(_) | None => false,
    };
    let asked_for = record.cancel_requested || record.state == State::Cancelled;
    if reruns || asked_for && !(never && driver.has_ended()) {
        return None;
    }
    // The driver may have ended long before anybody saw it: its operator was as blind then.
    let ended_at = record.history.last().map_or(record.updated_at, |last| last.at);
    Some(wall.duration_since(ended_at).unsigned_abs())
}

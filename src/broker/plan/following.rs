//! SUBMITTED, HELD, RUNNING: the record follows what the cluster shows (the design's §10).

use std::time::Duration;

use jiff::SignedDuration;

use super::taken_away::{self, is_taken_away, was_stopped};
use super::{Act, Circumstances, overdue, picking_up, take, waiting, wished};
use crate::broker::attempt::Attempt;
use crate::lifecycle::Happening;
use crate::submission::{RawState, Reason, Record, State};
use crate::watch::{DriverPhase, DriverSight, Observation};

/// A release that shows no effect is sent again after this.
const RELEASE_AGAIN: Duration = Duration::from_secs(10);

pub(super) fn next(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
    let record = &attempt.record;
    if record.cancel_requested {
        let stopped = || {
            let message = "cancelled on request".to_owned();
            let reason = Reason::Cancelled;
            take(record, at, Happening::Stopped { reason, message })
        };
        return ended_before(attempt, at).or_else(stopped).unwrap_or(Act::Rest);
    }
    let seen = timed(attempt.observation(), attempt, at);
    if needs_consistent_look(attempt) {
        return if at.in_sight { Act::Look } else { Act::Rest };
    }
    if needs_consistent_list(attempt) {
        return if at.in_sight { Act::ListPods } else { Act::Rest };
    }
    if let Some(act) = taken_away::next(attempt, at) {
        return act;
    }
    if let Some(act) = take(record, at, Happening::Observed(Box::new(seen.clone()))) {
        return act;
    }
    if let Some(act) = wished::doubt_is_over(attempt, at) {
        return act;
    }
    if !at.in_sight {
        return Act::Rest;
    }
    if let Some(act) = overdue::told(attempt, at).or_else(|| waiting::told(attempt, at)) {
        return act;
    }
    if let Some(act) = wished::emptied(attempt, at) {
        return act;
    }
    if let Some(act) = release(attempt, at) {
        // Where the release is refused again and again, the time-out ends the wait.
        let over = picking_up::timed_out(attempt, at);
        return over
            .filter(|over| matches!(over, Act::Write(_) | Act::ListPods))
            .unwrap_or(act);
    }
    wait_or_end(attempt, at, &seen)
}

/// The end that is in sight before anything was done for a cancel, where it would be the submission's end without one too:
/// the cancel came too late. What would be run again, or was being stopped from outside, is cancelled.
fn ended_before(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Act> {
    if was_stopped(attempt) || is_taken_away(attempt) || needs_consistent_list(attempt) {
        return None;
    }
    let mut unasked = attempt.record.clone();
    unasked.cancel_requested = false;
    let seen = timed(attempt.observation(), attempt, at);
    match take(&unasked, at, Happening::Observed(Box::new(seen)))? {
        Act::Write(mut next) if next.state.is_terminal() => {
            next.cancel_requested = true;
            Some(Act::Write(next))
        }
        Act::Write(_)
        | Act::Rest
        | Act::Wait(_)
        | Act::Create
        | Act::Look
        | Act::ListPods
        | Act::Release(_)
        | Act::DeleteObject(_)
        | Act::DeletePods(_)
        | Act::Forget => None,
    }
}

/// What follows where nothing that was seen moves the record.
fn wait_or_end(attempt: &Attempt, at: &Circumstances<'_>, seen: &Observation) -> Act {
    let record = &attempt.record;
    let failed = seen
        .object
        .as_ref()
        .is_some_and(|o| o.known_raw() == Some(RawState::Failed));
    match (&seen.object, &seen.driver) {
        (_, DriverSight::Unseen | DriverSight::Absent) if attempt.sight.lacks_object() => {
            missing(attempt, at, &seen.driver)
        }
        (Some(_), DriverSight::Unseen) if failed || is_found_anew(attempt) => Act::ListPods,
        (Some(_), DriverSight::Seen(driver)) if driver.has_ended() => rerun_or_end(attempt, at),
        (Some(_) | None, _) => {
            let over = picking_up::timed_out(attempt, at).unwrap_or_else(|| run_timeout(record, at));
            let told = [overdue::tells_at(attempt, at), waiting::tells_at(attempt, at)];
            told.into_iter().flatten().map(Act::Wait).fold(over, sooner)
        }
    }
}

/// Of two acts the one to be done first; to rest is to wait for ever.
fn sooner(one: Act, other: Act) -> Act {
    match (one, other) {
        (Act::Wait(one), Act::Wait(other)) => Act::Wait(one.min(other)),
        (Act::Wait(until), Act::Rest) | (Act::Rest, Act::Wait(until)) => Act::Wait(until),
        (Act::Wait(_) | Act::Rest, act) | (act, _) => act,
    }
}

/// Under `commit: two-phase` the write of SUBMITTED was the commit: an object that stands suspended since its creation is
/// released now, by whoever finds it (the design's §9).
fn release(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Act> {
    let object = attempt.sight.object.as_ref()?;
    let held_by_us = object.two_phase && object.suspended && !object.deleting;
    let committed = attempt.record.state == State::Submitted
        && attempt.record.object_uid.as_ref() == Some(&object.uid)
        && attempt.owns(at.installation, object);
    if !held_by_us || !committed {
        return None;
    }
    Some(
        match attempt.memory.release_sent.map(|sent| sent + RELEASE_AGAIN) {
            Some(due) if due > at.now => Act::Wait(due),
            Some(_) | None => Act::Release(object.uid.clone()),
        },
    )
}

/// Whether it was found in the store and its pods not listed since: the watch may have told of its driver before.
fn is_found_anew(attempt: &Attempt) -> bool {
    !attempt.memory.own_intent && attempt.sight.pods.is_none() && attempt.sight.driver.is_none()
}

/// With what is known of the cluster; an end that nobody timed was when it was seen.
fn timed(mut seen: Observation, attempt: &Attempt, at: &Circumstances<'_>) -> Observation {
    seen.fails_all = at.fails_all;
    if let (DriverSight::Seen(driver), Some(seen_at)) = (&mut seen.driver, attempt.sight.driver_at)
        && let DriverPhase::Ended(end) = &mut driver.phase
        && end.finished_at.is_none()
    {
        let since = SignedDuration::try_from(at.now.saturating_sub(seen_at)).unwrap_or(SignedDuration::ZERO);
        end.finished_at = at.wall.saturating_sub(since).ok();
    }
    seen
}

/// The end of a driver that was stopped from outside is judged by the object as it is now.
fn needs_consistent_look(attempt: &Attempt) -> bool {
    let seen_at = attempt.sight.driver_at.unwrap_or(Duration::ZERO);
    was_stopped(attempt) && attempt.sight.looked.is_none_or(|looked| looked < seen_at)
}

/// COMPLETED beside a driver that failed tells of another one, run by the operator since: its word is looked for first.
fn needs_consistent_list(attempt: &Attempt) -> bool {
    let sight = &attempt.sight;
    let failed = |phase: &DriverPhase| matches!(phase, DriverPhase::Ended(end) if !end.success);
    let completed = sight
        .object
        .as_ref()
        .is_some_and(|o| o.known_raw() == Some(RawState::Completed));
    let listed = sight.pods.as_ref().map(|(asked, _)| *asked);
    completed && sight.driver.as_ref().is_some_and(|d| failed(&d.phase)) && listed < sight.object_at
}

/// The object is gone though the record says it should be there; or it is on its way out, of which its operator tells
/// nothing any more, and has no driver.
fn missing(attempt: &Attempt, at: &Circumstances<'_>, driver: &DriverSight) -> Act {
    let sight = &attempt.sight;
    let since = match &sight.object {
        Some(_) => attempt.memory.no_pods_since.ok_or(Act::ListPods),
        None => sight.object_gone.as_ref().map(|gone| gone.at).ok_or(Act::Look),
    };
    let due = match since {
        Ok(since) => since + at.settling.lost,
        Err(act) => return act,
    };
    if at.now < due {
        return Act::Wait(due);
    }
    if attempt.sight.looked.is_none_or(|looked| looked < due) {
        return Act::Look;
    }
    match driver {
        DriverSight::Absent => wished::lost(attempt, at),
        DriverSight::Unseen | DriverSight::Seen(_) => Act::ListPods,
    }
}

/// The driver has ended and the operator may rerun it: its word is waited for, so long and no longer.
fn rerun_or_end(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
    let due = attempt.sight.driver_at.unwrap_or(at.now) + at.rules.pickup_of(&attempt.record);
    let due = due.max(at.now + Duration::from_secs(1));
    sooner(run_timeout(&attempt.record, at), Act::Wait(due))
}

fn run_timeout(record: &Record, at: &Circumstances<'_>) -> Act {
    let (State::Running, Some(limit), Some(started)) = (record.state, record.timeouts.run, record.started_at)
    else {
        return Act::Rest;
    };
    let ran = u64::try_from(at.wall.duration_since(started).as_secs()).unwrap_or(0);
    if ran < limit {
        return Act::Wait(at.now + Duration::from_secs(limit - ran));
    }
    let message = format!("ran for {ran} s; its run time-out is {limit} s");
    take(
        record,
        at,
        Happening::Stopped {
            reason: Reason::RunTimeout,
            message,
        },
    )
    .unwrap_or(Act::Rest)
}

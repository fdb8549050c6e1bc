//! A driver whose pod was deleted may be one of many, and its object follow: its end counts only once it is known what
//! became of the object (the design's §10, "Lost").

use std::time::Duration;

use super::{Act, Circumstances, wished};
use crate::broker::attempt::Attempt;
use crate::lifecycle::{is_spent, misses_its_driver, stops_its_driver};
use crate::submission::Reason;
use crate::watch::{Driver, DriverPhase, DriverSight, DriverStop, ObjectState};

/// Waits until the object has stood, or been missing, for `lostSettle`; where too many are missing then, this one is in
/// doubt with them. `None`: what is seen counts.
pub(super) fn next(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Act> {
    let sight = &attempt.sight;
    let due = since(attempt)? + at.settling.lost;
    if at.now < due {
        return Some(Act::Wait(due));
    }
    if !at.in_sight {
        // How many are missing there isn't known.
        return Some(Act::Rest);
    }
    if sight.looked.is_none_or(|looked| looked < due) {
        return Some(Act::Look);
    }
    match sight.lacks_object() {
        true => wished::doubted(attempt, at),
        false => None,
    }
}

/// Whether its driver was taken away, and it isn't known yet what that means.
pub fn is_taken_away(attempt: &Attempt) -> bool {
    attempt.record.state.is_followed() && since(attempt).is_some()
}

/// Since when its object has been missing, or, where it stands, its driver known to be taken away; `None`: it wasn't.
fn since(attempt: &Attempt) -> Option<Duration> {
    let sight = &attempt.sight;
    match (&sight.object, &sight.object_gone) {
        (Some(object), _) => sight.over_since.filter(|_| was_taken_from(attempt, object)),
        (None, Some(gone)) => was_stopped(attempt).then_some(gone.at),
        (None, None) => None,
    }
}

/// Whether its driver failed as it was stopped from outside.
pub(super) fn was_stopped(attempt: &Attempt) -> bool {
    stopped(attempt).is_some()
}

fn stopped(attempt: &Attempt) -> Option<(&Driver, Reason)> {
    let driver = attempt.sight.driver.as_ref()?;
    match &driver.phase {
        DriverPhase::Ended(end) if driver.stop.is_some() && !end.success => {
            (!is_spent(&attempt.record, driver)).then_some((driver, end.cause))
        }
        DriverPhase::Ended(_)
        | DriverPhase::Waiting { .. }
        | DriverPhase::Running { .. }
        | DriverPhase::Unknown => None,
    }
}

/// Whether the object lost its driver for nothing that the cluster tells of (no suspension, no rerun, no eviction, no lost
/// node), or goes itself: deleted in the foreground it goes after its pods, however those end.
fn was_taken_from(attempt: &Attempt, object: &ObjectState) -> bool {
    match stopped(attempt) {
        Some(_) if object.deleting => true,
        Some((driver, cause)) => {
            let deleted = matches!(driver.stop, Some(DriverStop::Deleting { .. }));
            deleted && cause == Reason::ApplicationFailed && !stops_its_driver(object)
        }
        None => misses_its_driver(object) && attempt.observation().driver == DriverSight::Absent,
    }
}

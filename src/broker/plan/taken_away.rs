//! A driver that somebody took away may be one of many, and its object follow: its end counts only once it is known what
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
    match sight.object {
        Some(_) => None,
        None => wished::doubted(attempt, at),
    }
}

/// Since when it has been known that the driver was taken away and how its object is; `None` where it wasn't.
pub(super) fn since(attempt: &Attempt) -> Option<Duration> {
    let sight = &attempt.sight;
    match (&sight.object, &sight.object_gone) {
        (Some(object), _) => sight.over_since.filter(|_| was_taken(attempt, object)),
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

/// Whether the driver of an object that stands was taken away for nothing that its cluster tells of: no suspension, no rerun,
/// no eviction, no lost node.
fn was_taken(attempt: &Attempt, object: &ObjectState) -> bool {
    if let Some((driver, cause)) = stopped(attempt) {
        let deleted =
            matches!(driver.stop, Some(DriverStop::Deleting { .. })) && cause == Reason::ApplicationFailed;
        // Deleted in the foreground, an object goes after its pods, however those end.
        return object.deleting || deleted && !stops_its_driver(object);
    }
    misses_its_driver(object) && attempt.observation().driver == DriverSight::Absent
}

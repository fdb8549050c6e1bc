//! What people wish of an attempt's cluster, and the brake (the design's §10, "Lost").

use std::time::Duration;

use super::{Act, Circumstances, overdue, picking_up, stopping, take};
use crate::broker::attempt::Attempt;
use crate::lifecycle::Happening;
use crate::ports::store::DrainThen;
use crate::submission::{Reason, Record, State};
use crate::watch::{DriverPhase, DriverSight, ObjectState};

/// How often an attempt in doubt is looked at again.
const DOUBT_AGAIN: Duration = Duration::from_secs(5);

/// What people wish of a cluster, as far as it bears on one of its attempts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wished {
    /// What a missing object means.
    pub loss: Loss,
    /// A drain's deadline is near or past.
    pub emptied: Option<Emptied>,
}

/// What a missing object means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Loss {
    /// That the attempt is lost, by proof.
    #[default]
    Proven,
    /// Nothing for now, as too many are missing: the sentence for people.
    Doubted(String),
    /// The cluster can't be reached, and a person confirmed that it is gone for good: no proof is left to wait for.
    Gone(String),
}

/// A drain's deadline is near or past: what never started is withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emptied {
    /// What becomes by now of jobs that have started.
    pub then: DrainThen,
    /// For people.
    pub message: String,
}

/// By a person's word the attempt is over, wherever it stands; `None` where nobody said so.
pub(super) fn next(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Act> {
    let record = &attempt.record;
    if !record.state.is_live() {
        return None;
    }
    if let Some(message) = overdue::said(attempt, at) {
        return Some(gone(attempt, at, Reason::NodeLost, &message));
    }
    match &at.wished.loss {
        Loss::Gone(message) => Some(gone(attempt, at, Reason::Lost, message)),
        Loss::Proven | Loss::Doubted(_) => None,
    }
}

/// The object of an attempt in doubt is there again.
pub(super) fn doubt_is_over(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Act> {
    let record = &attempt.record;
    let in_doubt = record.verdict.reason == Some(Reason::LostUnconfirmed);
    if !in_doubt || attempt.sight.lacks_object() {
        return None;
    }
    take(record, at, Happening::Doubted { message: None })
}

/// Before a drain's deadline: what never started is withdrawn, to run elsewhere; the rest is left or cancelled, as told.
pub(super) fn emptied(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Act> {
    empty(attempt, at, at.wished.emptied.as_ref()?)
}

fn observed(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Act> {
    let seen = Happening::Observed(Box::new(attempt.observation()));
    take(&attempt.record, at, seen)
}

/// By a person's word the attempt is over; what was seen of its end before counts.
fn gone(attempt: &Attempt, at: &Circumstances<'_>, reason: Reason, message: &str) -> Act {
    let record = &attempt.record;
    if let Some(act) = observed(attempt, at) {
        return act;
    }
    let stopping = record.state == State::Cancelling;
    if record.cancel_requested && !stopping {
        let (reason, message) = (Reason::Cancelled, "cancelled on request".to_owned());
        return take(record, at, Happening::Stopped { reason, message }).unwrap_or(Act::Rest);
    }
    if stopping || record.state == State::Retrying {
        return stopping::over(record, at);
    }
    let message = message.to_owned();
    take(record, at, Happening::LossConfirmed { reason, message }).unwrap_or(Act::Rest)
}

/// The object is missing for good, by the proof of the design's §10.
pub(super) fn lost(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
    let proven = || take(&attempt.record, at, Happening::Lost).unwrap_or(Act::Rest);
    doubted(attempt, at).unwrap_or_else(proven)
}

/// What a missing object means is in doubt: the record says so, and nothing more happens.
pub(super) fn doubted(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Act> {
    let Loss::Doubted(message) = &at.wished.loss else {
        return None;
    };
    let message = Some(message.clone());
    let again = Act::Wait(at.now + DOUBT_AGAIN);
    Some(take(&attempt.record, at, Happening::Doubted { message }).unwrap_or(again))
}

fn empty(attempt: &Attempt, at: &Circumstances<'_>, emptied: &Emptied) -> Option<Act> {
    let record = &attempt.record;
    let message = emptied.message.clone();
    let started = match &attempt.sight.object {
        Some(object) => started(attempt, object, record),
        // A driver that has begun runs on alone.
        None if had_driver(record) && matches!(attempt.observation().driver, DriverSight::Seen(_)) => {
            Some(true)
        }
        // It ends as one that is missing.
        None => return None,
    };
    match started {
        Some(false) => {
            let reason = Reason::Drained;
            Some(picking_up::not_started(attempt, at, reason, message))
        }
        Some(true) => match emptied.then {
            DrainThen::Leave => None,
            DrainThen::Cancel => {
                let reason = Reason::Cancelled;
                take(record, at, Happening::Stopped { reason, message })
            }
        },
        None => Some(Act::ListPods),
    }
}

fn had_driver(record: &Record) -> bool {
    record.state == State::Running || record.started_at.is_some()
}

/// Whether a driver of the attempt has started, or may have while nobody looked; `None`: its pods are to be listed.
fn started(attempt: &Attempt, object: &ObjectState, record: &Record) -> Option<bool> {
    let may_rerun = record.retry.on.contains(&Reason::Lost);
    // Of a second driver the operator tells only after the first one has run.
    if had_driver(record) || object.execution_attempts > 1 || attempt.memory.unwatched && !may_rerun {
        return Some(true);
    }
    match attempt.observation().driver {
        DriverSight::Unseen => None,
        DriverSight::Absent => Some(object.tells_of_driver()),
        DriverSight::Seen(driver) => Some(!matches!(driver.phase, DriverPhase::Waiting { .. })),
    }
}

//! The next act for one live attempt: a pure function of what is known and the time. Fetch, then decide, then act:
//! this is the deciding.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::attempt::Attempt;
use super::refusal::{Refusal, refusal};
use crate::lifecycle::{Event, Happening, Rules, Step};
use crate::model::{Epoch, InstallationId, ObjectUid};
use crate::ports::cluster::CreateError;
use crate::submission::{RawState, Reason, Record, State};
use crate::watch::{DriverPhase, DriverSight};

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Nothing until something is seen.
    Rest,
    /// Nothing before this time of the monotonic clock.
    Wait(Duration),
    /// Write this record over the one known.
    Write(Box<Record>),
    /// Send the create of the attempt's object.
    Create,
    /// Look for the object by name, not older than now.
    Look,
    /// List the attempt's pods, not older than now.
    ListPods,
    /// Delete the object.
    DeleteObject(ObjectUid),
    /// Delete a pod of the attempt.
    DeletePod(String, ObjectUid),
    /// The attempt is over and cleaned up: forget it.
    Forget,
}

/// The settling times of the dispatch protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settling {
    /// Between the two absences that give an attempt up; above the API server's 60 s request time-out.
    pub create: Duration,
    /// How long no pod may appear after the object has gone: a spark-submit under way shows nothing until it returns.
    pub submit: Duration,
    /// How long after the end an unfinished object is left alone.
    pub end: Duration,
    /// From the first absence of an object to `Lost`.
    pub lost: Duration,
}

impl Default for Settling {
    fn default() -> Self {
        Self {
            create: Duration::from_secs(90),
            submit: Duration::from_secs(180),
            end: Duration::from_secs(600),
            lost: Duration::from_secs(60),
        }
    }
}

/// What decisions depend on besides the attempt.
#[derive(Debug, Clone)]
pub struct Circumstances<'a> {
    /// The rules of the lifecycle.
    pub rules: &'a Rules,
    /// Settling times.
    pub settling: &'a Settling,
    /// Who we are.
    pub installation: &'a InstallationId,
    /// The epoch of this term.
    pub epoch: Epoch,
    /// The wall clock.
    pub wall: Timestamp,
    /// The monotonic clock.
    pub now: Duration,
    /// Whether the cluster's watch has listed everything and is connected.
    pub in_sight: bool,
    /// Whether some cluster that the job may use isn't excluded for it, the current one left out.
    pub other_cluster: bool,
    /// A random number of 0 to 1, for jitter.
    pub jitter: f64,
}

/// The next act.
pub fn plan(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
    let record = &attempt.record;
    if let Some(until) = attempt.memory.pause_until.filter(|until| *until > at.now) {
        return Act::Wait(until);
    }
    match record.state {
        State::Dispatching | State::Retrying | State::Cancelling if record.epoch != Some(at.epoch) => {
            take(record, at, Happening::Restamped { epoch: at.epoch }).unwrap_or(Act::Forget)
        }
        State::Dispatching => dispatching(attempt, at),
        State::Submitted | State::Held | State::Running => following(attempt, at),
        State::Retrying | State::Cancelling => stopping(attempt, at),
        State::Queued => queued(record, at),
        State::Succeeded | State::Failed | State::Cancelled | State::Rejected => ended(attempt, at),
    }
}

/// The write that `happening` leads to; `None` where it leads nowhere.
fn take(record: &Record, at: &Circumstances<'_>, happening: Happening) -> Option<Act> {
    match at.rules.step(
        record,
        &Event {
            at: at.wall,
            happening,
        },
    ) {
        Step::Next(mut next) => {
            next.epoch = Some(at.epoch);
            Some(Act::Write(next))
        }
        Step::Ignored => None,
        Step::Illegal => {
            tracing::error!(submission.id = %record.id, state = %record.state, "an event that can't happen was passed over");
            None
        }
    }
}

fn queued(record: &Record, at: &Circumstances<'_>) -> Act {
    if record.cancel_requested {
        return take(record, at, Happening::CancelRequested).unwrap_or(Act::Forget);
    }
    Act::Forget
}

fn dispatching(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
    let record = &attempt.record;
    if let Some(object) = &attempt.sight.object {
        if attempt.owns(at.installation, object) {
            return take(
                record,
                at,
                Happening::Created {
                    uid: object.uid.clone(),
                },
            )
            .unwrap_or(Act::Rest);
        }
        return name_taken(attempt, at, object.owner.is_ours(at.installation, record));
    }
    if attempt.sight.driver.is_some() {
        let seen = Happening::Observed(Box::new(attempt.observation()));
        return take(record, at, seen).unwrap_or(Act::Rest);
    }
    let memory = &attempt.memory;
    if memory.own_intent && memory.creates == 0 {
        if record.cancel_requested {
            return nothing_done(
                attempt,
                at,
                Reason::Cancelled,
                "cancelled before the create was sent".into(),
                false,
            );
        }
        return Act::Create;
    }
    match &memory.create_error {
        // The sole create ever sent was refused for sure.
        Some(error) if memory.own_intent && memory.ambiguous_at.is_none() && refusal(error).is_some() => {
            refused(attempt, at, error)
        }
        Some(_) | None => unresolved(attempt, at),
    }
}

/// It isn't known whether a create went through: ask for the object, and create again by the same name while it is absent.
fn unresolved(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
    let memory = &attempt.memory;
    let Some(looked) = attempt.sight.looked else {
        return Act::Look;
    };
    let sent = memory.ambiguous_at.unwrap_or(Duration::ZERO);
    if looked <= sent {
        return Act::Look;
    }
    let refused_since = memory.create_error.as_ref().is_some_and(|e| refusal(e).is_some());
    let wants_end = attempt.record.cancel_requested || refused_since;
    if !wants_end {
        return Act::Create;
    }
    let absent = memory.absent_at.unwrap_or(looked);
    if looked < absent + at.settling.create {
        let again = absent + at.settling.create;
        return if at.now >= again {
            Act::Look
        } else {
            Act::Wait(again)
        };
    }
    match &memory.create_error {
        Some(error) if refused_since => refused(attempt, at, error),
        Some(_) | None => nothing_done(
            attempt,
            at,
            Reason::Cancelled,
            "cancelled; its object never appeared".into(),
            false,
        ),
    }
}

/// A refusal that proves that nothing was made.
fn refused(attempt: &Attempt, at: &Circumstances<'_>, error: &CreateError) -> Act {
    let message = attempt.create_sentence();
    match refusal(error) {
        Some(Refusal::Spec) => {
            let happening = Happening::Refused {
                reason: Reason::InvalidSpec,
                message,
            };
            take(&attempt.record, at, happening).unwrap_or(Act::Rest)
        }
        Some(Refusal::UnknownField) if !at.other_cluster => {
            let happening = Happening::Refused {
                reason: Reason::UnsupportedField,
                message,
            };
            take(&attempt.record, at, happening).unwrap_or(Act::Rest)
        }
        Some(Refusal::NameExists) | None => Act::Look,
        Some(kind @ (Refusal::Cluster | Refusal::NoRoom | Refusal::UnknownField | Refusal::Webhook)) => {
            nothing_done(attempt, at, kind.reason(), message, kind == Refusal::Webhook)
        }
    }
}

fn nothing_done(
    attempt: &Attempt,
    at: &Circumstances<'_>,
    reason: Reason,
    message: String,
    counted: bool,
) -> Act {
    let waits = match reason {
        Reason::NoCapacity => Some(15),
        Reason::InvalidSpec => Some(backoff_secs(attempt.record.tries, at.jitter)),
        _ => None,
    };
    let not_before = waits.and_then(|secs| at.wall.checked_add(SignedDuration::from_secs(secs)).ok());
    let exclude_cluster = reason == Reason::UnsupportedField;
    let happening = Happening::NothingDone {
        reason,
        message,
        counted,
        exclude_cluster,
        not_before,
    };
    take(&attempt.record, at, happening).unwrap_or(Act::Rest)
}

/// 5 s doubled with each try up to 5 minutes, give or take a quarter.
fn backoff_secs(tries: u32, jitter: f64) -> i64 {
    let base = 5_i64.saturating_mul(1 << tries.min(6)).min(300);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "at most 375"
    )]
    let spread = (base as f64 * (0.75 + jitter / 2.0)) as i64;
    spread
}

fn name_taken(attempt: &Attempt, at: &Circumstances<'_>, earlier_of_ours: bool) -> Act {
    let name = attempt.record.intended_object_name();
    if earlier_of_ours {
        let message = format!("{name} is left of an earlier submission under the same ID");
        return nothing_done(attempt, at, Reason::NameTaken, message, false);
    }
    let message = format!("an object called {name} that isn't this submission's stands on the cluster");
    take(
        &attempt.record,
        at,
        Happening::Refused {
            reason: Reason::NameTaken,
            message,
        },
    )
    .unwrap_or(Act::Rest)
}

fn following(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
    let record = &attempt.record;
    let seen = attempt.observation();
    if needs_consistent_look(attempt) {
        return if at.in_sight { Act::Look } else { Act::Rest };
    }
    if let Some(act) = take(record, at, Happening::Observed(Box::new(seen.clone()))) {
        return act;
    }
    if record.cancel_requested {
        let message = "cancelled on request".to_owned();
        return take(
            record,
            at,
            Happening::Stopped {
                reason: Reason::Cancelled,
                message,
            },
        )
        .unwrap_or(Act::Rest);
    }
    if !at.in_sight {
        return Act::Rest;
    }
    let failed = seen
        .object
        .as_ref()
        .is_some_and(|o| o.known_raw() == Some(RawState::Failed));
    match (&seen.object, &seen.driver) {
        (Some(_), DriverSight::Unseen) if failed => Act::ListPods,
        (None, DriverSight::Unseen | DriverSight::Absent) => missing(attempt, at, &seen.driver),
        (Some(_) | None, _) => run_timeout(record, at),
    }
}

/// The end of a driver that was stopped from outside is judged by the object as it is now.
fn needs_consistent_look(attempt: &Attempt) -> bool {
    let Some(driver) = &attempt.sight.driver else {
        return false;
    };
    let stopped = driver.stop.is_some() && matches!(&driver.phase, DriverPhase::Ended(end) if !end.success);
    let seen_at = attempt.sight.driver_at.unwrap_or(Duration::ZERO);
    stopped && attempt.sight.looked.is_none_or(|looked| looked < seen_at)
}

/// The object is gone though the record says it should be there.
fn missing(attempt: &Attempt, at: &Circumstances<'_>, driver: &DriverSight) -> Act {
    let Some(gone) = &attempt.sight.object_gone else {
        return Act::Look;
    };
    let due = gone.at + at.settling.lost;
    if at.now < due {
        return Act::Wait(due);
    }
    if attempt.sight.looked.is_none_or(|looked| looked < due) {
        return Act::Look;
    }
    match driver {
        DriverSight::Absent => take(&attempt.record, at, Happening::Lost).unwrap_or(Act::Rest),
        DriverSight::Unseen | DriverSight::Seen(_) => Act::ListPods,
    }
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

/// RETRYING and CANCELLING wait for the proof that the attempt is over (the design's §7).
fn stopping(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
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
fn shows_submission_returned(last: &crate::watch::ObjectState) -> bool {
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
fn ended(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
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

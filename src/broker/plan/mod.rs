//! The next act for one live attempt: a pure function of what is known and the time. Fetch, then decide, then act:
//! this is the deciding.

mod dispatching;
mod following;
mod overdue;
mod picking_up;
mod stopping;
mod taken_away;
mod waiting;
mod wished;
pub(super) use stopping::left_alone;
pub use taken_away::is_taken_away;
pub use wished::{Emptied, Loss, Wished};
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;

use super::attempt::Attempt;
use crate::lifecycle::{Event, Happening, Rules, Step};
use crate::model::{Epoch, InstallationId, ObjectUid};
use crate::submission::{Record, State};

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
    /// Release the object, which was created suspended: the attempt is committed.
    Release(ObjectUid),
    /// Delete the object.
    DeleteObject(ObjectUid),
    /// Delete these pods of the attempt.
    DeletePods(Vec<(String, ObjectUid)>),
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
    /// From the first absence of an object, or the end of a driver that was taken away, to what follows.
    pub lost: Duration,
    /// How long a cluster with `onUnreachable: move` may be silent before attempts are given up there.
    pub failover: Duration,
}

impl Default for Settling {
    fn default() -> Self {
        Self {
            create: Duration::from_secs(90),
            submit: Duration::from_secs(180),
            end: Duration::from_secs(600),
            lost: Duration::from_secs(60),
            failover: Duration::from_secs(600),
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
    /// Whether the cluster's watch has listed everything and is connected, and the cluster is the one that it was.
    pub in_sight: bool,
    /// Whether some cluster that the job may use isn't excluded for it, the current one left out.
    pub other_cluster: bool,
    /// How long its cluster may be silent before the attempt is given up there; absent: for ever.
    pub failover: Option<Duration>,
    /// What people wish of the attempt's cluster.
    pub wished: Wished,
    /// Whether the attempt's cluster fails each job before its driver starts.
    pub fails_all: bool,
    /// A random number of 0 to 1, for jitter.
    pub jitter: f64,
}

impl Circumstances<'_> {
    /// How long ago `then` was, by the wall clock; zero for what lies ahead.
    fn since(&self, then: Timestamp) -> Duration {
        self.wall
            .duration_since(then)
            .try_into()
            .unwrap_or(Duration::ZERO)
    }
}

/// The next act.
pub fn plan(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
    let record = &attempt.record;
    if let Some(until) = attempt.memory.pause_until.filter(|until| *until > at.now) {
        return Act::Wait(until);
    }
    let is_ours = record.epoch == Some(at.epoch);
    if let Some(act) = wished::next(attempt, at).filter(|_| is_ours || record.state.is_followed()) {
        return act;
    }
    match record.state {
        State::Dispatching | State::Retrying | State::Cancelling if record.epoch != Some(at.epoch) => {
            take(record, at, Happening::Restamped { epoch: at.epoch }).unwrap_or(Act::Forget)
        }
        // Before anything is created: what was written may say otherwise, or still land. This write fails, or fences it.
        State::Dispatching if attempt.memory.unsure_write => {
            take(record, at, Happening::Restamped { epoch: at.epoch }).unwrap_or(Act::Forget)
        }
        State::Dispatching => dispatching::next(attempt, at),
        State::Submitted | State::Held | State::Running => following::next(attempt, at),
        State::Retrying | State::Cancelling => stopping::next(attempt, at),
        State::Queued => queued(record, at),
        State::Succeeded | State::Failed | State::Cancelled | State::Rejected => stopping::ended(attempt, at),
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

//! Status with the reason for waiting, and waiting for a change.

use std::time::Duration;

use tokio::time::Instant;

use super::Api;
use super::problem::Problem;
use crate::lookup::{Status, Waiting};
use crate::model::{ClusterName, SubmissionId};
use crate::ports::store::{ClusterBoard, QueueBoard};
use crate::submission::{Reason, Record, State};

/// How often a waiting request reads the record.
const POLL: Duration = Duration::from_millis(300);

/// The longest that a request may wait.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(300);

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// The submission to appear or, where it is known already, its record to change.
    Change,
    /// Its end.
    End,
}

impl Api {
    /// The record that stands under `id`. An expired one counts as absent, and so does the memory of a cancel that came
    /// before its submission.
    pub(super) async fn record(&self, id: &SubmissionId) -> Result<Option<Record>, Problem> {
        let now = self.clock.now();
        let stands = |record: &Record| !record.is_expired(now) && !record.is_tombstone();
        Ok(self.store.get(id).await?.filter(stands))
    }

    /// The record after at most `wait`; earlier once what is waited for has come or the process stops.
    pub(super) async fn record_after(
        &self,
        id: &SubmissionId,
        wait: Duration,
        until: Until,
    ) -> Result<Option<Record>, Problem> {
        let deadline = Instant::now() + wait;
        let mut record = self.record(id).await?;
        let first = record.as_ref().map(|r| (r.incarnation.clone(), r.version));
        loop {
            let now = record.as_ref().map(|r| (r.incarnation.clone(), r.version));
            let come = match (&record, until) {
                (None, _) => false,
                (Some(record), _) if record.state.is_terminal() => true,
                (Some(_), Until::Change) => now != first,
                (Some(_), Until::End) => false,
            };
            if come || Instant::now() >= deadline || self.stopping.is_cancelled() {
                return Ok(record);
            }
            tokio::select! {
                () = tokio::time::sleep_until(deadline.min(Instant::now() + POLL)) => {}
                () = self.stopping.cancelled() => {}
            }
            record = self.record(id).await?;
        }
    }

    /// The status of `record`. What only a board knows is a help, not the answer: where the board can't be read, the
    /// status is told without it.
    pub(super) async fn status_of(&self, record: &Record) -> Status {
        if record.state != State::Queued {
            let board = self.board_of(record).await;
            return self.followed(record, board.as_ref());
        }
        let board = self.coordination.queue(&record.domain, &record.queue).await;
        let board = board
            .inspect_err(|error| tracing::debug!(%error, "a queue's board can't be read"))
            .unwrap_or(None);
        Status::of(record, board.and_then(|board| waiting_reason(record, &board)))
    }

    /// The board of the cluster on which `record` lives, if it does.
    pub(super) async fn board_of(&self, record: &Record) -> Option<ClusterBoard> {
        let name = record.cluster.as_ref().filter(|_| record.state.is_live())?;
        let board = self.coordination.cluster(&record.domain, name).await;
        board
            .inspect_err(|error| tracing::debug!(%error, "a cluster's board can't be read"))
            .unwrap_or(None)
    }

    /// The status of a record that isn't QUEUED, with what `board` of its cluster says of following it.
    pub(super) fn followed(&self, record: &Record, board: Option<&ClusterBoard>) -> Status {
        let mut status = Status::of(record, None);
        let Some(name) = record.cluster.as_ref().filter(|_| record.state.is_live()) else {
            return status;
        };
        let configured = self.clusters.contains(name);
        let Some(message) = unfollowed(name, configured, board) else {
            return status;
        };
        let told = status.message.take().filter(|_| configured);
        status.message =
            Some(told.map_or_else(|| message.clone(), |told| format!("{message}; before: {told}")));
        status.reason = status
            .reason
            .filter(|_| configured)
            .or(Some(Reason::ClusterUnhealthy));
        status.reason_at = status.reason_at.filter(|_| configured);
        status
    }
}

/// Why what lives on a cluster isn't followed now. Where this pod's configuration doesn't name the cluster, the active
/// scheduler's word counts: its own may name it, or it follows what lives on one that was taken out.
fn unfollowed(name: &ClusterName, configured: bool, board: Option<&ClusterBoard>) -> Option<String> {
    let why = |board: &ClusterBoard| {
        let why = board.message.as_deref().unwrap_or("not listed yet");
        format!("{why}; if it is gone for good: `spark-broker clusters confirm-lost {name}`")
    };
    match board {
        None if configured => None,
        None => Some(format!(
            "cluster {name} isn't in the configuration: until it is again, nobody follows this submission"
        )),
        Some(board) if board.removed && !board.healthy => Some(format!(
            "cluster {name} isn't in the configuration any more and doesn't answer: {}",
            why(board)
        )),
        Some(board) if board.silent => Some(format!(
            "cluster {name} is out of sight, and what has become of this submission since isn't known: {}",
            why(board)
        )),
        Some(_) => None,
    }
}

/// Why `record` waits, by its queue's board.
pub(super) fn waiting_reason(record: &Record, board: &QueueBoard) -> Option<Waiting> {
    if let Some(head) = board.heads.iter().find(|head| head.id == record.id) {
        // Waiting for its turn says less than why it was given back.
        if let (Reason::Waiting, Some(reason)) = (head.reason, record.verdict.reason) {
            return Some(Waiting {
                reason,
                message: record.verdict.message.clone().unwrap_or_default(),
                position: head.position,
                at: record.verdict.reason_at,
            });
        }
        return Some(Waiting {
            reason: head.reason,
            message: head.message.clone(),
            position: head.position,
            at: board.at,
        });
    }
    // A board older than the record's last write has not seen it wait.
    let seen = board.at.is_some_and(|at| at > record.updated_at);
    (seen && record.verdict.reason.is_none()).then(|| Waiting {
        reason: Reason::Waiting,
        message: format!(
            "waits for its turn in queue {}, where {} wait",
            record.queue, board.waiting
        ),
        position: None,
        at: board.at,
    })
}

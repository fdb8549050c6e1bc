//! What the scheduler tells every pod of queues and clusters: why heads wait, and which clusters take jobs.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::health::{Health, Verdict};
use super::scheduler::Term;
use super::wishes::Wishes;
use crate::model::{ClusterName, QueueName, SubmissionId};
use crate::ports::Error;
use crate::ports::store::{ClusterBoard, QueueBoard, WaitingHead};
use crate::routing::Waiting;
use crate::submission::Reason;

/// How often boards are written at most.
const EVERY: Duration = Duration::from_secs(5);
/// Most heads on a queue's board.
pub const HEADS: usize = 50;

/// The boards as they would be written now.
#[derive(Debug, Default)]
pub struct Boards {
    waiting: HashMap<SubmissionId, Waiting>,
    first: HashMap<QueueName, Vec<SubmissionId>>,
    written_at: Option<Duration>,
    queues: HashMap<QueueName, QueueBoard>,
    clusters: HashMap<ClusterName, ClusterBoard>,
    /// Clusters that are followed though the configuration doesn't name them.
    removed: BTreeSet<ClusterName>,
}

/// Boards that have changed since they were written.
#[derive(Debug, Default)]
pub struct Sheets {
    queues: Vec<(QueueName, QueueBoard)>,
    clusters: Vec<(ClusterName, ClusterBoard)>,
}

impl Boards {
    /// Boards of the configuration's clusters, and of `removed` ones beside them.
    pub fn beside(removed: BTreeSet<ClusterName>) -> Self {
        Self {
            removed,
            ..Self::default()
        }
    }

    /// A cycle left these waiting.
    pub fn waiting(&mut self, waiting: Vec<Waiting>) {
        self.waiting = waiting.into_iter().map(|w| (w.id.clone(), w)).collect();
    }

    /// The first of each queue, in its order.
    pub fn first(&mut self, first: HashMap<QueueName, Vec<SubmissionId>>) {
        self.first = first;
    }

    /// Up to `most` of those that wait in front: the first of each queue, then the second of each.
    pub fn in_front(&self, most: usize) -> Vec<SubmissionId> {
        let nth = |n| self.first.values().filter_map(move |ids| ids.get(n));
        (0..HEADS).flat_map(nth).take(most).cloned().collect()
    }

    /// Why `id` waits, if a cycle said so.
    pub fn reason_of(&self, id: &SubmissionId) -> Option<String> {
        self.waiting.get(id).map(Waiting::message)
    }

    /// Whether it is time to write them again.
    pub fn is_due(&self, now: Duration) -> bool {
        self.written_at.is_none_or(|at| now.saturating_sub(at) >= EVERY)
    }

    /// The last sheets weren't all written: all boards are written again next time.
    pub fn unwritten(&mut self) {
        self.queues.clear();
        self.clusters.clear();
    }

    /// What is to be written now: only what has changed.
    pub fn sheets(
        &mut self,
        now: Duration,
        counts: &HashMap<QueueName, (u64, u64)>,
        live: &HashMap<ClusterName, u64>,
        health: &HashMap<ClusterName, Health>,
        wishes: &Wishes,
        brakes: &HashMap<ClusterName, String>,
    ) -> Sheets {
        self.written_at = Some(now);
        let mut sheets = Sheets::default();
        for (name, (waiting, live)) in counts {
            let board = QueueBoard {
                waiting: *waiting,
                live: *live,
                heads: self.heads(name),
                at: None,
            };
            if self.queues.insert(name.clone(), board.clone()).as_ref() != Some(&board) {
                sheets.queues.push((name.clone(), board));
            }
        }
        for (name, health) in health {
            let message = match health.verdict(now) {
                Verdict::Open => None,
                Verdict::Probing => {
                    let why = health.why_not().unwrap_or("a fault");
                    Some(format!("probed with one job after: {why}"))
                }
                Verdict::Closed(why) => Some(why),
            };
            let live = live.get(name).copied().unwrap_or(0);
            let board = ClusterBoard {
                healthy: message.is_none(),
                message,
                // At a takeover none is in sight for a moment.
                silent: !health.is_in_sight() && health.why_not().is_some(),
                live,
                closed: wishes.closed(name),
                brake: brakes.get(name).cloned(),
                removed: self.removed.contains(name),
                at: None,
            };
            if self.clusters.insert(name.clone(), board.clone()).as_ref() != Some(&board) {
                sheets.clusters.push((name.clone(), board));
            }
        }
        sheets
    }

    /// The first of a queue, in its order. Those that the last cycle didn't come to wait for their turn.
    fn heads(&self, queue: &QueueName) -> Vec<WaitingHead> {
        let heads = (1..).zip(self.first.get(queue).into_iter().flatten());
        heads
            .map(|(position, id)| {
                let told = self.waiting.get(id);
                WaitingHead {
                    id: id.clone(),
                    position: Some(position),
                    reason: told.map_or(Reason::Waiting, |told| told.reason),
                    message: told.map_or_else(|| "waits for its turn".to_owned(), Waiting::message),
                }
            })
            .collect()
    }
}

impl Sheets {
    /// Writes them, until the first that can't be written; whether all were.
    pub async fn write(self, term: &Term) -> bool {
        let (at, epoch) = (Some(term.hands.clock.now()), term.epoch);
        for (name, mut board) in self.queues {
            board.at = at;
            let written = term.coordination.write_queue(&term.domain, &name, &board, epoch);
            if !stands(written.await, name.as_str()) {
                return false;
            }
        }
        for (name, mut board) in self.clusters {
            board.at = at;
            let written = term
                .coordination
                .write_cluster(&term.domain, &name, &board, epoch);
            if !stands(written.await, name.as_str()) {
                return false;
            }
        }
        true
    }
}

fn stands(written: Result<bool, Error>, name: &str) -> bool {
    match written {
        Ok(true) => true,
        Ok(false) => {
            tracing::warn!(name, "a scheduler of a later epoch has written this board");
            false
        }
        Err(error) => {
            tracing::warn!(%error, name, "a board can't be written");
            false
        }
    }
}

//! The active scheduler of a domain: one loop that holds backlog, views and live attempts in memory, and starts acts.
//!
//! Level, not edge: every input only updates what is known and marks the attempt; what to do is then planned anew from
//! all that is known. At most one act per attempt is under way.

mod acts;
mod explaining;
mod input;
mod pickups;
mod placing;
mod removing;
mod sightings;
mod term;
mod wishing;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::abandoned::{Abandonments, Cleared, Clearing};
use super::attempt::Attempt;
use super::boards::Boards;
use super::hands::Outcome;
use super::health::Health;
use super::outlooks::{Outlooks, Part};
use super::removed::Removed;
use super::strangers::Strangers;
use super::wishes::Wishes;
use crate::backlog::{Backlog, Inserted};
use crate::model::{ClusterName, SubmissionId};
use crate::routing::{LiveJob, Router};
use crate::submission::{Record, State};

pub use explaining::Question;
pub use input::Input;
pub use term::{RecordCycle, Term};

/// How often time-outs and boards are looked after.
const TICK: Duration = Duration::from_millis(200);
/// Most placements of one cycle.
const PLACEMENTS: usize = 256;

struct Slot {
    attempt: Attempt,
    busy: bool,
    /// The QUEUED record that the attempt began from, until the write that takes it out of QUEUED is confirmed.
    unconfirmed: Option<Box<Record>>,
    /// When it is planned anew though nothing happens.
    wake: Option<Duration>,
}

/// The scheduler's memory.
pub struct Scheduler {
    term: Arc<Term>,
    router: Router,
    backlog: Backlog,
    live: HashMap<SubmissionId, Slot>,
    by_object: HashMap<(ClusterName, String), SubmissionId>,
    health: HashMap<ClusterName, Health>,
    strangers: Strangers,
    abandoned: Abandonments,
    boards: Boards,
    wishes: Wishes,
    removed: Removed,
    acts: JoinSet<(SubmissionId, Done)>,
    chores: JoinSet<()>,
    /// The boards' writer, one at most.
    writing: JoinSet<bool>,
    outlooks: Outlooks,
    /// The writer of a part of what is known, one at most; the part that it couldn't write.
    telling: JoinSet<Result<(), Part>>,
    dirty: BTreeSet<SubmissionId>,
    wakes: BinaryHeap<Reverse<(Duration, SubmissionId)>>,
    cycle_due: bool,
    /// When a cycle may decide otherwise though nothing happens.
    cycle_at: Option<Duration>,
    /// When those that wait in front are looked at again.
    heads_due: Duration,
    /// Those that waited in front then.
    in_front: HashSet<SubmissionId>,
}

enum Done {
    Act(Box<Outcome>),
    Checked(Option<Vec<Record>>),
    Heads(Option<Vec<Record>>),
    Cleared(Box<Clearing>, Cleared),
}

impl Scheduler {
    /// A scheduler that knows nothing yet.
    pub fn new(term: Term, removed: Removed) -> Self {
        let router = Router::new(term.routing.clone());
        let names = term.hands.clusters.keys();
        let health = names.map(|name| (name.clone(), Health::default())).collect();
        Self {
            term: Arc::new(term),
            router,
            backlog: Backlog::default(),
            live: HashMap::new(),
            by_object: HashMap::new(),
            health,
            strangers: Strangers::default(),
            abandoned: Abandonments::default(),
            boards: Boards::beside(removed.names().cloned().collect()),
            wishes: Wishes::default(),
            removed,
            acts: JoinSet::new(),
            chores: JoinSet::new(),
            writing: JoinSet::new(),
            outlooks: Outlooks::default(),
            telling: JoinSet::new(),
            dirty: BTreeSet::new(),
            wakes: BinaryHeap::new(),
            cycle_due: true,
            cycle_at: None,
            heads_due: Duration::ZERO,
            in_front: HashSet::new(),
        }
    }

    /// Runs until `inputs` close or the task is dropped. Acts under way are then dropped too: the record decides, and
    /// whoever comes next finishes the work.
    pub async fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let next_cycle = self.cycle_at.map(|at| at.saturating_sub(self.now()));
            tokio::select! {
                input = inputs.recv() => match input {
                    Some(input) => self.learn(input),
                    None => return,
                },
                Some(done) = self.acts.join_next() => if self.finished(done).is_break() { return },
                _ = tick.tick() => self.tick(),
                () = reached(next_cycle) => {}
            }
            while let Ok(input) = inputs.try_recv() {
                self.learn(input);
            }
            while let Some(done) = self.acts.try_join_next() {
                if self.finished(done).is_break() {
                    return;
                }
            }
            self.act();
            self.come_round();
            self.place();
        }
    }

    /// Whether the time of the next cycle has come.
    fn come_round(&mut self) {
        if self.cycle_at.is_some_and(|at| at <= self.now()) {
            self.cycle_at = None;
            self.cycle_due = true;
        }
    }

    fn now(&self) -> Duration {
        self.term.hands.clock.monotonic()
    }

    fn wall(&self) -> Timestamp {
        self.term.hands.clock.now()
    }

    fn learn(&mut self, input: Input) {
        match input {
            Input::Backlog(entries) => {
                for entry in entries.iter().filter(|entry| !self.live.contains_key(&entry.id)) {
                    self.cycle_due |=
                        matches!(self.backlog.insert(entry), Inserted::Added | Inserted::Replaced);
                }
            }
            Input::Records(records) => records.into_iter().for_each(|record| self.found(record)),
            Input::Cluster(name, event) => self.cluster_said(&name, event),
            Input::Wishes(name, wishes) => self.wished(&name, wishes),
            Input::Explain(question) => self.answer(*question),
        }
    }

    /// A record was read: adopted where it is live and unknown, taken over where it is newer than what is known.
    pub fn found(&mut self, record: Record) {
        let id = record.id.clone();
        self.given_up(&record);
        if record.state != State::Queued {
            let (incarnation, version) = (record.incarnation.clone(), record.version);
            // What was kept for it may go to others.
            self.cycle_due |= self.backlog.known_gone(&id, &incarnation, version, self.now());
        }
        match self.live.get_mut(&id) {
            Some(slot) if slot.busy || slot.attempt.record.version >= record.version => {}
            Some(slot) if slot.attempt.record.incarnation == record.incarnation => {
                slot.attempt.stands_as(record);
                self.dirty.insert(id);
            }
            Some(_) => {}
            None if record.state.is_live() => {
                let mut attempt = self.term.attempt_of(record, self.now());
                // An index may show what stood before: nothing is created before a write has found it so.
                attempt.doubt_record();
                self.adopt(attempt);
            }
            None if record.state == State::Queued && record.cancel_requested => self.finish_cancel(record),
            None => {}
        }
    }

    /// A cancel that was cut off between giving its attempt up and ending it.
    fn finish_cancel(&mut self, record: Record) {
        let id = record.id.clone();
        self.backlog.remove(&id);
        self.keep(id, self.term.attempt_of(record, self.now()));
    }

    fn keep(&mut self, id: SubmissionId, attempt: Attempt) {
        let slot = Slot {
            attempt,
            busy: false,
            unconfirmed: None,
            wake: None,
        };
        self.live.insert(id.clone(), slot);
        self.dirty.insert(id);
    }

    /// What the watch has shown under the attempt's name.
    fn claim(&mut self, attempt: &mut Attempt) {
        let Some(cluster) = &attempt.record.cluster else {
            return;
        };
        if let Some((object, driver)) = self.strangers.claim(cluster, &record_name(&attempt.record)) {
            let now = self.now();
            object.into_iter().for_each(|o| attempt.saw_object(o, now));
            driver.into_iter().for_each(|d| attempt.saw_driver(d, now));
        }
    }

    fn adopt(&mut self, attempt: Attempt) {
        let record = &attempt.record;
        let id = record.id.clone();
        let Some(cluster) = record.cluster.clone() else {
            return;
        };
        self.router.adopt_live(LiveJob {
            id: id.clone(),
            attempt: record.attempt,
            queue: record.queue.clone(),
            cluster: cluster.clone(),
            demand: record.demand.clone(),
            // Until the watch shows that the operator, or a driver of its own, has begun with it.
            pending: matches!(record.state, State::Dispatching | State::Submitted),
            settled: record.started_at.is_some(),
        });
        self.by_object
            .insert((cluster.clone(), record.intended_object_name()), id.clone());
        let mut attempt = attempt;
        if self.health.get(&cluster).is_some_and(Health::is_in_sight) {
            attempt.in_sight(self.wall());
        }
        self.claim(&mut attempt);
        self.backlog.known_gone(
            &id,
            &attempt.record.incarnation,
            attempt.record.version,
            self.now(),
        );
        self.keep(id, attempt);
    }

    fn forget(&mut self, id: &SubmissionId) {
        self.probe_is_over(id);
        if let Some(slot) = self.live.remove(id) {
            self.router.released(id);
            self.unname(&slot.attempt.record);
            self.cycle_due = true;
            self.hand_over(slot.attempt);
        }
    }

    /// What still stands on the cluster under the name of a forgotten attempt is checked against its record.
    fn hand_over(&mut self, attempt: Attempt) {
        let (Some(cluster), sight) = (attempt.record.cluster, attempt.sight) else {
            return;
        };
        let objects = [sight.object, sight.second.object];
        let drivers = [sight.driver.filter(|_| !sight.driver_gone), sight.second.driver];
        objects
            .into_iter()
            .flatten()
            .for_each(|o| self.strangers.object(&cluster, o));
        drivers
            .into_iter()
            .flatten()
            .for_each(|d| self.strangers.driver(&cluster, d));
    }

    fn unname(&mut self, record: &Record) {
        if let Some(cluster) = &record.cluster {
            self.by_object.remove(&(cluster.clone(), record_name(record)));
        }
    }

    fn tick(&mut self) {
        let now = self.now();
        while let Some(Reverse((due, _))) = self.wakes.peek() {
            if *due > now {
                break;
            }
            let Some(Reverse((due, id))) = self.wakes.pop() else {
                break;
            };
            if let Some(slot) = self.live.get_mut(&id)
                && slot.wake == Some(due)
            {
                slot.wake = None;
                self.dirty.insert(id);
            }
        }
        let due = |(name, health): (&ClusterName, &mut Health)| health.probe_due(now).then(|| name.clone());
        let recovered: Vec<_> = self.health.iter_mut().filter_map(due).collect();
        recovered.iter().for_each(|name| self.update_health(name));
        self.time_out();
        self.check_strangers();
        self.check_heads(now);
        self.clear_abandoned();
        self.tend_wishes();
        self.tend_removed(now);
        self.cycle_due |= self.backlog.wake(self.wall()) > 0;
        for (name, _) in self.health.iter().filter(|(_, health)| health.is_in_sight()) {
            self.cycle_due |= self.router.still_current(name, now);
        }
        if let Some(written) = self.writing.try_join_next()
            && !written.unwrap_or(false)
        {
            self.boards.unwritten();
        }
        self.write_boards(now);
        self.write_outlook(now);
        while self.chores.try_join_next().is_some() {}
    }
}

/// After so long; never, where that isn't known.
async fn reached(after: Option<Duration>) {
    match after {
        Some(after) => tokio::time::sleep(after).await,
        None => std::future::pending().await,
    }
}

fn record_name(record: &Record) -> String {
    record
        .object_name
        .clone()
        .unwrap_or_else(|| record.intended_object_name())
}

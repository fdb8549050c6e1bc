//! The active scheduler of a domain: one loop that holds backlog, views and live attempts in memory, and starts acts.
//!
//! Level, not edge: every input only updates what is known and marks the attempt; what to do is then planned anew from
//! all that is known. At most one act per attempt is under way.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::attempt::Attempt;
use super::boards::Boards;
use super::hands::{Hands, Outcome};
use super::health::Health;
use super::plan::{Act, Circumstances, Settling, plan};
use super::strangers::Strangers;
use crate::backlog::{Backlog, Inserted};
use crate::lifecycle::{Event, Happening, Rules, Step};
use crate::model::{ClusterName, Domain, Epoch, InstallationId, QueueName, SubmissionId};
use crate::ports::cluster::ClusterEvent;
use crate::ports::store::{Coordination, Write};
use crate::routing::{Decision, LiveJob, Now, Router, Settings};
use crate::submission::{BacklogEntry, Record, State};
use crate::telemetry::Metrics;

/// How often time-outs and boards are looked after.
const TICK: Duration = Duration::from_millis(200);
/// Most placements of one cycle.
const PLACEMENTS: usize = 256;

/// Something the scheduler learns.
#[derive(Debug)]
pub enum Input {
    /// QUEUED submissions: from this pod's intake, or read from the store.
    Backlog(Vec<BacklogEntry>),
    /// Records read from `live` or `wishes`.
    Records(Vec<Record>),
    /// A cluster's watch said something.
    Cluster(ClusterName, ClusterEvent),
}

/// What stays the same over the scheduler's term.
pub struct Term {
    /// The domain.
    pub domain: Domain,
    /// Who we are.
    pub installation: InstallationId,
    /// The epoch of this term.
    pub epoch: Epoch,
    /// The rules of the lifecycle.
    pub rules: Rules,
    /// Settling times.
    pub settling: Settling,
    /// Job queues and clusters.
    pub routing: Settings,
    /// What carries acts out.
    pub hands: Hands,
    /// Boards.
    pub coordination: Arc<dyn Coordination>,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

impl Term {
    /// Whether the configuration lets the cluster serve the record's queue and Spark version.
    fn serves(&self, name: &ClusterName, record: &Record) -> bool {
        let Some(cluster) = self.routing.clusters.iter().find(|c| c.name == *name) else {
            return false;
        };
        let by_queue = cluster
            .queues
            .as_ref()
            .is_none_or(|queues| queues.contains(&record.queue));
        let versions = &cluster.spark_versions;
        by_queue
            && (versions.is_empty() || record.spark_version.as_ref().is_none_or(|v| versions.contains(v)))
    }
}

struct Slot {
    attempt: Attempt,
    busy: bool,
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
    boards: Boards,
    acts: JoinSet<(SubmissionId, Done)>,
    chores: JoinSet<()>,
    dirty: BTreeSet<SubmissionId>,
    wakes: BinaryHeap<Reverse<(Duration, SubmissionId)>>,
    cycle_due: bool,
}

enum Done {
    Act(Outcome),
    Checked(Option<Vec<Record>>),
}

impl Scheduler {
    /// A scheduler that knows nothing yet.
    pub fn new(term: Term) -> Self {
        let router = Router::new(term.routing.clone());
        let health = term
            .hands
            .clusters
            .keys()
            .map(|name| (name.clone(), Health::default()))
            .collect();
        Self {
            term: Arc::new(term),
            router,
            backlog: Backlog::default(),
            live: HashMap::new(),
            by_object: HashMap::new(),
            health,
            strangers: Strangers::default(),
            boards: Boards::default(),
            acts: JoinSet::new(),
            chores: JoinSet::new(),
            dirty: BTreeSet::new(),
            wakes: BinaryHeap::new(),
            cycle_due: true,
        }
    }

    /// Runs until `inputs` close or the task is dropped. Acts under way are then dropped too: the record decides, and
    /// whoever comes next finishes the work.
    pub async fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                input = inputs.recv() => match input {
                    Some(input) => self.learn(input),
                    None => return,
                },
                Some(done) = self.acts.join_next() => self.finished(done),
                _ = tick.tick() => self.tick(),
            }
            while let Ok(input) = inputs.try_recv() {
                self.learn(input);
            }
            while let Some(done) = self.acts.try_join_next() {
                self.finished(done);
            }
            self.act();
            self.place();
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
        }
    }

    /// A record was read: adopted where it is live and unknown, taken over where it is newer than what is known.
    pub fn found(&mut self, record: Record) {
        let id = record.id.clone();
        match self.live.get_mut(&id) {
            Some(slot) if slot.busy || slot.attempt.record.version >= record.version => {}
            Some(slot) if slot.attempt.record.incarnation == record.incarnation => {
                slot.attempt.record = record;
                self.dirty.insert(id);
            }
            Some(_) => {}
            None if record.state.is_live() => self.adopt(Attempt::found(record)),
            None => {}
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
            pending: record.state == State::Dispatching,
            settled: record.started_at.is_some(),
        });
        self.by_object
            .insert((cluster.clone(), record.intended_object_name()), id.clone());
        let mut attempt = attempt;
        if let Some((object, driver)) = self.strangers.claim(&cluster, &record_name(&attempt.record)) {
            let now = self.now();
            object.into_iter().for_each(|o| attempt.saw_object(o, now));
            driver.into_iter().for_each(|d| attempt.saw_driver(d, now));
        }
        self.backlog.known_gone(
            &id,
            &attempt.record.incarnation,
            attempt.record.version,
            self.now(),
        );
        self.live.insert(id.clone(), Slot { attempt, busy: false });
        self.dirty.insert(id);
    }

    fn forget(&mut self, id: &SubmissionId) {
        if let Some(slot) = self.live.remove(id) {
            self.router.released(id);
            self.unname(&slot.attempt.record);
            self.cycle_due = true;
        }
    }

    fn unname(&mut self, record: &Record) {
        if let Some(cluster) = &record.cluster {
            self.by_object.remove(&(cluster.clone(), record_name(record)));
        }
    }

    fn cluster_said(&mut self, name: &ClusterName, event: ClusterEvent) {
        let now = self.now();
        match event {
            ClusterEvent::Listed { objects, drivers } => self.listed(name, objects, drivers),
            ClusterEvent::Object(object) => match self.slot_of(name, &object.name) {
                Some(id) => self.see(&id, |attempt| attempt.saw_object(*object, now)),
                None => self.strangers.object(name, *object),
            },
            ClusterEvent::ObjectGone(object) => match self.slot_of(name, &object.name) {
                Some(id) => self.see(&id, |attempt| attempt.object_went(Some(*object), now)),
                None => self.strangers.object_gone(name, &object.name),
            },
            ClusterEvent::Driver(driver) => {
                match driver.object_name.as_ref().and_then(|o| self.slot_of(name, o)) {
                    Some(id) => self.see(&id, |attempt| attempt.saw_driver(*driver, now)),
                    None => self.strangers.driver(name, *driver),
                }
            }
            ClusterEvent::DriverGone(driver) => {
                match driver.object_name.as_ref().and_then(|o| self.slot_of(name, o)) {
                    Some(id) => self.see(&id, |attempt| attempt.driver_went(&driver)),
                    None => self.strangers.driver_gone(name, &driver),
                }
            }
            ClusterEvent::Capacity(view) => {
                self.router.set_capacity(name, &view.nodes, &view.bound, now);
                self.cycle_due = true;
            }
            ClusterEvent::Unreachable(why) => {
                if let Some(health) = self.health.get_mut(name) {
                    health.out_of_sight(&why);
                }
                self.update_health(name);
            }
        }
    }

    /// A full list: what isn't in it doesn't exist.
    fn listed(
        &mut self,
        name: &ClusterName,
        objects: Vec<crate::watch::ObjectState>,
        drivers: Vec<crate::watch::Driver>,
    ) {
        let now = self.now();
        let objects_by_name: HashSet<String> = objects.iter().map(|o| o.name.clone()).collect();
        let driver_uids: HashSet<_> = drivers.iter().map(|d| d.uid.clone()).collect();
        self.strangers.relisted(name);
        let on_cluster = |slot: &&mut Slot| slot.attempt.record.cluster.as_ref() == Some(name);
        for slot in self.live.values_mut().filter(on_cluster) {
            if !objects_by_name.contains(&record_name(&slot.attempt.record))
                && slot.attempt.sight.object.is_some()
            {
                slot.attempt.object_went(None, now);
            }
            if let Some(driver) = slot
                .attempt
                .sight
                .driver
                .clone()
                .filter(|d| !driver_uids.contains(&d.uid))
            {
                slot.attempt.driver_went(&driver);
            }
            self.dirty.insert(slot.attempt.record.id.clone());
        }
        for object in objects {
            self.cluster_said(name, ClusterEvent::Object(Box::new(object)));
        }
        for driver in drivers {
            self.cluster_said(name, ClusterEvent::Driver(Box::new(driver)));
        }
        if let Some(health) = self.health.get_mut(name) {
            health.in_sight();
        }
        self.update_health(name);
    }

    fn slot_of(&self, cluster: &ClusterName, object: &str) -> Option<SubmissionId> {
        self.by_object.get(&(cluster.clone(), object.to_owned())).cloned()
    }

    fn see(&mut self, id: &SubmissionId, look: impl FnOnce(&mut Attempt)) {
        let Some(slot) = self.live.get_mut(id) else { return };
        look(&mut slot.attempt);
        let picked_up = slot.attempt.sight.driver.is_some()
            || slot
                .attempt
                .sight
                .object
                .as_ref()
                .is_some_and(crate::watch::ObjectState::is_picked_up);
        if picked_up {
            self.router.picked_up(id);
            self.cycle_due = true;
        }
        self.dirty.insert(id.clone());
    }

    fn update_health(&mut self, name: &ClusterName) {
        if let Some(health) = self.health.get(name) {
            self.router.set_health(name, health.verdict(self.now()).into());
            self.cycle_due = true;
            let dirty = self
                .live
                .iter()
                .filter(|(_, s)| s.attempt.record.cluster.as_ref() == Some(name));
            self.dirty.extend(dirty.map(|(id, _)| id.clone()));
        }
    }

    fn tick(&mut self) {
        let now = self.now();
        while let Some(Reverse((due, _))) = self.wakes.peek() {
            if *due > now {
                break;
            }
            if let Some(Reverse((_, id))) = self.wakes.pop() {
                self.dirty.insert(id);
            }
        }
        let due = |(name, health): (&ClusterName, &mut Health)| health.probe_due(now).then(|| name.clone());
        let recovered: Vec<_> = self.health.iter_mut().filter_map(due).collect();
        recovered.iter().for_each(|name| self.update_health(name));
        self.time_out();
        self.check_strangers();
        self.cycle_due |= self.backlog.wake(self.wall()) > 0;
        for (name, _) in self.health.iter().filter(|(_, health)| health.is_in_sight()) {
            self.router.still_current(name, now);
        }
        self.write_boards(now);
        while self.chores.try_join_next().is_some() {}
        let next_change = self.router.next_change(now);
        self.cycle_due |= next_change.is_some_and(|due| due <= now);
    }

    fn write_boards(&mut self, now: Duration) {
        let mut queues: HashMap<QueueName, (u64, u64)> = HashMap::new();
        for (queue, waiting) in self.backlog.queues() {
            queues.entry(queue.clone()).or_default().0 = waiting as u64;
        }
        let mut clusters: HashMap<ClusterName, u64> = HashMap::new();
        for record in self
            .live
            .values()
            .map(|slot| &slot.attempt.record)
            .filter(|r| r.state.is_live())
        {
            queues.entry(record.queue.clone()).or_default().1 += 1;
            record
                .cluster
                .iter()
                .for_each(|name| *clusters.entry(name.clone()).or_default() += 1);
        }
        if let Some(sheets) = self.boards.due(now, &queues, &clusters, &self.health) {
            let term = Arc::clone(&self.term);
            self.chores.spawn(async move { sheets.write(&term).await });
        }
    }

    /// Submissions that have waited too long.
    fn time_out(&mut self) {
        for entry in self.backlog.timed_out(self.wall(), PLACEMENTS) {
            let outline = entry.outline(&self.term.domain);
            let why = self
                .boards
                .reason_of(&entry.id)
                .unwrap_or_else(|| "it waited for its turn".into());
            let happening = Happening::QueueTimedOut {
                message: format!("waited longer than its queue time-out: {why}"),
            };
            if let Step::Next(mut next) = self.term.rules.step(
                &outline,
                &Event {
                    at: self.wall(),
                    happening,
                },
            ) {
                next.epoch = Some(self.term.epoch);
                self.write_outline(outline, *next);
            }
        }
    }

    /// Starts the write of a transition out of QUEUED.
    fn write_outline(&mut self, outline: Record, next: Record) {
        let id = next.id.clone();
        let hands = self.term.hands.clone();
        self.backlog
            .known_gone(&id, &outline.incarnation, outline.version, self.now());
        self.live.insert(
            id.clone(),
            Slot {
                attempt: Attempt::intended(next.clone()),
                busy: true,
            },
        );
        self.acts
            .spawn(async move { (id, Done::Act(hands.intend(&outline, &next).await)) });
    }

    fn place(&mut self) {
        if !self.cycle_due || self.term.hands.rest().is_none() {
            return;
        }
        self.cycle_due = false;
        let now = Now {
            wall: self.wall(),
            mono: self.now(),
        };
        let cycle = self.router.cycle(&self.backlog, now, PLACEMENTS);
        self.cycle_due = cycle.placements.len() >= PLACEMENTS;
        self.boards.waiting(cycle.waiting);
        for decision in cycle.placements {
            self.intend(decision);
        }
    }

    fn intend(&mut self, decision: Decision) {
        let Decision {
            entry,
            cluster,
            placement,
        } = decision;
        let outline = entry.outline(&self.term.domain);
        let namespace = self
            .term
            .hands
            .clusters
            .get(&cluster)
            .map(|c| c.namespace().to_owned())
            .unwrap_or_default();
        let (epoch, placement) = (self.term.epoch, Box::new(placement));
        let happening = Happening::Placed {
            cluster: cluster.clone(),
            namespace,
            epoch,
            placement,
        };
        let Step::Next(next) = self.term.rules.step(
            &outline,
            &Event {
                at: self.wall(),
                happening,
            },
        ) else {
            self.router.released(&entry.id);
            return;
        };
        let waited = self.wall().duration_since(entry.accepted_at).unsigned_abs();
        self.term
            .metrics
            .placement(entry.queue.as_str(), cluster.as_str(), waited);
        self.by_object.insert((cluster, record_name(&next)), entry.id);
        self.write_outline(outline, *next);
    }

    /// Plans and starts the next act of every attempt about which something is new.
    fn act(&mut self) {
        for id in std::mem::take(&mut self.dirty) {
            let Some(slot) = self.live.get(&id).filter(|slot| !slot.busy) else {
                continue;
            };
            let act = self.plan(&slot.attempt);
            match act {
                Act::Rest => {}
                Act::Wait(until) => self.wakes.push(Reverse((until, id))),
                Act::Forget => self.forget(&id),
                act => self.start(id, act),
            }
        }
    }

    fn plan(&self, attempt: &Attempt) -> Act {
        let cluster = attempt.record.cluster.as_ref();
        plan(
            attempt,
            &Circumstances {
                rules: &self.term.rules,
                settling: &self.term.settling,
                installation: &self.term.installation,
                epoch: self.term.epoch,
                wall: self.wall(),
                now: self.now(),
                in_sight: cluster
                    .and_then(|name| self.health.get(name))
                    .is_some_and(Health::is_in_sight),
                other_cluster: self.has_other_cluster(&attempt.record),
                jitter: rand::random(),
            },
        )
    }

    /// Whether a cluster that the job may use is left, its current one not counted.
    fn has_other_cluster(&self, record: &Record) -> bool {
        let allowed = |name: &ClusterName| {
            (record.selector.is_empty() || record.selector.contains(name))
                && !record.excluded_clusters.contains(name)
                && record.cluster.as_ref() != Some(name)
                && self.term.serves(name, record)
        };
        self.term.hands.clusters.keys().any(allowed)
    }

    fn start(&mut self, id: SubmissionId, act: Act) {
        let Some(slot) = self.live.get_mut(&id) else {
            return;
        };
        slot.busy = true;
        let now = self.term.hands.clock.monotonic();
        match &act {
            Act::Create => slot.attempt.memory.creates += 1,
            Act::DeleteObject(_) => slot.attempt.memory.delete_sent = Some(now),
            _ => {}
        }
        let (hands, attempt) = (self.term.hands.clone(), slot.attempt.clone());
        self.acts.spawn(async move {
            let outcome = hands.perform(&attempt, act).await;
            (id, Done::Act(outcome))
        });
    }

    fn finished(&mut self, done: Result<(SubmissionId, Done), tokio::task::JoinError>) {
        let (id, done) = match done {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(%error, "an act of the scheduler panicked");
                return;
            }
        };
        match done {
            Done::Act(outcome) => self.came_to(&id, outcome),
            Done::Checked(records) => self.strangers_checked(records),
        }
    }

    fn came_to(&mut self, id: &SubmissionId, outcome: Outcome) {
        let now = self.now();
        let Some(slot) = self.live.get_mut(id) else { return };
        slot.busy = false;
        self.dirty.insert(id.clone());
        match outcome {
            Outcome::Written(Ok(Write::Done(record))) => self.written(id, *record),
            Outcome::Written(Ok(Write::Stale(stored))) => self.overtaken(id, stored.map(|r| *r)),
            Outcome::Written(Err(error)) => {
                tracing::warn!(submission.id = %id, %error, "a record can't be written");
                slot.attempt.back_off(now);
            }
            Outcome::Created(sent, result) => self.created(id, sent, result),
            Outcome::Looked(asked, Ok(object)) => {
                slot.attempt.memory.failures = 0;
                slot.attempt.looked(object, asked, now);
            }
            Outcome::Listed(asked, Ok(pods)) => {
                slot.attempt.memory.failures = 0;
                slot.attempt.listed(pods, asked, now);
            }
            Outcome::Deleted(_, Ok(())) => slot.attempt.deleted(now),
            Outcome::Looked(_, Err(error))
            | Outcome::Listed(_, Err(error))
            | Outcome::Deleted(_, Err(error)) => {
                tracing::debug!(submission.id = %id, %error, "the cluster gave no answer");
                slot.attempt.back_off(now);
            }
            Outcome::Lapsed => slot.attempt.back_off(now),
        }
    }

    fn created(
        &mut self,
        id: &SubmissionId,
        sent: Duration,
        result: Result<crate::watch::ObjectState, crate::ports::cluster::CreateError>,
    ) {
        let now = self.now();
        let Some(slot) = self.live.get_mut(id) else { return };
        let cluster = slot.attempt.record.cluster.clone();
        let answer = slot.attempt.create_came_to(sent, result, now);
        if let Some(name) = cluster {
            self.term
                .metrics
                .create(name.as_str(), answer.word(), now.saturating_sub(sent));
            if let Some(health) = self.health.get_mut(&name) {
                health.create_came_to(&answer, now);
            }
            self.update_health(&name);
        }
    }

    /// The record stands as it was planned.
    fn written(&mut self, id: &SubmissionId, record: Record) {
        let Some(slot) = self.live.get_mut(id) else { return };
        let before = slot.attempt.record.clone();
        self.term.metrics.transition(record.state.as_str());
        tracing::info!(
            submission.id = %id, state = %record.state, cluster.name = record.cluster.as_ref().map(ClusterName::as_str),
            attempt = record.attempt.0, reason = record.verdict.reason.map(crate::submission::Reason::as_str), "moved"
        );
        slot.attempt.record = record;
        let record = &slot.attempt.record;
        match record.state {
            State::Queued if record.cancel_requested => {}
            State::Queued => {
                let entry = BacklogEntry::from(record);
                self.unname(&before);
                self.live.remove(id);
                self.router.released(id);
                self.backlog.insert(&entry);
                self.cycle_due = true;
            }
            State::Succeeded | State::Failed | State::Cancelled | State::Rejected => {
                self.router.released(id);
                self.cycle_due = true;
            }
            State::Dispatching if before.cluster != record.cluster => {
                let record = record.clone();
                self.forget(id);
                self.adopt(Attempt::found(record));
            }
            State::Dispatching
            | State::Submitted
            | State::Held
            | State::Running
            | State::Retrying
            | State::Cancelling => {}
        }
    }

    /// Somebody else wrote before us: what stands now decides.
    fn overtaken(&mut self, id: &SubmissionId, stored: Option<Record>) {
        let known = self.live.get(id).map(|slot| slot.attempt.clone());
        let Some((known, stored)) = known.zip(stored) else {
            return self.forget(id);
        };
        let same = stored.incarnation == known.record.incarnation && stored.attempt == known.record.attempt;
        if same && stored.state.is_live() && stored.cluster == known.record.cluster {
            if let Some(slot) = self.live.get_mut(id) {
                slot.attempt.record = stored;
            }
            return;
        }
        self.forget(id);
        if stored.state == State::Queued && !stored.cancel_requested {
            self.backlog.insert(&BacklogEntry::from(&stored));
        } else {
            self.found(stored);
        }
    }

    fn check_strangers(&mut self) {
        let ids = self.strangers.unchecked(self.now());
        if ids.is_empty() {
            return;
        }
        let hands = self.term.hands.clone();
        let first = ids[0].clone();
        self.acts
            .spawn(async move { (first, Done::Checked(hands.records(&ids).await)) });
    }

    fn strangers_checked(&mut self, records: Option<Vec<Record>>) {
        let Some(records) = records else {
            return self.strangers.unanswered();
        };
        for record in records.iter().filter(|r| r.state.is_live()) {
            self.found(record.clone());
        }
        for removal in self.strangers.removals(&records, &self.term.installation) {
            self.term.metrics.leftover_removed(removal.cluster.as_str());
            let term = Arc::clone(&self.term);
            self.chores
                .spawn(async move { removal.carry_out(&term.hands).await });
        }
    }
}

fn record_name(record: &Record) -> String {
    record
        .object_name
        .clone()
        .unwrap_or_else(|| record.intended_object_name())
}

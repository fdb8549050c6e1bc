//! The QUEUED submissions of all queues, in memory, in the order in which their queues serve them.
//!
//! A copy of what the store holds, fed by intake and by reading an index that lags and repeats: inserting is idempotent,
//! and what is known to have left stays out. Every operation costs at most the logarithm of the number of entries.

mod gone;
mod keys;
mod shapes;
mod slot;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{Incarnation, QueueName, SubmissionId, Version};
use crate::submission::BacklogEntry;
use gone::Gone;
use keys::{ById, ByPlace, ByTimeout};
pub use shapes::Shape;
use shapes::Shapes;
pub use slot::Moment;
use slot::{Mark, Slot};

/// What came of an insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is new.
    Added,
    /// It took the place of an older version.
    Replaced,
    /// It, or a newer version, is here already.
    Known,
    /// It left the backlog lately; the row is older than that.
    Gone,
}

/// The place in a queue: larger priority first, then the older, then by ID.
pub type Place = (Reverse<i32>, Moment, SubmissionId);

/// The QUEUED submissions of all queues.
#[derive(Debug, Default)]
pub struct Backlog {
    slots: HashSet<ById>,
    queues: Vec<Line>,
    by_name: BTreeMap<QueueName, u32>,
    shapes: Shapes,
    /// Entries that must not be placed yet; they stand in no line.
    resting: BTreeSet<(Moment, SubmissionId)>,
    timeouts: BTreeSet<ByTimeout>,
    gone: Gone,
}

/// One queue.
#[derive(Debug)]
struct Line {
    name: QueueName,
    count: usize,
    ready: BTreeSet<ByPlace>,
}

/// An entry as it stands in its queue, without a copy of it.
#[derive(Debug, Clone, Copy)]
pub struct Ready<'a> {
    slot: &'a Slot,
}

impl<'a> Ready<'a> {
    /// Its ID.
    pub fn id(&self) -> &'a SubmissionId {
        &self.slot.id
    }

    /// Larger goes first.
    pub fn priority(&self) -> i32 {
        self.slot.priority
    }

    /// When it was accepted.
    pub fn accepted_at(&self) -> Timestamp {
        self.slot.accepted.time()
    }

    /// Where it stands in its queue.
    pub fn place(&self) -> Place {
        place(self.slot)
    }

    /// Its demand and constraints; entries with equal ones share it.
    pub fn shape(&self) -> &'a Arc<Shape> {
        &self.slot.shape
    }
}

impl Backlog {
    /// An empty backlog.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes `entry` in. A row older than what is here, or than its known departure, changes nothing. Between two
    /// incarnations the one accepted later stands.
    pub fn insert(&mut self, entry: &BacklogEntry) -> Inserted {
        let mark = Mark::from(&entry.incarnation);
        if self.gone.knows(&entry.id, &mark, entry.version) {
            return Inserted::Gone;
        }
        let outcome = match self.slot(&entry.id) {
            None => Inserted::Added,
            Some(slot) if slot.mark == mark && slot.version >= entry.version => Inserted::Known,
            Some(slot) if slot.mark != mark && slot.accepted > entry.accepted_at.into() => Inserted::Known,
            Some(_) => Inserted::Replaced,
        };
        if outcome != Inserted::Known {
            self.take_out(&entry.id);
            self.put_in(entry);
        }
        outcome
    }

    /// Takes an entry out without remembering it: for one that was dropped by mistake to come back with the next read.
    pub fn remove(&mut self, id: &SubmissionId) -> bool {
        self.take_out(id)
    }

    /// The record is known to be past QUEUED in `version`: an entry not newer than that is taken out, and rows not newer
    /// are refused for two minutes from `now` (monotonic). Whether one was taken out.
    pub fn known_gone(
        &mut self,
        id: &SubmissionId,
        incarnation: &Incarnation,
        version: Version,
        now: Duration,
    ) -> bool {
        let mark = Mark::from(incarnation);
        let outlived = self
            .slot(id)
            .is_some_and(|slot| slot.mark == mark && slot.version <= version);
        if outlived {
            self.take_out(id);
        }
        self.gone.remember(id, mark, version, now);
        outlived
    }

    /// The entry, as it was inserted.
    pub fn get(&self, id: &SubmissionId) -> Option<BacklogEntry> {
        self.entry(self.slot(id)?)
    }

    /// The submission as it stands in its queue, where it may be placed now.
    pub fn ready(&self, id: &SubmissionId) -> Option<Ready<'_>> {
        let ById(slot) = self.slots.get(id)?;
        let line = self.queues.get(slot.queue as usize)?;
        let stands = line.ready.contains(&ByPlace(slot.clone()));
        stands.then_some(Ready { slot })
    }

    /// Whether the submission is here.
    pub fn contains(&self, id: &SubmissionId) -> bool {
        self.slots.contains(id)
    }

    /// How many submissions are here, resting ones included.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether none is here.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many submissions of `queue` are here, resting ones included.
    pub fn count(&self, queue: &QueueName) -> usize {
        self.line(queue).map_or(0, |line| line.count)
    }

    /// The queues that have submissions here, by name, with how many.
    pub fn queues(&self) -> impl Iterator<Item = (&QueueName, usize)> {
        self.by_name
            .keys()
            .map(|name| (name, self.count(name)))
            .filter(|(_, count)| *count > 0)
    }

    /// The submissions of `queue` that may be placed now, in its order.
    pub fn in_order<'a>(&'a self, queue: &QueueName) -> impl Iterator<Item = Ready<'a>> + use<'a> {
        self.line(queue)
            .into_iter()
            .flat_map(|line| line.ready.iter())
            .map(|ready| Ready { slot: &ready.0 })
    }

    /// Lets those whose `notBefore` has come into their queues; how many. Called before each cycle.
    pub fn wake(&mut self, now: Timestamp) -> usize {
        let mut woken = 0;
        while let Some((at, _)) = self.resting.first()
            && *at <= now.into()
        {
            if let Some((_, id)) = self.resting.pop_first()
                && let Some(ById(slot)) = self.slots.get(&id)
                && let Some(line) = self.queues.get_mut(slot.queue as usize)
            {
                line.ready.insert(ByPlace(slot.clone()));
                woken += 1;
            }
        }
        woken
    }

    /// At most `max` entries whose queue time-out has come, the earliest first. They stay until they are known gone.
    pub fn timed_out(&self, now: Timestamp, max: usize) -> Vec<BacklogEntry> {
        self.timeouts
            .iter()
            .take_while(|ByTimeout(slot)| slot.timeout().is_some_and(|at| at <= now.into()))
            .filter_map(|ByTimeout(slot)| self.entry(slot))
            .take(max)
            .collect()
    }

    fn line(&self, queue: &QueueName) -> Option<&Line> {
        self.by_name
            .get(queue)
            .and_then(|index| self.queues.get(*index as usize))
    }

    fn line_index(&mut self, queue: &QueueName) -> u32 {
        if let Some(index) = self.by_name.get(queue) {
            return *index;
        }
        let index = u32::try_from(self.queues.len()).unwrap_or(u32::MAX);
        self.by_name.insert(queue.clone(), index);
        self.queues.push(Line {
            name: queue.clone(),
            count: 0,
            ready: BTreeSet::new(),
        });
        index
    }

    fn put_in(&mut self, entry: &BacklogEntry) {
        let queue = self.line_index(&entry.queue);
        let slot = Arc::new(Slot::new(entry, queue, self.shapes.share(Shape::from(entry))));
        if slot.timeout().is_some() {
            self.timeouts.insert(ByTimeout(slot.clone()));
        }
        if let Some(line) = self.queues.get_mut(queue as usize) {
            line.count += 1;
            match slot.not_before() {
                Some(at) => {
                    self.resting.insert((at, slot.id.clone()));
                }
                None => {
                    line.ready.insert(ByPlace(slot.clone()));
                }
            }
        }
        self.slots.insert(ById(slot));
    }

    fn take_out(&mut self, id: &SubmissionId) -> bool {
        let Some(ById(slot)) = self.slots.take(id) else {
            return false;
        };
        self.timeouts.remove(&ByTimeout(slot.clone()));
        if let Some(at) = slot.not_before() {
            self.resting.remove(&(at, id.clone()));
        }
        if let Some(line) = self.queues.get_mut(slot.queue as usize) {
            line.count -= 1;
            line.ready.remove(&ByPlace(slot.clone()));
        }
        let shape = slot.shape.clone();
        drop(slot);
        self.shapes.give_back(shape);
        true
    }

    fn slot(&self, id: &SubmissionId) -> Option<&Slot> {
        self.slots.get(id).map(|ById(slot)| slot.as_ref())
    }

    fn entry(&self, slot: &Slot) -> Option<BacklogEntry> {
        slot.entry(&self.queues.get(slot.queue as usize)?.name)
    }
}

fn place(slot: &Slot) -> Place {
    (Reverse(slot.priority), slot.accepted, slot.id.clone())
}

/// Where `entry` stands in its queue, whether it is in a backlog or not.
pub fn place_of(entry: &BacklogEntry) -> Place {
    (
        Reverse(entry.priority),
        entry.accepted_at.into(),
        entry.id.clone(),
    )
}

#[cfg(test)]
mod tests;

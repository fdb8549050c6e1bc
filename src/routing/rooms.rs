//! Free room, node by node: whether a driver and its executors find places, and which.
//!
//! A place taken here is a promise, not a binding: the cluster's own scheduler decides, and the next view of the nodes
//! tells how. Pods not yet seen are put where kube-scheduler puts them by default: on the node with the most room.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

use super::Shortage;
use crate::model::{Bar, Constraints, Demand, Millicores, NodeTraits, Resources};

/// Nodes by how they are taken: real ones first, the one with the most free CPU first.
type Rank = (bool, u64, u64, Reverse<u32>);

/// The free room of a cluster.
#[derive(Debug, Clone, Default)]
pub(super) struct Rooms {
    pub(super) rooms: Vec<Room>,
    ranked: BTreeSet<Rank>,
    free: Resources,
    /// Promised to pods that found no place: room that appears is theirs first.
    owed: Resources,
}

/// One node's room.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Room {
    /// What is free on it.
    pub(super) free: Resources,
    /// Whether the node is there, and not one that an autoscaler may add.
    pub(super) real: bool,
    /// Its labels and taints; absent: not known, so nothing is held against a pod.
    pub(super) traits: Option<Arc<NodeTraits>>,
}

impl Room {
    fn barred<'a>(&'a self, constraints: &'a Constraints) -> Option<Bar<'a>> {
        constraints.barred(self.traits.as_ref()?)
    }

    /// How many pods that request `need` it has room for.
    fn times(&self, need: &Resources, constraints: &Constraints) -> u64 {
        match self.barred(constraints) {
            None => times(need, &self.free),
            Some(_) => 0,
        }
    }
}

/// Places taken for one submission: how much in which room, and what found none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Places {
    taken: Vec<(u32, Resources)>,
    owed: Resources,
}

impl Places {
    /// How much in which room.
    pub(super) fn taken(&self) -> &[(u32, Resources)] {
        &self.taken
    }

    /// All of it, with what found no place.
    pub(super) fn total(&self) -> Resources {
        let taken = self.taken.iter();
        taken.fold(self.owed.clone(), |sum, (_, amount)| sum.plus(amount))
    }
}

/// How many times `need` goes into `room`.
fn times(need: &Resources, room: &Resources) -> u64 {
    let extended = need
        .extended
        .iter()
        .map(|(name, n)| (*n, room.extended.get(name).copied().unwrap_or(0)));
    [
        (need.cpu.0, room.cpu.0),
        (need.memory.0, room.memory.0),
        (need.pods, room.pods),
    ]
    .into_iter()
    .chain(extended)
    .filter_map(|(need, room)| room.checked_div(need))
    .min()
    .unwrap_or(u64::MAX)
}

/// The most places for `executor` that a `driver` takes of one room.
fn displaced(driver: &Resources, executor: &Resources) -> u64 {
    let parts = executor.named().filter(|(_, need)| *need > 0);
    parts
        .map(|(name, need)| driver.get(name).div_ceil(need))
        .max()
        .unwrap_or(0)
}

impl Rooms {
    /// Rooms of nodes, in that order.
    pub(super) fn new(rooms: impl Iterator<Item = Room>) -> Self {
        let rooms: Vec<Room> = rooms.collect();
        let ranked = (0..).zip(&rooms).map(|(i, room)| rank(room, i)).collect();
        let free = rooms
            .iter()
            .fold(Resources::default(), |sum, room| sum.plus(&room.free));
        Self {
            rooms,
            ranked,
            free,
            owed: Resources::default(),
        }
    }

    /// The same with so much promised to pods that found no place.
    pub(super) fn owing(self, owed: Resources) -> Self {
        Self { owed, ..self }
    }

    /// How many nodes are there, and how many may be added.
    pub(super) fn count(&self) -> (u64, u64) {
        let real = self.rooms.iter().filter(|room| room.real).count() as u64;
        (real, self.rooms.len() as u64 - real)
    }

    /// What is free altogether and promised to nobody.
    pub(super) fn free(&self) -> Resources {
        self.free.minus(&self.owed)
    }

    /// What is free altogether, whoever it was promised to.
    pub(super) fn whole(&self) -> &Resources {
        &self.free
    }

    /// What is promised to pods that found no place.
    pub(super) fn owed(&self) -> &Resources {
        &self.owed
    }

    /// The free room of each node.
    pub(super) fn each(&self) -> Vec<Resources> {
        self.rooms.iter().map(|room| room.free.clone()).collect()
    }

    /// Whether some room has more than the room at the same place in `before`, or less is owed: what found no place then
    /// may find one now.
    pub(super) fn grew_since(&self, before: &Self) -> bool {
        self.rooms.len() != before.rooms.len()
            || !before.owed.fits(&self.owed)
            || self
                .rooms
                .iter()
                .zip(&before.rooms)
                .any(|(now, then)| !now.free.fits(&then.free) || now.traits != then.traits)
    }

    /// Whether the rooms are alike, one by one.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        self.rooms == other.rooms
    }

    /// Whether driver and executors all find a place at once; the room for the driver. Exact: the driver goes where it
    /// costs the fewest executors, and executors are alike.
    pub(super) fn fit(&self, demand: &Demand, total: &Resources) -> Result<u32, Shortage> {
        if let Some((resource, need, free)) = total.first_shortage(&self.free()) {
            return Err(Shortage::Total { resource, need, free });
        }
        let need = u64::from(demand.executors);
        let mut executors: u64 = 0;
        let mut driver: Option<(u64, u32)> = None;
        let least = demand.driver.cpu.min(demand.executor.cpu);
        for (index, room) in self.with_cpu(least) {
            let here = room.times(&demand.executor, &demand.executor_constraints);
            executors = executors.saturating_add(here);
            if room.times(&demand.driver, &demand.driver_constraints) > 0 {
                let beside = times(&demand.executor, &room.free.minus(&demand.driver));
                let cost = here - beside.min(here);
                if driver.is_none_or(|(least, _)| cost < least) {
                    driver = Some((cost, index));
                }
            }
            if let Some((cost, index)) = driver
                && executors - cost >= need
            {
                return Ok(index);
            }
        }
        Err(self.shortage(demand, driver.map(|(cost, _)| executors - cost), executors))
    }

    /// Whether all its executors find places whichever node the driver is put on, be it one that has no room for it yet:
    /// some may come there. How many surely do, where they don't.
    pub(super) fn surely_fit(&self, demand: &Demand) -> Result<(), u64> {
        let need = u64::from(demand.executors);
        // A driver takes no more places than that, wherever it goes.
        let enough = need.saturating_add(displaced(&demand.driver, &demand.executor));
        let (mut executors, mut most): (u64, u64) = (0, 0);
        let least = demand.driver.cpu.min(demand.executor.cpu);
        for (_, room) in self.with_cpu(least) {
            let here = room.times(&demand.executor, &demand.executor_constraints);
            executors = executors.saturating_add(here);
            if executors >= enough {
                return Ok(());
            }
            if room.barred(&demand.driver_constraints).is_none() {
                let beside = times(&demand.executor, &room.free.minus(&demand.driver));
                most = most.max(here - beside.min(here));
            }
        }
        let sure = executors - most.min(executors);
        if sure >= need { Ok(()) } else { Err(sure) }
    }

    /// What is free where a pod finds a place, the emptiest first.
    pub(super) fn open_to(
        &self,
        need: &Resources,
        constraints: &Constraints,
    ) -> impl Iterator<Item = &Resources> {
        self.with_cpu(need.cpu)
            .filter(|(_, room)| room.times(need, constraints) > 0)
            .map(|(_, room)| &room.free)
    }

    /// Whether some node may take pods of both constraints.
    pub(super) fn are_open_to_both(&self, one: &Constraints, other: &Constraints) -> bool {
        let mut rooms = self.rooms.iter();
        rooms.any(|room| room.barred(one).is_none() && room.barred(other).is_none())
    }

    /// The rooms with so much CPU or more, as they are taken: the others hold no pod that asks for it.
    fn with_cpu(&self, least: Millicores) -> impl Iterator<Item = (u32, &Room)> {
        let of = move |real: bool| {
            let from: Rank = (real, least.0, 0, Reverse(u32::MAX));
            let to: Rank = (real, u64::MAX, u64::MAX, Reverse(0));
            self.ranked.range(from..=to).rev()
        };
        let ranked = of(true).chain(of(false));
        ranked.filter_map(|(.., Reverse(index))| Some((*index, self.rooms.get(*index as usize)?)))
    }

    fn shortage(&self, demand: &Demand, beside_driver: Option<u64>, executors: u64) -> Shortage {
        match beside_driver {
            None => self.too_little_for("driver", &demand.driver, &demand.driver_constraints),
            Some(_) if executors == 0 => {
                self.too_little_for("executor", &demand.executor, &demand.executor_constraints)
            }
            Some(room) => Shortage::Pods {
                need: u64::from(demand.executors),
                room,
            },
        }
    }

    /// Why no node holds one pod.
    fn too_little_for(&self, role: &'static str, need: &Resources, constraints: &Constraints) -> Shortage {
        let open = self
            .rooms
            .iter()
            .filter(|room| room.barred(constraints).is_none());
        let most = open.fold(None, |most: Option<Resources>, room| {
            Some(most.unwrap_or_default().max(&room.free))
        });
        if let Some(most) = most {
            let need = need.clone();
            return Shortage::Pod { role, need, most };
        }
        // Taints are told where the labels are right somewhere.
        let bars = || self.rooms.iter().filter_map(|room| room.barred(constraints));
        let taint = bars().find_map(|bar| match bar {
            Bar::Taint(taint) => Some(taint.clone()),
            Bar::Label(..) => None,
        });
        Shortage::NoNode {
            role,
            selector: constraints.node_selector.clone(),
            taint,
        }
    }

    /// Takes places for a driver and its executors, the driver in the room that [`Rooms::fit`] named.
    pub(super) fn take(&mut self, demand: &Demand, driver: u32) -> Places {
        let mut places = Places::default();
        self.occupy(driver, &demand.driver, &mut places);
        self.spread_executors(demand, demand.executors, &mut places);
        places
    }

    /// Takes a place for the driver, in the emptiest room; what finds none is owed.
    pub(super) fn spread_driver(&mut self, demand: &Demand, places: &mut Places) {
        self.spread(&demand.driver, &demand.driver_constraints, 1, places);
    }

    /// The same for `count` executors, each in the emptiest room.
    pub(super) fn spread_executors(&mut self, demand: &Demand, count: u32, places: &mut Places) {
        self.spread(&demand.executor, &demand.executor_constraints, count, places);
    }

    fn spread(&mut self, need: &Resources, constraints: &Constraints, count: u32, places: &mut Places) {
        // The emptiest `count` rooms are enough: no other is reached.
        let mut candidates: Vec<(u32, Resources, u64)> = self
            .with_cpu(need.cpu)
            .filter(|(_, room)| room.times(need, constraints) > 0)
            .take(count as usize)
            .map(|(index, room)| (index, room.free.clone(), 0))
            .collect();
        let left = fill(&mut candidates, need, count, |index| {
            self.rooms.get(index as usize).is_some_and(|room| room.real)
        });
        for (index, _, pods) in candidates.iter().filter(|(_, _, pods)| *pods > 0) {
            self.occupy(*index, &need.times(*pods), places);
        }
        let owed = need.times(u64::from(left));
        self.owed = self.owed.plus(&owed);
        places.owed = places.owed.plus(&owed);
    }

    fn occupy(&mut self, index: u32, amount: &Resources, places: &mut Places) {
        self.change(index, |free| free.minus(amount));
        self.free = self.free.minus(amount);
        places.taken.push((index, amount.clone()));
    }

    /// Gives places back.
    pub(super) fn give_back(&mut self, places: &Places) {
        for (index, amount) in &places.taken {
            self.change(*index, |free| free.plus(amount));
            self.free = self.free.plus(amount);
        }
        self.owed = self.owed.minus(&places.owed);
    }

    fn change(&mut self, index: u32, to: impl FnOnce(&Resources) -> Resources) {
        if let Some(room) = self.rooms.get_mut(index as usize) {
            self.ranked.remove(&rank(room, index));
            room.free = to(&room.free);
            self.ranked.insert(rank(room, index));
        }
    }
}

/// Puts `count` pods one by one into the emptiest of `candidates`; how many are left over.
fn fill(
    candidates: &mut [(u32, Resources, u64)],
    need: &Resources,
    count: u32,
    real: impl Fn(u32) -> bool,
) -> u32 {
    let key =
        |(index, free, _): &(u32, Resources, u64)| (real(*index), free.cpu.0, free.memory.0, Reverse(*index));
    let mut emptiest: BinaryHeap<(Rank, usize)> = candidates.iter().map(key).zip(0..).collect();
    for placed in 0..count {
        let Some((_, place)) = emptiest.pop() else {
            return count - placed;
        };
        if let Some(candidate) = candidates.get_mut(place) {
            candidate.1 = candidate.1.minus(need);
            candidate.2 += 1;
            if times(need, &candidate.1) > 0 {
                emptiest.push((key(candidate), place));
            }
        }
    }
    0
}

fn rank(room: &Room, index: u32) -> Rank {
    (room.real, room.free.cpu.0, room.free.memory.0, Reverse(index))
}

//! Free room, node by node: whether a driver and its executors find places, and which.
//!
//! A place taken here is a promise, not a binding: the cluster's own scheduler decides, and the next view of the nodes
//! tells how. Pods not yet seen are put where kube-scheduler puts them by default: on the node with the most room.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::Shortage;
use crate::model::{Demand, Resources};

/// Nodes by how they are taken: real ones first, the one with the most free CPU first.
type Rank = (bool, u64, u64, Reverse<u32>);

/// The free room of a cluster.
#[derive(Debug, Clone, Default)]
pub(super) struct Rooms {
    rooms: Vec<Room>,
    ranked: BTreeSet<Rank>,
    free: Resources,
    /// Promised to pods that found no place: room that appears is theirs first.
    owed: Resources,
}

#[derive(Debug, Clone, PartialEq)]
struct Room {
    free: Resources,
    real: bool,
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

impl Rooms {
    /// Rooms of `real` nodes, in that order, and of nodes that an autoscaler may add.
    pub(super) fn new(
        real: impl Iterator<Item = Resources>,
        provisionable: impl Iterator<Item = Resources>,
    ) -> Self {
        let real = real.map(|free| Room { free, real: true });
        let virtual_ones = provisionable.map(|free| Room { free, real: false });
        let rooms: Vec<Room> = real.chain(virtual_ones).collect();
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

    /// Rooms as they were written down: whether it is a node that is there, what is free on it, and how many are alike.
    pub(super) fn restored(alike: &[(bool, Resources, u64)], owed: Resources) -> Self {
        let of = |wanted: bool| {
            let alike = alike.iter().filter(move |(real, ..)| *real == wanted);
            alike.flat_map(|(_, free, count)| (0..*count).map(move |_| free.clone()))
        };
        Self {
            owed,
            ..Self::new(of(true), of(false))
        }
    }

    /// The rooms, alike ones together: whether it is a node that is there, what is free on it, and how many there are.
    pub(super) fn alike(&self) -> Vec<(bool, Resources, u64)> {
        type Key<'a> = (bool, u64, u64, u64, &'a BTreeMap<String, u64>);
        let mut found: BTreeMap<Key<'_>, (&Resources, u64)> = Default::default();
        for Room { free, real } in &self.rooms {
            let key = (*real, free.cpu.0, free.memory.0, free.pods, &free.extended);
            found.entry(key).or_insert((free, 0)).1 += 1;
        }
        let rooms = found.into_iter();
        rooms
            .map(|((real, ..), (free, count))| (real, free.clone(), count))
            .collect()
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
                .any(|(now, then)| !now.free.fits(&then.free))
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
        for (.., Reverse(index)) in self.ranked.iter().rev() {
            let Some(room) = self.rooms.get(*index as usize) else {
                continue;
            };
            let here = times(&demand.executor, &room.free);
            executors = executors.saturating_add(here);
            if times(&demand.driver, &room.free) > 0 {
                let cost = here - times(&demand.executor, &room.free.minus(&demand.driver)).min(here);
                if driver.is_none_or(|(least, _)| cost < least) {
                    driver = Some((cost, *index));
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

    fn shortage(&self, demand: &Demand, beside_driver: Option<u64>, executors: u64) -> Shortage {
        let pod = |role, need: &Resources| Shortage::Pod {
            role,
            need: need.clone(),
            most: self
                .rooms
                .iter()
                .fold(Resources::default(), |most, room| most.max(&room.free)),
        };
        match beside_driver {
            None => pod("driver", &demand.driver),
            Some(_) if executors == 0 => pod("executor", &demand.executor),
            Some(room) => Shortage::Pods {
                need: u64::from(demand.executors),
                room,
            },
        }
    }

    /// Takes places for a driver and its executors, the driver in the room that [`Rooms::fit`] named.
    pub(super) fn take(&mut self, demand: &Demand, driver: u32) -> Places {
        let mut places = Places::default();
        self.occupy(driver, &demand.driver, &mut places);
        self.spread(&demand.executor, demand.executors, &mut places);
        places
    }

    /// Takes places for `count` pods that request `need` each, each in the emptiest room; what finds none is owed.
    pub(super) fn spread(&mut self, need: &Resources, count: u32, places: &mut Places) {
        // The emptiest `count` rooms are enough: no other is reached.
        let mut candidates: Vec<(u32, Resources, u64)> = self
            .ranked
            .iter()
            .rev()
            .filter_map(|(.., Reverse(index))| Some((*index, &self.rooms.get(*index as usize)?.free)))
            .filter(|(_, free)| times(need, free) > 0)
            .take(count as usize)
            .map(|(index, free)| (index, free.clone(), 0))
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

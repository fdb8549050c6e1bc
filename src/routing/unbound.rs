//! Pods that aren't on a node yet, and whether each still finds one wherever the cluster's own scheduler puts the others.
//!
//! kube-scheduler knows nothing of the places that are kept here. It binds pods one by one as they come, drivers as their
//! objects are submitted and executors as their drivers run, each to whichever node it likes; by default it spreads them,
//! and so leaves a bit of room on every node instead of much on one. So a pod is only sure of a node if the others can't
//! close all of them to it. A node is closed to a pod once others have taken more than the pod leaves of it: its *gap*.
//! One pod of the others takes its *weight* off one gap at most, both as parts of the whole cluster's dominant resource.
//! While the gaps are more than the weights, some node stays open. Both may be cut to any cap first: a pod takes no more
//! than one gap, however large it is. Some node also stays open while the pods are fewer than it takes to close all.

use serde::{Deserialize, Serialize};

use super::rooms::Rooms;
use crate::model::{Constraints, Demand, Resources};

/// For sums of fractions that ought to be equal.
const ROUNDING: f64 = 1e-9;
/// More kinds than that are judged by one pod as large as the largest of each resource.
const MOST_KINDS: usize = 64;

/// Pods that are alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kind {
    need: Resources,
    #[serde(default, skip_serializing_if = "Constraints::is_empty")]
    constraints: Constraints,
    count: u64,
}

/// The pods of a cluster's submissions that aren't on nodes yet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Unbound {
    kinds: Vec<Kind>,
    /// Where there is plenty of room, this is enough to know it.
    #[serde(skip)]
    plenty: Option<Plenty>,
}

/// What was measured isn't part of them.
impl PartialEq for Unbound {
    fn eq(&self, other: &Self) -> bool {
        self.kinds == other.kinds
    }
}

/// One pod as large as the largest of each resource, and what would have to be taken before no node has room for it.
#[derive(Debug, Clone, PartialEq)]
struct Plenty {
    largest: Kind,
    grain: Resources,
    /// All gaps.
    gaps: f64,
    /// All weights.
    weights: f64,
}

/// What gaps and weights are measured by.
struct Measure<'a> {
    rooms: &'a Rooms,
    /// What the whole cluster has.
    whole: &'a Resources,
    /// What every request is a multiple of.
    grain: Resources,
}

/// One resource that pods of a kind need.
struct Step<'a> {
    name: &'a str,
    need: u64,
    /// What every request is a multiple of.
    grain: u64,
    /// What the whole cluster has.
    whole: f64,
}

impl Unbound {
    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// How many pods.
    pub(super) fn pods(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.count).sum()
    }

    /// More pods: the driver of a submission, if it is to come, and so many of its executors.
    pub(super) fn add(&mut self, demand: &Demand, driver: bool, executors: u32) {
        for (need, constraints, count) in parts(demand, driver, executors) {
            match self.place(need, constraints) {
                Some(place) => place.count += count,
                None => self.kinds.push(Kind {
                    need: need.clone(),
                    constraints: constraints.clone(),
                    count,
                }),
            }
        }
    }

    /// They come no more.
    pub(super) fn take(&mut self, demand: &Demand, driver: bool, executors: u32) {
        for (need, constraints, count) in parts(demand, driver, executors) {
            if let Some(place) = self.place(need, constraints) {
                place.count = place.count.saturating_sub(count);
            }
        }
        self.kinds.retain(|kind| kind.count > 0);
    }

    fn place(&mut self, need: &Resources, constraints: &Constraints) -> Option<&mut Kind> {
        let mut kinds = self.kinds.iter_mut();
        kinds.find(|kind| kind.need == *need && kind.constraints == *constraints)
    }

    /// Looks at the nodes anew: they, or these pods, are others.
    pub(super) fn measure(&mut self, rooms: &Rooms, whole: &Resources) {
        let Some(largest) = self.largest() else {
            self.plenty = None;
            return;
        };
        let measure = Measure::of(self, rooms, whole);
        let known = self.plenty.take();
        let gaps = match known {
            Some(known) if known.largest == largest && known.grain == measure.grain => known.gaps,
            Some(_) | None => {
                let open = rooms.open_to(&largest.need, &largest.constraints);
                let steps = measure.steps(&largest);
                open.map(|free| gap(&steps, free)).sum()
            }
        };
        let weights = self.kinds.iter();
        let weights = weights.map(|kind| measure.weight(&largest, &kind.need) * kind.count as f64);
        self.plenty = Some(Plenty {
            gaps,
            weights: weights.sum(),
            grain: measure.grain,
            largest,
        });
    }

    /// Forgets what was measured: the nodes are others.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// One pod as large as the largest of each resource; none where pods differ in where they may go.
    fn largest(&self) -> Option<Kind> {
        let first = self.kinds.first()?;
        let alike = self
            .kinds
            .iter()
            .all(|kind| kind.constraints == first.constraints);
        let need = self
            .kinds
            .iter()
            .fold(Resources::default(), |need, kind| need.max(&kind.need));
        alike.then(|| Kind {
            need,
            ..first.clone()
        })
    }

    /// Whether there is so much room that these pods and those of `demand` are sure of nodes at a glance.
    pub(super) fn have_plenty_with(&self, demand: &Demand, rooms: &Rooms, whole: &Resources) -> bool {
        let Some(plenty) = &self.plenty else { return false };
        let measure = Measure {
            rooms,
            whole,
            grain: Resources::default(),
        };
        let mut weights = plenty.weights;
        for (need, constraints, count) in parts(demand, true, demand.executors) {
            let known = *constraints == plenty.largest.constraints
                && need.fits(&plenty.largest.need)
                && need
                    .named()
                    .all(|(name, need)| need % plenty.grain.get(name).max(1) == 0);
            if !known {
                return false;
            }
            weights += measure.weight(&plenty.largest, need) * count as f64;
        }
        exceeds(plenty.gaps, weights)
    }

    /// Whether each of these pods that finds a node in `rooms` now is sure to find one with the pods of `demand` around.
    pub(super) fn bear(&self, demand: &Demand, rooms: &Rooms, whole: &Resources) -> bool {
        let mut all = self.clone();
        all.add(demand, true, demand.executors);
        let measure = Measure::of(&all, rooms, whole);
        if let Some(largest) = all.largest()
            && measure.keeps(&largest, &all)
        {
            return true;
        }
        let mut known = all.kinds.iter().take(self.kinds.len());
        all.kinds.len() <= MOST_KINDS && known.all(|kind| !measure.is_open(kind) || measure.keeps(kind, &all))
    }

    /// Whether driver and executors of `demand` are sure to find nodes in `rooms` with these pods around. Its executors
    /// come when its driver has found one.
    pub(super) fn leave(&self, demand: &Demand, rooms: &Rooms, whole: &Resources) -> bool {
        let mut all = self.clone();
        all.add(demand, true, 0);
        let with_driver = all.clone();
        all.add(demand, false, demand.executors);
        let measure = Measure::of(&all, rooms, whole);
        let kept = |constraints: &Constraints, need: &Resources, around: &Self| {
            let mut kinds = around.kinds.iter();
            let kind = kinds.find(|kind| kind.need == *need && kind.constraints == *constraints);
            kind.is_none_or(|kind| measure.keeps(kind, around))
        };
        kept(&demand.driver_constraints, &demand.driver, &with_driver)
            && (demand.executors == 0 || kept(&demand.executor_constraints, &demand.executor, &all))
    }
}

/// The kinds of a submission's pods.
fn parts(
    demand: &Demand,
    driver: bool,
    executors: u32,
) -> impl Iterator<Item = (&Resources, &Constraints, u64)> {
    [
        (&demand.driver, &demand.driver_constraints, u64::from(driver)),
        (
            &demand.executor,
            &demand.executor_constraints,
            u64::from(executors),
        ),
    ]
    .into_iter()
    .filter(|(.., count)| *count > 0)
}

impl<'a> Measure<'a> {
    fn of(all: &Unbound, rooms: &'a Rooms, whole: &'a Resources) -> Self {
        let mut grain = Resources::default();
        for kind in &all.kinds {
            for (name, need) in kind.need.named() {
                let common = gcd(grain.get(name), need);
                grain.set(name, common);
            }
        }
        Self { rooms, whole, grain }
    }

    /// Whether the kind finds a node at all now.
    fn is_open(&self, kind: &Kind) -> bool {
        self.rooms.open_to(&kind.need, &kind.constraints).next().is_some()
    }

    /// Whether a pod of this kind is sure of a node wherever `all` the others go.
    fn keeps(&self, kind: &Kind, all: &Unbound) -> bool {
        let others = self.others(kind, all);
        let largest = others.iter().fold(Resources::default(), |largest, (other, _)| {
            largest.max(&other.need)
        });
        let count: u64 = others.iter().map(|(_, count)| count).sum();
        let weights: Vec<(f64, f64)> = others
            .iter()
            .map(|(other, count)| (self.weight(kind, &other.need), *count as f64))
            .collect();
        let whole = weights.iter().map(|(weight, count)| weight * count).sum();
        let steps = self.steps(kind);
        let (mut gaps, mut sum, mut closers) = (Vec::new(), 0.0, 0_u64);
        for free in self.rooms.open_to(&kind.need, &kind.constraints) {
            let gap = gap(&steps, free);
            sum += gap;
            closers = closers.saturating_add(self::closers(&steps, free, &largest));
            if exceeds(sum, whole) || closers > count {
                return true;
            }
            gaps.push(gap);
        }
        let most = gaps.iter().copied().fold(0.0, f64::max);
        let mut caps = weights.iter().map(|(weight, _)| *weight).chain([most]);
        caps.any(|cap| {
            let weights = weights.iter().map(|(weight, count)| weight.min(cap) * count);
            exceeds(gaps.iter().map(|gap| gap.min(cap)).sum(), weights.sum())
        })
    }

    /// The others, and how many of each there are: without the pod itself, and without those that go elsewhere.
    fn others<'b>(&self, kind: &Kind, all: &'b Unbound) -> Vec<(&'b Kind, u64)> {
        let meets = |other: &&Kind| other.constraints == kind.constraints || self.meet(kind, other);
        let others = all.kinds.iter().filter(meets);
        others
            .map(|other| {
                let alike = other.need == kind.need && other.constraints == kind.constraints;
                (other, other.count - u64::from(alike))
            })
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    /// What a pod that requests `need` takes of a gap at most.
    fn weight(&self, kind: &Kind, need: &Resources) -> f64 {
        let parts = need.named().filter(|(name, _)| kind.need.get(name) > 0);
        parts
            .map(|(name, need)| self.part(name, need))
            .fold(0.0, f64::max)
    }

    /// Whether some node takes both.
    fn meet(&self, kind: &Kind, other: &Kind) -> bool {
        self.rooms.are_open_to_both(&kind.constraints, &other.constraints)
    }

    /// The resources that pods of this kind need.
    fn steps<'b>(&self, kind: &'b Kind) -> Vec<Step<'b>> {
        let needed = kind.need.named().filter(|(_, need)| *need > 0);
        let step = |(name, need)| Step {
            name,
            need,
            grain: self.grain.get(name).max(1),
            whole: self.whole.get(name).max(1) as f64,
        };
        needed.map(step).collect()
    }

    fn part(&self, name: &str, amount: u64) -> f64 {
        amount as f64 / self.whole.get(name).max(1) as f64
    }
}

impl Step<'_> {
    /// What others must take of a room with so much free before the pod finds no place there.
    fn gap(&self, free: &Resources) -> u64 {
        let steps = free.get(self.name).saturating_sub(self.need) / self.grain + 1;
        steps.saturating_mul(self.grain)
    }
}

/// The least part of the whole that others must take of a room before it has no place: of any resource.
fn gap(steps: &[Step<'_>], free: &Resources) -> f64 {
    let parts = steps.iter().map(|step| step.gap(free) as f64 / step.whole);
    parts.fold(f64::INFINITY, f64::min)
}

/// How many pods that takes at least, each no larger than `largest`.
fn closers(steps: &[Step<'_>], free: &Resources, largest: &Resources) -> u64 {
    let taken = steps.iter().map(|step| (step.gap(free), largest.get(step.name)));
    let pods = taken
        .filter(|(_, most)| *most > 0)
        .map(|(gap, most)| gap.div_ceil(most));
    pods.min().unwrap_or(u64::MAX)
}

/// Whether it does by more than roundings explain.
fn exceeds(more: f64, less: f64) -> bool {
    more > less * (1.0 + ROUNDING) + f64::MIN_POSITIVE
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

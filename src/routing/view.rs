//! What is known of one cluster.

mod layout;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::nodes::allocatable;
use super::pace::Bucket;
use super::pools::{Of, Pools};
use super::reservation::Reservation;
use super::rooms::{Places, Rooms};
use super::unbound::Unbound;
use super::{CapacitySource, Cause, ClusterSettings, Node, Pool, Shortage};
use crate::model::{ClusterName, Demand, Resources, SubmissionId};

/// One cluster: its settings and what was told of it.
#[derive(Debug)]
pub(super) struct View {
    pub(super) name: ClusterName,
    /// Absent: gone from the configuration; kept until its last submission is released.
    pub(super) settings: Option<Arc<ClusterSettings>>,
    /// Absent: healthy.
    pub(super) unhealthy: Option<Arc<str>>,
    /// Absent: open.
    pub(super) cordoned: Option<Arc<str>>,
    /// When its nodes were read.
    pub(super) at: Option<Duration>,
    /// The sources that were read since its watches stand: only what these said goes on being so.
    current: BTreeSet<CapacitySource>,
    pub(super) live: u64,
    pub(super) pending: u64,
    pub(super) bucket: Bucket,
    nodes: Vec<Node>,
    /// The smallest it has been: what it has beyond that, its autoscaler has added.
    least: Option<Resources>,
    /// What it has with what may be added.
    pub(super) capacity: Resources,
    pub(super) rooms: Rooms,
    /// The same with nothing kept for pods that aren't on nodes yet.
    pub(super) bare: Rooms,
    /// Those pods.
    pub(super) unbound: Unbound,
    /// What the other sources say.
    pub(super) pools: Pools,
    /// The same as if nothing ran there.
    pub(super) empty: Rooms,
    /// The same as if nothing of ours ran there; absent: nobody else's does.
    pub(super) cleared: Option<Rooms>,
    /// Grows when something that found no room may find some now.
    pub(super) grown: u64,
    /// Grows when `empty` changes.
    pub(super) reshaped: u64,
    /// Grows when there is another room once nothing of ours runs there.
    pub(super) cleared_anew: u64,
    reservations: BTreeMap<SubmissionId, Reservation>,
    /// Submissions whose pods the last view showed.
    pub(super) seen: BTreeSet<SubmissionId>,
}

impl View {
    pub(super) fn new(name: ClusterName) -> Self {
        Self {
            name,
            settings: None,
            unhealthy: Some("not connected yet".into()),
            cordoned: None,
            at: None,
            current: BTreeSet::new(),
            live: 0,
            pending: 0,
            bucket: Bucket::full(),
            nodes: Vec::new(),
            least: None,
            capacity: Resources::default(),
            rooms: Rooms::default(),
            bare: Rooms::default(),
            unbound: Unbound::default(),
            pools: Pools::default(),
            empty: Rooms::default(),
            cleared: None,
            grown: 0,
            reshaped: 0,
            cleared_anew: 0,
            reservations: BTreeMap::new(),
            seen: BTreeSet::new(),
        }
    }

    /// How old what is known of its room is, by the oldest source; absent: not all of it was read.
    pub(super) fn age(&self, now: Duration) -> Option<Duration> {
        let nodes = self.measures_nodes().then_some(self.at);
        let ages = nodes.into_iter().chain(self.pools.read_at());
        let ages: Option<Vec<Duration>> = ages.map(|at| Some(now.saturating_sub(at?))).collect();
        Some(ages?.into_iter().max().unwrap_or_default())
    }

    /// Whether its nodes are known and count.
    pub(super) fn measures_nodes(&self) -> bool {
        self.observes(CapacitySource::Nodes)
    }

    fn observes(&self, source: CapacitySource) -> bool {
        let settings = self.settings.as_ref();
        settings.is_some_and(|settings| settings.sources.contains(&source))
    }

    /// Whether `source` is the one whose sight of pods counts as usage.
    pub(super) fn observes_by(&self, source: CapacitySource) -> bool {
        let settings = self.settings.as_ref();
        // Nodes first: they show only pods that run.
        settings.map_or(source == CapacitySource::Nodes, |settings| {
            settings.sources.iter().min() == Some(&source)
        })
    }

    /// Whether its room is known at all and counts.
    pub(super) fn measures_room(&self) -> bool {
        self.settings
            .as_ref()
            .is_some_and(|settings| !settings.sources.is_empty())
    }

    pub(super) fn configure(&mut self, settings: Option<Arc<ClusterSettings>>) {
        self.pools.configure(settings.as_deref());
        self.settings = settings;
        self.rebuild();
    }

    /// Other nodes, and what pods of ours that count in them request, by submission that lives.
    pub(super) fn set_nodes(
        &mut self,
        nodes: &[Node],
        bound: &BTreeMap<SubmissionId, Resources>,
        at: Duration,
    ) {
        let now = allocatable(nodes);
        self.least = Some(
            self.least
                .as_ref()
                .map_or_else(|| now.clone(), |least| least.min(&now)),
        );
        self.nodes = nodes.to_vec();
        self.nodes.sort_by(|a, b| a.name.cmp(&b.name));
        self.current.insert(CapacitySource::Nodes);
        if self.at.replace(at).is_none() {
            self.reshaped += 1;
            self.cleared_anew += 1;
        }
        for (id, reservation) in &mut self.reservations {
            reservation.see(bound.get(id).cloned().unwrap_or_default(), at);
        }
        self.reservations
            .retain(|_, reservation| reservation.missing() != (false, 0));
        self.rebuild();
    }

    /// What another source says, and what pods of ours it has counted: by submission that lives, and altogether.
    pub(super) fn set_pools(
        &mut self,
        source: CapacitySource,
        pools: &[Pool],
        counted: &BTreeMap<SubmissionId, Resources>,
        ours: Resources,
        at: Duration,
    ) {
        self.current.insert(source);
        let (before, cleared) = (self.pools.limits(Of::Free), self.pools.limits(Of::Cleared));
        let total = self.pools.limits(Of::Total);
        self.pools.tell(source, pools, counted, ours, at);
        self.grown += u64::from(self.pools.grew_since(&before));
        self.reshaped += u64::from(self.pools.limits(Of::Total) != total);
        self.cleared_anew += u64::from(self.pools.limits(Of::Cleared) != cleared);
        self.measure();
    }

    /// Its watches begin anew: what they said before grows old until they have said it again.
    pub(super) fn out_of_sight(&mut self) {
        self.current.clear();
    }

    /// What its watches have said was still so at `at`; whether pods that haven't come by then are given up.
    pub(super) fn still_current(&mut self, at: Duration) -> bool {
        if self.current.contains(&CapacitySource::Quota) {
            let cleared = self.pools.limits(Of::Cleared);
            self.pools.still_current(at);
            self.cleared_anew += u64::from(self.pools.limits(Of::Cleared) != cleared);
        }
        if !self.current.contains(&CapacitySource::Nodes) {
            return false;
        }
        self.at = self.at.max(Some(at));
        let reservations = self.reservations.values_mut();
        let given_up = reservations
            .filter_map(|reservation| reservation.is_given_up(at).then_some(()))
            .count();
        if given_up > 0 {
            self.rebuild();
        }
        given_up > 0
    }

    /// Why what is known of its room doesn't count.
    pub(super) fn unfresh(&self, limit: Duration, now: Duration) -> Option<Cause> {
        if !self.measures_nodes() {
            return self.pools.unfresh(limit, now);
        }
        let (source, fault) = (CapacitySource::Nodes, None);
        let Some(at) = self.at else {
            return Some(Cause::NoView { source, fault });
        };
        let age = now.saturating_sub(at);
        if age > limit {
            return Some(Cause::StaleView {
                source,
                age,
                limit,
                fault,
            });
        }
        self.pools.unfresh(limit, now)
    }

    /// Whether a submission finds room now, and the room for its driver where nodes are measured.
    pub(super) fn fit(&self, demand: &Demand, total: &Resources) -> Result<Option<u32>, Shortage> {
        if let Some(shortage) = self.pools.shortage(total, Of::Free) {
            return Err(shortage);
        }
        if !self.measures_nodes() {
            return Ok(None);
        }
        let demand = self.here(demand);
        let driver = self.rooms.fit(&demand, total)?;
        self.surely_fit(&demand)?;
        Ok(Some(driver))
    }

    /// Whether driver and executors, and all pods that were promised places before, find nodes wherever the cluster's own
    /// scheduler puts each of them. Of a submission that the cluster isn't even sure to hold once nothing of ours runs there,
    /// the best is hoped for.
    fn surely_fit(&self, demand: &Demand) -> Result<(), Shortage> {
        let hoped_for = || self.cleared().surely_fit(demand).is_err();
        if self.unbound.is_empty() {
            return match self.bare.surely_fit(demand) {
                Err(room) if !hoped_for() => Err(Shortage::Pods {
                    need: u64::from(demand.executors),
                    room,
                }),
                Ok(()) | Err(_) => Ok(()),
            };
        }
        let (unbound, rooms, whole) = (&self.unbound, &self.bare, self.empty.whole());
        let sure = unbound.have_plenty_with(demand, rooms, whole)
            || unbound.bear(demand, rooms, whole) && (unbound.leave(demand, rooms, whole) || hoped_for());
        let pods = unbound.pods();
        sure.then_some(()).ok_or(Shortage::Unbound { pods })
    }

    /// Why it would find none even if nothing ran here, as far as the sources were read.
    pub(super) fn too_small(&self, demand: &Demand, total: &Resources) -> Option<Shortage> {
        self.pools.shortage(total, Of::Total).or_else(|| {
            let measured = self.measures_nodes() && self.at.is_some();
            measured.then(|| self.empty.fit(&self.here(demand), total).err())?
        })
    }

    /// Whether there may be room once all of ours have ended: strangers' pods may stay for ever.
    pub(super) fn may_have_room(&self, demand: &Demand, total: &Resources) -> bool {
        let in_pools = self.pools.shortage(total, Of::Cleared).is_none();
        in_pools && (!self.measures_nodes() || self.cleared().fit(&self.here(demand), total).is_ok())
    }

    fn cleared(&self) -> &Rooms {
        self.cleared.as_ref().unwrap_or(&self.empty)
    }

    /// The demand with what this cluster's own layers say of its nodes.
    fn here<'a>(&self, demand: &'a Demand) -> Cow<'a, Demand> {
        match &self.settings {
            Some(settings) => settings.constraints.apply(demand),
            None => Cow::Borrowed(demand),
        }
    }

    /// What is free altogether, by the source that has least.
    pub(super) fn free(&self) -> Resources {
        let nodes = self.measures_nodes().then(|| self.rooms.free());
        self.pools.least(nodes, Of::Free)
    }

    /// Sums up what it has.
    pub(super) fn measure(&mut self) {
        let nodes = self.measures_nodes().then(|| self.empty.free());
        self.capacity = self.pools.least(nodes, Of::Total);
    }

    /// Keeps places for all pods of a submission that was placed here, its driver in the room that a fit named.
    pub(super) fn reserve(&mut self, id: &SubmissionId, demand: Arc<Demand>, driver: Option<u32>) {
        self.pools.enter(id, &demand, false);
        let Some(driver) = driver else { return };
        let demand = Arc::new(self.here(&demand).into_owned());
        self.unbound.add(&demand, true, demand.executors);
        self.unbound.measure(&self.bare, self.empty.whole());
        let places = self.rooms.take(&demand, driver);
        self.reservations
            .insert(id.clone(), Reservation::new(demand, places));
    }

    /// Keeps room for the pods of a submission that is here already.
    pub(super) fn adopt(&mut self, id: &SubmissionId, demand: Arc<Demand>, settled: bool) {
        self.pools.enter(id, &demand, settled);
        if settled || !self.measures_nodes() {
            return;
        }
        let demand = Arc::new(self.here(&demand).into_owned());
        self.unbound.add(&demand, true, demand.executors);
        self.unbound.measure(&self.bare, self.empty.whole());
        let mut places = Places::default();
        self.rooms.spread_driver(&demand, &mut places);
        self.rooms
            .spread_executors(&demand, demand.executors, &mut places);
        self.reservations
            .insert(id.clone(), Reservation::new(demand, places));
    }

    /// Gives back what is kept for a submission.
    pub(super) fn release(&mut self, id: &SubmissionId) {
        self.grown += u64::from(self.pools.release(id));
        if let Some(reservation) = self.reservations.remove(id) {
            let (driver, executors) = reservation.awaited();
            self.unbound.take(&reservation.demand, driver, executors);
            self.unbound.measure(&self.bare, self.empty.whole());
            self.rooms.give_back(&reservation.places);
            self.grown += 1;
        }
    }

    /// Its nodes as they were read last, by name.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// What is kept for pods not yet seen, by submission.
    pub(super) fn kept(&self) -> impl Iterator<Item = (&SubmissionId, &Places)> {
        let reservations = self.reservations.iter();
        reservations.map(|(id, reservation)| (id, &reservation.places))
    }

    /// What is kept for one submission.
    pub(super) fn places_of(&self, id: &SubmissionId) -> Option<&Places> {
        Some(&self.reservations.get(id)?.places)
    }
}

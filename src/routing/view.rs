//! What is known of one cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::nodes::{addable, allocatable};
use super::pace::Bucket;
use super::rooms::{Places, Rooms};
use super::{ClusterSettings, Node};
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
    /// When its capacity was read.
    pub(super) at: Option<Duration>,
    pub(super) live: u64,
    pub(super) pending: u64,
    pub(super) bucket: Bucket,
    nodes: Vec<Node>,
    /// The smallest it has been: what it has beyond that, its autoscaler has added.
    least: Option<Resources>,
    /// What it has with what may be added.
    pub(super) capacity: Resources,
    pub(super) rooms: Rooms,
    /// The same as if nothing ran there.
    pub(super) empty: Rooms,
    /// Grows when something that found no room may find some now.
    pub(super) grown: u64,
    /// Grows when `empty` changes.
    pub(super) reshaped: u64,
    reservations: BTreeMap<SubmissionId, Reservation>,
    /// Submissions whose pods the last view showed.
    pub(super) seen: BTreeSet<SubmissionId>,
}

/// What is kept free for pods that weren't seen yet. Dropped once all were.
#[derive(Debug)]
struct Reservation {
    demand: Arc<Demand>,
    seen: Resources,
    places: Places,
}

impl Reservation {
    /// Whether the driver is still to come, and how many executors are. Spark's driver is the first pod.
    fn missing(&self) -> (bool, u32) {
        let total = self.demand.total();
        let mut rest = total.minus(&self.seen);
        rest.pods = 0;
        if rest.named().all(|(_, amount)| amount == 0) && self.seen.cpu.0 > 0 {
            return (false, 0);
        }
        match self.seen.pods {
            0 => (true, self.demand.executors),
            pods => {
                let executors = u32::try_from(pods - 1).unwrap_or(u32::MAX);
                (false, self.demand.executors.saturating_sub(executors))
            }
        }
    }
}

impl View {
    pub(super) fn new(name: ClusterName) -> Self {
        Self {
            name,
            settings: None,
            unhealthy: Some("not connected yet".into()),
            cordoned: None,
            at: None,
            live: 0,
            pending: 0,
            bucket: Bucket::full(),
            nodes: Vec::new(),
            least: None,
            capacity: Resources::default(),
            rooms: Rooms::default(),
            empty: Rooms::default(),
            grown: 0,
            reshaped: 0,
            reservations: BTreeMap::new(),
            seen: BTreeSet::new(),
        }
    }

    /// How old what is known of its room is; absent: it was never read.
    pub(super) fn age(&self, now: Duration) -> Option<Duration> {
        self.at.map(|at| now.saturating_sub(at))
    }

    /// Whether its room is known at all and counts.
    pub(super) fn measures_room(&self) -> bool {
        self.settings
            .as_ref()
            .is_some_and(|settings| !settings.sources.is_empty())
    }

    pub(super) fn configure(&mut self, settings: Option<Arc<ClusterSettings>>) {
        self.settings = settings;
        self.rebuild();
    }

    /// Other nodes, and what pods of ours that count in them request.
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
        self.at = Some(at);
        for (id, reservation) in &mut self.reservations {
            reservation.seen = bound.get(id).cloned().unwrap_or_default();
        }
        self.reservations
            .retain(|_, reservation| reservation.missing() != (false, 0));
        self.rebuild();
    }

    /// Keeps places for all pods of a submission that was placed here, its driver in the room that a fit named.
    pub(super) fn reserve(&mut self, id: &SubmissionId, demand: Arc<Demand>, driver: u32) {
        let places = self.rooms.take(&demand, driver);
        let seen = Resources::default();
        self.reservations
            .insert(id.clone(), Reservation { demand, seen, places });
    }

    /// Keeps room for the pods of a submission that is here already.
    pub(super) fn adopt(&mut self, id: &SubmissionId, demand: Arc<Demand>) {
        let mut places = Places::default();
        self.rooms.spread(&demand.driver, 1, &mut places);
        self.rooms.spread(&demand.executor, demand.executors, &mut places);
        let seen = Resources::default();
        self.reservations
            .insert(id.clone(), Reservation { demand, seen, places });
    }

    /// Gives back what is kept for a submission.
    pub(super) fn release(&mut self, id: &SubmissionId) {
        if let Some(reservation) = self.reservations.remove(id) {
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

    /// Lays the rooms out anew and keeps places for every pod not yet seen, the largest pods first.
    fn rebuild(&mut self) {
        let grown = self
            .least
            .as_ref()
            .map_or_else(Resources::default, |least| allocatable(&self.nodes).minus(least));
        let addable = self
            .settings
            .as_ref()
            .and_then(|settings| settings.provisionable.as_ref())
            .map_or_else(Vec::new, |provisionable| addable(provisionable, &grown));
        let free = self
            .nodes
            .iter()
            .map(|node| node.allocatable.minus(&node.requested));
        let mut rooms = Rooms::new(free, addable.iter().cloned());
        let empty = Rooms::new(
            self.nodes.iter().map(|node| node.allocatable.clone()),
            addable.iter().cloned(),
        );
        self.keep_places(&mut rooms);
        if rooms.grew_since(&self.rooms) {
            self.grown += 1;
        }
        if !empty.same_as(&self.empty) {
            self.reshaped += 1;
        }
        self.capacity = empty.free();
        self.rooms = rooms;
        self.empty = empty;
    }

    fn keep_places(&mut self, rooms: &mut Rooms) {
        let mut pods: Vec<(u64, u64, SubmissionId, bool, u32)> = Vec::new();
        for (id, reservation) in &mut self.reservations {
            reservation.places = Places::default();
            let (driver, executors) = reservation.missing();
            let demand = &reservation.demand;
            if driver {
                pods.push((demand.driver.cpu.0, demand.driver.memory.0, id.clone(), true, 1));
            }
            if executors > 0 {
                let pod = &demand.executor;
                pods.push((pod.cpu.0, pod.memory.0, id.clone(), false, executors));
            }
        }
        pods.sort_by(|a, b| {
            (b.0, b.1)
                .cmp(&(a.0, a.1))
                .then_with(|| a.2.cmp(&b.2))
                .then(b.3.cmp(&a.3))
        });
        for (_, _, id, driver, count) in pods {
            if let Some(reservation) = self.reservations.get_mut(&id) {
                let demand = reservation.demand.clone();
                let pod = if driver { &demand.driver } else { &demand.executor };
                rooms.spread(pod, count, &mut reservation.places);
            }
        }
    }
}

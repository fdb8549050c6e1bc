//! The world as it is, beside what the router is told of it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use super::super::harness::*;
use super::super::reference::surely_fits;
use super::worlds::{Site, Step};
use crate::model::{Attempt, ClusterName, Demand, QueueName, Resources, SubmissionId};
use crate::routing::{ClusterSettings, Cycle, Health, Node, QueueSettings};

/// A job that was submitted.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) id: SubmissionId,
    pub(super) queue: QueueName,
    /// The least goes first in its queue.
    pub(super) place: (Reverse<i32>, usize),
    pub(super) demand: Demand,
}

/// A job on a cluster.
pub(super) struct Running {
    pub(super) job: Job,
    pub(super) cluster: ClusterName,
    /// The node of each of its pods, the driver first.
    bound: Vec<usize>,
    pub(super) pending: bool,
}

impl Running {
    /// What its pods request that have no node yet, the next one first.
    pub(super) fn to_come(&self) -> impl Iterator<Item = &Resources> {
        pods(&self.job.demand).skip(self.bound.len())
    }
}

/// A cluster.
pub(super) struct Place {
    pub(super) settings: ClusterSettings,
    nodes: Vec<Node>,
    pub(super) cordoned: bool,
    pub(super) unhealthy: bool,
    /// When something was placed there.
    pub(super) starts: Vec<Duration>,
}

impl Place {
    /// What each node has.
    pub(super) fn empty(&self) -> Vec<Resources> {
        self.nodes.iter().map(|node| node.allocatable.clone()).collect()
    }

    /// What strangers leave of each.
    pub(super) fn cleared(&self) -> Vec<Resources> {
        let nodes = self.nodes.iter();
        nodes
            .map(|node| node.allocatable.minus(&node.strangers))
            .collect()
    }
}

pub(super) struct Outside {
    pub(super) world: World,
    pub(super) queues: Vec<QueueSettings>,
    pub(super) places: Vec<Place>,
    pub(super) waiting: Vec<Job>,
    pub(super) running: Vec<Running>,
    /// Since when who has been told why it waits.
    pub(super) told_since: BTreeMap<SubmissionId, Duration>,
    /// How often what was met.
    pub(super) met: BTreeMap<&'static str, u64>,
    /// What each cycle answered.
    pub(super) log: Vec<String>,
    made: usize,
}

/// What the pods of a job request, the driver first.
pub(super) fn pods(demand: &Demand) -> impl Iterator<Item = &Resources> {
    let executors = std::iter::repeat_n(&demand.executor, demand.executors as usize);
    std::iter::once(&demand.driver).chain(executors)
}

/// What strangers with so many cores request.
fn stranger(cores: u64) -> Resources {
    match cores {
        0 => Resources::default(),
        n => pod(n, n),
    }
}

fn place(number: usize, site: &Site) -> Place {
    let shapes = (0..).zip(&site.nodes);
    let nodes = shapes.map(|(n, (cores, gib, strangers))| Node {
        strangers: stranger(*strangers),
        ..node(&format!("n{n}"), *cores, *gib)
    });
    Place {
        settings: ClusterSettings {
            name: cluster_name(&format!("c{number}")),
            ..site.settings.clone()
        },
        nodes: nodes.collect(),
        cordoned: false,
        unhealthy: false,
        starts: Vec::new(),
    }
}

impl Outside {
    pub(super) fn new(queues: &[QueueSettings], sites: &[Site]) -> Self {
        let places: Vec<Place> = (0..).zip(sites).map(|(n, site)| place(n, site)).collect();
        let clusters = places.iter().map(|place| place.settings.clone()).collect();
        let mut outside = Self {
            world: World::new(queues.to_vec(), clusters),
            queues: queues.to_vec(),
            places,
            waiting: Vec::new(),
            running: Vec::new(),
            told_since: BTreeMap::new(),
            met: BTreeMap::new(),
            log: Vec::new(),
            made: 0,
        };
        outside.tell();
        outside
    }

    pub(super) fn meet(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    pub(super) fn take(&mut self, step: &Step) {
        match step {
            Step::Submit {
                queue,
                demand,
                priority,
            } => self.submit(queue, demand, *priority),
            Step::Cycle => self.cycle(),
            Step::Wait(time) => {
                self.world.mono += *time;
                self.tell();
            }
            Step::Bind { job, pods, node } => {
                (0..*pods).for_each(|_| self.bind(*job, *node));
                self.tell();
            }
            Step::End(job) if !self.running.is_empty() => {
                let ended = self.running.remove(job % self.running.len());
                self.world.router.released(&ended.job.id);
                self.tell();
            }
            Step::PickedUp(job) if !self.running.is_empty() => {
                let at = job % self.running.len();
                self.running[at].pending = false;
                self.world.router.picked_up(&self.running[at].job.id);
            }
            Step::End(_) | Step::PickedUp(_) => {}
            Step::Strangers { place, node, cores } => self.strangers(*place, *node, *cores),
            Step::Cordon(place) => self.close(*place, true, false),
            Step::Break(place) => self.close(*place, false, true),
            Step::Open(place) => self.close(*place, false, false),
        }
    }

    fn submit(&mut self, queue: &str, demand: &Demand, priority: i32) {
        self.made += 1;
        let name = format!("job-{}", self.made);
        let mut entry = self.world.entry(&name, queue, demand.clone());
        entry.priority = priority;
        self.world.backlog.insert(&entry);
        self.waiting.push(Job {
            id: entry.id,
            queue: entry.queue,
            place: (Reverse(priority), self.made),
            demand: entry.demand,
        });
        self.waiting.sort_by_key(|job| job.place);
    }

    fn strangers(&mut self, place: usize, node: usize, cores: u64) {
        let place = place % self.places.len();
        let name = &self.places[place].settings.name;
        if self.here(name).any(|one| one.to_come().next().is_some()) {
            return;
        }
        let free = self.free(&self.places[place]);
        let node = node % free.len();
        let there = &mut self.places[place].nodes[node].strangers;
        if stranger(cores).fits(&free[node].plus(there)) {
            *there = stranger(cores);
            self.meet("strangers");
            self.tell();
        }
    }

    fn close(&mut self, place: usize, cordoned: bool, unhealthy: bool) {
        let count = self.places.len();
        let place = &mut self.places[place % count];
        (place.cordoned, place.unhealthy) = (cordoned, unhealthy);
        let (router, name) = (&mut self.world.router, &place.settings.name);
        router.set_cordon(name, cordoned.then(|| "cordoned: upgrade".to_owned()));
        let health = if unhealthy {
            Health::Unhealthy("it answers 401".into())
        } else {
            Health::Healthy
        };
        router.set_health(name, health);
    }

    /// The jobs on a cluster.
    pub(super) fn here<'a>(&'a self, cluster: &'a ClusterName) -> impl Iterator<Item = &'a Running> {
        self.running.iter().filter(move |one| one.cluster == *cluster)
    }

    /// What the pods on its nodes leave, node by node.
    pub(super) fn free(&self, place: &Place) -> Vec<Resources> {
        let mut free = place.cleared();
        for one in self.here(&place.settings.name) {
            for (need, node) in pods(&one.job.demand).zip(&one.bound) {
                free[*node] = free[*node].minus(need);
            }
        }
        free
    }

    /// A pod goes to a node as kube-scheduler might choose it, which knows nothing of the router's plans: there is one,
    /// but where some job there was placed in hope.
    fn bind(&mut self, job: usize, node: usize) {
        let lacking: Vec<usize> = (0..self.running.len())
            .filter(|n| self.running[*n].to_come().next().is_some())
            .collect();
        let Some(n) = lacking.get(job % lacking.len().max(1)).copied() else {
            return;
        };
        let one = &self.running[n];
        let place = self
            .places
            .iter()
            .find(|place| place.settings.name == one.cluster);
        let (place, need) = (place.unwrap(), one.to_come().next().unwrap());
        let free = self.free(place);
        let mut open: Vec<usize> = (0..free.len()).filter(|node| need.fits(&free[*node])).collect();
        open.sort_by_key(|node| Reverse(free[*node].cpu));
        let surely = |one: &Running| surely_fits(&one.job.demand, &place.cleared(), |_, _| true);
        let in_hope = !self.here(&one.cluster).all(surely);
        assert!(
            in_hope || !open.is_empty(),
            "a pod of {} finds no node",
            one.job.id
        );
        if !open.is_empty() {
            self.running[n].bound.push(open[node % open.len()]);
            self.meet("bound");
        }
    }

    /// The router is told what the clusters show.
    fn tell(&mut self) {
        for place in &self.places {
            let nodes: Vec<Node> = place
                .nodes
                .iter()
                .zip(self.free(place))
                .map(|(node, free)| Node {
                    requested: node.allocatable.minus(&free),
                    ..node.clone()
                })
                .collect();
            let requested = |one: &Running| {
                let bound = pods(&one.job.demand).take(one.bound.len());
                bound.fold(Resources::default(), |sum, need| sum.plus(need))
            };
            let name = &place.settings.name;
            let there = self.here(name).filter(|one| !one.bound.is_empty());
            let bound: Vec<(String, Resources)> = there
                .map(|one| (one.job.id.object_name(Attempt(1)), requested(one)))
                .collect();
            self.world
                .router
                .set_capacity(name, &nodes, &bound, self.world.mono);
        }
    }

    /// A cycle, judged placement by placement and then as a whole.
    pub(super) fn cycle(&mut self) {
        let holds = |world: &World| (world.router.holds.ended, world.router.holds.begun);
        let before = holds(&self.world);
        let cycle = self.world.cycle();
        // While holds come and go, one may fit later in a cycle than another of its queue.
        let in_order = holds(&self.world) == before;
        self.log.push(answer(&cycle));
        for decision in &cycle.placements {
            let place = self.waiting.iter().position(|job| job.id == decision.entry.id);
            let job = self.waiting.remove(place.unwrap());
            self.passes_as_its_queue_allows(&job, in_order.then_some(&cycle));
            let mut places = self.places.iter_mut();
            let place = places.find(|place| place.settings.name == decision.cluster);
            let place = place.unwrap();
            let hoped_for = !surely_fits(&job.demand, &place.cleared(), |_, _| true)
                && surely_fits(&job.demand, &place.empty(), |_, _| true);
            assert!(
                !place.cordoned && !place.unhealthy,
                "{} goes to a closed one",
                job.id
            );
            place.starts.push(self.world.mono);
            self.running.push(Running {
                job,
                cluster: decision.cluster.clone(),
                bound: Vec::new(),
                pending: true,
            });
            self.nothing_is_exceeded();
            self.meet("placed");
            if hoped_for {
                self.meet("placed in hope beside strangers");
            }
        }
        for waiting in &cycle.waiting {
            let since = self.world.mono;
            self.told_since.entry(waiting.id.clone()).or_insert(since);
        }
        self.everyone_is_told_why(&cycle);
    }
}

fn answer(cycle: &Cycle) -> String {
    let placements = cycle.placements.iter();
    let placements = placements.map(|decision| format!("{} → {}", decision.entry.id, decision.cluster));
    let waiting = cycle.waiting.iter();
    let waiting = waiting.map(|waiting| format!("{}: {}", waiting.id, waiting.message()));
    placements.chain(waiting).collect::<Vec<_>>().join("\n")
}

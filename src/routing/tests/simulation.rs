//! Virtual time: jobs are placed, run for as long as they were told to, and end. Cycles follow events alone, as the
//! scheduler's do: something came, something ended, or the router said that time will change something.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::harness::*;
use crate::model::{Attempt, ClusterName, Demand, Resources};
use crate::routing::{ClusterSettings, Node, QueueSettings};

/// Nodes on which pods are bound as soon as their submission is placed, each to the node with most cores free.
#[derive(Default)]
struct Bound {
    nodes: Vec<Node>,
    /// By submission: on which node each pod is.
    pods: BTreeMap<String, Vec<(usize, Resources)>>,
}

pub(super) struct Simulation {
    pub(super) world: World,
    clusters: Vec<ClusterName>,
    run_times: BTreeMap<String, Duration>,
    ends: BTreeSet<(Duration, String)>,
    demands: BTreeMap<String, Demand>,
    /// Of the clusters whose pods are bound.
    bound: BTreeMap<String, Bound>,
    /// When each job started, and where.
    pub(super) started: BTreeMap<String, (Duration, String)>,
}

impl Simulation {
    pub(super) fn new(queues: Vec<QueueSettings>, clusters: Vec<ClusterSettings>) -> Self {
        let names = clusters.iter().map(|cluster| cluster.name.clone()).collect();
        Self {
            world: World::new(queues, clusters),
            clusters: names,
            run_times: BTreeMap::new(),
            ends: BTreeSet::new(),
            demands: BTreeMap::new(),
            bound: BTreeMap::new(),
            started: BTreeMap::new(),
        }
    }

    pub(super) fn submit(&mut self, name: &str, queue: &str, demand: Demand, runs_for: Duration) {
        self.world.submit(name, queue, demand.clone());
        self.demands.insert(name.to_owned(), demand);
        self.run_times.insert(name.to_owned(), runs_for);
    }

    /// From now on pods of the cluster are bound to these nodes, and the router is told so after each change. Without
    /// this, nothing is ever told of pods.
    pub(super) fn binds(&mut self, cluster: &str, nodes: Vec<Node>) {
        let pods = BTreeMap::new();
        self.bound.insert(cluster.to_owned(), Bound { nodes, pods });
        self.tell(cluster);
    }

    fn tell(&mut self, cluster: &str) {
        let Some(bound) = self.bound.get(cluster) else {
            return;
        };
        let pods: Vec<(String, Resources)> = bound
            .pods
            .iter()
            .map(|(id, pods)| {
                let sum = pods
                    .iter()
                    .fold(Resources::default(), |sum, (_, need)| sum.plus(need));
                (super::harness::id(id).object_name(Attempt(1)), sum)
            })
            .collect();
        self.world
            .router
            .set_capacity(&cluster_name(cluster), &bound.nodes, &pods, self.world.mono);
    }

    /// A cycle now; how many it placed.
    pub(super) fn cycle(&mut self) -> usize {
        let now = self.world.mono;
        for name in &self.clusters {
            self.world.router.still_current(name, now);
        }
        let placed = self.world.placed();
        for (id, cluster) in &placed {
            if let Some(runs_for) = self.run_times.remove(id) {
                self.ends.insert((now + runs_for, id.clone()));
            }
            self.started.insert(id.clone(), (now, cluster.clone()));
            if let Some((bound, demand)) = self.bound.get_mut(cluster).zip(self.demands.remove(id)) {
                bound.bind(id, &demand);
            }
        }
        let changed: BTreeSet<&String> = placed.iter().map(|(_, cluster)| cluster).collect();
        for cluster in changed {
            self.tell(cluster);
        }
        placed.len()
    }

    /// Goes on to the next event, `until` at the latest, and makes a cycle there; which jobs ended.
    pub(super) fn step(&mut self, until: Duration) -> Vec<String> {
        let ends = self.ends.first().map(|(at, _)| *at);
        let changes = self.world.router.next_change(self.world.mono);
        self.world.mono = ends.into_iter().chain(changes).min().unwrap_or(until).min(until);
        let mut ended = Vec::new();
        while let Some((at, _)) = self.ends.first()
            && *at <= self.world.mono
        {
            let Some((_, id)) = self.ends.pop_first() else {
                break;
            };
            self.world.router.released(&super::harness::id(&id));
            ended.push(id);
        }
        self.unbind(&ended);
        self.cycle();
        ended
    }

    /// One job ends now, whatever it was told, and a cycle follows.
    pub(super) fn end(&mut self, id: &str) {
        self.ends.retain(|(_, ends)| ends != id);
        self.world.router.released(&super::harness::id(id));
        self.unbind(&[id.to_owned()]);
        self.cycle();
    }

    /// The jobs with a pod on each node of a cluster whose pods are bound.
    pub(super) fn by_node(&self, cluster: &str) -> Vec<Vec<&str>> {
        let bound = &self.bound[cluster];
        let on = |node| {
            let pods = bound.pods.iter();
            let on_it = pods.filter(move |(_, pods)| pods.iter().any(|(n, _)| *n == node));
            on_it.map(|(id, _)| id.as_str()).collect()
        };
        (0..bound.nodes.len()).map(on).collect()
    }

    fn unbind(&mut self, ended: &[String]) {
        let mut changed = BTreeSet::new();
        for (cluster, bound) in &mut self.bound {
            for id in ended {
                for (node, need) in bound.pods.remove(id).into_iter().flatten() {
                    let requested = &mut bound.nodes[node].requested;
                    *requested = requested.minus(&need);
                    changed.insert(cluster.clone());
                }
            }
        }
        for cluster in &changed {
            self.tell(cluster);
        }
    }
}

impl Bound {
    fn bind(&mut self, id: &str, demand: &Demand) {
        let executors = (0..demand.executors).map(|_| &demand.executor);
        let pods = [&demand.driver]
            .into_iter()
            .chain(executors)
            .filter_map(|need| {
                let free = |node: &Node| node.allocatable.minus(&node.requested);
                let fitting = self
                    .nodes
                    .iter_mut()
                    .enumerate()
                    .filter(|(_, node)| need.fits(&free(node)));
                let (n, node) = fitting.max_by_key(|(_, node)| free(node).cpu)?;
                node.requested = node.requested.plus(need);
                Some((n, need.clone()))
            })
            .collect();
        self.pods.insert(id.to_owned(), pods);
    }
}

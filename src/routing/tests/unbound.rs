//! Wherever the cluster's own scheduler puts pods, and in whatever order they come, each pod of a placed job finds a node.

use std::time::Duration;

use proptest::prelude::*;

use super::harness::*;
use super::reference::surely_fits;
use crate::model::{Attempt, Demand, Resources};
use crate::routing::Node;
use crate::submission::Reason;

#[derive(Debug, Clone)]
enum Step {
    Submit(Demand),
    Cycle,
    /// The next pod of the n-th job that lacks one goes to a node: which, of those with room, from the emptiest on.
    Bind(usize, usize),
    /// The view catches up with what was bound.
    Tell,
    End(usize),
}

fn demand() -> impl Strategy<Value = Demand> {
    let size = || (1u64..7, 1u64..9).prop_map(|(cores, gib)| pod(cores, gib));
    (size(), size(), 0u32..5).prop_map(|(driver, executor, executors)| Demand {
        driver,
        executor,
        executors,
        ..Demand::default()
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => demand().prop_map(Step::Submit),
        3 => Just(Step::Cycle),
        // kube-scheduler spreads: the emptiest node is the likeliest.
        6 => (0usize..20, prop_oneof![3 => Just(0usize), 1 => 0usize..8]).prop_map(|(job, node)| Step::Bind(job, node)),
        3 => Just(Step::Tell),
        1 => (0usize..20).prop_map(Step::End),
    ]
}

struct Running {
    id: String,
    demand: Demand,
    /// The node of each pod, the driver first.
    bound: Vec<usize>,
}

impl Running {
    fn next(&self) -> Option<&Resources> {
        let left = self.bound.len() <= self.demand.executors as usize;
        left.then_some(if self.bound.is_empty() {
            &self.demand.driver
        } else {
            &self.demand.executor
        })
    }
}

struct Outside {
    world: World,
    nodes: Vec<Node>,
    running: Vec<Running>,
    made: usize,
}

impl Outside {
    fn new(shapes: &[(u64, u64)]) -> Self {
        let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1)]);
        let nodes: Vec<Node> = (0..)
            .zip(shapes)
            .map(|(n, (cores, gib))| node(&format!("n{n}"), *cores, *gib))
            .collect();
        world.nodes("a", &nodes);
        Self {
            world,
            nodes,
            running: Vec::new(),
            made: 0,
        }
    }

    fn free(&self) -> Vec<Resources> {
        let mut free: Vec<Resources> = self.nodes.iter().map(|node| node.allocatable.clone()).collect();
        for job in &self.running {
            for (pod, node) in job.bound.iter().enumerate() {
                let need = if pod == 0 {
                    &job.demand.driver
                } else {
                    &job.demand.executor
                };
                free[*node] = free[*node].minus(need);
            }
        }
        free
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Submit(demand) => {
                let empty: Vec<Resources> = self.nodes.iter().map(|n| n.allocatable.clone()).collect();
                if surely_fits(demand, &empty, |_, _| true) {
                    self.made += 1;
                    self.world
                        .submit(&format!("job-{}", self.made), "dev", demand.clone());
                }
            }
            Step::Cycle => {
                for decision in self.world.cycle().placements {
                    self.running.push(Running {
                        id: decision.entry.id.to_string(),
                        demand: decision.entry.demand,
                        bound: Vec::new(),
                    });
                }
            }
            Step::Bind(job, node) => self.bind(*job, *node),
            Step::Tell => self.tell(),
            Step::End(job) if !self.running.is_empty() => {
                let job = self.running.remove(job % self.running.len());
                self.tell();
                self.world.router.released(&id(&job.id));
            }
            Step::End(_) => {}
        }
    }

    fn bind(&mut self, job: usize, node: usize) {
        let lacking: Vec<usize> = (0..self.running.len())
            .filter(|job| self.running[*job].next().is_some())
            .collect();
        let Some(job) = lacking.get(job % lacking.len().max(1)).copied() else {
            return;
        };
        let (free, need) = (self.free(), self.running[job].next().unwrap().clone());
        let mut open: Vec<usize> = (0..free.len()).filter(|node| need.fits(&free[*node])).collect();
        assert!(
            !open.is_empty(),
            "a pod of {} finds no node: {need:?} in {free:?}",
            self.running[job].id
        );
        open.sort_by_key(|node| std::cmp::Reverse(free[*node].cpu));
        let node = open[node % open.len()];
        self.running[job].bound.push(node);
    }

    fn tell(&mut self) {
        let nodes: Vec<Node> = self
            .nodes
            .iter()
            .zip(self.free())
            .map(|(node, free)| Node {
                requested: node.allocatable.minus(&free),
                ..node.clone()
            })
            .collect();
        let bound = self
            .running
            .iter()
            .filter(|job| !job.bound.is_empty())
            .map(|job| {
                let executors = job.demand.executor.times(job.bound.len() as u64 - 1);
                (
                    id(&job.id).object_name(Attempt(1)),
                    job.demand.driver.plus(&executors),
                )
            });
        let bound: Vec<(String, Resources)> = bound.collect();
        let now = self.world.mono;
        self.world
            .router
            .set_capacity(&cluster_name("a"), &nodes, &bound, now);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_pod_finds_a_node_wherever_the_others_go(
        shapes in prop::collection::vec((1u64..17, 1u64..33), 1..7),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut outside = Outside::new(&shapes);
        for step in &steps {
            outside.take(step);
        }
        // Whatever is still to come.
        for n in 0..200 {
            outside.bind(n * 7, if n % 3 == 0 { n } else { 0 });
        }
    }
}

#[test]
fn pods_of_one_size_fill_unlike_nodes_at_once() {
    let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1)]);
    // 8 pods on each of the first two, 5 on the others: by CPU there, by memory here.
    let nodes = [("n1", 16, 64), ("n2", 16, 64), ("n3", 16, 15), ("n4", 16, 15)];
    world.nodes("a", &nodes.map(|(name, cores, gib)| node(name, cores, gib)));
    for n in 0..20 {
        let demand = Demand {
            driver: pod(2, 3),
            executor: pod(2, 3),
            executors: 1,
            ..Demand::default()
        };
        world.submit(&format!("alike-{n}"), "dev", demand);
    }
    assert_eq!(world.placed().len(), 13);
}

#[test]
fn a_job_waits_for_the_pods_placed_before_where_they_might_take_its_room_and_goes_when_they_are_on_nodes() {
    let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1)]);
    let nodes = ["n1", "n2", "n3"].map(|name| node(name, 4, 16));
    world.nodes("a", &nodes);
    world.submit("narrow", "dev", job(1, 1));
    world.submit("wide", "dev", job(1, 4));
    // Three pods of one core on three nodes would leave none for one of four.
    assert_eq!(ids(&world.placed()), ["narrow"]);
    let waiting = world.cycle().waiting.remove(0);
    assert_eq!(waiting.reason, Reason::NoCapacity);
    assert_eq!(
        waiting.message(),
        "a: no room: not sure to find nodes until 2 pods that were placed before are on theirs"
    );
    let mut busy = nodes.to_vec();
    busy[0].requested = job(1, 1).total();
    let bound = [(id("narrow").object_name(Attempt(1)), job(1, 1).total())];
    world.mono = Duration::from_secs(1);
    let name = cluster_name("a");
    world.router.set_capacity(&name, &busy, &bound, world.mono);
    assert_eq!(ids(&world.placed()), ["wide"]);
}

/// A node may have to be added for it first, and the operator to come to it before.
#[test]
fn a_driver_that_does_not_come_is_given_up_after_half_an_hour_and_executors_after_a_quarter() {
    for (driver_came, minutes) in [(false, 30), (true, 15)] {
        let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1)]);
        let mut nodes = ["n1", "n2", "n3"].map(|name| node(name, 4, 16));
        world.nodes("a", &nodes);
        world.submit("stuck", "dev", job(1, 4));
        world.submit("next", "dev", job(2, 1));
        assert_eq!(ids(&world.placed()), ["stuck"]);
        let name = cluster_name("a");
        let mut bound = Vec::new();
        if driver_came {
            nodes[0].requested = pod(1, 1);
            bound.push((id("stuck").object_name(Attempt(1)), pod(1, 1)));
        }
        let mut at = |minutes: u64, less: u64| {
            world.mono = Duration::from_secs(minutes * 60 - less);
            world.router.set_capacity(&name, &nodes, &bound, world.mono);
            world.router.still_current(&name, world.mono);
            world.placed()
        };
        assert!(at(1, 60).is_empty());
        assert!(at(minutes, 1).is_empty(), "its executor may be closed out");
        assert_eq!(ids(&at(minutes, 0)), ["next"]);
    }
}

#[test]
fn a_job_waits_where_its_own_driver_might_take_the_room_of_its_executor() {
    let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1)]);
    let (mut busy, free) = (node("n1", 4, 16), node("n2", 4, 16));
    busy.requested = pod(2, 2);
    world.nodes("a", &[busy, free.clone()]);
    world.submit("wide", "dev", job(1, 4));
    let waiting = world.cycle().waiting.remove(0);
    assert_eq!(
        waiting.message(),
        "a: no room: needs 1 executors beside the driver, the nodes hold 0"
    );
    world.nodes("a", &[node("n1", 4, 16), free]);
    assert_eq!(ids(&world.placed()), ["wide"]);
}

#[test]
fn a_driver_may_go_where_an_end_makes_room_for_it() {
    let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1)]);
    let (mut n1, mut n2) = (node("n1", 4, 16), node("n2", 4, 16));
    n1.requested = pod(0, 12);
    n2.requested = pod(2, 8);
    world.nodes("a", &[n1, n2]);
    // The driver fits on the second node alone, until a pod on the first ends: then the executor would find none.
    let demand = Demand {
        driver: pod(2, 6),
        executor: pod(3, 2),
        executors: 1,
        ..Demand::default()
    };
    world.submit("late", "dev", demand);
    let waiting = world.cycle().waiting.remove(0);
    assert_eq!(waiting.reason, Reason::NoCapacity);
}

#[test]
fn of_a_job_that_not_even_the_empty_cluster_is_sure_to_hold_the_best_is_hoped_for() {
    let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1)]);
    world.nodes("a", &[node("n1", 1, 4), node("n2", 4, 16)]);
    world.submit("lucky", "dev", job(1, 4));
    assert_eq!(ids(&world.placed()), ["lucky"]);
}

/// As beside DaemonSets: no end of ours would make it surer.
#[test]
fn of_a_job_that_is_never_sure_of_nodes_for_strangers_the_best_is_hoped_for() {
    let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1)]);
    let (mut shared, free) = (node("n1", 4, 16), node("n2", 4, 16));
    (shared.requested, shared.strangers) = (pod(2, 2), pod(2, 2));
    world.nodes("a", &[shared, free]);
    world.submit("wide", "dev", job(1, 4));
    assert_eq!(ids(&world.placed()), ["wide"]);
}

/// As it lands, the cluster is no longer one that might be made sure of the job.
#[test]
fn a_job_that_waited_to_be_sure_is_hoped_for_when_a_stranger_comes() {
    let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1)]);
    let mut nodes = ["n1", "n2"].map(|name| node(name, 4, 16));
    nodes[0].requested = pod(2, 2);
    world.nodes("a", &nodes);
    world.submit("wide", "dev", job(1, 4));
    assert!(world.placed().is_empty());
    (nodes[0].requested, nodes[0].strangers) = (pod(3, 3), pod(1, 1));
    world.nodes("a", &nodes);
    assert_eq!(ids(&world.placed()), ["wide"]);
}

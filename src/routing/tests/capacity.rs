//! Never more than there is: room, limits, pace.

mod certain;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::harness::*;
use super::reference::fits;
use crate::model::{Attempt, Constraints, Demand, NodeTraits, Resources, Taint, TaintEffect, Toleration};
use crate::routing::{Cycle, Node};

/// What happens in a random world.
#[derive(Debug, Clone)]
enum Step {
    Submit {
        executors: u32,
        cores: u64,
        gib: u64,
        priority: i32,
        /// Which nodes it asks for: see [`may`].
        kind: u8,
    },
    Cycle,
    /// Time goes by, in milliseconds.
    Wait(u64),
    /// The n-th live job's first pods are on their nodes, if they find room there.
    Bind {
        job: usize,
        pods: u32,
    },
    End(usize),
    PickedUp(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u32..5, 1u64..9, 1u64..9, 0i32..2, 0u8..6).prop_map(|(executors, cores, gib, priority, kind)| Step::Submit {
            executors, cores, gib, priority, kind
        }),
        4 => Just(Step::Cycle),
        1 => (0u64..30_000).prop_map(Step::Wait),
        3 => (0usize..20, 1u32..6).prop_map(|(job, pods)| Step::Bind { job, pods }),
        2 => (0usize..20).prop_map(Step::End),
        2 => (0usize..20).prop_map(Step::PickedUp),
    ]
}

/// The nodes of a cluster by number: every second one is in the pool `even`, every third one is tainted.
fn traits_of(node: usize) -> NodeTraits {
    let pool = if node.is_multiple_of(2) { "even" } else { "odd" };
    let taint = Taint {
        key: "gpu".into(),
        value: "yes".into(),
        effect: TaintEffect::NoSchedule,
    };
    NodeTraits {
        labels: BTreeMap::from([("pool".to_owned(), pool.to_owned())]),
        taints: Vec::from_iter((node % 3 == 2).then_some(taint)),
    }
}

/// What a job of a kind asks for, of its driver's node and its executors'.
fn asks(kind: u8) -> [Constraints; 2] {
    let even = BTreeMap::from([("pool".to_owned(), "even".to_owned())]);
    let tolerant = vec![Toleration {
        key: Some("gpu".into()),
        ..Toleration::default()
    }];
    let of = |selects: bool, tolerates: bool| Constraints {
        node_selector: if selects { even.clone() } else { BTreeMap::new() },
        tolerations: if tolerates { tolerant.clone() } else { Vec::new() },
    };
    match kind {
        0..=2 => [of(false, false), of(false, false)],
        3 => [of(true, false), of(true, false)],
        4 => [of(false, true), of(false, true)],
        _ => [of(false, false), of(true, true)],
    }
}

/// Whether it may go to the node of that number, said once more.
fn may(kind: u8, driver: bool, node: usize) -> bool {
    let (even, tainted) = (node.is_multiple_of(2), node % 3 == 2);
    match (kind, driver) {
        (0..=2, _) | (5.., true) => !tainted,
        (3, _) => even && !tainted,
        (4, _) => true,
        (5.., false) => even,
    }
}

/// The kind of a job, which is the rest of its name.
fn kind_of(id: &str) -> u8 {
    id.rsplit('-').next().unwrap().parse().unwrap()
}

/// One live job as the world outside has it.
struct Running {
    id: String,
    cluster: String,
    demand: Demand,
    /// The node of each pod that is bound, the driver first.
    bound: Vec<usize>,
    pending: bool,
}

struct Outside {
    world: World,
    nodes: BTreeMap<String, Vec<Node>>,
    running: Vec<Running>,
    starts: BTreeMap<String, Vec<Duration>>,
    made: usize,
}

const MAX_LIVE: u64 = 12;
const MAX_PENDING: u32 = 4;
const PER_MINUTE: u32 = 30;
const BURST: u32 = 5;

impl Outside {
    fn new(shapes: &[Vec<u64>]) -> Self {
        let mut nodes: BTreeMap<String, Vec<Node>> = BTreeMap::new();
        let mut clusters = Vec::new();
        for (i, cores) in shapes.iter().enumerate() {
            let name = format!("c{i}");
            let mut settings = cluster(&name, 1 + u32::try_from(i).unwrap());
            settings.limits.max_live = Some(MAX_LIVE);
            settings.pacing.max_pending = Some(MAX_PENDING);
            settings.pacing.submissions_per_minute = (i == 0).then_some(PER_MINUTE);
            settings.pacing.burst = BURST;
            clusters.push(settings);
            let of = (0..)
                .zip(cores)
                .map(|(n, cores)| Node {
                    traits: traits_of(n).into(),
                    ..node(&format!("n{n}"), *cores, *cores)
                })
                .collect();
            nodes.insert(name, of);
        }
        let mut world = World::new(vec![queue("dev", 1)], clusters);
        for (name, nodes) in &nodes {
            world.nodes(name, nodes);
        }
        Self {
            world,
            nodes,
            running: Vec::new(),
            starts: BTreeMap::new(),
            made: 0,
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Submit {
                executors,
                cores,
                gib,
                priority,
                kind,
            } => {
                self.made += 1;
                let [driver_constraints, executor_constraints] = asks(*kind);
                let demand = Demand {
                    driver: pod(1, 1),
                    executor: pod(*cores, *gib),
                    executors: *executors,
                    driver_constraints,
                    executor_constraints,
                };
                let name = format!("job-{}-{kind}", self.made);
                let mut entry = self.world.entry(&name, "dev", demand);
                entry.priority = *priority;
                self.world.backlog.insert(&entry);
            }
            Step::Cycle => self.cycle(),
            Step::Wait(ms) => {
                self.world.mono += Duration::from_millis(*ms);
                self.tell();
            }
            Step::Bind { job, pods } => self.bind(*job, *pods),
            Step::End(job) => {
                if !self.running.is_empty() {
                    let job = self.running.remove(job % self.running.len());
                    self.world.router.released(&id(&job.id));
                    self.tell();
                }
            }
            Step::PickedUp(job) => {
                let count = self.running.len().max(1);
                if let Some(job) = self.running.get_mut(job % count) {
                    job.pending = false;
                    self.world.router.picked_up(&id(&job.id));
                }
            }
        }
    }

    fn requested(&self, cluster: &str) -> Vec<Resources> {
        let mut requested = vec![Resources::default(); self.nodes[cluster].len()];
        for job in self.running.iter().filter(|job| job.cluster == cluster) {
            for (pod, node) in job.bound.iter().enumerate() {
                let need = if pod == 0 {
                    &job.demand.driver
                } else {
                    &job.demand.executor
                };
                requested[*node] = requested[*node].plus(need);
            }
        }
        requested
    }

    /// Binds as kube-scheduler might, which isn't what the router planned: each pod to the first node with room.
    fn bind(&mut self, job: usize, pods: u32) {
        let count = self.running.len().max(1);
        let Some(running) = self.running.get(job % count) else {
            return;
        };
        let cluster = running.cluster.clone();
        for _ in 0..pods {
            let requested = self.requested(&cluster);
            let job = &mut self.running[job % count];
            if job.bound.len() > job.demand.executors as usize {
                break;
            }
            let need = if job.bound.is_empty() {
                &job.demand.driver
            } else {
                &job.demand.executor
            };
            let (kind, driver) = (kind_of(&job.id), job.bound.is_empty());
            let mut nodes = self.nodes[&cluster].iter().zip(&requested).enumerate();
            let room = nodes.position(|(n, (node, requested))| {
                may(kind, driver, n) && need.fits(&node.allocatable.minus(requested))
            });
            job.bound.extend(room);
        }
        self.tell();
    }

    fn tell(&mut self) {
        for (name, nodes) in &self.nodes {
            let requested = self.requested(name);
            let nodes: Vec<Node> = nodes
                .iter()
                .zip(requested)
                .map(|(node, requested)| Node {
                    requested,
                    ..node.clone()
                })
                .collect();
            let bound: Vec<(String, Resources)> = self
                .running
                .iter()
                .filter(|job| job.cluster == *name && !job.bound.is_empty())
                .map(|job| {
                    let executors = job.demand.executor.times(job.bound.len() as u64 - 1);
                    (
                        id(&job.id).object_name(Attempt(1)),
                        job.demand.driver.plus(&executors),
                    )
                })
                .collect();
            let now = self.world.mono;
            self.world
                .router
                .set_capacity(&cluster_name(name), &nodes, &bound, now);
        }
    }

    fn cycle(&mut self) {
        let cycle = self.world.cycle();
        for decision in &cycle.placements {
            let cluster = decision.cluster.to_string();
            let (demand, kind) = (&decision.entry.demand, kind_of(decision.entry.id.as_str()));
            let empty: Vec<Resources> = self.nodes[&cluster]
                .iter()
                .map(|n| n.allocatable.clone())
                .collect();
            let holds = fits(demand, &empty, |driver, node| may(kind, driver, node));
            assert!(holds, "{} isn't allowed on {cluster}", decision.entry.id);
            self.starts
                .entry(cluster.clone())
                .or_default()
                .push(self.world.mono);
            self.running.push(Running {
                id: decision.entry.id.to_string(),
                cluster,
                demand: decision.entry.demand.clone(),
                bound: Vec::new(),
                pending: true,
            });
        }
        self.nothing_is_exceeded();
        self.nobody_waits_in_vain(&cycle);
    }

    fn nothing_is_exceeded(&self) {
        for (i, (name, nodes)) in self.nodes.iter().enumerate() {
            let here = || self.running.iter().filter(|job| job.cluster == *name);
            let total = here().fold(Resources::default(), |sum, job| sum.plus(&job.demand.total()));
            let has = nodes
                .iter()
                .fold(Resources::default(), |sum, node| sum.plus(&node.allocatable));
            assert!(total.fits(&has), "{name} has {has:?} and runs {total:?}");
            assert!(here().count() as u64 <= MAX_LIVE);
            assert!(here().filter(|job| job.pending).count() <= MAX_PENDING as usize);
            if let (0, Some(starts)) = (i, self.starts.get(name)) {
                for (n, start) in starts.iter().enumerate() {
                    let since = self.world.mono - *start;
                    let earned = since.as_millis() * u128::from(PER_MINUTE) / 60_000;
                    assert!((starts.len() - n) as u128 <= u128::from(BURST) + earned);
                }
            }
        }
    }

    /// Every one that was considered and waits is refused by each cluster, by a judge that counts for itself.
    fn nobody_waits_in_vain(&self, cycle: &Cycle) {
        for waiting in &cycle.waiting {
            let demand = self.world.backlog.get(&waiting.id).unwrap().demand;
            let clusters = waiting
                .why
                .refusals
                .iter()
                .map(|refusal| refusal.cluster.to_string());
            assert!(
                clusters.eq(self.nodes.keys().cloned()),
                "a reason for every cluster"
            );
            for view in &self.world.router.views {
                let name = view.name.as_str();
                let here = || self.running.iter().filter(|job| job.cluster == name);
                let closed = here().count() as u64 >= MAX_LIVE
                    || here().filter(|job| job.pending).count() >= MAX_PENDING as usize
                    || (name == "c0"
                        && waiting.why.refusals.iter().any(|r| {
                            r.cluster == view.name && matches!(r.cause, crate::routing::Cause::Pace { .. })
                        }));
                let may = |driver, node| may(kind_of(waiting.id.as_str()), driver, node);
                let room = demand.total().fits(&view.rooms.free())
                    && fits(&demand, &view.rooms.each(), may)
                    && self.is_certain(name, &demand, may);
                assert!(closed || !room, "{} waits though {name} has room", waiting.id);
            }
        }
    }
}

fn shapes() -> impl Strategy<Value = Vec<Vec<u64>>> {
    prop::collection::vec(prop::collection::vec(1u64..17, 1..5), 1..4)
}

proptest! {
    #[test]
    fn nothing_is_exceeded_and_nobody_waits_in_vain(
        shapes in shapes(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut outside = Outside::new(&shapes);
        for step in &steps {
            outside.take(step);
        }
        outside.cycle();
    }

    #[test]
    fn the_same_calls_give_the_same_cycles(
        shapes in shapes(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let run = || {
            let mut outside = Outside::new(&shapes);
            for step in &steps {
                outside.take(step);
            }
            let jobs: Vec<(String, String)> =
                outside.running.iter().map(|job| (job.id.clone(), job.cluster.clone())).collect();
            let waits: Vec<String> = outside.world.cycle().waiting.iter().map(|w| w.message()).collect();
            (jobs, waits)
        };
        prop_assert_eq!(run(), run());
    }
}

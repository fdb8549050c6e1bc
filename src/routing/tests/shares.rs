//! Saturated queues over hours of virtual time: what each uses of the clusters, against its weight.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::harness::*;
use super::simulation::Simulation;
use crate::model::Demand;
use crate::routing::QueueSettings;

const WEIGHTS: [(&str, u32); 3] = [("seventy", 70), ("twenty", 20), ("ten", 10)];
const CORES: u64 = 20 * 16 + 10 * 32;
const HOURS: u64 = 3;
/// Of a mean share, and of a share at any time beside what three of the largest jobs make.
const TOLERANCE: f64 = 0.02;

/// Executors, cores of each, seconds that it runs.
type Kind = (u32, u64, u64);

/// What the jobs of all queues are like, in turn.
fn any_kinds(executors: std::ops::Range<u32>) -> impl Strategy<Value = Vec<Kind>> {
    prop::collection::vec((executors, 1u64..4, 60u64..600), 40..80)
}

/// As much memory per core as the nodes have half of: cores are what all need most of.
fn demand((executors, cores, _): Kind) -> Demand {
    job(executors, cores)
}

fn cores(demand: &Demand) -> f64 {
    demand.total().cpu.0 as f64 / 1000.0
}

/// Shares over time, from the first hour's end on.
#[derive(Debug, Default)]
struct Shares {
    /// Time by what each queue has of what is in use.
    area: [f64; 3],
    /// Time by what is in use of what there is.
    in_use: f64,
    /// The furthest that each was from its weight.
    furthest: [f64; 3],
    time: f64,
}

impl Shares {
    fn note(&mut self, used: [f64; 3], lasted: Duration) {
        self.time += lasted.as_secs_f64();
        self.in_use += used.iter().sum::<f64>() / CORES as f64 * lasted.as_secs_f64();
        for (n, (_, weight)) in WEIGHTS.iter().enumerate() {
            let share = used[n] / used.iter().sum::<f64>();
            self.area[n] += share * lasted.as_secs_f64();
            let off = (share - f64::from(*weight) / 100.0).abs();
            self.furthest[n] = self.furthest[n].max(off);
        }
    }
}

/// The world, and what its jobs use.
struct Saturated<'a> {
    simulation: Simulation,
    kinds: &'a [Kind],
    made: usize,
    /// Queue and cores of each.
    jobs: BTreeMap<String, (usize, f64)>,
    used: [f64; 3],
}

impl<'a> Saturated<'a> {
    fn new(kinds: &'a [Kind]) -> Self {
        let queues = WEIGHTS.iter().map(|(name, weight)| QueueSettings {
            lookahead: 100,
            ..queue(name, *weight)
        });
        let mut simulation = Simulation::new(queues.collect(), vec![cluster("a", 1), cluster("b", 1)]);
        let nodes = |count: u64, cores: u64| -> Vec<_> {
            (0..count)
                .map(|n| node(&format!("n{n}"), cores, cores * 4))
                .collect()
        };
        simulation.binds("a", nodes(20, 16));
        simulation.binds("b", nodes(10, 32));
        Self {
            simulation,
            kinds,
            made: 0,
            jobs: BTreeMap::new(),
            used: [0.0; 3],
        }
    }

    /// More than can start at once wait in each queue.
    fn top_up(&mut self) {
        for (n, (name, _)) in WEIGHTS.iter().enumerate() {
            while self.simulation.world.backlog.count(&queue_name(name)) < 150 {
                let kind = self.kinds[self.made % self.kinds.len()];
                let id = format!("j-{}", self.made);
                self.jobs.insert(id.clone(), (n, cores(&demand(kind))));
                let runs_for = Duration::from_secs(kind.2);
                self.simulation.submit(&id, name, demand(kind), runs_for);
                self.made += 1;
            }
        }
    }

    fn count(&mut self, ended: &[String]) {
        for id in ended {
            let (queue, cores) = self.jobs[id];
            self.used[queue] -= cores;
        }
        for id in std::mem::take(&mut self.simulation.started).into_keys() {
            let (queue, cores) = self.jobs[&id];
            self.used[queue] += cores;
        }
    }

    /// Fills the clusters, whatever number of cycles and of jobs that takes.
    fn fill(&mut self) {
        self.top_up();
        while self.simulation.cycle() > 0 {
            self.count(&[]);
            self.top_up();
        }
    }
}

fn play(kinds: &[Kind]) -> Shares {
    let mut world = Saturated::new(kinds);
    let mut shares = Shares::default();
    let (warm, end) = (Duration::from_secs(3_600), Duration::from_secs(HOURS * 3_600));
    world.fill();
    while world.simulation.world.mono < end {
        let before = world.simulation.world.mono;
        let ended = world.simulation.step(end);
        if before >= warm {
            shares.note(world.used, world.simulation.world.mono - before);
        }
        world.count(&ended);
        world.top_up();
    }
    shares
}

fn check(kinds: &[Kind]) -> Result<(), TestCaseError> {
    let shares = play(kinds);
    let largest = kinds.iter().map(|kind| cores(&demand(*kind))).fold(0.0, f64::max) / CORES as f64;
    let means = shares.area.map(|area| area / shares.time);
    let in_use = shares.in_use / shares.time;
    println!(
        "mean shares {means:.3?} of {in_use:.3}, at most {:.3?} off, the largest job {largest:.3}",
        shares.furthest
    );
    prop_assert!(in_use > 0.9, "{in_use} of the cores are in use");
    for (n, (name, weight)) in WEIGHTS.iter().enumerate() {
        let off = (means[n] - f64::from(*weight) / 100.0).abs();
        prop_assert!(off <= TOLERANCE, "{name}: {means:?} in the mean");
        let most = shares.furthest[n];
        prop_assert!(
            most <= TOLERANCE + 3.0 * largest,
            "{name}: {most} off at some time"
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 0, ..ProptestConfig::with_cases(2) })]

    #[test]
    fn saturated_queues_of_jobs_of_one_size_have_their_shares(kinds in any_kinds(3..4)) {
        let kinds: Vec<Kind> = kinds.iter().map(|kind| (3, 2, kind.2)).collect();
        check(&kinds)?;
    }

    #[test]
    fn saturated_queues_of_jobs_of_many_sizes_have_their_shares(kinds in any_kinds(0..6)) {
        check(&kinds)?;
    }
}

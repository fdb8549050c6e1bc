//! A head that needs a whole cluster starts after its queue's `maxBypass` and the longest running job at most, whatever
//! streams of small ones never end to come.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use super::harness::*;
use super::simulation::Simulation;
use crate::model::Demand;
use crate::routing::Pacing;

const CORES: u64 = 16;
/// Of the small jobs: cores beside the driver's one, seconds.
type Small = (u64, u64);

#[derive(Debug, Clone)]
struct Streams {
    clusters: usize,
    /// Objects a minute, and at once.
    pace: Option<(u32, u32)>,
    max_live: Option<u64>,
    small: Vec<Small>,
    /// In seconds.
    bypass: u64,
    /// When each head comes, in seconds, and how long it runs.
    heads: Vec<(u64, u64)>,
}

fn any_streams() -> impl Strategy<Value = Streams> {
    (
        1usize..4,
        prop::option::weighted(0.4, (select(vec![6u32, 20, 60]), 1u32..4)),
        prop::option::weighted(0.3, 2u64..6),
        prop::collection::vec((0u64..4, 1u64..120), 5..30),
        1u64..200,
        prop::collection::vec((0u64..100, 1u64..60), 1..3),
    )
        .prop_map(|(clusters, pace, max_live, small, bypass, heads)| Streams {
            clusters,
            pace,
            max_live,
            small,
            bypass,
            heads,
        })
}

/// All cores of a node.
fn whole() -> Demand {
    job(1, CORES - 1)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Streams {
    fn simulation(&self) -> Simulation {
        let heads = (0..self.heads.len()).map(|n| {
            let mut queue = queue(&format!("big-{n}"), 1);
            queue.max_bypass = seconds(self.bypass);
            queue
        });
        // Their own patience must not matter to the heads.
        let small = ["small-0", "small-1"].map(|name| {
            let mut queue = queue(name, 3);
            queue.max_bypass = seconds(100_000);
            queue
        });
        let names = ["a", "b", "c"].into_iter().take(self.clusters);
        let clusters = names.clone().map(|name| {
            let mut cluster = cluster(name, 1);
            cluster.limits.max_live = self.max_live;
            if let Some((rate, burst)) = self.pace {
                cluster.pacing = Pacing {
                    submissions_per_minute: Some(rate),
                    burst,
                    max_pending: None,
                };
            }
            cluster
        });
        let mut simulation = Simulation::new(small.into_iter().chain(heads).collect(), clusters.collect());
        names.for_each(|name| simulation.world.nodes(name, &[node("n1", CORES, 1_000)]));
        simulation
    }

    fn longest(&self) -> Duration {
        let all = self
            .small
            .iter()
            .chain(&self.heads)
            .map(|(_, runs_for)| *runs_for);
        seconds(all.max().unwrap_or(0))
    }

    /// So long a cluster that nobody else may use has no token.
    fn token(&self) -> Duration {
        self.pace.map_or(Duration::ZERO, |(rate, _)| {
            Duration::from_secs_f64(60.0 / f64::from(rate))
        })
    }
}

/// Two streams that never end.
struct Refill<'a> {
    small: &'a [Small],
    made: usize,
}

impl Refill<'_> {
    fn top_up(&mut self, simulation: &mut Simulation) {
        for queue in ["small-0", "small-1"] {
            while simulation.world.backlog.count(&queue_name(queue)) < 12 {
                let (cores, runs_for) = self.small[self.made % self.small.len()];
                let demand = job(u32::from(cores > 0), cores);
                simulation.submit(&format!("s-{}", self.made), queue, demand, seconds(runs_for));
                self.made += 1;
            }
        }
    }
}

/// When each head started.
fn play(streams: &Streams) -> Vec<Option<Duration>> {
    let mut simulation = streams.simulation();
    let mut refill = Refill {
        small: &streams.small,
        made: 0,
    };
    let mut coming: Vec<(u64, usize)> = (0..).zip(&streams.heads).map(|(n, (at, _))| (*at, n)).collect();
    coming.sort_unstable();
    let end = seconds(1_000);
    let names: Vec<String> = (0..streams.heads.len()).map(|n| format!("whole-{n}")).collect();
    while simulation.world.mono < end && names.iter().any(|name| !simulation.started.contains_key(name)) {
        refill.top_up(&mut simulation);
        let next = coming.first().map(|(at, _)| seconds(*at));
        if next.is_some_and(|at| at <= simulation.world.mono) {
            let (_, n) = coming.remove(0);
            let runs_for = seconds(streams.heads[n].1);
            simulation.submit(&names[n], &format!("big-{n}"), whole(), runs_for);
            simulation.cycle();
            continue;
        }
        simulation.step(next.unwrap_or(end));
    }
    let started = names.iter().map(|name| simulation.started.get(name));
    started.map(|started| started.map(|(at, _)| *at)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn a_whole_cluster_is_had_after_the_bypass_and_the_longest_running_job(streams in any_streams()) {
        let started = play(&streams);
        // What runs where a head is kept a cluster; where both need the only one, the other head too.
        let bound = seconds(streams.bypass) + streams.longest().max(streams.token());
        for (n, at) in started.iter().enumerate() {
            let came = seconds(streams.heads[n].0);
            let others = streams.heads.iter().enumerate().filter(|(other, _)| *other != n);
            let before = others.map(|(_, (_, runs_for))| seconds(*runs_for)).sum::<Duration>();
            let kept_elsewhere = if streams.clusters < streams.heads.len() {
                before + streams.longest().max(streams.token())
            } else {
                Duration::ZERO
            };
            let Some(at) = at else {
                return Err(TestCaseError::fail(format!("head {n} never started")));
            };
            prop_assert!(
                *at <= came + bound + kept_elsewhere,
                "head {n} came at {came:?} and started at {at:?}, {bound:?} later at most"
            );
        }
    }
}

#[test]
fn room_that_comes_free_as_the_patience_ends_is_the_heads() {
    let streams = Streams {
        clusters: 1,
        pace: None,
        max_live: None,
        small: vec![(1, 60)],
        bypass: 60,
        heads: vec![(0, 10)],
    };
    // All that ran when it came ends in the very moment in which its patience does.
    let mut simulation = streams.simulation();
    let mut refill = Refill {
        small: &streams.small,
        made: 0,
    };
    refill.top_up(&mut simulation);
    simulation.cycle();
    simulation.submit("whole-0", "big-0", whole(), seconds(10));
    simulation.cycle();
    refill.top_up(&mut simulation);
    assert_eq!(simulation.step(seconds(1_000)).len(), 8);
    assert_eq!(simulation.started["whole-0"].0, seconds(60));
}

#[test]
fn of_two_heads_each_patience_is_its_own_queues() {
    let mut queues = [queue("patient", 1), queue("hasty", 1), queue("small", 1)];
    queues[0].max_bypass = seconds(500);
    queues[1].max_bypass = seconds(50);
    let mut simulation = Simulation::new(queues.to_vec(), vec![cluster("a", 1)]);
    simulation.world.nodes("a", &[node("n1", CORES, 1_000)]);
    simulation.submit("run", "small", job(1, 1), seconds(10_000));
    simulation.cycle();
    simulation.submit("first", "patient", whole(), seconds(1));
    assert_eq!(simulation.cycle(), 0);
    let change = |simulation: &Simulation| simulation.world.router.next_change(simulation.world.mono);
    assert_eq!(
        change(&simulation),
        Some(seconds(500)),
        "not the shortest of all queues"
    );
    simulation.world.mono = seconds(10);
    simulation.submit("second", "hasty", whole(), seconds(1));
    assert_eq!(simulation.cycle(), 0);
    assert_eq!(change(&simulation), Some(seconds(60)));
    simulation.step(seconds(1_000));
    assert_eq!(simulation.world.mono, seconds(60));
    assert_eq!(change(&simulation), Some(seconds(500)));
}

#[test]
fn one_whose_tokens_another_queue_takes_gets_the_next_one_in_the_end() {
    let mut paced = cluster("a", 1);
    paced.pacing = Pacing {
        submissions_per_minute: Some(6),
        burst: 1,
        max_pending: None,
    };
    let mut queues = [queue("first", 1), queue("second", 1)];
    queues[1].max_bypass = seconds(60);
    let mut simulation = Simulation::new(queues.to_vec(), vec![paced]);
    simulation.world.nodes("a", &[node("n1", CORES, 1_000)]);
    // What it has running keeps its queue from being the next one; the others are gone before the next token.
    simulation.submit("runs", "second", job(0, 0), seconds(10_000));
    simulation.cycle();
    simulation.submit("waits", "second", job(0, 0), seconds(1));
    for n in 0..100 {
        simulation.submit(&format!("short-{n}"), "first", job(0, 0), seconds(1));
    }
    simulation.cycle();
    while !simulation.started.contains_key("waits") && simulation.world.mono < seconds(600) {
        simulation.step(seconds(600));
    }
    assert_eq!(simulation.started["waits"].0, seconds(60));
}

//! What nobody can do where pods are bound to nodes and nothing that runs is stopped: keep a queue as near to its weight as
//! its largest job is large.

use std::time::Duration;

use super::harness::*;
use super::simulation::Simulation;
use crate::model::Demand;

const NODES: usize = 12;
const CORES: u64 = 9;
/// Of a share at any time beside the largest job's, where room has no shape.
const TOLERANCE: f64 = 0.02;

/// One pod.
fn needs(cores: u64) -> Demand {
    Demand {
        driver: pod(cores, cores),
        ..Demand::default()
    }
}

/// Two queues of one weight, each with half of all cores in jobs of three.
fn halves() -> Simulation {
    let queues = vec![queue("short", 50), queue("other", 50)];
    let mut simulation = Simulation::new(queues, vec![cluster("a", 1)]);
    simulation.binds(
        "a",
        (0..NODES).map(|n| node(&format!("n{n}"), CORES, 64)).collect(),
    );
    for n in 0..NODES * 3 / 2 {
        for name in ["short", "other"] {
            let id = format!("{name}-{n}");
            simulation.submit(&id, name, needs(3), Duration::from_secs(86_400));
        }
    }
    while simulation.cycle() > 0 {}
    assert_eq!(simulation.started.len(), NODES * 3);
    simulation
}

fn jobs_of<'a>(simulation: &'a Simulation, queue: &'a str) -> impl Iterator<Item = &'a str> {
    let all = simulation.by_node("a").into_iter().flatten();
    all.filter(move |id| id.starts_with(queue))
}

#[test]
fn a_share_may_fall_by_more_than_the_largest_job_whatever_places() {
    let mut simulation = halves();
    for n in 0..NODES {
        let day = Duration::from_secs(86_400);
        simulation.submit(&format!("short-large-{n}"), "short", needs(4), day);
        simulation.submit(&format!("other-more-{n}"), "other", needs(3), day);
    }
    assert_eq!(simulation.cycle(), 0);
    // Which of its jobs end first nobody can know when they are placed: of each node one. Of eighteen jobs, three to a node at
    // most, that is six at least, wherever they are.
    let of_it = |jobs: Vec<&str>| {
        jobs.into_iter()
            .find(|id| id.starts_with("short"))
            .map(str::to_owned)
    };
    let ending: Vec<String> = simulation.by_node("a").into_iter().filter_map(of_it).collect();
    assert!(ending.len() >= NODES / 2);
    for id in &ending {
        simulation.end(id);
    }

    // No node has the four cores that each of its waiting jobs needs, and each is as full as what others have leaves it.
    let on_nodes = simulation.by_node("a").into_iter();
    assert!(
        on_nodes
            .map(|jobs| jobs.len() as u64 * 3)
            .all(|used| CORES - used < 4)
    );
    let [short, other] = ["short", "other"].map(|queue| jobs_of(&simulation, queue).count() as f64);
    assert_eq!(other, 18.0, "nobody else takes what came free");
    let share = short / (short + other);
    let largest = 4.0 / (NODES as f64 * CORES as f64);
    assert!(
        0.5 - share > TOLERANCE + largest,
        "{share}, and the largest job {largest}"
    );

    // What came free is for it: with one more end beside it, it has room for one.
    let by_node = simulation.by_node("a");
    let beside = by_node.iter().find(|jobs| jobs.len() == 2).unwrap()[0].to_owned();
    simulation.end(&beside);
    assert_eq!(jobs_of(&simulation, "short-large").count(), 1);
}

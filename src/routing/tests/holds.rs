//! A large job starts although small ones never end to come.

use std::time::Duration;

use super::harness::*;
use crate::routing::Node;
use crate::submission::Reason;

const PATIENCE: Duration = Duration::from_secs(60);

/// Clusters `names` of one node of 8 cores, each full with jobs that end one after another, and endless small ones
/// behind.
fn full(names: &[&str], queues: &[&str]) -> World {
    let patient = queues
        .iter()
        .map(|name| {
            let mut queue = queue(name, 1);
            queue.max_bypass = PATIENCE;
            queue
        })
        .collect();
    let clusters = names.iter().map(|name| cluster(name, 1)).collect();
    let mut world = World::new(patient, clusters);
    for name in names {
        world.nodes(name, &[node("n1", 8, 8)]);
    }
    world
}

#[test]
fn a_head_that_was_passed_for_too_long_gets_a_cluster_of_its_own() {
    let mut world = full(&["a"], &["dev", "small"]);
    for n in 0..4 {
        world.submit(&format!("run-{n}"), "small", job(1, 1));
    }
    assert_eq!(world.cycle().placements.len(), 4);
    // Of its own queue: to those of others, one that uses nothing yet would yield nothing at all.
    world.submit("whole", "small", job(1, 7));
    for n in 0..100 {
        world.submit(&format!("next-{n}"), "small", job(1, 1));
    }
    world.cycle();
    world.router.released(&id("run-0"));
    assert_eq!(world.placed().len(), 1, "before its patience ends, others pass");
    world.mono = PATIENCE;
    world.nodes("a", &[node("n1", 8, 8)]);
    world.cycle();
    for name in ["run-1", "run-2", "run-3"] {
        world.router.released(&id(name));
        let cycle = world.cycle();
        assert!(cycle.placements.is_empty(), "kept free");
        let small = cycle.waiting.iter().find(|w| w.id != id("whole")).unwrap();
        assert_eq!(small.reason, Reason::NoCapacity);
        assert_eq!(small.message(), "a: kept free for whole, which has waited longer");
    }
    world.router.released(&id("next-0"));
    assert_eq!(ids(&world.placed()), ["whole"]);
    world.router.released(&id("whole"));
    assert_eq!(world.placed().len(), 4, "the hold has ended");
}

#[test]
fn two_heads_hold_two_clusters_and_do_not_block_each_other() {
    let mut world = full(&["a", "b"], &["one", "two", "small"]);
    for n in 0..8 {
        world.submit(&format!("run-{n}"), "small", job(1, 1));
    }
    assert_eq!(world.cycle().placements.len(), 8);
    world.submit("first", "one", job(1, 7));
    world.submit("second", "two", job(1, 7));
    world.cycle();
    world.mono = PATIENCE;
    for name in ["a", "b"] {
        world.router.still_current(&cluster_name(name), PATIENCE);
    }
    world.cycle();
    for n in 0..8 {
        world.router.released(&id(&format!("run-{n}")));
    }
    let placed = world.placed();
    let mut clusters: Vec<&str> = placed.iter().map(|(_, cluster)| cluster.as_str()).collect();
    clusters.sort_unstable();
    assert_eq!(clusters, ["a", "b"]);
}

#[test]
fn a_hold_ends_with_its_holder_or_its_cluster() {
    let mut world = full(&["a"], &["dev", "small"]);
    world.submit("run", "small", job(1, 1));
    world.cycle();
    world.submit("whole", "dev", job(1, 7));
    world.cycle();
    world.mono = PATIENCE;
    world.cycle();
    world.submit("next", "small", job(1, 1));
    assert!(world.placed().is_empty(), "held");
    assert!(world.backlog.remove(&id("whole")));
    assert_eq!(ids(&world.placed()), ["next"]);
}

#[test]
fn one_behind_the_holder_is_told_of_the_hold_though_it_is_of_the_same_shape() {
    let mut world = full(&["a"], &["dev", "small"]);
    world.submit("run", "small", job(1, 1));
    world.cycle();
    world.submit("whole", "dev", job(1, 7));
    world.submit("whole-2", "dev", job(1, 7));
    world.cycle();
    world.mono = PATIENCE;
    world.nodes("a", &[node("n1", 8, 8)]);
    world.cycle();
    let cycle = world.cycle();
    let told = |name: &str| cycle.waiting.iter().find(|w| w.id == id(name)).unwrap().message();
    assert_ne!(told("whole"), told("whole-2"));
    assert_eq!(told("whole-2"), "a: kept free for whole, which has waited longer");
}

#[test]
fn a_cluster_is_held_only_while_strangers_leave_room_there() {
    let mut world = full(&["a", "b"], &["one", "small"]);
    for n in 0..16 {
        world.submit(&format!("run-{n}"), "small", job(0, 0));
    }
    assert_eq!(world.cycle().placements.len(), 16);
    world.submit("whole", "one", job(1, 7));
    world.cycle();
    let held = |world: &World| {
        let cluster = world.router.holds.of(&id("whole"));
        cluster.map(ToString::to_string)
    };
    world.mono = PATIENCE;
    let mut shared = node("n1", 8, 8);
    world.nodes("a", &[shared.clone()]);
    world.nodes("b", &[node("n1", 8, 8)]);
    world.cycle();
    assert_eq!(held(&world).as_deref(), Some("a"));
    // Nobody knows when it ends.
    (shared.requested, shared.strangers) = (pod(1, 1), pod(1, 1));
    world.nodes("a", &[shared]);
    world.cycle();
    world.cycle();
    assert_eq!(held(&world).as_deref(), Some("b"));
}

#[test]
fn pods_of_ours_that_are_still_ending_are_no_strangers_to_a_hold() {
    let mut world = full(&["a"], &["one", "small"]);
    for n in 0..8 {
        world.submit(&format!("run-{n}"), "small", job(0, 0));
    }
    assert_eq!(world.cycle().placements.len(), 8);
    world.submit("whole", "one", job(1, 7));
    world.cycle();
    world.mono = PATIENCE;
    world.router.still_current(&cluster_name("a"), PATIENCE);
    world.cycle();
    let a = cluster_name("a");
    assert_eq!(world.router.holds.of(&id("whole")), Some(&a));
    world.router.released(&id("run-0"));
    let mut ending = node("n1", 8, 8);
    ending.requested = pod(1, 1);
    let name = id("run-0").object_name(crate::model::Attempt(1));
    world
        .router
        .set_capacity(&a, &[ending], &[(name, pod(1, 1))], world.mono);
    world.cycle();
    assert_eq!(world.router.holds.of(&id("whole")), Some(&a));
}

/// Six cores are free in all, on no node four of them.
#[test]
fn a_cluster_is_not_held_where_strangers_leave_rests_alone() {
    let mut world = full(&["a"], &["one", "small"]);
    let shared = ["n1", "n2"].map(|name| Node {
        requested: pod(1, 1),
        strangers: pod(1, 1),
        ..node(name, 4, 4)
    });
    world.nodes("a", &shared);
    world.submit("wide", "one", job(1, 4));
    assert!(world.placed().is_empty());
    world.submit("small-0", "small", job(0, 0));
    assert_eq!(ids(&world.placed()), ["small-0"], "it is passed");
    world.mono = PATIENCE;
    world.nodes("a", &shared);
    world.submit("small-1", "small", job(0, 0));
    assert_eq!(ids(&world.placed()), ["small-1"]);
    assert_eq!(world.router.holds.of(&id("wide")), None);
}

//! Parties that use the same quota as we do: what is theirs may never come free.

use std::time::Duration;

use super::harness::*;
use crate::model::Attempt;
use crate::routing::{CapacitySource, ClusterSettings, Pool};

/// What was counted is remembered for so long.
const LAG: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(60);

/// The quota has 100 cores, of which so many are free; all jobs of `ours` have ten each.
fn told(world: &mut World, free: u64, ours: &[&str]) {
    let cores = |n: u64| [("cpu".to_owned(), n * 1000)].into();
    let quota = Pool {
        name: "q".into(),
        total: cores(100),
        free: cores(free),
    };
    let counted: Vec<_> = ours
        .iter()
        .map(|name| (id(name).object_name(Attempt(1)), job(1, 9).total()))
        .collect();
    let a = cluster_name("a");
    world
        .router
        .set_pools(&a, CapacitySource::Quota, &[quota], &counted, world.mono);
}

#[test]
fn a_cluster_is_held_only_while_others_leave_room_in_its_quota() {
    let mut patient = queue("dev", 1);
    patient.max_bypass = PATIENCE;
    let shared = ClusterSettings {
        sources: vec![CapacitySource::Quota],
        ..cluster("a", 1)
    };
    let mut world = World::new(vec![patient], vec![shared]);
    told(&mut world, 30, &[]);
    world.submit("wide", "dev", job(1, 39));
    world.submit("next-0", "dev", job(1, 9));
    assert_eq!(ids(&world.placed()), ["next-0"]);
    world.mono = PATIENCE;
    // The others have 70.
    told(&mut world, 20, &["next-0"]);
    world.submit("next-1", "dev", job(1, 9));
    assert_eq!(ids(&world.placed()), ["next-1"]);
    // They leave 15 of them.
    told(&mut world, 25, &["next-0", "next-1"]);
    world.submit("next-2", "dev", job(1, 9));
    assert!(world.placed().is_empty());
    assert!(world.router.holds.of(&id("wide")).is_some());
    // One of ours ends, and the quota lags behind its pods.
    world.router.released(&id("next-0"));
    told(&mut world, 25, &["next-1"]);
    assert!(world.placed().is_empty());
    world.mono += LAG;
    told(&mut world, 35, &["next-1"]);
    assert!(world.placed().is_empty());
    // They take them again.
    world.mono += LAG;
    told(&mut world, 20, &["next-1"]);
    assert_eq!(ids(&world.placed()), ["next-2"]);
    assert!(world.router.holds.of(&id("wide")).is_none());
}

//! What was said of a cluster's capacity counts for a minute, and for as long as its watches stand.

use std::time::Duration;

use super::harness::*;
use crate::routing::{CapacitySource, Pool};
use crate::submission::Reason;

/// A second goes by so many times, and each time the watches are said to be up.
fn ticks(world: &mut World, seconds: u64) {
    for _ in 0..seconds {
        world.mono += Duration::from_secs(1);
        world.router.still_current(&cluster_name("a"), world.mono);
    }
}

#[test]
fn what_was_said_before_an_outage_grows_old_until_it_is_said_again() {
    let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1)]);
    world.nodes("a", &[node("n1", 8, 8)]);
    ticks(&mut world, 120);
    world.submit("before", "dev", job(1, 1));
    assert_eq!(
        ids(&world.placed()),
        ["before"],
        "the watches stand, and nothing has changed"
    );

    // The watches break, and are back: of the nodes nothing is heard.
    world.router.out_of_sight(&cluster_name("a"));
    ticks(&mut world, 61);
    world.submit("after", "dev", job(1, 1));
    let waiting = world.cycle().waiting;
    assert_eq!(waiting[0].reason, Reason::ClusterUnhealthy);
    assert_eq!(
        waiting[0].message(),
        "a: its capacity by nodes was read 61 s ago, which is more than 60 s"
    );

    world.nodes("a", &[node("n1", 8, 8)]);
    ticks(&mut world, 120);
    assert_eq!(ids(&world.placed()), ["after"]);
}

#[test]
fn a_quota_that_was_not_listed_again_grows_old_though_the_nodes_were() {
    let mut settings = cluster("a", 1);
    settings.sources = vec![CapacitySource::Nodes, CapacitySource::Quota];
    let mut world = World::new(vec![queue("dev", 1)], vec![settings]);
    let quota = Pool {
        name: "room".into(),
        ..Pool::default()
    };
    let tell = |world: &mut World| {
        let (a, at) = (cluster_name("a"), world.mono);
        let quotas = std::slice::from_ref(&quota);
        world.router.set_pools(&a, CapacitySource::Quota, quotas, &[], at);
    };
    world.nodes("a", &[node("n1", 8, 8)]);
    tell(&mut world);
    world.router.out_of_sight(&cluster_name("a"));
    world.nodes("a", &[node("n1", 8, 8)]);
    ticks(&mut world, 61);
    world.submit("job", "dev", job(1, 1));
    assert_eq!(
        world.cycle().waiting[0].message(),
        "a: its capacity by quota was read 61 s ago, which is more than 60 s"
    );
    tell(&mut world);
    ticks(&mut world, 61);
    assert_eq!(ids(&world.placed()), ["job"]);
}

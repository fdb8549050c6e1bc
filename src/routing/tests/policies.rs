//! Which of several clusters that pass is picked.

use proptest::prelude::*;

use super::harness::*;
use crate::routing::{Cause, Health, Policy};
use crate::submission::Reason;

fn world_with(policy: Policy) -> World {
    let mut settings = queue("dev", 1);
    settings.policy = policy;
    let mut world = World::new(
        vec![settings],
        vec![cluster("a", 30), cluster("b", 60), cluster("c", 10)],
    );
    for (name, cores) in [("a", 20), ("b", 40), ("c", 100)] {
        world.nodes(name, &[node("n1", cores, 1000)]);
    }
    world
}

fn clusters_of(world: &mut World, jobs: usize) -> Vec<String> {
    for n in 0..jobs {
        world.submit(&format!("job-{n}"), "dev", job(1, 1));
    }
    world.placed().into_iter().map(|(_, cluster)| cluster).collect()
}

#[test]
fn weighted_gives_exact_shares() {
    let mut world = world_with(Policy::Weighted);
    assert_eq!(clusters_of(&mut world, 10).concat(), "babbabbabc");
}

#[test]
fn ordered_fills_the_first_before_the_next() {
    let mut world = world_with(Policy::Ordered);
    let clusters = clusters_of(&mut world, 31).concat();
    assert_eq!(clusters, format!("{}{}c", "a".repeat(10), "b".repeat(20)));
}

#[test]
fn binpack_fills_the_fullest_and_least_utilized_the_emptiest() {
    let mut world = world_with(Policy::LeastUtilized);
    // After each placement the next goes where the smallest part is used: of 20, 40 and 100 cores.
    assert_eq!(clusters_of(&mut world, 6).concat(), "abcccb");
    let mut world = world_with(Policy::Binpack);
    assert_eq!(
        clusters_of(&mut world, 12).concat(),
        format!("{}bb", "a".repeat(10))
    );
}

#[test]
fn balanced_closes_the_largest_gap_to_the_weights() {
    let mut world = world_with(Policy::Balanced);
    let mut clusters = clusters_of(&mut world, 10);
    clusters.sort();
    assert_eq!(clusters.concat(), "aaabbbbbbc");
}

#[test]
fn a_closed_cluster_says_why_in_the_others_placement() {
    let mut world = world_with(Policy::Ordered);
    world.router.set_health(
        &cluster_name("a"),
        Health::Unhealthy("the API server answers 401".into()),
    );
    world
        .router
        .set_cordon(&cluster_name("b"), Some("cordoned: upgrade".into()));
    world.submit("job", "dev", job(1, 1));
    let cycle = world.cycle();
    let placement = &cycle.placements[0].placement;
    assert_eq!(placement.cluster, "c");
    assert_eq!(placement.others["a"], "unhealthy: the API server answers 401");
    assert_eq!(placement.others["b"], "cordoned: upgrade");
}

#[test]
fn a_view_that_is_too_old_does_not_count() {
    let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1)]);
    world.submit("job", "dev", job(1, 1));
    let cycle = world.cycle();
    assert_eq!(cycle.waiting[0].why.refusals[0].cause, Cause::NoView);
    world.nodes("a", &[node("n1", 8, 8)]);
    world.mono = std::time::Duration::from_secs(61);
    let cycle = world.cycle();
    assert_eq!(cycle.waiting[0].reason, Reason::ClusterUnhealthy);
    assert_eq!(
        cycle.waiting[0].message(),
        "a: its capacity was read 61 s ago, which is more than 60 s"
    );
    world.router.still_current(&cluster_name("a"), world.mono);
    assert_eq!(ids(&world.placed()), ["job"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn with_room_everywhere_counts_stay_within_one_of_the_weights(
        weights in prop::collection::vec(1u32..100, 2..6),
        jobs in 1usize..80,
    ) {
        let clusters = (0..).zip(&weights).map(|(i, w)| cluster(&format!("c{i}"), *w)).collect();
        let mut world = World::new(vec![queue("dev", 1), queue("prod", 3)], clusters);
        let mut large = node("n1", 10_000, 10_000);
        large.allocatable.pods = 10_000;
        for i in 0..weights.len() {
            world.nodes(&format!("c{i}"), &[large.clone()]);
        }
        for n in 0..jobs {
            world.submit(&format!("job-{n}"), if n % 3 == 0 { "dev" } else { "prod" }, job(1, 1));
        }
        let all: u64 = weights.iter().map(|w| u64::from(*w)).sum();
        let mut tally = vec![0u64; weights.len()];
        for (n, (_, cluster)) in (1u64..).zip(world.placed()) {
            tally[cluster[1..].parse::<usize>().unwrap()] += 1;
            for (count, weight) in tally.iter().zip(&weights) {
                prop_assert!((count * all).abs_diff(n * u64::from(*weight)) < all);
            }
        }
    }
}

#[test]
fn the_next_attempt_goes_to_another_cluster_if_one_fits() {
    let mut world = world_with(Policy::Ordered);
    world.submit("job", "dev", job(1, 1));
    let id = "job".parse().unwrap();
    world.router.prefer_another(&id, cluster_name("a"));
    assert_eq!(world.placed()[0].1, "b");

    let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1)]);
    world.nodes("a", &[node("n1", 20, 1000)]);
    world.submit("job", "dev", job(1, 1));
    let id = "job".parse().unwrap();
    world.router.prefer_another(&id, cluster_name("a"));
    assert_eq!(world.placed()[0].1, "a", "there is no other");
}

#[test]
fn a_placement_tells_what_its_policy_compared() {
    let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1), cluster("b", 3)]);
    world.nodes("a", &[node("n1", 8, 8)]);
    world.mono = std::time::Duration::from_secs(3);
    world.nodes("b", &[node("n1", 16, 16)]);
    for n in 0..2 {
        world.submit(&format!("job-{n}"), "dev", job(1, 2));
    }
    world.mono = std::time::Duration::from_secs(5);
    let cycle = world.cycle();
    let placement = &cycle.placements[1].placement;
    assert_eq!(
        (placement.cluster.as_str(), placement.view_age_ms),
        ("b", Some(2000))
    );
    assert_eq!(placement.others["a"], "has room; weighted chose b");
    let [b, a] = placement.candidates.as_slice() else {
        panic!("{placement:?}");
    };
    assert_eq!((b.cluster.as_str(), b.weight, b.placed, b.live), ("b", 3, 1, 1));
    assert_eq!(b.free.as_ref().map(|free| free.cpu.0), Some(13_000));
    assert_eq!(b.capacity.as_ref().map(|all| all.cpu.0), Some(16_000));
    assert_eq!(
        (a.cluster.as_str(), a.placed, a.view_age_ms),
        ("a", 0, Some(5000))
    );
}

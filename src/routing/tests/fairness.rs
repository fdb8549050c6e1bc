//! Queues get room by their weights.

use proptest::prelude::*;

use super::harness::*;
use super::reference::filling;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn saturated_queues_are_filled_as_the_papers_progressive_filling_fills_them(
        queues in prop::collection::vec((1u64..20, 0u64..6), 2..5),
        cores in 20u64..200,
    ) {
        let weights: Vec<u64> = queues.iter().map(|(weight, _)| *weight).collect();
        // A driver of one core and an executor of so many.
        let costs: Vec<u64> = queues.iter().map(|(_, executor)| 1 + executor).collect();
        let settings = (0..)
            .zip(&weights)
            .map(|(i, weight)| queue(&format!("q{i}"), u32::try_from(*weight).unwrap()))
            .collect();
        let mut world = World::new(settings, vec![cluster("a", 1)]);
        let mut big = node("n1", cores, 1_000_000);
        big.allocatable.pods = 1_000_000;
        world.nodes("a", &[big]);
        for (i, cost) in costs.iter().enumerate() {
            for n in 0..200 {
                world.submit(&format!("q{i}-{n}"), &format!("q{i}"), job(u32::from(*cost > 1), cost - 1));
            }
        }
        world.cycle();
        let live: Vec<u64> = (0..costs.len())
            .map(|i| world.router.live_of(&queue_name(&format!("q{i}"))))
            .collect();
        let expected: Vec<u64> = filling(&weights, &costs, cores).into_iter().map(|n| n.min(200)).collect();
        prop_assert_eq!(live, expected);
    }
}

#[test]
fn what_one_queue_leaves_idle_the_other_takes_and_gives_back_as_jobs_end() {
    let mut world = World::new(vec![queue("dev", 1), queue("prod", 9)], vec![cluster("a", 1)]);
    world.nodes("a", &[node("n1", 100, 1000)]);
    for n in 0..100 {
        world.submit(&format!("dev-{n}"), "dev", job(0, 0));
    }
    world.cycle();
    assert_eq!(world.router.live_of(&queue_name("dev")), 100);
    for n in 0..200 {
        world.submit(&format!("prod-{n}"), "prod", job(0, 0));
        world.submit(&format!("more-{n}"), "dev", job(0, 0));
    }
    for n in 0..100 {
        world.router.released(&id(&format!("dev-{n}")));
        world.cycle();
    }
    let live = |name: &str| world.router.live_of(&queue_name(name));
    assert_eq!((live("dev"), live("prod")), (10, 90));
}

#[test]
fn a_queue_gets_back_what_others_borrowed_though_its_jobs_are_larger_than_theirs() {
    let mut world = World::new(vec![queue("small", 1), queue("large", 1)], vec![cluster("a", 1)]);
    world.nodes("a", &[node("n1", 8, 8)]);
    for n in 0..20 {
        world.submit(&format!("small-{n}"), "small", job(0, 0));
    }
    assert_eq!(world.cycle().placements.len(), 8);
    world.submit("large-0", "large", job(1, 3));
    world.submit("large-1", "large", job(1, 3));
    for n in 0..3 {
        world.router.released(&id(&format!("small-{n}")));
        let cycle = world.cycle();
        assert!(cycle.placements.is_empty(), "{:?}", cycle.placements);
        let small = cycle
            .waiting
            .iter()
            .find(|told| told.queue == queue_name("small"));
        assert_eq!(
            small.unwrap().message(),
            "a: kept for job queue large, which waits for room below its share; this one has its own or more"
        );
    }
    world.router.released(&id("small-3"));
    assert_eq!(ids(&world.placed()), ["large-0"]);
    // Both have their shares now.
    world.router.released(&id("small-4"));
    assert_eq!(ids(&world.placed()), ["small-8"]);
}

/// Half of the node is a stranger's, for as long as it likes.
#[test]
fn nothing_is_kept_for_a_queue_where_strangers_leave_no_room_for_its_job() {
    let mut world = World::new(vec![queue("small", 1), queue("large", 1)], vec![cluster("a", 1)]);
    let mut shared = node("n1", 8, 8);
    (shared.requested, shared.strangers) = (pod(5, 5), pod(5, 5));
    world.nodes("a", &[shared]);
    for n in 0..20 {
        world.submit(&format!("small-{n}"), "small", job(0, 0));
    }
    assert_eq!(world.cycle().placements.len(), 3);
    world.submit("large", "large", job(1, 3));
    for n in 0..5 {
        world.router.released(&id(&format!("small-{n}")));
        assert_eq!(ids(&world.placed()), [format!("small-{}", n + 3)]);
    }
}

#[test]
fn executors_that_were_added_later_count_as_use() {
    let mut world = World::new(vec![queue("dev", 1), queue("prod", 1)], vec![cluster("a", 1)]);
    world.nodes("a", &[node("n1", 20, 1000)]);
    world.submit("grown", "dev", job(1, 1));
    world.cycle();
    let mut grown = pod(10, 10);
    grown.pods = 10;
    let mut busy = node("n1", 20, 1000);
    busy.requested = grown.clone();
    let name = id("grown").object_name(crate::model::Attempt(1));
    let a = cluster_name("a");
    world
        .router
        .set_capacity(&a, &[busy], &[(name, grown)], world.mono);
    for n in 0..20 {
        world.submit(&format!("dev-{n}"), "dev", job(0, 0));
        world.submit(&format!("prod-{n}"), "prod", job(0, 0));
    }
    let placed = world.placed();
    // The other queue has nothing yet, so it takes all ten cores that are left until both use ten.
    assert!(ids(&placed).iter().all(|id| id.starts_with("prod")), "{placed:?}");
    assert_eq!(placed.len(), 9 + 1);
}

/// Else nobody would have its share, and nobody be short of it.
#[test]
fn a_queue_none_of_whose_jobs_may_ever_go_leaves_its_part_to_the_others() {
    // Too large for the cluster, and for what strangers leave of it.
    for never in [200, 101] {
        let queues = vec![queue("prod", 90), queue("small", 5), queue("large", 5)];
        let mut world = World::new(queues, vec![cluster("a", 1)]);
        let mut shared = node("n1", 110, 1000);
        (shared.requested, shared.strangers) = (pod(10, 1), pod(10, 1));
        world.nodes("a", &[shared]);
        world.submit("never", "prod", job(1, never));
        world.submit("large-0", "large", job(1, 5));
        world.cycle();
        for n in 0..200 {
            world.submit(&format!("small-{n}"), "small", job(0, 0));
        }
        assert_eq!(world.cycle().placements.len(), 94);
        world.submit("large-1", "large", job(1, 9));
        for n in 0..9 {
            world.router.released(&id(&format!("small-{n}")));
            assert!(
                world.placed().is_empty(),
                "kept for the other, which has 6 of 100"
            );
        }
        world.router.released(&id("small-9"));
        assert_eq!(ids(&world.placed()), ["large-1"]);
    }
}

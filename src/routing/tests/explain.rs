//! Explaining a submission tells what placing it would do, and does nothing.

use proptest::prelude::*;

use super::harness::*;
use crate::backlog::Backlog;
use crate::routing::{ClusterSettings, Health, Policy};

const POLICIES: [Policy; 5] = [
    Policy::Weighted,
    Policy::Balanced,
    Policy::LeastUtilized,
    Policy::Binpack,
    Policy::Ordered,
];

/// What a cluster is like: the cores of its two nodes, its limits, and whether it is open, cordoned or ill.
type Kind = (u64, Option<u64>, Option<u32>, u8);

fn kind() -> impl Strategy<Value = Kind> {
    let live = prop::option::of(1u64..6);
    let pending = prop::option::of(1u32..6);
    (1u64..24, live, pending, 0u8..6)
}

fn settings(number: u32, (_, live, pending, _): &Kind) -> ClusterSettings {
    let mut settings = cluster(&format!("c{number}"), number);
    settings.limits.max_live = *live;
    settings.pacing.max_pending = *pending;
    settings.pacing.submissions_per_minute = (number == 2).then_some(3);
    settings
}

fn world(policy: Policy, kinds: &[Kind]) -> World {
    let mut dev = queue("dev", 1);
    dev.policy = policy;
    let clusters = (1..).zip(kinds).map(|(i, kind)| settings(i, kind)).collect();
    let mut world = World::new(vec![dev], clusters);
    for (i, (cores, _, _, state)) in (1..).zip(kinds) {
        let name = format!("c{i}");
        world.nodes(&name, &[node("n1", *cores, 64), node("n2", *cores, 64)]);
        match state {
            0 => world
                .router
                .set_cordon(&cluster_name(&name), Some("cordoned: later".into())),
            1 => world
                .router
                .set_health(&cluster_name(&name), Health::Unhealthy("401".into())),
            _ => {}
        }
    }
    world
}

proptest! {
    // Ten jobs on average in each: more than 10,000 answers.
    #![proptest_config(ProptestConfig::with_cases(1_200))]
    #[test]
    fn explain_and_the_scheduler_agree_and_explaining_changes_nothing(
        policy in prop::sample::select(&POLICIES[..]),
        kinds in prop::collection::vec(kind(), 1..5),
        jobs in prop::collection::vec((0u32..4, 1u64..10), 6..16),
    ) {
        let mut world = world(policy, &kinds);
        for (n, (executors, size)) in jobs.into_iter().enumerate() {
            let entry = world.entry(&format!("job-{n}"), "dev", job(executors, size));
            let before = format!("{:?}", world.router);
            let told = world.router.explain(&entry, world.now());
            prop_assert_eq!(before, format!("{:?}", world.router));
            // Alone in the backlog, it is its turn.
            world.backlog = Backlog::new();
            world.backlog.insert(&entry);
            let cycle = world.cycle();
            prop_assert_eq!(told.placement.as_ref(), cycle.placements.first().map(|d| &d.placement));
            prop_assert_eq!(told.reason, cycle.waiting.first().map(|w| w.reason));
            if let Some(waiting) = cycle.waiting.first() {
                prop_assert_eq!(told.why.message(), waiting.message());
            }
        }
    }
}

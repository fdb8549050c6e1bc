//! Explaining a submission tells what placing it would do, and does nothing.

use proptest::prelude::*;

use super::harness::*;

proptest! {
    #[test]
    fn explain_and_the_scheduler_agree_and_explaining_changes_nothing(
        cores in prop::collection::vec(1u64..24, 1..4),
        jobs in prop::collection::vec((0u32..4, 1u64..10), 1..12),
    ) {
        let clusters = (1..).zip(&cores).map(|(i, _)| cluster(&format!("c{i}"), i)).collect();
        let mut world = World::new(vec![queue("dev", 1)], clusters);
        for (i, cores) in (1..).zip(&cores) {
            world.nodes(&format!("c{i}"), &[node("n1", *cores, 64), node("n2", *cores, 64)]);
        }
        for (n, (executors, size)) in jobs.into_iter().enumerate() {
            let entry = world.entry(&format!("job-{n}"), "dev", job(executors, size));
            let before = format!("{:?}", world.router);
            let told = world.router.explain(&entry, world.now());
            prop_assert_eq!(before, format!("{:?}", world.router));
            // Alone in the backlog, it is its turn.
            world.backlog = crate::backlog::Backlog::new();
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

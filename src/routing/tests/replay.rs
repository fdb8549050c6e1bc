//! A recorded cycle, read back and decided once more, gives what was recorded.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use super::explain::worlds::*;
use super::harness::*;
use crate::routing::{RecordedCycle, replay};

/// A cycle, recorded, and the same by what was written of it; how many it placed.
fn cycle_twice(world: &mut World, most: usize) -> usize {
    let (cycle, recorded) = world.router.recorded_cycle(&world.backlog, world.now(), most);
    let written = serde_json::to_string(&recorded).unwrap();
    let read: RecordedCycle = serde_json::from_str(&written).unwrap();
    assert_eq!(read, recorded);
    let placed: Vec<_> = cycle
        .placements
        .iter()
        .map(|decision| (decision.entry.id.clone(), decision.cluster.clone()))
        .collect();
    assert_eq!(replay(&read), placed, "{written}");
    for decision in &cycle.placements {
        let entry = &decision.entry;
        world
            .backlog
            .known_gone(&entry.id, &entry.incarnation, entry.version.next(), world.mono);
    }
    placed.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_recorded_cycle_decided_once_more_places_what_was_recorded(
        queues in (any_queue("dev"), any_queue("prod"), any_queue("night")),
        sites in (any_site("a"), any_site("b"), any_site("c"), any_site("d")),
        open in 1usize..5,
        jobs in prop::collection::vec(any_job(), 5..16),
        most in select(vec![1, 3, usize::MAX]),
        pause in 0u64..12,
    ) {
        let sites: Vec<Site> = [sites.0, sites.1, sites.2, sites.3].into_iter().take(open).collect();
        let mut world = world_of(vec![queues.0, queues.1, queues.2], &sites);
        for (n, job) in jobs.iter().enumerate() {
            enter(&mut world, job, n);
        }
        while cycle_twice(&mut world, most) > 0 {}
        world.mono += Duration::from_secs(pause);
        while cycle_twice(&mut world, most) > 0 {}
        for n in 0..4 {
            world.router.released(&id(&format!("job-{n}")));
            while cycle_twice(&mut world, most) > 0 {}
        }
    }
}

//! A store that is slow to take what became of many jobs at once: a new one is placed all the same.

use std::time::Duration;

use serde_json::json;
use spark_broker::submission::State;

use crate::alone::alone;
use crate::run::spec;

/// More than there are calls of the store at once.
const JOBS: usize = 150;

/// All that come at once.
const PACING: &str = "{submissionsPerMinute: 6000, burst: 200, maxPending: 200}";

#[test]
fn a_placement_doesnt_wait_behind_what_is_written_of_jobs_that_end_at_once() {
    let bodies = (0..JOBS).map(|n| {
        let mut spec = spec(&format!("ends-{n}"));
        spec["annotations"]["simulated.spark-broker/run-time"] = json!("60s");
        spec.to_string()
    });
    alone(&["dev"], PACING, (20, 64_000), bodies.collect(), async |world| {
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(world.ledger.times().len(), JOBS);
        world.store.slows(State::Succeeded, Duration::from_secs(60));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let ended = |world: &crate::alone::Alone| {
            let records = world.store.records();
            records
                .iter()
                .filter(|record| record.state == State::Succeeded)
                .count()
        };
        let before = ended(world);
        assert!(before < JOBS, "all is written: {before}");
        world.queue.put(spec("new").to_string());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(ended(world), before, "nothing was written meanwhile");
        assert!(world.ledger.submissions().contains(&"new".to_owned()), "it waits");
    });
}

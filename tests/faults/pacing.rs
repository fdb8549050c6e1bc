//! Tokens of a pace are used as they are earned, though nothing else happens that would make the scheduler look up.

use std::time::Duration;

use serde_json::json;

use crate::alone::alone;
use crate::run::spec;

const JOBS: usize = 12;
const PACING: &str = "{submissionsPerMinute: 6, burst: 1, maxPending: 20}";
const BETWEEN: Duration = Duration::from_secs(10);

#[test]
fn a_token_is_used_when_it_is_earned_though_nothing_else_happens() {
    let bodies = (0..JOBS).map(|n| {
        let mut spec = spec(&format!("long-{n}"));
        spec["annotations"]["simulated.spark-broker/run-time"] = json!("1h");
        spec.to_string()
    });
    alone(&["dev"], PACING, (20, 64_000), bodies.collect(), async |world| {
        let all = BETWEEN * u32::try_from(JOBS).unwrap();
        tokio::time::sleep(all + Duration::from_secs(20)).await;
        let times = world.ledger.times();
        assert_eq!(times.len(), JOBS, "no token was left lying");
        for pair in times.windows(2) {
            let gap = pair[1] - pair[0];
            let late = gap.abs_diff(BETWEEN);
            assert!(
                late <= Duration::from_millis(20),
                "{gap:?} between two, {BETWEEN:?} by the pace"
            );
        }
    });
}

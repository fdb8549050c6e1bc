//! A job that claims a cluster for its queue is cancelled: what it kept others from is theirs, though nothing else happens.

use std::time::Duration;

use serde_json::{Value, json};
use spark_broker::ports::queue::SubmissionQueue;
use tokio::time::sleep;

use crate::alone::alone;
use crate::run::spec;

/// Longer than anything takes on its way to a cluster; less than a reservation is kept for.
const A_MINUTE: Duration = Duration::from_secs(60);

/// A job of `queue` that runs for an hour. Its pods are a driver and an executor of one core each.
fn job(id: &str, queue: &str) -> Value {
    let mut spec = spec(id);
    spec["queue"] = json!(queue);
    spec["annotations"]["simulated.spark-broker/run-time"] = json!("1h");
    spec
}

/// One that asks for half a core in all.
fn small(id: &str) -> Value {
    let mut spec = job(id, "full");
    for role in ["driver", "executor"] {
        spec[role]["coreRequest"] = json!("250m");
    }
    spec
}

#[test]
fn what_a_cancelled_job_kept_others_from_is_theirs_though_nothing_else_happens() {
    // Room for two jobs and a half.
    alone(&["full", "short"], "{}", (1, 5_000), Vec::new(), async |world| {
        let mut expected = Vec::new();
        for (body, made) in [
            (job("first", "full"), Some("first")),
            (job("second", "full"), Some("second")),
            (job("claimant", "short"), None),
            // There is room for it, and its queue has more than its share.
            (small("kept-off"), None),
            (json!({"cancel": "claimant"}), Some("kept-off")),
        ] {
            world.queue.send(&body.to_string()).await.unwrap();
            sleep(A_MINUTE).await;
            expected.extend(made.map(str::to_owned));
            expected.sort();
            assert_eq!(world.ledger.submissions(), expected, "after {body}");
        }
    });
}

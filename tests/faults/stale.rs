//! An index goes back to what stood before: nothing comes of it.

use std::time::Duration;

use serde_json::json;
use spark_broker::ports::cluster::Cluster;
use spark_broker::submission::State;
use tokio::time::sleep;

use crate::alone::alone;
use crate::run::spec;

const A_MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_job_that_an_index_shows_as_on_its_way_again_is_not_created_again() {
    let mut job = spec("ended");
    job["annotations"]["simulated.spark-broker/run-time"] = json!("50s");
    let bodies = vec![job.to_string()];
    alone(&["dev"], "{}", (1, 64_000), bodies, async |world| {
        sleep(A_MINUTE / 2).await;
        let (cluster, name, uid) = world.ledger.runs_on("ended").unwrap();
        sleep(A_MINUTE).await;
        assert_eq!(world.store.records()[0].state, State::Succeeded);
        cluster.delete(&name, &uid).await.unwrap();
        world.store.show_again(State::Dispatching);
        sleep(A_MINUTE).await;
        assert!(world.store.shown_again() > 0, "the index was read");
        assert_eq!(world.ledger.times().len(), 1, "one object was made");
        assert_eq!(world.store.records()[0].state, State::Succeeded);
    });
}

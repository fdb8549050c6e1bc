//! Pods whose machines' clocks are minutes apart: the store's time is everybody's.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use spark_broker::app::Parts;
use spark_broker::model::{Clock, SystemClock};

use crate::spine::jobs::Job;
use crate::spine::seen_store::SeenStore;
use crate::spine::world::{Broker, World};

const CLUSTERS: &str = "[{name: a, type: simulated, namespace: jobs, simulated: {nodes: 4, cores: 32}, \
    capacity: {sources: [nodes]}, pacing: {maxPending: 100}}]";
/// What stamps may be wrong by.
const CLOSE: SignedDuration = SignedDuration::from_secs(2);

/// A machine whose clock is wrong.
#[derive(Debug)]
struct Wrong(SignedDuration);

impl Clock for Wrong {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.0
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }
}

async fn parts_of(world: &World, off: SignedDuration) -> Parts {
    let clock = Arc::new(Wrong(off));
    let mut parts = world.parts("[{name: dev}]", CLUSTERS, None, clock).await;
    parts.store = Arc::new(SeenStore::over(Arc::clone(&parts.store)).without_full_reads());
    parts
}

/// One pod schedules, another takes submissions in; their machines' clocks are off by so many minutes.
async fn schedules_for_the_other(scheduling: i64, taking_in: i64) {
    let world = World::start().await;
    let (scheduling, taking_in) = (
        SignedDuration::from_mins(scheduling),
        SignedDuration::from_mins(taking_in),
    );
    let active = Broker::of(parts_of(&world, scheduling).await);
    // Only an active scheduler knows whether clusters take jobs.
    active.all_take(&Job::small("never-sent")).await;
    let mut parts = parts_of(&world, taking_in).await;
    // The active one's stays its own, however slow the machine is.
    parts.lease = Duration::from_secs(3600);
    let metrics = Arc::clone(&parts.metrics);
    let other = Broker::of(parts);

    let jobs: Vec<Job> = (0..5).map(|n| Job::small(format!("apart-{n}"))).collect();
    let begun = SystemClock.now();
    for job in &jobs {
        assert_eq!(other.submit(job).await, 202);
    }
    let taken = SystemClock.now();
    let records = world.ended(&jobs).await;
    for record in &records {
        assert!(
            begun - CLOSE <= record.accepted_at && record.accepted_at <= taken + CLOSE,
            "accepted at {} between {begun} and {taken}",
            record.accepted_at
        );
        let times: Vec<Timestamp> = record.history.iter().map(|step| step.at).collect();
        assert!(
            times
                .iter()
                .all(|at| *at >= begun - CLOSE && *at <= SystemClock.now() + CLOSE),
            "{times:?}"
        );
    }
    assert_eq!(active.calls("a").creates.len(), jobs.len());
    assert!(other.calls("a").creates.is_empty());
    let told = correction(&metrics.render());
    assert!(
        (told + taking_in.as_secs_f64()).abs() < CLOSE.as_secs_f64(),
        "{told}"
    );
    other.stop().await;
    active.stop().await;
}

/// The figure of the correction.
fn correction(metrics: &str) -> f64 {
    let mut lines = metrics.lines();
    let figure = lines.find_map(|line| line.strip_prefix("spark_broker_clock_correction_seconds "));
    figure.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduler_whose_clock_is_fast_reads_on_to_what_another_pod_stamped() {
    schedules_for_the_other(3, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pod_with_a_slow_clock_takes_in_is_stamped_rightly_and_read_by_the_scheduler() {
    schedules_for_the_other(0, -3).await;
}

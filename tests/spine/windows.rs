//! Windows and pace of a cluster, measured at its port.

use jiff::{SignedDuration, Timestamp};
use spark_broker::submission::State;

use crate::spine::jobs::Job;
use crate::spine::world::World;

fn cluster(settings: &str) -> String {
    format!(
        "[{{name: a, type: simulated, namespace: jobs, simulated: {{nodes: 8, cores: 64, memory: 256Gi}}, \
         capacity: {{sources: [nodes]}}, {settings}}}]"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_max_pending_wait_for_the_operator() {
    let world = World::start().await;
    let broker = world
        .broker("[{name: dev}]", &cluster("pacing: {maxPending: 3}"))
        .await;
    let jobs: Vec<Job> = (0..20)
        .map(|n| {
            Job::small(format!("pending-{n}"))
                .does("submit-delay", "300ms")
                .does("run-time", "2s")
        })
        .collect();
    world.send(&jobs).await;
    world.ended(&jobs).await;
    let calls = broker.calls("a");
    assert_eq!(calls.most_pending, 3);
    assert_eq!(calls.creates.len(), jobs.len());
    assert!(
        calls.most_live > 3,
        "the window is on what waits, not on what runs"
    );
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_max_live_are_on_a_cluster() {
    let world = World::start().await;
    let broker = world
        .broker("[{name: dev}]", &cluster("limits: {maxLive: 5}"))
        .await;
    let jobs: Vec<Job> = (0..25)
        .map(|n| Job::small(format!("live-{n}")).does("run-time", "300ms"))
        .collect();
    world.send(&jobs).await;
    world.ended(&jobs).await;
    let calls = broker.calls("a");
    assert_eq!(calls.most_live, 5);
    assert_eq!(calls.creates.len(), jobs.len());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn placements_keep_to_burst_and_rate() {
    const BURST: i64 = 3;
    const PER_MINUTE: i64 = 300;
    let world = World::start().await;
    let pacing = format!("pacing: {{submissionsPerMinute: {PER_MINUTE}, burst: {BURST}, maxPending: 100}}");
    let broker = world.broker("[{name: dev}]", &cluster(&pacing)).await;
    let jobs: Vec<Job> = (0..25)
        .map(|n| Job::small(format!("paced-{n}")).does("run-time", "100ms"))
        .collect();
    world.send(&jobs).await;
    let records = world.ended(&jobs).await;
    let intents = records.iter().flat_map(|record| &record.history);
    let mut at: Vec<Timestamp> = intents
        .filter(|step| step.to == State::Dispatching)
        .map(|step| step.at)
        .collect();
    at.sort();
    assert_eq!(at.len(), jobs.len());
    for (first, start) in at.iter().enumerate() {
        for (last, end) in at.iter().enumerate().skip(first) {
            // Tokens are told by another clock than the records' times, which have whole milliseconds.
            let span = end.duration_since(*start) + SignedDuration::from_millis(20);
            let earned = i64::try_from(span.as_millis()).unwrap() * PER_MINUTE / 60_000;
            let placed = i64::try_from(last - first + 1).unwrap();
            assert!(placed <= BURST + earned, "{placed} placements within {span}");
        }
    }
    broker.stop().await;
}

//! With room everywhere, each cluster's count is within one of its exact share after every placement.

use jiff::Timestamp;
use spark_broker::submission::{Record, State};

use crate::spine::jobs::Job;
use crate::spine::world::World;

const WEIGHTS: [(&str, u64); 3] = [("a", 50), ("b", 30), ("c", 20)];
const JOBS: u64 = 60;

fn clusters() -> String {
    let one = |(name, weight): &(&str, u64)| {
        format!(
            "{{name: {name}, weight: {weight}, type: simulated, namespace: jobs, simulated: {{nodes: 8, cores: 64, \
             memory: 256Gi}}, capacity: {{sources: [nodes]}}, pacing: {{maxPending: 1000}}}}"
        )
    };
    format!("[{}]", WEIGHTS.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn jobs(name: &str) -> Vec<Job> {
    (0..JOBS)
        .map(|n| Job::small(format!("{name}-{n}")).does("run-time", "1s"))
        .collect()
}

/// When and where a record was placed.
fn placed(record: &Record) -> (Timestamp, String) {
    let mut intents = record.history.iter().filter(|step| step.to == State::Dispatching);
    let intent = intents.next().unwrap();
    assert!(intents.next().is_none(), "{} was placed twice", record.id);
    (intent.at, intent.cluster.as_ref().unwrap().to_string())
}

/// Checks the counts after each placement; of those in the same millisecond only the last.
fn check(records: &[Record]) -> usize {
    let mut placements: Vec<(Timestamp, String)> = records.iter().map(placed).collect();
    placements.sort();
    let all: u64 = WEIGHTS.iter().map(|(_, weight)| weight).sum();
    let mut checks = 0;
    for n in 1..=placements.len() {
        if placements
            .get(n)
            .is_some_and(|next| next.0 == placements[n - 1].0)
        {
            continue;
        }
        checks += 1;
        for (name, weight) in WEIGHTS {
            let count = placements[..n]
                .iter()
                .filter(|(_, cluster)| cluster == name)
                .count() as u64;
            // |count - n·w/W| <= 1, in whole numbers.
            let off = (count * all).abs_diff(n as u64 * weight);
            assert!(off <= all, "{name} has {count} of {n}");
        }
    }
    checks
}

#[tokio::test(flavor = "multi_thread")]
async fn each_placement_leaves_every_cluster_within_one_of_its_share() {
    let world = World::start().await;
    let broker = world.broker("[{name: dev}]", &clusters()).await;
    let jobs = jobs("single");
    broker.all_take(&jobs[0]).await;
    for job in &jobs {
        let one = std::slice::from_ref(job);
        world.send(one).await;
        let is_placed = |records: &[Record]| records.first().is_some_and(|r| r.placement.is_some());
        world.until(one, "it is placed", is_placed).await;
    }
    let records = world.ended(&jobs).await;
    assert!(records.iter().all(|record| record.state == State::Succeeded));
    assert_eq!(
        check(&records),
        jobs.len(),
        "every placement could be told from the next"
    );
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_are_shared_out_by_weight() {
    let world = World::start().await;
    let broker = world.broker("[{name: dev}]", &clusters()).await;
    let jobs = jobs("burst");
    // One that isn't in sight yet has no share.
    broker.all_take(&jobs[0]).await;
    world.send(&jobs).await;
    let records = world.ended(&jobs).await;
    check(&records);
    for (name, weight) in WEIGHTS {
        assert_eq!(
            broker.calls(name).creates.len() as u64,
            JOBS * weight / 100,
            "{name}"
        );
    }
    broker.stop().await;
}

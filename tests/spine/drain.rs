//! A cluster with fifty jobs on it is emptied: each in its own way, and none twice.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use spark_broker::submission::{Reason, Record, State};

use crate::spine::jobs::Job;
use crate::spine::world::{Broker, World};

const CLUSTERS: &str = "[{name: drained, type: simulated, namespace: jobs, pacing: {maxPending: 100}, \
    simulated: {nodes: 16, cores: 8, memory: 64Gi}, capacity: {sources: [nodes]}}, \
    {name: other, type: simulated, namespace: jobs, pacing: {maxPending: 100}, \
    simulated: {nodes: 16, cores: 8, memory: 64Gi}, capacity: {sources: [nodes]}}]";

/// Jobs of one kind, with what the simulated cluster does with them.
fn jobs(kind: &str, count: usize, does: &[(&'static str, &str)]) -> Vec<Job> {
    let behaved = |job: Job| does.iter().fold(job, |job, (key, value)| job.does(key, *value));
    (0..count)
        .map(|n| behaved(Job::small(format!("{kind}-{n}"))))
        .collect()
}

fn are(records: &[Record], count: usize, state: State) -> bool {
    records.len() == count && records.iter().all(|record| record.state == state)
}

/// Fifty jobs on the cluster `drained`, of which nothing else has any: 20 run, 20 have a driver that isn't up, and the
/// operator hasn't taken 10 up.
async fn filled(world: &World, broker: &Broker, run_time: &str) -> [Vec<Job>; 3] {
    let running = jobs("runs", 20, &[("run-time", run_time)]);
    let pending = jobs("pends", 20, &[("start-delay", "40s"), ("run-time", "1s")]);
    let untouched = jobs("lies", 10, &[("submit-delay", "40s"), ("run-time", "1s")]);
    broker.all_take(&running[0]).await;
    let cordon = json!({"reason": "kept free"});
    broker.call("PUT", "/v1/clusters/other/cordon", &cordon).await;
    closed(broker, "other", true).await;
    world.send(&[&running[..], &pending, &untouched].concat()).await;
    world
        .until(&running, "20 run", |records| are(records, 20, State::Running))
        .await;
    let rest = [&pending[..], &untouched].concat();
    world
        .until(&rest, "30 are submitted", |records| {
            are(records, 30, State::Submitted)
        })
        .await;
    broker
        .call("DELETE", "/v1/clusters/other/cordon", &Value::Null)
        .await;
    closed(broker, "other", false).await;
    [running, pending, untouched]
}

/// Waits until the cluster is told to be closed, or open.
async fn closed(broker: &Broker, name: &str, closed: bool) {
    for _ in 0..600 {
        let told = broker.get("/v1/clusters").await;
        let clusters = told["clusters"].as_array().unwrap();
        let line = clusters.iter().find(|line| line["name"] == name).unwrap();
        if line["closed"].is_string() == closed {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{name} isn't told to be closed: {closed}");
}

/// What had no driver that runs was withdrawn, uncounted, and ran elsewhere, once.
fn ran_elsewhere_once(records: &[Record], broker: &Broker) {
    for record in records {
        assert_eq!(record.state, State::Succeeded, "{record:?}");
        assert_eq!((record.attempt.0, record.tries), (2, 0), "{record:?}");
        assert_eq!(record.cluster.as_ref().unwrap().as_str(), "other");
        let withdrawn = record.history.iter().any(|t| t.reason == Some(Reason::Drained));
        assert!(withdrawn, "{:?}", record.history);
    }
    let started = |cluster| broker.calls(cluster).started.into_keys().collect::<BTreeSet<_>>();
    for record in records {
        let first = format!("sb-{}-a1", record.id);
        let second = format!("sb-{}-a2", record.id);
        assert!(!started("drained").contains(&first), "{first}");
        assert!(started("other").contains(&second), "{second}");
    }
}

fn each_was_created_once(broker: &Broker) {
    for cluster in ["drained", "other"] {
        let creates = broker.calls(cluster).creates;
        assert!(
            creates.values().all(|times| *times == 1),
            "{cluster}: {creates:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_cluster_gives_away_what_has_not_started_and_the_rest_runs_to_its_end() {
    let world = World::start().await.uncounted();
    let broker = world.broker("[{name: dev}]", CLUSTERS).await;
    let [running, pending, untouched] = filled(&world, &broker, "60s").await;
    let drain = json!({"reason": "rebuilt", "deadline": "1s", "then": "leave"});
    broker.call("PUT", "/v1/clusters/drained/drain", &drain).await;
    closed(&broker, "drained", true).await;
    let new = jobs("new", 10, &[("run-time", "1s")]);
    world.send(&new).await;

    let moved = world.ended(&[&pending[..], &untouched].concat()).await;
    ran_elsewhere_once(&moved, &broker);
    for record in world.ended(&new).await {
        assert_eq!((record.state, record.attempt.0), (State::Succeeded, 1));
        assert_eq!(
            record.cluster.unwrap().as_str(),
            "other",
            "nothing new on a drained cluster"
        );
    }
    for record in world.ended(&running).await {
        assert_eq!((record.state, record.attempt.0), (State::Succeeded, 1));
        assert_eq!(record.cluster.unwrap().as_str(), "drained", "what runs is left");
    }
    assert_eq!(broker.calls("drained").creates.len(), 50);
    each_was_created_once(&broker);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_cluster_is_empty_by_its_deadline_where_what_runs_is_to_be_cancelled() {
    let world = World::start().await.uncounted();
    let broker = world.broker("[{name: dev}]", CLUSTERS).await;
    let [running, pending, untouched] = filled(&world, &broker, "600s").await;
    let drain = json!({"reason": "rebuilt", "deadline": "1s", "then": "cancel"});
    broker.call("PUT", "/v1/clusters/drained/drain", &drain).await;
    for record in world.ended(&running).await {
        assert_eq!(
            (record.state, record.attempt.0),
            (State::Cancelled, 1),
            "{record:?}"
        );
        assert!(record.verdict.message.unwrap().contains("emptied: rebuilt"));
    }
    let moved = world.ended(&[&pending[..], &untouched].concat()).await;
    ran_elsewhere_once(&moved, &broker);
    each_was_created_once(&broker);
    broker.stop().await;
}

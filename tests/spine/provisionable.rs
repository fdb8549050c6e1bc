//! Clusters scaled to zero, and jobs that no cluster could ever hold.

use std::time::Duration;

use spark_broker::submission::{Reason, State};

use crate::spine::jobs::Job;
use crate::spine::world::World;

/// No node; what an autoscaler may add takes four small jobs by CPU.
const EMPTY: &str = "[{name: empty, type: simulated, namespace: jobs, simulated: {nodes: 0}, capacity: {sources: [nodes], \
    provisionable: {cores: 8, memory: 64Gi, largestNode: {cores: 4, memory: 32Gi}}}}]";

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_nodes_is_given_what_it_may_still_provision() {
    let world = World::start().await;
    let broker = world.broker("[{name: dev}]", EMPTY).await;
    let jobs: Vec<Job> = (0..6).map(|n| Job::small(format!("zero-{n}"))).collect();
    world.send(&jobs).await;
    let placed = |n: usize| {
        move |records: &[spark_broker::submission::Record]| {
            records.len() == 6 && records.iter().filter(|r| r.state == State::Submitted).count() == n
        }
    };
    let records = world.until(&jobs, "four are submitted", placed(4)).await;
    let waiting: Vec<_> = records.iter().filter(|r| r.state == State::Queued).collect();
    assert_eq!(waiting.len(), 2);
    for record in &waiting {
        let told = |status: &serde_json::Value| status["reason"] == "NoCapacity";
        let path = record.id.to_string();
        broker.status_until(&path, "it waits for capacity", told).await;
    }
    assert_eq!(broker.calls("empty").creates.len(), 4);

    let live = records.iter().find(|r| r.state == State::Submitted).unwrap();
    let cancel = serde_json::json!({"cancel": live.id}).to_string();
    world.send_bodies(&[cancel]).await;
    let next = |records: &[spark_broker::submission::Record]| {
        records
            .iter()
            .any(|r| r.id == live.id && r.state == State::Cancelled)
            && records.iter().filter(|r| r.state == State::Submitted).count() == 4
    };
    world
        .until(&jobs, "the next takes the place of the cancelled one", next)
        .await;
    assert_eq!(broker.calls("empty").creates.len(), 5);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_no_cluster_could_hold_waits_in_nobodys_way_and_times_out() {
    let world = World::start().await;
    let clusters = "[{name: small, type: simulated, namespace: jobs, simulated: {nodes: 3, cores: 4, memory: 16Gi}, \
        capacity: {sources: [nodes]}}]";
    let queues = "[{name: dev, order: strict-fifo}]";
    let broker = world.broker(queues, clusters).await;
    // Fits the cluster's total, but no node of it.
    let giant = Job {
        cores: 5,
        queue_timeout: Some("15s"),
        ..Job::small("giant")
    };
    let giant = [giant];
    world.send(&giant).await;
    world
        .until(&giant, "it stands", |records| records.len() == 1)
        .await;
    let behind: Vec<Job> = (0..6)
        .map(|n| Job::small(format!("behind-{n}")).does("run-time", "100ms"))
        .collect();
    world.send(&behind).await;
    let never = |status: &serde_json::Value| status["reason"] == "NeverFits";
    let status = broker
        .status_until("giant", "it says that it never fits", never)
        .await;
    assert_eq!(status["state"], "QUEUED", "{status:#}");
    assert!(
        status["message"].as_str().unwrap().contains("small"),
        "{status:#}"
    );

    let passed = world.ended(&behind).await;
    assert!(passed.iter().all(|record| record.state == State::Succeeded));
    let giant = world.ended(&giant).await.remove(0);
    assert_eq!(
        (giant.state, giant.verdict.reason),
        (State::Failed, Some(Reason::QueueTimeout))
    );
    assert_eq!(giant.history.len(), 2, "{:?}", giant.history);
    let timed_out = giant.finished_at.unwrap();
    for record in &passed {
        assert!(
            record.submitted_at.unwrap() < timed_out,
            "{} waited for the giant's end",
            record.id
        );
    }
    let waited = giant.finished_at.unwrap().duration_since(giant.accepted_at);
    assert!(waited.unsigned_abs() >= Duration::from_secs(15), "{waited}");
    assert!(!broker.calls("small").creates.contains_key("sb-giant-a1"));
    broker.stop().await;
}

//! A cluster with fifty jobs on it is emptied: each in its own way, and none twice.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use spark_broker::submission::{Reason, Record, State, Transition};

use crate::spine::jobs::Job;
use crate::spine::world::{Broker, World};

/// So far ahead that what is done too early could be seen.
const DEADLINE: &str = "80s";
/// `timing.submitSettle` of these brokers and a minute: so long before the deadline the emptying begins.
const AHEAD: SignedDuration = SignedDuration::from_secs(61);

/// What never starts on the one starts at once on the other.
const CLUSTERS: &str = "[{name: drained, type: simulated, namespace: jobs, pacing: {maxPending: 100}, \
    simulated: {nodes: 16, cores: 8, memory: 64Gi}, capacity: {sources: [nodes]}}, \
    {name: other, type: simulated, namespace: jobs, pacing: {maxPending: 100}, overrides: {annotations: \
    {simulated.spark-broker/submit-delay: 50ms, simulated.spark-broker/start-delay: 50ms}}, \
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
    let pending = jobs("pends", 20, &[("start-delay", "600s"), ("run-time", "1s")]);
    let untouched = jobs("lies", 10, &[("submit-delay", "600s"), ("run-time", "1s")]);
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

/// Waits until the cluster is told to be closed, or open; what is told of it then.
async fn closed(broker: &Broker, name: &str, closed: bool) -> Value {
    for _ in 0..600 {
        let told = broker.get("/v1/clusters").await;
        let clusters = told["clusters"].as_array().unwrap();
        let line = clusters.iter().find(|line| line["name"] == name).unwrap();
        if line["closed"].is_string() == closed {
            return line.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{name} isn't told to be closed: {closed}");
}

/// A drain as it stands in the table.
struct Drained {
    wished: Timestamp,
    /// When the emptying begins.
    begins: Timestamp,
    deadline: Timestamp,
}

impl Drained {
    /// Wishes it of the cluster `drained`, and waits until the scheduler has heard of it.
    async fn begin(broker: &Broker, deadline: &str, then: &str) -> Self {
        let drain = json!({"reason": "rebuilt", "deadline": deadline, "then": then});
        broker.call("PUT", "/v1/clusters/drained/drain", &drain).await;
        let told = closed(broker, "drained", true).await;
        let time = |of: &str| told["drain"][of].as_str().unwrap().parse::<Timestamp>().unwrap();
        let (wished, deadline) = (time("at"), time("deadline"));
        Self {
            wished,
            begins: deadline - AHEAD,
            deadline,
        }
    }

    /// What befell a submission since the wish. Before the emptying nothing did.
    fn since<'a>(&self, record: &'a Record) -> Vec<&'a Transition> {
        let steps = record.history.iter();
        let since: Vec<_> = steps.filter(|step| step.at >= self.wished).collect();
        let early = since.iter().find(|step| step.at < self.begins);
        assert!(early.is_none(), "before {}: {record:?}", self.begins);
        since
    }

    /// What never started was withdrawn, and was off the cluster and waited for another one by the deadline.
    fn gave_back(&self, record: &Record) {
        let since = self.since(record);
        assert_eq!(since[0].to, State::Retrying, "{record:?}");
        assert_eq!(since[0].reason, Some(Reason::Drained), "{record:?}");
        assert_eq!(since[1].to, State::Queued, "{record:?}");
        assert!(since[1].at < self.deadline, "after {}: {record:?}", self.deadline);
    }
}

/// What had no driver that runs was withdrawn, uncounted, and ran elsewhere, once.
fn ran_elsewhere_once(records: &[Record], broker: &Broker, drained: &Drained) {
    for record in records {
        assert_eq!(record.state, State::Succeeded, "{record:?}");
        assert_eq!((record.attempt.0, record.tries), (2, 0), "{record:?}");
        assert_eq!(record.cluster.as_ref().unwrap().as_str(), "other");
        drained.gave_back(record);
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
    let drained = Drained::begin(&broker, DEADLINE, "leave").await;
    let new = jobs("new", 10, &[("run-time", "1s")]);
    world.send(&new).await;

    let moved = world.ended(&[&pending[..], &untouched].concat()).await;
    ran_elsewhere_once(&moved, &broker, &drained);
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
        assert_eq!(drained.since(&record).len(), 1, "nothing but its end: {record:?}");
        assert_eq!(record.cluster.unwrap().as_str(), "drained", "what runs is left");
    }
    assert!(broker.calls("drained").is_empty());
    assert_eq!(broker.calls("drained").creates.len(), 50);
    each_was_created_once(&broker);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_cluster_is_emptied_by_its_deadline_where_what_runs_is_to_be_cancelled() {
    let world = World::start().await.uncounted();
    let broker = world.broker("[{name: dev}]", CLUSTERS).await;
    let [running, pending, untouched] = filled(&world, &broker, "600s").await;
    let drained = Drained::begin(&broker, DEADLINE, "cancel").await;
    for record in world.ended(&running).await {
        assert_eq!(
            (record.state, record.attempt.0),
            (State::Cancelled, 1),
            "{record:?}"
        );
        let since = drained.since(&record);
        let steps: Vec<State> = since.iter().map(|step| step.to).collect();
        assert_eq!(steps, [State::Cancelling, State::Cancelled], "{record:?}");
        assert!(since[1].at < drained.deadline, "{record:?}");
        assert!(record.verdict.message.unwrap().contains("emptied: rebuilt"));
    }
    let moved = world.ended(&[&pending[..], &untouched].concat()).await;
    ran_elsewhere_once(&moved, &broker, &drained);
    assert!(broker.calls("drained").is_empty());
    each_was_created_once(&broker);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_selects_the_drained_cluster_alone_waits_with_the_reason_until_it_is_open_again() {
    let world = World::start().await.uncounted();
    let broker = world.broker("[{name: dev}]", CLUSTERS).await;
    let bound = |id: &str| Job {
        clusters: &["drained"],
        ..Job::small(id).does("start-delay", "20s").does("run-time", "1s")
    };
    let (before, after) = (bound("before"), bound("after"));
    broker.all_take(&Job::small("probe")).await;
    world.send(std::slice::from_ref(&before)).await;
    let submitted = |records: &[Record]| are(records, 1, State::Submitted);
    world
        .until(std::slice::from_ref(&before), "it is there", submitted)
        .await;
    let drained = Drained::begin(&broker, "5s", "cancel").await;
    world.send(std::slice::from_ref(&after)).await;
    let queued = |records: &[Record]| are(records, 1, State::Queued);
    world
        .until(std::slice::from_ref(&after), "it waits", queued)
        .await;

    for id in ["before", "after"] {
        let waits = |status: &Value| {
            let message = status["message"].as_str().unwrap_or_default();
            status["state"] == "QUEUED" && message.contains("drained: drained by ")
        };
        let told = broker.status_until(id, "it waits for the cluster", waits).await;
        assert_eq!(told["reason"], "ClusterUnhealthy", "{told:#}");
    }
    broker
        .call("DELETE", "/v1/clusters/drained/drain", &Value::Null)
        .await;
    for record in world.ended(&[before, after]).await {
        let withdrawn = record.id.as_str() == "before";
        if withdrawn {
            drained.gave_back(&record);
        }
        assert_eq!((record.state, record.tries), (State::Succeeded, 0), "{record:?}");
        assert_eq!(record.attempt.0, 1 + u32::from(withdrawn), "{record:?}");
        assert_eq!(record.cluster.unwrap().as_str(), "drained");
    }
    each_was_created_once(&broker);
    broker.stop().await;
}

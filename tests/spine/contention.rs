//! Many jobs of many sizes on clusters too small for them: no cluster is ever given more than it has, and every job ends
//! once, by a legal walk.

use std::collections::BTreeMap;

use jiff::Timestamp;
use spark_broker::model::{Bytes, Millicores, Resources};
use spark_broker::submission::{Record, State};

use crate::spine::jobs::Job;
use crate::spine::world::World;

const JOBS: u64 = 1000;
const NODES: u64 = 6;
const CORES: u64 = 32;
const GIB: u64 = 128;

fn clusters() -> String {
    let one = |name: &str| {
        format!(
            "{{name: {name}, type: simulated, namespace: jobs, simulated: {{nodes: {NODES}, cores: {CORES}, memory: {GIB}Gi}}, \
             capacity: {{sources: [nodes]}}, pacing: {{maxPending: 200}}}}"
        )
    };
    format!("[{}, {}]", one("a"), one("b"))
}

/// Sizes, run times and ends of all kinds, the same in every run.
fn mixed(n: u64) -> Job {
    let pick = |salt: u64, of: u64| ((n * 31 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) % of;
    let job = Job {
        queue: if n.is_multiple_of(3) { "prod" } else { "dev" },
        cores: 1 + pick(1, 4),
        executors: 1 + pick(2, 6),
        memory: 1024 * (1 + pick(3, 6)),
        ..Job::small(format!("mixed-{n}"))
    };
    let job = job.does("run-time", format!("{}ms", 100 + pick(4, 900)));
    match n % 50 {
        7 => job.does("exit-code", "3"),
        19 => job.does("failure", "OutOfMemory"),
        31 => job.does("failure", "DriverEvicted"),
        43 if n % 100 == 43 => Job {
            max_attempts: Some(2),
            ..job.does("failure", "SubmissionFailed")
        },
        _ => job,
    }
}

/// The transitions of the design's §7.
fn is_legal(from: Option<State>, to: State) -> bool {
    use State::{
        Cancelled, Cancelling, Dispatching, Failed, Held, Queued, Retrying, Running, Submitted, Succeeded,
    };
    let next: &[State] = match from {
        None => &[Queued],
        Some(Queued) => &[Dispatching, Cancelled, Failed],
        Some(Dispatching) => &[Queued, Submitted, Failed, Cancelling],
        Some(Submitted) => &[Running, Succeeded, Failed, Retrying, Cancelling, Held],
        Some(Held) => &[Submitted, Running, Succeeded, Failed, Retrying, Cancelling],
        Some(Running) => &[Succeeded, Failed, Retrying, Cancelling, Held],
        Some(Retrying) => &[Queued, Succeeded, Cancelling],
        Some(Cancelling) => &[Cancelled, Succeeded, Failed],
        Some(State::Succeeded | State::Failed | State::Cancelled | State::Rejected) => &[],
    };
    next.contains(&to)
}

fn walks_legally(record: &Record) {
    let mut from = None;
    for step in &record.history {
        assert_eq!(step.from, from, "{}: {:?}", record.id, record.history);
        assert!(is_legal(from, step.to), "{}: {:?}", record.id, record.history);
        from = Some(step.to);
    }
    assert_eq!(from, Some(record.state), "{}", record.id);
    let ends = record.history.iter().filter(|step| step.to.is_terminal()).count();
    assert_eq!(ends, 1, "{}", record.id);
}

/// From the intent of each attempt to the end of its driver, or to where the attempt was given up: (cluster, from, to).
fn intervals(record: &Record) -> Vec<(String, Timestamp, Timestamp)> {
    let mut found = Vec::new();
    let mut open: Option<(String, Timestamp)> = None;
    for step in &record.history {
        if step.to == State::Dispatching {
            open = Some((step.cluster.as_ref().unwrap().to_string(), step.at));
        } else if step.to.is_terminal() || matches!(step.to, State::Queued | State::Retrying) {
            let driver_end = record.finished_at.filter(|_| step.to.is_terminal());
            found.extend(
                open.take()
                    .map(|(cluster, from)| (cluster, from, driver_end.unwrap_or(step.at))),
            );
        }
    }
    assert!(open.is_none(), "{}", record.id);
    found
}

/// The demand on each cluster, instant by instant, against all that its nodes have. The most cores in use, by cluster.
fn never_more_than_there_is(jobs: &BTreeMap<String, Job>, records: &[Record]) -> BTreeMap<String, u64> {
    let node = Resources::new(Millicores(CORES * 1000), Bytes::mib(GIB * 1024), 110);
    let whole = node.times(NODES);
    // What ends at an instant makes room for what begins at it.
    let mut changes: Vec<(Timestamp, bool, String, Resources)> = Vec::new();
    for record in records {
        let demand = jobs[record.id.as_str()].demand();
        for (cluster, from, to) in intervals(record) {
            changes.push((from, true, cluster.clone(), demand.clone()));
            changes.push((to, false, cluster, demand.clone()));
        }
    }
    changes.sort_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
    let mut used: BTreeMap<String, Resources> = BTreeMap::new();
    let mut most: BTreeMap<String, u64> = BTreeMap::new();
    for (at, begins, cluster, demand) in changes {
        let now = used.entry(cluster.clone()).or_default();
        *now = if begins {
            now.plus(&demand)
        } else {
            now.minus(&demand)
        };
        assert!(
            now.fits(&whole),
            "{cluster} at {at}: {:?}",
            now.first_shortage(&whole)
        );
        let peak = most.entry(cluster).or_default();
        *peak = (*peak).max(now.cpu.0 / 1000);
    }
    assert!(used.values().all(|left| *left == Resources::default()));
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_mixed_jobs_never_use_more_than_there_is_and_all_end() {
    let world = World::start().await;
    let jobs: Vec<Job> = (0..JOBS).map(mixed).collect();
    world.send(&jobs).await;
    let broker = world
        .broker("[{name: dev, weight: 30}, {name: prod, weight: 70}]", &clusters())
        .await;
    let cancelled: Vec<String> = (0..JOBS)
        .filter(|n| n % 50 == 11)
        .map(|n| serde_json::json!({"cancel": format!("mixed-{n}")}).to_string())
        .collect();
    world
        .until(&jobs, "all stand", |records| records.len() == jobs.len())
        .await;
    world.send_bodies(&cancelled).await;
    let records = world.ended(&jobs).await;

    records.iter().for_each(walks_legally);
    let by_id: BTreeMap<String, Job> = jobs.into_iter().map(|job| (job.id.clone(), job)).collect();
    for (cluster, most) in never_more_than_there_is(&by_id, &records) {
        assert!(
            most * 10 >= NODES * CORES * 8,
            "{cluster} was contended for: {most} cores at most"
        );
    }
    let count = |state: State| records.iter().filter(|record| record.state == state).count();
    let (succeeded, failed, cancelled) = (
        count(State::Succeeded),
        count(State::Failed),
        count(State::Cancelled),
    );
    assert_eq!(failed, 70, "exit codes, lost drivers and failed submissions");
    assert_eq!(succeeded + failed + cancelled, records.len());
    let attempts: u64 = records.iter().map(|record| intervals(record).len() as u64).sum();
    let creates: u64 = ["a", "b"]
        .iter()
        .flat_map(|name| broker.calls(name).creates.into_values())
        .sum();
    assert_eq!(creates, attempts, "one object for each attempt");
    broker.stop().await;
}

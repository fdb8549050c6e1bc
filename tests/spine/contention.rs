//! Many jobs of many sizes on clusters too small for them, two simulated and one behind a real API server: no cluster is
//! ever given more than it has, no cycle leaves a job that fits, and every job ends once, by a legal walk.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;
use spark_broker::model::{Bytes, Millicores, Resources};
use spark_broker::submission::{Record, State};

use crate::cluster::Driver;
use crate::cycles;
use crate::kwok::Kwok;
use crate::spine::jobs::Job;
use crate::spine::world::World;

const JOBS: u64 = 1000;
const NODES: u64 = 6;
const CORES: u64 = 32;
const GIB: u64 = 128;
/// The cluster that isn't simulated.
const REAL: &str = "real";

const QUEUES: &str = "[{name: dev, weight: 90, lookahead: 20, maxBypass: 300ms}, \
                       {name: prod, weight: 10, lookahead: 20, maxBypass: 300ms, limits: {maxLive: 15}}]";

/// Two simulated ones, one of them with a pace, and the real one with a narrow window.
fn clusters(kwok: &Kwok) -> String {
    let simulated = |name: &str, pacing: &str| {
        format!(
            "{{name: {name}, type: simulated, namespace: jobs, simulated: {{nodes: {NODES}, cores: {CORES}, memory: {GIB}Gi}}, \
             capacity: {{sources: [nodes]}}, pacing: {pacing}}}"
        )
    };
    let real = json!({"capacity": {"sources": ["nodes"]}, "pacing": {"maxPending": 10}});
    format!(
        "[{}, {}, {}]",
        simulated("a", "{maxPending: 200}"),
        simulated("b", "{maxPending: 200, submissionsPerMinute: 900, burst: 5}"),
        kwok.settings(&real)
    )
}

/// What each node has for pods.
fn node() -> Resources {
    Resources::new(Millicores(CORES * 1000), Bytes::mib(GIB * 1024), 110)
}

/// Sizes, run times and ends of all kinds, the same in every run. Real drivers run longer: their ends are told in whole
/// seconds.
fn mixed(n: u64) -> Job {
    let pick = |salt: u64, of: u64| ((n * 31 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) % of;
    let job = Job {
        queue: if n.is_multiple_of(3) { "prod" } else { "dev" },
        cores: 1 + pick(1, 4),
        executors: 1 + pick(2, 6),
        memory: 1024 * (1 + pick(3, 6)),
        ..Job::small(format!("mixed-{n}"))
    };
    let time = 100 + pick(4, 900);
    let job = job.does("run-time", format!("{time}ms"));
    let real = &format!("{}ms", 2 * time + 1000);
    let driver = |driver: Driver| driver.annotations();
    match n % 50 {
        7 => Job {
            driver: driver(Driver::fails_after(real, 3)),
            ..job.does("exit-code", "3")
        },
        19 => Job {
            driver: driver(Driver::out_of_memory_after(real)),
            ..job.does("failure", "OutOfMemory")
        },
        31 => Job {
            driver: driver(Driver::evicted_after(real)),
            ..job.does("failure", "DriverEvicted")
        },
        // The operator of the real cluster submits what it is given.
        43 if n % 100 == 43 => Job {
            max_attempts: Some(2),
            clusters: &["a", "b"],
            ..job.does("failure", "SubmissionFailed")
        },
        _ => Job {
            driver: driver(Driver::succeeds_after(real)),
            ..job
        },
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
/// `ends`: of drivers on the real cluster, by object.
fn intervals(record: &Record, ends: &BTreeMap<String, Timestamp>) -> Vec<(String, Timestamp, Timestamp)> {
    let mut found = Vec::new();
    let mut open: Option<(String, Timestamp)> = None;
    let mut stopped = None;
    for step in &record.history {
        if step.to == State::Dispatching {
            open = Some((step.cluster.as_ref().unwrap().to_string(), step.at));
        } else if step.to == State::Cancelling {
            stopped = Some(step.at);
        } else if step.to.is_terminal() || matches!(step.to, State::Queued | State::Retrying) {
            let Some((cluster, from)) = open.take() else {
                continue;
            };
            // The driver of a cancelled job goes with its pod soon after the wish; nobody tells when, and its room is free
            // then, before the record has ended.
            let driver_end = if cluster == REAL {
                ends.get(record.object_name.as_ref().unwrap()).copied()
            } else {
                record
                    .finished_at
                    .filter(|_| step.to.is_terminal() && stopped.is_none())
            };
            let to = driver_end.or(stopped).unwrap_or_else(|| {
                assert!(cluster != REAL, "no end: {record:#?}");
                step.at
            });
            // A time in whole seconds may lie before the intent.
            found.push((cluster, from, to.max(from)));
        }
    }
    assert!(open.is_none(), "{}", record.id);
    found
}

/// The demand on each cluster, instant by instant, against all that its nodes have. The most cores in use, by cluster.
fn never_more_than_there_is(
    jobs: &BTreeMap<String, Job>,
    records: &[Record],
    ends: &BTreeMap<String, Timestamp>,
) -> BTreeMap<String, u64> {
    let whole = node().times(NODES);
    // What ends at an instant makes room for what begins at it.
    let mut changes: Vec<(Timestamp, bool, String, Resources)> = Vec::new();
    for record in records {
        let demand = jobs[record.id.as_str()].demand();
        for (cluster, from, to) in intervals(record, ends) {
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
    let kwok = Kwok::start(REAL, NODES, CORES, GIB, &jobs).await;
    let recorded = kwok.folder().join("cycles.jsonl");
    world.send(&jobs).await;
    let broker = world
        .recorded_broker(QUEUES, &clusters(&kwok), Some(&recorded))
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
    let ends = kwok.driver_ends();
    let by_id: BTreeMap<String, Job> = jobs.into_iter().map(|job| (job.id.clone(), job)).collect();
    let most = never_more_than_there_is(&by_id, &records, &ends);
    assert_eq!(most.keys().collect::<Vec<_>>(), ["a", "b", REAL]);
    for (cluster, most) in most {
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
    let attempts: u64 = records.iter().map(|r| intervals(r, &ends).len() as u64).sum();
    let creates: u64 = ["a", "b", REAL]
        .iter()
        .flat_map(|name| broker.calls(name).creates.into_values())
        .sum();
    assert_eq!(creates, attempts, "one object for each attempt");
    broker.stop().await;

    let seen = cycles::judge(&recorded, &node(), |id| by_id[id].parts());
    for record in &records {
        for (cluster, ..) in intervals(record, &ends) {
            let placement = (record.id.to_string(), cluster);
            assert!(seen.placed.contains(&placement), "{placement:?} is recorded");
        }
    }
    // Whether a head waits long enough for a hold depends on the machine; holds are judged where there are any.
    for cause in ["room", "pace", "maxPending", "limit of the queue"] {
        assert!(
            seen.against.contains_key(cause),
            "{cause} stood against some: {seen:?}"
        );
    }
}

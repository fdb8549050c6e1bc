//! A burst of jobs on two real clusters, each with its own operator, watched from outside: when each driver ran and ended
//! by its own word, when the record said so, when the object did, and when a client that polls the object would have
//! seen it.

mod report;
mod watchers;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

pub use report::table;
use watchers::Seen;
pub use watchers::Watchers;

use crate::bed::{Bed, spark_pi};
use crate::cluster::{ControlPlane, DRIVER_ACCOUNT, Driver, Node, Operator, OperatorOptions, Options, User};
use crate::clusters::{real, rights};

const NAMESPACE: &str = "spark-jobs";
/// Longer than the burst takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(1_200);
/// How often the polling client asks for all objects.
pub const POLL: Duration = Duration::from_secs(10);

/// When something ran and ended, by one witness.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    pub running: Option<Timestamp>,
    pub ended: Option<Timestamp>,
}

/// One job of the burst, by its witnesses.
#[derive(Debug, Clone)]
pub struct Job {
    pub cluster: String,
    /// The status in the end.
    pub status: Value,
    /// How many drivers were made for it.
    pub drivers: usize,
    /// The driver container's own times, in whole seconds.
    pub driver: Times,
    /// When the record was moved.
    pub record: Times,
    /// When the object showed it to a watch.
    pub object: Times,
    /// When it showed it to a client that polls it every ten seconds.
    pub polled: Times,
}

/// Sends `jobs` at once to a broker with two clusters, and waits until all have ended.
pub async fn run(jobs: usize) -> Vec<Job> {
    let (first, second) = tokio::join!(cluster(), cluster());
    let planes = [&first.0, &second.0];
    let mut clusters = Vec::new();
    for (plane, name) in planes.iter().zip(["one", "two"]) {
        let mut cluster = real(plane, name, NAMESPACE, User::Broker);
        cluster["capacity"] = json!({"sources": ["nodes"]});
        cluster["pacing"] = json!({"maxPending": 10});
        clusters.push(cluster);
    }
    let mut bed = Bed::prepare(planes[0], NAMESPACE, &clusters).await;
    let watchers = Watchers::start(&planes, NAMESPACE).await;
    bed.start();
    let mut ids = Vec::new();
    for n in 0..jobs {
        ids.push(bed.send(&job(n)).await);
    }
    let mut ended = Vec::new();
    for id in ids {
        let status = end_of(&bed, &id).await;
        let history = bed.get(&format!("/v1/submissions/{id}/history")).await;
        ended.push((status, history.unwrap_or_default()));
    }
    // The operators may lag behind.
    let objects: Vec<&str> = ended
        .iter()
        .filter_map(|(status, _)| status["objectName"].as_str())
        .collect();
    watchers.until_objects_ended(&objects, PATIENCE).await;
    let seen = watchers.stop();
    ended
        .into_iter()
        .map(|(status, history)| witnessed(status, &history, &seen))
        .collect()
}

async fn cluster() -> (ControlPlane, Operator) {
    let plane = ControlPlane::start(Options::whole()).await;
    for n in 0..4 {
        plane
            .add_node(&Node::new(&format!("node-{n}"), "32", "128Gi"))
            .await;
    }
    // Its spark-submits, a JVM each, would take the cores of a small machine from API server and broker, which in earnest
    // have their own.
    let options = OperatorOptions {
        niceness: 10,
        ..OperatorOptions::of(NAMESPACE)
    };
    let operator = Operator::start(&plane, options).await;
    for object in rights(NAMESPACE, User::Broker) {
        plane.apply(&object, Some(NAMESPACE)).await;
    }
    (plane, operator)
}

/// A job of 10 to 20 seconds.
fn job(n: usize) -> Value {
    let mut spec = spark_pi();
    spec["driver"]["serviceAccount"] = json!(DRIVER_ACCOUNT);
    spec["driver"]["annotations"] = Driver::succeeds_after(&format!("{}s", 10 + n % 11)).annotations();
    spec
}

async fn end_of(bed: &Bed<'_>, id: &str) -> Value {
    let path = format!("/v1/submissions/{id}");
    let ending = async {
        loop {
            if let Some(status) = bed.get(&path).await.filter(|status| status["terminal"] == true) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, ending).await {
        Ok(status) => status,
        Err(_) => panic!(
            "hasn't ended after {} s: {:#} {:#}",
            PATIENCE.as_secs(),
            bed.get(&path).await.unwrap_or_default(),
            bed.get(&format!("{path}/history")).await.unwrap_or_default(),
        ),
    }
}

fn witnessed(status: Value, history: &Value, seen: &Seen) -> Job {
    let name = status["objectName"].as_str().unwrap_or_default();
    let moved = |to: &dyn Fn(&str) -> bool| {
        let transitions = history["transitions"].as_array().into_iter().flatten();
        let mut to = transitions.filter(|t| t["to"].as_str().is_some_and(to));
        to.next_back()?["at"].as_str()?.parse().ok()
    };
    Job {
        cluster: status["cluster"].as_str().unwrap_or_default().to_owned(),
        drivers: seen.drivers_of(name),
        driver: seen.driver(name),
        record: Times {
            running: moved(&|to| to == "RUNNING"),
            ended: moved(&|to| to == "SUCCEEDED" || to == "FAILED"),
        },
        object: seen.object(name),
        polled: seen.polled(name),
        status,
    }
}

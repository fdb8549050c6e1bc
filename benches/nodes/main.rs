//! What it takes to know the room of a large cluster: 5,000 nodes and 100,000 pods by default, told by a simulated API server
//! in this process (lists in pages and watches of its own making, no socket): `cargo bench --bench nodes`, with `-- --nodes N
//! --pods N --changes N` for others.
//!
//! The watch of capacity is the program's own, with its client, and so is the scheduling core that is told of it.

#![allow(clippy::unwrap_used, reason = "a bench may stop at a fault")]

mod api_server;
#[path = "../support/memory.rs"]
mod memory;
#[allow(dead_code, reason = "the other benches have endpoints to tell of")]
#[path = "../support/test_bed.rs"]
mod test_bed;

use std::time::{Duration, Instant};

use spark_broker::adapters::spark_operator::{Sources, SparkOperatorCluster};
use spark_broker::ports::cluster::{CapacityView, Cluster, ClusterEvent};
use spark_broker::routing::{CapacitySource, ClusterLimits, ClusterSettings, Pacing, Router, Settings};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use api_server::{NAMESPACE, Scale, client};
use memory::{resident, resident_at_most};
use test_bed::{option, profile};

const MIB: u64 = 1024 * 1024;

#[tokio::main]
async fn main() {
    let scale = Scale {
        nodes: option("--nodes").unwrap_or(5_000),
        pods: option("--pods").unwrap_or(100_000),
        changes: option("--changes").unwrap_or(20_000),
    };
    print_conditions(scale);
    let sources = Sources {
        nodes: true,
        ..Sources::default()
    };
    let cluster = SparkOperatorCluster::new(client(scale), NAMESPACE, "bench".parse().unwrap(), sources);
    let mut router = router();
    let before = resident();
    let began = Instant::now();
    let (events, mut said) = mpsc::channel(256);
    let mut watching = JoinSet::new();
    watching.spawn(async move { cluster.watch(events).await });
    let first = told(&mut said).await;
    let took = began.elapsed();
    assert_eq!(first.nodes.len(), scale.nodes, "all nodes are told");
    tell(&mut router, &first);
    drop(first);
    let known = Known::now(before);
    // Each change is of another pod; the last of them shows in what is told.
    let began = Instant::now();
    let mut views = 0;
    let grown = loop {
        let view = told(&mut said).await;
        views += 1;
        tell(&mut router, &view);
        let grown = api_server::grown(&view);
        if grown >= scale.changes as u64 {
            break grown;
        }
    };
    assert_eq!(grown, scale.changes as u64, "each change is counted once");
    let changes_took = began.elapsed();
    let after = Known::now(before);
    drop(watching);

    println!("| | memory held | most held on the way | time |");
    println!("|---|---|---|---|");
    known.print("all listed, told to the scheduling core", took);
    after.print(&format!("after the changes, told {views} times"), changes_took);
}

fn print_conditions(scale: Scale) {
    println!(
        "A simulated API server with {} nodes and {} pods, {} of which are changed at once; {} build, {} cores, load {}.\n",
        scale.nodes,
        scale.pods,
        scale.changes,
        profile(),
        std::thread::available_parallelism().map_or(0, usize::from),
        std::fs::read_to_string("/proc/loadavg")
            .unwrap_or_default()
            .trim(),
    );
}

/// Memory beyond what the process held before.
struct Known {
    held: u64,
    most: u64,
}

impl Known {
    fn now(before: u64) -> Self {
        Self {
            held: resident().saturating_sub(before),
            most: resident_at_most().saturating_sub(before),
        }
    }

    fn print(&self, what: &str, took: Duration) {
        println!(
            "| {what} | {} MiB | {} MiB | {:.1} s |",
            self.held / MIB,
            self.most / MIB,
            took.as_secs_f64()
        );
    }
}

async fn told(said: &mut mpsc::Receiver<ClusterEvent>) -> CapacityView {
    loop {
        match said.recv().await.expect("it watches on") {
            ClusterEvent::Capacity(view) => return *view,
            ClusterEvent::Unreachable(why) => panic!("the simulated API server: {why}"),
            _ => {}
        }
    }
}

fn router() -> Router {
    Router::new(Settings {
        queues: Vec::new(),
        clusters: vec![ClusterSettings {
            name: "large".parse().unwrap(),
            weight: 1,
            namespace: NAMESPACE.into(),
            queues: None,
            spark_versions: Vec::new(),
            moves: false,
            sources: vec![CapacitySource::Nodes],
            provisionable: None,
            fixed: Default::default(),
            pacing: Pacing {
                submissions_per_minute: None,
                burst: 1,
                max_pending: None,
            },
            limits: ClusterLimits::default(),
            constraints: Default::default(),
        }],
        view_limit: Duration::from_secs(60),
    })
}

fn tell(router: &mut Router, view: &CapacityView) {
    let name = "large".parse().unwrap();
    router.set_capacity(&name, &view.nodes, &view.bound, Duration::from_secs(1));
}

//! One scheduler after the other, first because it was killed, then because it was stopped.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use spark_broker::model::{Clock, ClusterName, SystemClock};
use spark_broker::ports::cluster::Cluster;
use spark_broker::ports::store::{Coordination, Lease};
use tokio::runtime::Runtime;

use crate::Row;
use crate::seed::{DOMAIN, queued};
use crate::spine::jobs::Job;
use crate::spine::world::{Broker, World};

/// What each next scheduler has room for on each cluster beyond the one before.
const SPARE: usize = 50;
/// A bench that hangs must end.
pub const PATIENCE: Duration = Duration::from_secs(1_200);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(5);

type Clusters = HashMap<ClusterName, Arc<dyn Cluster>>;

/// Measures with `live` submissions that run and `queued` that wait.
pub async fn measure(live: usize, queued_too: usize) -> Vec<Row> {
    let world = World::start().await.uncounted();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let intake = intake(&world).await;
    let job = |id: &str| Job::small(id).does("run-time", "5h");
    queued(&world, &intake, &job("live"), "live", live - 1).await;
    intake.stop().await;

    let parts = world
        .parts("[{name: dev}]", &clusters(live / 2), None, Arc::clone(&clock))
        .await;
    let shared = parts.clusters.clone();
    // Its own runtime: what ends with it ends in the middle of whatever it does, as by SIGKILL.
    let process = Runtime::new().unwrap();
    let first = process.spawn(async { Broker::of(parts) }).await.unwrap();
    until("all live jobs run", || started(&first) >= live).await;
    queued(&world, &first, &job("waits"), "waits", queued_too - 1).await;

    let second = pod(&world, &shared, live / 2 + SPARE, Arc::clone(&clock)).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let killed = Instant::now();
    process.shutdown_background();
    let mut rows = handover("was killed", "≤ 15 s", killed, &world, &second, live + queued_too).await;

    let third = pod(&world, &shared, live / 2 + 2 * SPARE, clock).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let told = Instant::now();
    let handed_over = handover("was stopped", "≤ 2 s", told, &world, &third, live + queued_too);
    let ((), handed_over) = tokio::join!(second.stop(), handed_over);
    rows.extend(handed_over);
    third.stop().await;
    rows
}

/// A pod that takes submissions in and can place none.
pub async fn intake(world: &World) -> Broker {
    let too_small = "[{name: a, type: simulated, namespace: jobs, simulated: {nodes: 1, cores: 1, memory: 1Gi}, \
                     capacity: {sources: [nodes]}}]";
    world.broker("[{name: dev}]", too_small).await
}

/// A pod with the clusters of another, and room for so many on each.
async fn pod(world: &World, shared: &Clusters, room: usize, clock: Arc<dyn Clock>) -> Broker {
    let mut parts = world.parts("[{name: dev}]", &clusters(room), None, clock).await;
    parts.clusters = shared.clone();
    Broker::of(parts)
}

/// Two clusters of which each takes `most`.
fn clusters(most: usize) -> String {
    let one = |name: &str| {
        format!(
            "{{name: {name}, type: simulated, namespace: jobs, simulated: {{nodes: 800, cores: 128, memory: 512Gi}}, \
             pacing: {{maxPending: 1000}}, limits: {{maxLive: {most}}}}}"
        )
    };
    format!("[{}, {}]", one("a"), one("b"))
}

async fn handover(
    how: &str,
    aim: &'static str,
    from: Instant,
    world: &World,
    next: &Broker,
    all: usize,
) -> Vec<Row> {
    let epoch = lease(world).await.epoch;
    while lease(world).await.epoch == epoch {
        assert!(from.elapsed() < PATIENCE);
        tokio::time::sleep(LOOK).await;
    }
    let taken = from.elapsed();
    until("the next one places", || created(next) > 0).await;
    let row = |what: String, took, aim| Row { what, took, aim };
    vec![
        row(
            format!("the holder of the lease {how} → the next one has it"),
            taken,
            aim,
        ),
        row(
            format!("from there to its first create, with {all} live and waiting"),
            from.elapsed() - taken,
            "≤ 5 s",
        ),
    ]
}

async fn lease(world: &World) -> Lease {
    let domain = DOMAIN.parse().unwrap();
    world.store.lease(&domain).await.unwrap().unwrap()
}

fn created(broker: &Broker) -> usize {
    let calls = broker
        .clusters
        .values()
        .map(|calls| calls.lock().unwrap().creates.len());
    calls.sum()
}

fn started(broker: &Broker) -> usize {
    let calls = broker
        .clusters
        .values()
        .map(|calls| calls.lock().unwrap().started.len());
    calls.sum()
}

async fn until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        tokio::time::sleep(LOOK).await;
    }
}

//! From what happens to a driver until the store has acknowledged the record that tells of it: from then on every lookup
//! does, since lookups are strongly consistent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use spark_broker::model::{SubmissionId, SystemClock};
use spark_broker::submission::State;

use crate::spine::jobs::Job;
use crate::spine::seen_store::{SeenStore, Written};
use crate::spine::world::{Broker, World};
use crate::{CLUSTERS, Row};

/// A bench that hangs must end.
const PATIENCE: Duration = Duration::from_secs(1_200);
/// How long each job of the stream runs.
const RUN: &str = "15s";
/// The stream is sent in so many portions a second.
const PORTIONS: usize = 5;

/// Measures with `live` jobs that run all the time, and beside them a stream that starts and ends, so that drivers of
/// both clusters change `changes` times a second, for `window`.
pub async fn measure(live: usize, changes: usize, window: Duration) -> Vec<Row> {
    let world = World::start().await.uncounted();
    let clock = Arc::new(SystemClock);
    let mut parts = world.parts("[{name: dev}]", CLUSTERS, None, clock).await;
    let store = SeenStore::over(Arc::clone(&parts.store));
    let written = Arc::clone(&store.written);
    parts.store = Arc::new(store);
    let broker = Broker::of(parts);

    let long = |n| Job::small(format!("live-{n}")).does("run-time", "5h");
    world.send(&(0..live).map(long).collect::<Vec<_>>()).await;
    until("all live jobs run", || {
        in_state(&written, "live-", State::Running) >= live
    })
    .await;
    let took = stream(&world, changes, window).await;
    let sent = took.1;
    until("the stream has ended", || {
        in_state(&written, "stream-", State::Succeeded) >= sent
    })
    .await;

    let rows = rows(&broker, &written, live, took.0);
    broker.stop().await;
    rows
}

/// Sends jobs evenly; how long it took, and how many they were. Each makes two changes.
async fn stream(world: &World, changes: usize, window: Duration) -> (Duration, usize) {
    let (begun, portion) = (Instant::now(), (changes / 2 / PORTIONS).max(1));
    let mut every = tokio::time::interval(Duration::from_secs(1) / PORTIONS as u32);
    let mut sent = 0;
    while begun.elapsed() < window {
        every.tick().await;
        let jobs = (sent..sent + portion).map(|n| Job::small(format!("stream-{n}")).does("run-time", RUN));
        world.send(&jobs.collect::<Vec<_>>()).await;
        sent += portion;
    }
    (begun.elapsed(), sent)
}

fn in_state(written: &Written, prefix: &str, state: State) -> usize {
    let written = written.lock().unwrap();
    let of_them = |(id, found, _): &&(SubmissionId, State, Timestamp)| {
        *found == state && id.as_str().starts_with(prefix)
    };
    written.iter().filter(of_them).count()
}

async fn until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn rows(broker: &Broker, written: &Written, live: usize, took: Duration) -> Vec<Row> {
    let (mut started, mut ended) = (BTreeMap::new(), BTreeMap::new());
    for cluster in broker.clusters.values() {
        let calls = cluster.lock().unwrap();
        started.extend(calls.started.clone());
        ended.extend(calls.ended.clone());
    }
    let written = written.lock().unwrap();
    let behind = |state: State, truth: &BTreeMap<String, Timestamp>| -> Vec<SignedDuration> {
        let of_it = written
            .iter()
            .filter(|(id, found, _)| *found == state && id.as_str().starts_with("stream-"));
        // Each has one attempt, and the broker was told of no driver before us.
        of_it
            .map(|(id, _, at)| at.duration_since(truth[&format!("sb-{id}-a1")]))
            .collect()
    };
    let (running, over) = (behind(State::Running, &started), behind(State::Succeeded, &ended));
    let rate = (running.len() + over.len()) as f64 / took.as_secs_f64();
    let row = |what: &str, times| Row {
        what: format!("status behind its driver, {what}; {live} other jobs live, {rate:.0} changes/s"),
        times,
        aim: "≤ 5 s always",
    };
    vec![row("start", running), row("end", over)]
}

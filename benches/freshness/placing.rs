//! From the stamp of acceptance to the stamp of the placement, read from the records, where a pod schedules what it took
//! in itself, and where another pod took it in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use spark_broker::model::SystemClock;
use spark_broker::submission::{Record, State};

use crate::spine::jobs::Job;
use crate::spine::world::{Broker, World};
use crate::{CLUSTERS, Row};

/// Clients that send at once.
const CLIENTS: usize = 8;
/// Records are read so many at once.
const BATCH: usize = 100;

/// Measures with `rate` submissions a second over HTTP for `window`, once to each kind of pod.
pub async fn measure(rate: usize, window: Duration) -> Vec<Row> {
    let own = by(rate, window, false).await;
    let others = by(rate, window, true).await;
    vec![
        row(rate, "in the pod that took it in", own, "p99 ≤ 50 ms"),
        row(rate, "taken in by another pod", others, "p99 ≤ 1 s"),
    ]
}

fn row(rate: usize, what: &str, (times, sent): (Vec<SignedDuration>, f64), aim: &'static str) -> Row {
    Row {
        what: format!("accepted → placed, {what}; {rate}/s wanted, {sent:.0}/s sent"),
        times,
        aim,
    }
}

/// How long each took, and how many a second were sent.
async fn by(rate: usize, window: Duration, through_another: bool) -> (Vec<SignedDuration>, f64) {
    let world = World::start().await.uncounted();
    let clock = Arc::new(SystemClock);
    let active = Broker::of(world.parts("[{name: dev}]", CLUSTERS, None, clock.clone()).await);
    active.all_take(&Job::small("never-sent")).await;
    let mut parts = world.parts("[{name: dev}]", CLUSTERS, None, clock).await;
    // It never schedules.
    parts.lease = Duration::from_secs(3600);
    let other = Broker::of(parts);
    let through = if through_another { &other } else { &active };

    let count = rate * window.as_secs() as usize;
    let jobs: Vec<Job> = (0..count).map(|n| Job::small(format!("placed-{n}"))).collect();
    let begun = Instant::now();
    send(&through.api, &jobs, rate).await;
    let sent = count as f64 / begun.elapsed().as_secs_f64();
    let mut times = Vec::new();
    for some in jobs.chunks(BATCH) {
        let placed = |records: &[Record]| {
            records.len() == some.len() && records.iter().all(|record| placed_after(record).is_some())
        };
        let records = world.until(some, "all are placed", placed).await;
        times.extend(records.iter().filter_map(placed_after));
    }
    other.stop().await;
    active.stop().await;
    (times, sent)
}

fn placed_after(record: &Record) -> Option<SignedDuration> {
    let step = record.history.iter().find(|step| step.to == State::Dispatching)?;
    Some(step.at.duration_since(record.accepted_at))
}

/// Sends evenly: the n-th at n/`rate` seconds, by whichever client's turn it is.
async fn send(api: &str, jobs: &[Job], rate: usize) {
    let url = format!("http://{api}/v1/submissions");
    let begun = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let of_it = jobs.iter().enumerate().skip(client).step_by(CLIENTS);
        let bodies: Vec<(usize, String)> = of_it.map(|(n, job)| (n, job.spec().to_string())).collect();
        let url = url.clone();
        clients.spawn_blocking(move || {
            let agent = ureq::Agent::new_with_defaults();
            for (n, body) in bodies {
                let due = Duration::from_secs_f64(n as f64 / rate as f64);
                std::thread::sleep(due.saturating_sub(begun.elapsed()));
                let mut answer = agent.post(&url).send(&body).unwrap();
                answer.body_mut().read_to_string().unwrap();
            }
        });
    }
    clients.join_all().await;
}

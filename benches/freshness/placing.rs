//! From the stamp of acceptance to the stamp of the placement, read from the records, where a pod schedules what it took
//! in itself, and where another pod took it in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use spark_broker::model::{Clock, SystemClock};
use spark_broker::submission::{Record, State};
use tokio::task::JoinSet;

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
    let of_own = [
        own.row("in the pod that took it in", "p99 ≤ 50 ms"),
        Row {
            what: "accepted → its sender has the answer that it is stored".into(),
            times: own.answered,
            aim: "",
        },
        Row {
            what: "from that answer to the placement; 0 where that came first".into(),
            times: own.after,
            aim: "",
        },
    ];
    of_own
        .into_iter()
        .chain([others.row("taken in by another pod", "p99 ≤ 1 s")])
        .collect()
}

/// How long each submission took from its acceptance.
struct Took {
    wanted: usize,
    /// A second.
    sent: f64,
    placed: Vec<SignedDuration>,
    answered: Vec<SignedDuration>,
    /// From the answer to the placement; nothing where that came first.
    after: Vec<SignedDuration>,
}

impl Took {
    fn row(&self, what: &str, aim: &'static str) -> Row {
        let Self { wanted, sent, .. } = self;
        Row {
            what: format!("accepted → placed, {what}; {wanted}/s wanted, {sent:.0}/s sent"),
            times: self.placed.clone(),
            aim,
        }
    }
}

async fn by(rate: usize, window: Duration, through_another: bool) -> Took {
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
    let answers = send(&through.api, &jobs, rate).await;
    let mut took = Took {
        wanted: rate,
        sent: count as f64 / begun.elapsed().as_secs_f64(),
        placed: Vec::new(),
        answered: Vec::new(),
        after: Vec::new(),
    };
    for some in jobs.chunks(BATCH) {
        let placed = |records: &[Record]| {
            records.len() == some.len() && records.iter().all(|r| placed_at(r).is_some())
        };
        for record in world.until(some, "all are placed", placed).await {
            let (placed, answered) = (placed_at(&record).unwrap(), answers[record.id.as_str()]);
            took.placed.push(placed.duration_since(record.accepted_at));
            took.answered.push(answered.duration_since(record.accepted_at));
            took.after
                .push(placed.duration_since(answered).max(SignedDuration::ZERO));
        }
    }
    other.stop().await;
    active.stop().await;
    took
}

fn placed_at(record: &Record) -> Option<Timestamp> {
    let step = record.history.iter().find(|step| step.to == State::Dispatching)?;
    Some(step.at)
}

/// Sends evenly: the n-th at n/`rate` seconds, by whichever client's turn it is. When each was answered.
async fn send(api: &str, jobs: &[Job], rate: usize) -> HashMap<String, Timestamp> {
    let url = format!("http://{api}/v1/submissions");
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let of_it = jobs.iter().enumerate().skip(client).step_by(CLIENTS);
        let bodies = of_it.map(|(n, job)| (n, job.id.clone(), job.spec().to_string()));
        let (url, bodies) = (url.clone(), bodies.collect::<Vec<_>>());
        clients.spawn_blocking(move || {
            let agent = ureq::Agent::new_with_defaults();
            let send = |(n, id, body): (usize, String, String)| {
                let due = Duration::from_secs_f64(n as f64 / rate as f64);
                std::thread::sleep(due.saturating_sub(begun.elapsed()));
                let mut answer = agent.post(&url).send(&body).unwrap();
                answer.body_mut().read_to_string().unwrap();
                (id, SystemClock.now())
            };
            bodies.into_iter().map(send).collect::<Vec<_>>()
        });
    }
    clients.join_all().await.into_iter().flatten().collect()
}

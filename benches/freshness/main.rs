//! How far the status lies behind its cluster with ten thousand live jobs, and how long a submission waits for its place
//! where nothing stands in its way: `cargo bench --bench freshness`.
//!
//! Endpoints are the embedded ones and clusters are simulated, all in this process: what is measured is the broker's own
//! share, on a machine that the rest shares with it.

#![allow(clippy::unwrap_used, reason = "a bench may stop at a fault")]

mod placing;
mod status;

#[path = "../../tests/support/proxy.rs"]
mod proxy;
#[path = "../../tests/support/spine/mod.rs"]
mod spine;
#[path = "../support/test_bed.rs"]
mod test_bed;

use std::time::Duration;

use jiff::SignedDuration;
use test_bed::{option, test_bed};

/// Two clusters that never lack room.
const CLUSTERS: &str = "[\
    {name: a, type: simulated, namespace: jobs, simulated: &size {nodes: 200, cores: 128, memory: 512Gi}, \
        pacing: &window {maxPending: 1000}}, \
    {name: b, type: simulated, namespace: jobs, simulated: *size, pacing: *window}]";

/// One line of the table.
struct Row {
    what: String,
    times: Vec<SignedDuration>,
    aim: &'static str,
}

fn main() {
    let live = option("--live").unwrap_or(10_000);
    let seconds = option("--seconds").unwrap_or(60);
    let changes = option("--changes").unwrap_or(50);
    let submissions = option("--submissions").unwrap_or(200);
    let window = Duration::from_secs(seconds as u64);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut rows = runtime.block_on(status::measure(live, changes, window));
    rows.extend(runtime.block_on(placing::measure(submissions, window)));

    println!("{}\n", test_bed());
    println!("| what | count | p50 | p99 | most | aim |\n|---|---|---|---|---|---|");
    for row in &mut rows {
        println!("{}", row.line());
    }
}

impl Row {
    fn line(&mut self) -> String {
        self.times.sort();
        let at = |share: f64| {
            let last = self.times.len().checked_sub(1)?;
            Some(self.times[(last as f64 * share).ceil() as usize].as_millis())
        };
        let told = |ms: Option<i128>| ms.map_or("–".to_owned(), |ms| format!("{ms} ms"));
        format!(
            "| {} | {} | {} | {} | {} | {} |",
            self.what,
            self.times.len(),
            told(at(0.5)),
            told(at(0.99)),
            told(at(1.0)),
            self.aim
        )
    }
}

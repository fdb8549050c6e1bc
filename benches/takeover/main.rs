//! How soon the next scheduler places after the one before has gone, with a hundred thousand submissions live and waiting,
//! and how long a million waiting ones take to load from the store: `cargo bench --bench takeover`, with
//! `-- --live 50000 --queued 50000 --entries 1000000`.
//!
//! The broker is the real one, over its DynamoDB adapter; the endpoint is the embedded one and clusters are simulated, all
//! in this process.

#![allow(clippy::unwrap_used, reason = "a bench may stop at a fault")]

mod loading;
mod seed;
mod succession;

#[path = "../../tests/support/proxy.rs"]
mod proxy;
#[path = "../../tests/support/spine/mod.rs"]
mod spine;
#[path = "../support/test_bed.rs"]
mod test_bed;

use std::time::Duration;

use test_bed::{option, test_bed};

/// One line of the table.
struct Row {
    what: String,
    took: Duration,
    aim: &'static str,
}

fn main() {
    // `RUST_LOG=spark_broker::broker=info` shows the parts of a takeover.
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let live = option("--live").unwrap_or(50_000);
    let queued = option("--queued").unwrap_or(50_000);
    let entries = option("--entries").unwrap_or(1_000_000);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    println!("{}\n", test_bed());
    println!("| what | figure | aim |\n|---|---|---|");
    tell(&runtime.block_on(succession::measure(live, queued)));
    tell(&runtime.block_on(loading::measure(entries)));
}

fn tell(rows: &[Row]) {
    for Row { what, took, aim } in rows {
        println!("| {what} | {:.2} s | {aim} |", took.as_secs_f64());
    }
}

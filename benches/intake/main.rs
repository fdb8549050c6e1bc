//! What intake, lookups and memory cost, side by side in one run: `cargo bench --bench intake`.
//!
//! Endpoints are the embedded ones and clusters are simulated: the figures compare the broker with a bare loop of the SDK
//! on the same endpoints, and don't foretell those on AWS.

#![allow(clippy::unwrap_used, reason = "a bench may stop at a fault")]

mod memory;
mod throughput;

#[path = "../../tests/support/ports.rs"]
mod ports;
#[path = "../../tests/support/proxy.rs"]
mod proxy;
#[path = "../../tests/support/spine/mod.rs"]
mod spine;
#[path = "../support/test_bed.rs"]
mod test_bed;

use std::path::Path;

use test_bed::{option, profile, test_bed};

/// One line of the table.
struct Row {
    what: &'static str,
    figure: String,
    aim: &'static str,
}

fn main() {
    let submissions = option("--submissions").unwrap_or(5_000);
    let live = option("--live").unwrap_or(10_000);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut rows = runtime.block_on(throughput::measure(submissions));
    rows.extend(runtime.block_on(memory::measure(live)));
    rows.push(binary());

    println!("{}\n", test_bed());
    println!("| what | figure | aim |\n|---|---|---|");
    for row in &rows {
        println!("| {} | {} | {} |", row.what, row.figure, row.aim);
    }
}

fn binary() -> Row {
    let size = std::fs::metadata(Path::new(env!("CARGO_BIN_EXE_spark-broker"))).map_or(0, |file| file.len());
    Row {
        what: "binary size",
        figure: format!("{:.1} MB ({})", size as f64 / 1e6, profile()),
        aim: "",
    }
}

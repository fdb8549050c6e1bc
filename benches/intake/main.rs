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

use std::path::Path;

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

/// A number given on the command line.
fn option(name: &str) -> Option<usize> {
    let mut words = std::env::args().skip_while(|word| word != name);
    words.nth(1)?.parse().ok()
}

fn profile() -> &'static str {
    if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    }
}

fn test_bed() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default();
        line.split_once(':')
            .map(|(_, value)| value.trim().to_owned())
            .unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "Test bed: {cores} cores ({}), memory {}, {} build, embedded SQS and DynamoDB endpoints in memory, simulated \
         clusters; load now and before: {}",
        field(&read("/proc/cpuinfo"), "model name"),
        field(&read("/proc/meminfo"), "MemTotal"),
        profile(),
        read("/proc/loadavg")
            .split(' ')
            .take(3)
            .collect::<Vec<_>>()
            .join(" "),
    )
}

fn binary() -> Row {
    let size = std::fs::metadata(Path::new(env!("CARGO_BIN_EXE_spark-broker"))).map_or(0, |file| file.len());
    Row {
        what: "binary size",
        figure: format!("{:.1} MB ({})", size as f64 / 1e6, profile()),
        aim: "",
    }
}

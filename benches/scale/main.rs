//! What a scheduling cycle costs with a large backlog: 50 job queues, 50 clusters of 1,000 nodes each, and a backlog of
//! 10³ to 10⁶: `cargo bench --bench scale`, with `-- --most N` for another largest backlog.
//!
//! The scheduling core alone, as the scheduler calls it; no store, no cluster, nothing simulated but the figures it is told.

#![allow(clippy::unwrap_used, reason = "a bench may stop at a fault")]

#[allow(dead_code, reason = "not every bench asks for the most")]
#[path = "../support/memory.rs"]
mod memory;
#[allow(dead_code, reason = "the other benches have endpoints to tell of")]
#[path = "../support/test_bed.rs"]
mod test_bed;
mod world;

use std::time::{Duration, Instant};

use memory::resident;
use test_bed::{option, profile};
use world::{CLUSTERS, NODES, QUEUES, World};

/// Cycles measured after each kind of change.
const CHANGES: usize = 300;
/// Placements of the burst.
const BURST: usize = 20_000;

/// What was measured with one size of the backlog.
struct Row {
    entries: usize,
    /// Bytes of memory for each entry.
    bytes: u64,
    /// Of a cycle after a job has ended.
    ended: Vec<Duration>,
    /// Of a cycle after a cluster's capacity was told anew, the telling included.
    told: Vec<Duration>,
    /// Placements in a second.
    burst: f64,
}

fn main() {
    let most = option("--most").unwrap_or(1_000_000);
    let sizes = (3..).map(|power| 10_usize.pow(power)).take_while(|n| *n <= most);
    println!(
        "{QUEUES} job queues, {CLUSTERS} clusters of {NODES} nodes, no room but what a change makes; {} build, {} cores, load {}.\n",
        profile(),
        std::thread::available_parallelism().map_or(0, usize::from),
        std::fs::read_to_string("/proc/loadavg")
            .unwrap_or_default()
            .trim(),
    );
    // The largest first: only what the process hadn't held before shows as its memory.
    let mut rows: Vec<Row> = sizes
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .map(measured)
        .collect();
    rows.reverse();
    println!(
        "| backlog | cycle after a job's end, p50 | p99 | after a cluster was read, p50 | p99 | placements/s in a burst |"
    );
    println!("|---|---|---|---|---|---|");
    for row in &rows {
        println!(
            "| {} | {:.2} ms | {:.2} ms | {:.2} ms | {:.2} ms | {:.0} |",
            row.entries,
            millis(&row.ended, 50),
            millis(&row.ended, 99),
            millis(&row.told, 50),
            millis(&row.told, 99),
            row.burst,
        );
    }
    if let Some(largest) = rows.last() {
        println!(
            "\nMemory of the largest backlog: {} bytes an entry.",
            largest.bytes
        );
    }
    let points: Vec<(f64, f64)> = rows
        .iter()
        .map(|row| ((row.entries as f64).log10(), millis(&row.ended, 50)))
        .collect();
    let (base, slope) = fit(&points);
    println!(
        "\nLeast squares of the p50 after a job's end: {base:.2} ms + {slope:.2} ms for each power of ten of the backlog."
    );
}

fn measured(entries: usize) -> Row {
    let mut world = World::new();
    let before = resident();
    for _ in 0..entries {
        world.submit();
    }
    let bytes = resident().saturating_sub(before) / entries as u64;
    let burst = world.burst(BURST.min(entries));
    world.full();
    world.settle();
    let mut ended = Vec::new();
    while ended.len() < CHANGES {
        world.end_one();
        let (took, placed) = world.cycle();
        ended.push(took);
        world.refill(placed);
    }
    let mut told = Vec::new();
    while told.len() < CHANGES {
        let began = Instant::now();
        world.read_cluster(told.len());
        let (took, placed) = world.cycle();
        told.push(began.elapsed().max(took));
        world.refill(placed);
    }
    Row {
        entries,
        bytes,
        ended,
        told,
        burst,
    }
}

fn millis(times: &[Duration], part: usize) -> f64 {
    let mut times = times.to_vec();
    times.sort();
    let rank = (times.len() * part).div_ceil(100).max(1);
    times[rank - 1].as_secs_f64() * 1000.0
}

/// The line through the points with the least squares.
fn fit(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
    let spread = mean(&|p| (p.0 - x).powi(2));
    let slope = if spread > 0.0 {
        mean(&|p| (p.0 - x) * (p.1 - y)) / spread
    } else {
        0.0
    };
    (y - slope * x, slope)
}

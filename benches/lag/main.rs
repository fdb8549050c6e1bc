//! How far records, objects and a polling client lie behind the drivers in a burst, on two real API servers with the real
//! Spark operator and spark-submit; nodes and pods are KWOK's: `cargo bench --bench lag`, with `-- --jobs N` for another
//! number of jobs.

#![allow(clippy::unwrap_used, reason = "a bench may stop at a fault")]

#[allow(dead_code, reason = "the test suite uses more of it")]
#[path = "../../tests/real/bed.rs"]
mod bed;
#[allow(dead_code, unused_imports, reason = "the test suite uses more of it")]
#[path = "../../tests/support/burst/mod.rs"]
mod bursts;
#[path = "../../tests/support/cluster/mod.rs"]
mod cluster;
#[allow(dead_code, reason = "the test suite uses more of it")]
#[path = "../../tests/real/clusters.rs"]
mod clusters;

fn main() {
    let mut words = std::env::args().skip_while(|word| word != "--jobs");
    let jobs = words.nth(1).and_then(|word| word.parse().ok()).unwrap_or(60);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let jobs = runtime.block_on(bursts::run(jobs));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "Seconds behind the driver container's own start and end (told in whole seconds): {} jobs at once, two clusters, \
         each with the Spark operator 2.4.0 and spark-submit 3.5.6, `maxPending` 10; nodes and pods simulated by KWOK; the \
         polling client asks every {} s; {cores} cores for all of it.\n",
        jobs.len(),
        bursts::POLL.as_secs(),
    );
    println!("{}", bursts::table(&jobs));
}

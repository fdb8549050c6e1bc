//! The chaos run with 10,000 submissions in each mode: `cargo bench --bench chaos`; `-- --jobs 2000` for fewer,
//! `-- --mode wait` or `-- --mode move` for one of them. See `tests/chaos`.

#![allow(clippy::unwrap_used, reason = "a bench may stop at a fault")]

#[path = "../../tests/chaos/audit/mod.rs"]
mod audit;
#[path = "../../tests/chaos/aws_proxy.rs"]
mod aws_proxy;
#[path = "../../tests/chaos/broker.rs"]
mod broker;
#[path = "../../tests/chaos/faults.rs"]
mod faults;
#[path = "../../tests/chaos/load.rs"]
mod load;
#[path = "../../tests/chaos/report.rs"]
mod report;
#[path = "../../tests/chaos/roles.rs"]
mod roles;
#[path = "../../tests/chaos/run.rs"]
mod run;
#[path = "../../tests/chaos/seeded.rs"]
mod seeded;
#[path = "../../tests/chaos/spark/mod.rs"]
mod spark;
#[path = "../../tests/chaos/wire.rs"]
mod wire;
#[path = "../../tests/chaos/world.rs"]
mod world;

#[path = "../../tests/support/cluster/mod.rs"]
mod cluster;
#[allow(dead_code, reason = "the suite on real API servers uses more of it")]
#[path = "../../tests/real/clusters.rs"]
mod clusters;

use std::process::ExitCode;

use faults::Fault;
use run::{Plan, planes};
use world::Mode;

/// How often each fault is injected.
const ROUNDS: usize = 4;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == roles::ROLE) {
        return roles::play(&arguments[1..]);
    }
    let told = |name: &str| {
        arguments
            .iter()
            .position(|word| word == name)
            .and_then(|at| arguments.get(at + 1))
    };
    let jobs = told("--jobs").map_or(10_000, |jobs| jobs.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let both = planes().await;
        let mut failed = false;
        for mode in [Mode::WaitOnePhase, Mode::MoveTwoPhase] {
            if told("--mode").is_some_and(|only| only != mode.keys().0) {
                continue;
            }
            let plan = Plan {
                mode,
                brokers: 3,
                jobs,
                faults: Fault::ALL.to_vec(),
                jobs_per_fault: jobs.div_ceil(ROUNDS * Fault::ALL.len()),
                bug: None,
            };
            let report = plan.run([&both[0], &both[1]]).await;
            println!("{}", report.text());
            let faults = report.faults();
            faults.iter().for_each(|fault| println!("{fault}"));
            failed |= !faults.is_empty();
        }
        ExitCode::from(u8::from(failed))
    })
}

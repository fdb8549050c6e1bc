//! The chaos run: real processes, every fault, and an audit from outside.

#![allow(clippy::unwrap_used, reason = "a test may stop at a fault")]

mod audit;
mod aws_proxy;
mod broker;
mod faults;
mod load;
mod report;
mod roles;
mod run;
mod seeded;
mod spark;
mod wire;
mod world;

#[path = "../support/cluster/mod.rs"]
mod cluster;
#[allow(dead_code, reason = "the suite on real API servers uses more of it")]
#[path = "../real/clusters.rs"]
mod clusters;

use std::process::ExitCode;

use cluster::{ControlPlane, Options};
use faults::Fault;
use run::Plan;
use world::Mode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == roles::ROLE) {
        return roles::play(&arguments[1..]);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(all())
}

async fn all() -> ExitCode {
    let (one, two) = tokio::join!(plane(), plane());
    let jobs: usize = std::env::args().nth(1).map_or(20, |n| n.parse().unwrap());
    let faulty = std::env::args().nth(2).is_some();
    let plan = Plan {
        mode: Mode::WaitOnePhase,
        brokers: if faulty { 3 } else { 1 },
        jobs,
        faults: if faulty { Fault::ALL.to_vec() } else { vec![] },
        jobs_per_fault: 20,
        bug: None,
    };
    let report = plan.run([&one, &two]).await;
    println!("{}", report.text());
    if !report.is_clean() {
        for (n, log) in report.logs.iter().enumerate() {
            std::fs::write(format!("/work/notes/chaos-broker-{n}.log"), log).unwrap();
        }
    }
    ExitCode::from(u8::from(!report.is_clean()))
}

async fn plane() -> ControlPlane {
    let plane = ControlPlane::start(Options::default()).await;
    plane.apply_spark_crd().await;
    plane
}

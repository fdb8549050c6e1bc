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
use seeded::Bug;
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
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let (one, two) = tokio::join!(plane(), plane());
    let mut clean = true;
    for (name, plan) in plans() {
        if wanted.as_deref().is_some_and(|wanted| !name.contains(wanted)) {
            continue;
        }
        let report = plan.run([&one, &two]).await;
        println!("{name}\n{}", report.text());
        if !report.is_clean() {
            for (n, log) in report.logs.iter().enumerate() {
                std::fs::write(format!("/work/notes/chaos-{name}-{n}.log"), log).unwrap();
            }
        }
        clean &= report.is_clean();
    }
    ExitCode::from(u8::from(!clean))
}

fn plans() -> Vec<(&'static str, Plan)> {
    let whole = |mode| Plan {
        mode,
        brokers: 3,
        jobs: 300,
        faults: Fault::ALL.to_vec(),
        jobs_per_fault: 20,
        bug: None,
    };
    let bug = |bug, brokers, faults| Plan {
        mode: Mode::WaitOnePhase,
        brokers,
        jobs: 60,
        faults,
        jobs_per_fault: 15,
        bug: Some(bug),
    };
    vec![
        ("wait", whole(Mode::WaitOnePhase)),
        ("move", whole(Mode::MoveTwoPhase)),
        ("intent", bug(Bug::NoIntent, 2, vec![Fault::KillActive])),
        ("adopts", bug(Bug::AdoptsAll, 1, vec![])),
    ]
}

async fn plane() -> ControlPlane {
    let plane = ControlPlane::start(Options::default()).await;
    plane.apply_spark_crd().await;
    plane
}

//! The chaos run: three brokers over endpoints of AWS in processes of their own, two real API servers with a careless
//! operator each, load before, during and after every fault; and an audit from outside, which is itself proven by two
//! bugs that it must find.
//!
//! `cargo bench --profile dev --bench chaos` runs it with 300 submissions in each mode; with `-- --jobs 10000` it has so
//! many, and `under_wait` or `under_move` runs one mode alone. It starts itself for the processes that the shipped program can't
//! be, hence a `main` of its own.

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

#[path = "../../tests/support/cluster/mod.rs"]
mod cluster;
#[allow(dead_code, reason = "the suite on real API servers uses more of it")]
#[path = "../../tests/real/clusters.rs"]
mod clusters;

use std::process::ExitCode;

use cluster::ControlPlane;
use faults::Fault;
use run::{Plan, planes};
use seeded::Bug;
use world::Mode;

/// Submissions in each mode, where nobody says how many.
const JOBS: usize = 300;
/// How often each fault is injected into a run of more than these.
const ROUNDS: usize = 4;

/// How often brokers that skip the intent are killed again where nothing came of it.
const TRIES: usize = 6;

const TESTS: [&str; 3] = [
    "under_wait_and_one_phase_chaos_loses_doubles_and_leaves_nothing",
    "under_move_and_two_phase_chaos_loses_doubles_and_leaves_nothing",
    "the_audit_sees_what_bugs_double_and_lose_and_what_one_phase_lets_run",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == roles::ROLE) {
        return roles::play(&arguments[1..]);
    }
    if arguments.iter().any(|word| word == "--list") {
        TESTS.iter().for_each(|name| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(tests(&arguments))
}

async fn tests(arguments: &[String]) -> ExitCode {
    let told = arguments.iter().position(|word| word == "--jobs");
    let jobs = told.map_or(JOBS, |at| arguments[at + 1].parse().unwrap());
    let is_name = |word: &&String| !word.starts_with('-') && word.parse::<usize>().is_err();
    let words: Vec<&String> = arguments.iter().filter(is_name).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let both = planes().await;
    let both = [&both[0], &both[1]];
    let mut failed = false;
    for (n, name) in TESTS.into_iter().enumerate().filter(|(_, name)| wanted(name)) {
        println!("test {name} ...");
        let faults = match n {
            0 => whole(Mode::WaitOnePhase, jobs, both).await,
            1 => whole(Mode::MoveTwoPhase, jobs, both).await,
            _ => {
                let (proven, late) = tokio::join!(proven(both), late(both));
                [proven, late].concat()
            }
        };
        println!(
            "test {name} ... {}\n",
            if faults.is_empty() { "ok" } else { "FAILED" }
        );
        faults.iter().for_each(|fault| println!("{fault}"));
        failed |= !faults.is_empty();
    }
    ExitCode::from(u8::from(failed))
}

/// All faults, in one mode; what is wrong.
async fn whole(mode: Mode, jobs: usize, planes: [&ControlPlane; 2]) -> Vec<String> {
    let gives_up = mode == Mode::MoveTwoPhase && jobs != JOBS;
    let mut faults = Fault::ALL.to_vec();
    // It takes half a minute. In the short run `late` has it.
    faults.splice(0..0, gives_up.then_some(Fault::SilenceCluster));
    let plan = Plan {
        mode,
        brokers: 3,
        jobs,
        jobs_per_fault: match jobs {
            JOBS => JOBS / faults.len(),
            more => more.div_ceil(ROUNDS * faults.len()),
        },
        faults,
        bug: None,
    };
    let report = plan.run(planes).await;
    println!("{}", report.text());
    let mut faults = report.faults();
    if gives_up && report.findings.late.is_empty() {
        faults.push("nothing landed after its attempt was given up".to_owned());
    }
    faults
}

/// The audit on brokers with a bug.
async fn proven(planes: [&ControlPlane; 2]) -> Vec<String> {
    let plan = |bug, brokers, jobs, faults| Plan {
        mode: Mode::WaitOnePhase,
        brokers,
        jobs,
        faults,
        jobs_per_fault: 15,
        bug: Some(bug),
    };
    let skipping = plan(Bug::NoIntent, 2, 60, vec![Fault::KillActive]);
    let adopting = plan(Bug::AdoptsAll, 1, 20, vec![]);
    let (skipped, adopted) = tokio::join!(skipping.run(planes), adopting.run(planes));
    println!("{}\n{}", skipped.text(), adopted.text());
    let mut faults = Vec::new();
    let at_once = |line: &String| line.contains("at least");
    let mut seen = skipped.findings.doubled.iter().any(at_once);
    // Whether a kill falls between a create and its intent is chance.
    for _ in 0..TRIES {
        if !seen {
            let again = skipping.run(planes).await;
            println!("{}", again.text());
            seen = again.findings.doubled.iter().any(at_once);
        }
    }
    if !seen {
        faults.push("a skipped intent: the audit saw no two at once".to_owned());
    }
    if adopted.findings.lost.len() != 10 {
        faults.push(format!(
            "adopted objects: the audit saw {:?}",
            adopted.findings.lost
        ));
    }
    faults
}

/// Creates that land after their attempts were given up.
async fn late(planes: [&ControlPlane; 2]) -> Vec<String> {
    let plan = |mode| Plan {
        mode,
        brokers: 1,
        jobs: 30,
        faults: vec![Fault::SilenceCluster],
        jobs_per_fault: 30,
        bug: None,
    };
    let plans = (plan(Mode::MoveOnePhase), plan(Mode::MoveTwoPhase));
    let (mut one, mut two) = tokio::join!(plans.0.run(planes), plans.1.run(planes));
    println!("{}\n{}", one.text(), two.text());
    // Whether a create is under way as the cluster falls silent is chance.
    for (plan, report) in [(&plans.0, &mut one), (&plans.1, &mut two)] {
        for _ in 0..TRIES {
            if report.findings.late.is_empty() && report.faults().is_empty() {
                *report = plan.run(planes).await;
                println!("{}", report.text());
            }
        }
    }
    let mut faults = [one.faults(), two.faults()].concat();
    for (report, phase) in [(&one, "one-phase"), (&two, "two-phase")] {
        if report.findings.late.is_empty() {
            faults.push(format!("{phase}: nothing landed late"));
        }
    }
    if one.findings.exceptions.is_empty() {
        faults.push("one-phase: the audit saw nothing of what landed late run".to_owned());
    }
    faults
}

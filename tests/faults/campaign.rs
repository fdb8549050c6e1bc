//! Which faults are tried, and trying them.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fault::{Fault, Mode};
use crate::run::run;

/// Calls of a beat that runs on whatever happens: some of them stand for all.
const BEATS: [&str; 6] = [
    "store.backlog",
    "store.live",
    "store.wishes",
    "lease.read",
    "lease.write",
    "boards.write",
];
/// How many calls of a beat are hit.
const OF_A_BEAT: usize = 12;

/// A fault of each mode at every call that a run makes, of its beats at the first ones.
pub fn every(calls: &BTreeMap<&'static str, usize>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (call, count) in calls {
        let most = if BEATS.contains(call) {
            OF_A_BEAT
        } else {
            usize::MAX
        };
        for nth in 1..=(*count).min(most) {
            faults.extend(modes(call).iter().map(|mode| Fault {
                call,
                nth,
                mode: *mode,
            }));
        }
    }
    faults
}

/// As many of them, spread evenly, the first and the last of each call among them where there is room.
pub fn spread(calls: &BTreeMap<&'static str, usize>, most: usize) -> Vec<Fault> {
    let every = every(calls);
    let step = every.len().div_ceil(most).max(1);
    every.into_iter().step_by(step).collect()
}

/// The modes that differ for this call.
fn modes(call: &str) -> &'static [Mode] {
    match call {
        // The watch breaks, which is one thing.
        "cluster.event" => &[Mode::Fails],
        "cluster.create" => &[
            Mode::Fails,
            Mode::Delays,
            Mode::AppliesThenFails,
            Mode::FailsThenApplies,
        ],
        _ => &[Mode::Fails, Mode::Delays, Mode::AppliesThenFails],
    }
}

/// Runs all of them, as many at once as there are cores; what failed.
pub fn carry_out(faults: &[Fault]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut failed = Vec::new();
        while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(Some(*fault)))) {
                let text = panic.downcast_ref::<String>().map_or("a panic", String::as_str);
                failed.push(format!("{fault:?}: {text}"));
            }
        }
        failed
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    })
}

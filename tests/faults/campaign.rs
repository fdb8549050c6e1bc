//! Which faults are tried, and trying them.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fault::{Fault, Mode};
use crate::run::run;

/// Calls of a beat that runs on whatever happens: some of them stand for all.
const BEATS: [&str; 7] = [
    "store.backlog",
    "store.live",
    "store.wishes",
    "lease.read",
    "lease.write",
    "boards.write",
    "wishes.read",
];
/// Calls that change something for a job.
const WRITES: [&str; 6] = [
    "cluster.create",
    "cluster.delete",
    "cluster.release",
    "queue.delete",
    "store.create",
    "store.update",
];
/// How many calls of a beat are hit.
const OF_A_BEAT: usize = 12;

/// A fault of each mode at every call that a run makes, of its beats at the first ones.
pub fn every(calls: &BTreeMap<&'static str, usize>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (call, count) in calls {
        for nth in 1..=(*count).min(most(call)) {
            faults.extend(modes(call).iter().map(|mode| Fault {
                call,
                nth,
                mode: *mode,
            }));
        }
    }
    faults
}

/// A few of them: each mode at one call of each method, at an early and the last one of those that write.
pub fn spread(calls: &BTreeMap<&'static str, usize>) -> Vec<Fault> {
    let few = |call: &str, count: usize| {
        let writes = WRITES.contains(&call);
        let middle = count.div_ceil(2);
        if writes {
            vec![2.min(count), count]
        } else {
            vec![middle]
        }
    };
    let mut faults = every(calls);
    faults.retain(|fault| few(fault.call, calls[fault.call].min(most(fault.call))).contains(&fault.nth));
    faults
}

/// The most calls of a method that are hit.
fn most(call: &str) -> usize {
    if BEATS.contains(&call) {
        OF_A_BEAT
    } else {
        usize::MAX
    }
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

//! Which faults are tried, and trying them.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fault::{Fault, Mode};
use crate::run::{Outcome, run};

/// Calls that change something for a job.
const WRITES: [&str; 6] = [
    "cluster.create",
    "cluster.delete",
    "cluster.release",
    "queue.delete",
    "store.create",
    "store.update",
];

/// A fault of each mode at every call that a run makes.
pub fn every(calls: &BTreeMap<&'static str, usize>) -> Vec<Fault> {
    let each = calls
        .iter()
        .flat_map(|(call, count)| (1..=*count).map(|nth| (*call, nth)));
    each.flat_map(|(call, nth)| {
        modes(call).iter().map(move |mode| Fault {
            call,
            nth,
            mode: *mode,
        })
    })
    .collect()
}

/// A few of them: each mode at one call of each method, at an early and a late one of those that write. Runs differ by a
/// few calls, since what waits draws lots.
pub fn spread(calls: &BTreeMap<&'static str, usize>) -> Vec<Fault> {
    let few = |call: &str, count: usize| {
        if WRITES.contains(&call) {
            vec![2.min(count), count - count / 5]
        } else {
            vec![count.div_ceil(2)]
        }
    };
    let mut faults = every(calls);
    faults.retain(|fault| few(fault.call, calls[fault.call]).contains(&fault.nth));
    faults
}

/// The modes that differ for this call.
fn modes(call: &str) -> &'static [Mode] {
    match call {
        // The watch breaks, which is one thing.
        "cluster.watch" => &[Mode::Fails],
        "cluster.create" => &[
            Mode::Fails,
            Mode::Delays,
            Mode::AppliesThenFails,
            Mode::FailsThenApplies,
        ],
        _ => &[Mode::Fails, Mode::Delays, Mode::AppliesThenFails],
    }
}

/// A fault and what came of it.
#[derive(Debug)]
pub struct Tried {
    pub fault: Fault,
    pub outcome: Outcome,
}

impl Tried {
    /// Whether the run came to the call.
    pub fn hit(&self) -> bool {
        self.outcome.calls.get(self.fault.call) >= Some(&self.fault.nth)
    }

    fn of(fault: Fault) -> Self {
        let outcome = catch_unwind(AssertUnwindSafe(|| run(Some(fault)))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map_or("a panic", String::as_str);
            let mut outcome = Outcome::default();
            outcome.findings.stuck.push(text.to_owned());
            outcome
        });
        Self { fault, outcome }
    }
}

/// Runs all of them, as many at once as there are cores.
pub fn carry_out(faults: &[Fault]) -> Vec<Tried> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut tried = Vec::new();
        while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
            tried.push(Tried::of(*fault));
        }
        tried
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

//! What holds after every cycle, whatever has happened: job queues with weights, limits and orders of their own, clusters
//! that close and open, windows and paces. Judged by the world outside alone; of the router only its answers count.

mod judge;
mod outside;
mod worlds;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use outside::Outside;
use worlds::{any_queue, any_site, step};

/// What all worlds together must have met, or the laws were kept for want of occasion.
const MET: [&str; 20] = [
    "bound",
    "claimed",
    "cordoned",
    "held",
    "held for another queue",
    "larger than the cluster",
    "larger than the queue's limit",
    "maxLive",
    "maxPending",
    "no room",
    "pace",
    "passed in best-effort-fifo",
    "placed",
    "placed by strict-fifo",
    "placed in hope beside strangers",
    "strangers",
    "the queue's limit",
    "the queue's maxLive",
    "unhealthy",
    "waits behind a head of strict-fifo",
];

#[test]
fn every_cycle_keeps_the_laws_and_the_same_calls_give_the_same_cycles() {
    let queues = (any_queue("dev"), any_queue("prod"), any_queue("night"));
    let sites = prop::collection::vec(any_site(), 1..4);
    let worlds = (queues, sites, prop::collection::vec(step(), 20..100));
    let met = RefCell::new(BTreeMap::<&str, u64>::new());
    let mut runner = TestRunner::new(Config {
        source_file: Some(file!()),
        ..Config::with_cases(256)
    });
    let judged = runner.run(&worlds, |((dev, prod, night), sites, steps)| {
        let queues = [dev, prod, night];
        let played = || {
            let mut outside = Outside::new(&queues, &sites);
            steps.iter().for_each(|step| outside.take(step));
            outside.cycle();
            outside
        };
        let (once, again) = (played(), played());
        prop_assert_eq!(once.log, again.log);
        for (what, times) in once.met {
            *met.borrow_mut().entry(what).or_default() += times;
        }
        Ok(())
    });
    judged.unwrap_or_else(|failed| panic!("{failed}\n{runner}"));
    let met = met.into_inner();
    println!("{met:#?}");
    assert_eq!(met.into_keys().collect::<Vec<_>>(), MET);
}

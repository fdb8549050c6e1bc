//! Every port fails, is late, and answers into the void, at calls spread over a run of twenty jobs, one fault per run:
//! nothing is lost, doubled, leaked or stuck. Ports in memory, time paused, indexes that lag by up to a minute.
//!
//! `cargo bench --bench faults` does it at every single call.

#![cfg(test)]
#![allow(clippy::unwrap_used, reason = "a test may stop at a fault")]

mod campaign;
mod clock;
mod clusters;
mod coordination;
mod fault;
mod hold;
mod hub;
mod items;
mod overdue;
mod pacing;
mod paused;
mod pods;
mod queue;
mod recovery;
mod refusing;
mod removed;
mod run;
mod store;

#[test]
fn a_fault_at_any_call_loses_doubles_leaks_and_holds_up_nothing() {
    let calls = run::run(None);
    let faults = campaign::spread(&calls);
    let failed = campaign::carry_out(&faults);
    assert!(
        failed.is_empty(),
        "{} of {} runs failed:\n{}",
        failed.len(),
        faults.len(),
        failed.join("\n")
    );
}

//! Every port fails, is late, and answers into the void, at calls spread over a run of twenty jobs, one fault per run:
//! nothing is lost, doubled, leaked or stuck. Ports in memory, time paused, indexes that lag by up to a minute.
//!
//! `cargo bench --bench faults` does it at every single call.

#![cfg(test)]
#![allow(clippy::unwrap_used, reason = "a test may stop at a fault")]

mod alone;
mod audit;
mod busy;
mod campaign;
mod claimant;
mod clock;
mod clusters;
mod coordination;
mod fault;
mod hold;
mod hub;
mod items;
mod ledger;
mod methods;
mod orphans;
mod overdue;
mod pacing;
mod paused;
mod people;
mod pods;
mod queue;
mod recovery;
mod refusing;
mod removed;
mod run;
mod stale;
mod store;
mod workload;

#[test]
fn a_run_without_a_fault_comes_to_every_method_of_every_port() {
    let run::Outcome { calls, findings } = run::run(None);
    let mut methods = methods::methods();
    methods.retain(|method| !calls.contains_key(method.as_str()));
    assert_eq!(
        methods,
        Vec::<String>::new(),
        "never called, or not counted: {calls:?}"
    );
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn a_fault_at_any_call_loses_doubles_leaks_and_holds_up_nothing() {
    let faults = campaign::spread(&run::run(None).calls);
    let (hit, missed): (Vec<_>, Vec<_>) = campaign::carry_out(&faults)
        .into_iter()
        .partition(campaign::Tried::hit);
    let failed: Vec<_> = hit
        .iter()
        .filter(|tried| !tried.outcome.findings.is_empty())
        .map(|tried| (tried.fault, &tried.outcome.findings))
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {} runs: {failed:#?}",
        failed.len(),
        faults.len()
    );
    let missed: Vec<_> = missed.iter().map(|tried| tried.fault).collect();
    assert!(missed.is_empty(), "the run doesn't come to {missed:?}");
}

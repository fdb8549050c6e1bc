//! A fault at every single call of every port: `cargo bench --bench faults`. See `tests/faults`.

#![allow(clippy::unwrap_used, reason = "a bench may stop at a fault")]

#[allow(dead_code, reason = "the test suite uses more of it")]
#[path = "../../tests/faults/campaign.rs"]
mod campaign;
#[path = "../../tests/faults/clock.rs"]
mod clock;
#[allow(dead_code, reason = "the test suite uses more of it")]
#[path = "../../tests/faults/clusters.rs"]
mod clusters;
#[path = "../../tests/faults/coordination.rs"]
mod coordination;
#[allow(dead_code, reason = "the test suite uses more of it")]
#[path = "../../tests/faults/fault.rs"]
mod fault;
#[allow(dead_code, reason = "the test suite uses more of it")]
#[path = "../../tests/faults/hold.rs"]
mod hold;
#[path = "../../tests/faults/items.rs"]
mod items;
#[allow(dead_code, reason = "the test suite uses more of it")]
#[path = "../../tests/faults/queue.rs"]
mod queue;
#[path = "../../tests/faults/run.rs"]
mod run;
#[allow(dead_code, reason = "the test suite uses more of it")]
#[path = "../../tests/faults/store.rs"]
mod store;

fn main() {
    let calls = run::run(None);
    let mut faults = campaign::every(&calls);
    let named = std::env::args().skip_while(|word| word != "--call").nth(1);
    faults.retain(|fault| named.as_deref().is_none_or(|call| call == fault.call));
    println!("Calls of a run of twenty jobs without a fault: {calls:?}");
    let failed = campaign::carry_out(&faults);
    println!(
        "{} runs, one fault each; lost, doubled, leaked or stuck in {}",
        faults.len(),
        failed.len()
    );
    for line in &failed {
        println!("{line}");
    }
    assert!(failed.is_empty());
}

//! A fault at every single call of every port, and what came of it as a table: `cargo bench --bench faults`. See
//! `tests/faults`. `-- --call store.update` tries the calls of one method only, `--first 12` the first ones of each.

#![allow(clippy::unwrap_used, reason = "a bench may stop at a fault")]

#[allow(dead_code, reason = "the test suite uses more of it")]
#[path = "../../tests/faults/audit.rs"]
mod audit;
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
#[path = "../../tests/faults/ledger.rs"]
mod ledger;
#[path = "../../tests/faults/methods.rs"]
mod methods;
#[path = "../../tests/faults/orphans.rs"]
mod orphans;
#[allow(dead_code, reason = "the test suite uses more of it")]
#[path = "../../tests/faults/people.rs"]
mod people;
#[allow(dead_code, reason = "the test suite uses more of it")]
#[path = "../../tests/faults/queue.rs"]
mod queue;
#[path = "../../tests/faults/run.rs"]
mod run;
#[allow(dead_code, reason = "the test suite uses more of it")]
#[path = "../../tests/faults/store.rs"]
mod store;
#[path = "../../tests/faults/workload.rs"]
mod workload;

use campaign::Tried;

/// What stands behind a flag of the command line.
fn given(flag: &str) -> Option<String> {
    std::env::args().skip_while(|word| word != flag).nth(1)
}

fn main() {
    let calls = run::run(None).calls;
    let (named, first) = (
        given("--call"),
        given("--first").map(|count| count.parse().unwrap()),
    );
    let mut faults = campaign::every(&calls);
    faults.retain(|fault| {
        named.as_deref().is_none_or(|call| call == fault.call)
            && first.is_none_or(|count: usize| fault.nth <= count)
    });
    let tried = campaign::carry_out(&faults);
    println!("| call | in a run | runs with a fault | came to it | lost | doubled | leaked | stuck |");
    println!("|---|---|---|---|---|---|---|---|");
    for method in methods::methods() {
        let of_it: Vec<&Tried> = tried.iter().filter(|tried| tried.fault.call == method).collect();
        if !of_it.is_empty() {
            println!("{}", row(&method, calls[method.as_str()], &of_it));
        }
    }
    let all: Vec<&Tried> = tried.iter().collect();
    println!("{}", row("all", calls.values().sum(), &all));
    let failed = tried.iter().filter(|tried| !tried.outcome.findings.is_empty());
    let failed: Vec<_> = failed
        .map(|tried| println!("{:?}: {:#?}", tried.fault, tried.outcome.findings))
        .collect();
    assert!(failed.is_empty());
}

fn row(name: &str, calls: usize, tried: &[&Tried]) -> String {
    let count = |holds: fn(&Tried) -> bool| tried.iter().filter(|tried| holds(tried)).count().to_string();
    let figures = [
        calls.to_string(),
        tried.len().to_string(),
        count(Tried::hit),
        count(|tried| !tried.outcome.findings.lost.is_empty()),
        count(|tried| !tried.outcome.findings.doubled.is_empty()),
        count(|tried| !tried.outcome.findings.leaked.is_empty()),
        count(|tried| !tried.outcome.findings.stuck.is_empty()),
    ];
    format!("| {name} | {} |", figures.join(" | "))
}

//! Lifecycle, lease and dispatch as a model over the program's own transition functions: every interleaving of a bound is
//! visited. What is modelled, and what is assumed, stands in `docs/RELIABILITY.md`.
#![allow(clippy::unwrap_used, missing_docs)]

mod cluster;
mod dispatch;
mod graph;
mod mind;
mod scheduler;
mod store;
mod world;

use dispatch::{Dispatch, Rule};
use stateright::{Checker, Model};
pub use world::wall;

fn bound() -> Dispatch {
    Dispatch {
        clusters: 1,
        faults: 1,
        cancels: 0,
        resends: 0,
        tries: 2,
        two_phase: false,
        moves: false,
        late_creates: false,
        without: None,
    }
}

/// Every state of the bound is visited; what was found.
fn explore(model: Dispatch) -> Vec<String> {
    let started = std::time::Instant::now();
    let checker = model.clone().checker().threads(2).spawn_bfs().join();
    println!("{model:?}: {} states, depth {}, {:?}", checker.unique_state_count(), checker.max_depth(), started.elapsed());
    let mut found = Vec::new();
    for (name, path) in checker.discoveries() {
        if name == "a job succeeds" { continue; }
        println!("--- {name}");
        for (state, action) in path.into_vec() {
            println!("{:?} | {:?}\n     {action:?}", state.record, state.clusters);
        }
        found.push(name.to_owned());
    }
    found
}

#[test]
fn probe() {
    let get = |name: &str, default: u8| std::env::var(name).ok().map_or(default, |v| v.parse().unwrap());
    let model = Dispatch {
        clusters: usize::from(get("CLUSTERS", 1)),
        faults: get("FAULTS", 1),
        cancels: get("CANCELS", 0),
        resends: get("RESENDS", 0),
        two_phase: get("TWO", 0) > 0,
        moves: get("MOVES", 0) > 0,
        late_creates: get("LATE", 0) > 0,
        tries: u32::from(get("TRIES", 2)),
        without: match get("WITHOUT", 0) {
            1 => Some(Rule::Intent),
            2 => Some(Rule::Name),
            3 => Some(Rule::Restamp),
            4 => Some(Rule::ReplyLost),
            5 => Some(Rule::DoubleAbsence),
            6 => Some(Rule::Incarnation),
            _ => None,
        },
    };
    if get("GRAPH", 0) == 0 {
        explore(model);
    } else {
        let started = std::time::Instant::now();
        let reached = graph::reach(&model);
        println!("{} states, {} ends, {} stuck, {:?}", reached.states, reached.ends, reached.stuck, started.elapsed());
        if let Some((way, world)) = reached.example {
            println!("{way:#?}\n{world:#?}");
        }
    }
}

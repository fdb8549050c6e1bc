//! Lifecycle, lease and dispatch as a model over the program's own transition functions: every interleaving of a bound is
//! visited. What is modelled, and what is assumed, stands in `docs/RELIABILITY.md`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test: a panic is its failure, and its clock is its own"
)]

mod cluster;
mod dispatch;
mod graph;
mod happening;
mod lease;
mod mind;
mod rules;
mod scheduler;
mod store;
mod watching;
mod world;

use std::hash::Hash;
use std::time::Instant;

use dispatch::Dispatch;
use lease::Election;
use stateright::{Checker, DiscoveryClassification, HasDiscoveries, Model};
pub use world::wall;

/// One submission, two schedulers, one cluster, one fault.
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
        cluster_faults: true,
        without: None,
    }
}

/// Visits the states of `model` until one fails, else all of them, and prints how many; which promise failed.
fn broken<M>(model: M) -> Option<String>
where
    M: Model + Clone + std::fmt::Debug + Send + Sync + 'static,
    M::State: Clone + PartialEq + Hash + Send + Sync + std::fmt::Debug,
    M::Action: Clone + PartialEq + std::fmt::Debug + Send + Sync,
{
    let (started, told) = (Instant::now(), format!("{model:?}"));
    let checker = model
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let (states, took) = (checker.unique_state_count(), started.elapsed().as_secs());
    println!("{told}: {states} states, depth {}, {took} s", checker.max_depth());
    let found = checker.discoveries();
    let fails = |name: &str| {
        matches!(
            checker.discovery_classification(name),
            DiscoveryClassification::Counterexample
        )
    };
    let failed = found.into_iter().find(|(name, _)| fails(name));
    let (name, path) = failed?;
    println!("{name} fails:");
    path.into_vec()
        .iter()
        .for_each(|(state, action)| println!("    {state:?}\n    -> {action:?}"));
    Some(name.to_owned())
}

fn holds(model: Dispatch) {
    assert_eq!(broken(model), None);
}

#[test]
fn one_run_at_most_whatever_fault_comes_when() {
    holds(bound());
    holds(Dispatch {
        two_phase: true,
        ..bound()
    });
}

#[test]
fn a_cancel_and_an_id_sent_again_are_each_one_outcome() {
    holds(Dispatch {
        cancels: 1,
        resends: 1,
        faults: 0,
        ..bound()
    });
}

/// The whole of it, with a cancel, is the large bound `two-phase-late`.
#[test]
fn two_phase_never_commits_what_lands_late() {
    holds(Dispatch {
        two_phase: true,
        late_creates: true,
        cluster_faults: false,
        ..bound()
    });
}

/// The stated exception, made visible: what lands after its attempt was given up runs until it is seen.
#[test]
fn one_phase_may_run_what_lands_late() {
    let late = Dispatch {
        late_creates: true,
        cancels: 1,
        tries: 1,
        ..bound()
    };
    assert!(broken(late).is_some());
}

#[test]
fn an_end_can_be_reached_from_everywhere_and_nothing_is_left() {
    for two_phase in [false, true] {
        let reached = graph::reach(&Dispatch { two_phase, ..bound() });
        println!("{} states, {} at rest", reached.states, reached.ends);
        assert!(reached.stuck == 0 && reached.ends > 0, "{:#?}", reached.example);
    }
}

#[test]
fn of_two_holders_of_the_lease_one_at_most_acts() {
    let model = Election {
        seconds: 6,
        crashes: 0,
        count_from_answer: false,
    };
    assert_eq!(broken(model.clone()), None);
    let wrong = Election {
        count_from_answer: true,
        ..model
    };
    assert_eq!(broken(wrong).as_deref(), Some("one acts at most"));
}

/// The large bound, named by `SPARK_BROKER_MODEL` (`docs/RELIABILITY.md`); without that a bound of a second.
#[test]
fn the_large_bound_holds() {
    let word = std::env::var("SPARK_BROKER_MODEL").unwrap_or_default();
    let (one, none) = (bound(), Dispatch { faults: 0, ..bound() });
    let large = match word.as_str() {
        "two-faults" => Dispatch {
            faults: 2,
            cluster_faults: false,
            ..one
        },
        "two-faults-two-phase" => Dispatch {
            faults: 2,
            two_phase: true,
            cluster_faults: false,
            ..one
        },
        "two-faults-resend" => Dispatch {
            faults: 2,
            resends: 1,
            cluster_faults: false,
            tries: 1,
            ..one
        },
        "two-phase-late" => Dispatch {
            two_phase: true,
            late_creates: true,
            cluster_faults: false,
            cancels: 1,
            tries: 1,
            ..one
        },
        "two-faults-cancel" => Dispatch {
            faults: 2,
            cancels: 1,
            cluster_faults: false,
            tries: 1,
            ..one
        },
        "two-clusters" => Dispatch {
            clusters: 2,
            moves: true,
            two_phase: true,
            ..one
        },
        "cancel" => Dispatch { cancels: 1, ..one },
        _ => none,
    };
    holds(large);
}

//! Taking out any one rule, in the model's wiring alone, breaks a promise.

use super::dispatch::{Dispatch, Rule};
use super::{bound, broken, graph};

const ONE_RUN: &str = "one run at most";
const TRUTH: &str = "the record tells the truth";

fn without(rule: Rule) -> Dispatch {
    Dispatch {
        without: Some(rule),
        ..bound()
    }
}

#[test]
fn without_the_intent_two_clusters_run_it() {
    let model = Dispatch {
        clusters: 2,
        ..without(Rule::Intent)
    };
    assert_eq!(broken(model).as_deref(), Some(ONE_RUN));
}

#[test]
fn without_the_deterministic_name_a_repeated_create_runs_it_twice() {
    assert_eq!(broken(without(Rule::Name)).as_deref(), Some(ONE_RUN));
}

#[test]
fn without_the_restamp_a_late_write_of_the_old_scheduler_starts_another_attempt() {
    let model = Dispatch {
        faults: 2,
        cluster_faults: false,
        ..without(Rule::Restamp)
    };
    assert_eq!(broken(model).as_deref(), Some(ONE_RUN));
}

#[test]
fn without_the_reply_lost_rule_a_submission_is_left_by_everybody() {
    let reached = graph::reach(&Dispatch {
        cluster_faults: false,
        ..without(Rule::ReplyLost)
    });
    assert!(reached.stuck > 0);
    let held = graph::reach(&Dispatch {
        cluster_faults: false,
        ..bound()
    });
    assert_eq!(held.stuck, 0);
}

#[test]
fn without_the_second_absence_what_lands_late_runs() {
    let model = Dispatch {
        cancels: 1,
        tries: 1,
        ..without(Rule::DoubleAbsence)
    };
    assert!(broken(model).is_some_and(|promise| promise == TRUTH || promise == ONE_RUN));
}

#[test]
fn without_the_incarnation_an_earlier_run_is_taken_for_the_new_one() {
    let model = Dispatch {
        faults: 0,
        resends: 1,
        ..without(Rule::Incarnation)
    };
    assert_eq!(broken(model).as_deref(), Some(TRUTH));
}

//! What people wish of the attempt's cluster.

use super::*;
use crate::broker::plan::{Emptied, Loss};
use crate::ports::store::DrainThen;

fn gone() -> Wished {
    Wished {
        loss: Loss::Gone("a is gone".into()),
        ..Wished::default()
    }
}

fn emptied(then: DrainThen) -> Wished {
    Wished {
        emptied: Some(Emptied {
            then,
            message: "a is being emptied".into(),
        }),
        ..Wished::default()
    }
}

fn submitted() -> World {
    let mut world = World::own();
    world.create(Ok(object("")));
    assert_eq!(world.write(), State::Submitted);
    world
}

#[test]
fn in_doubt_a_missing_object_says_why_once_and_is_lost_when_the_doubt_is_over() {
    let mut world = running();
    world.wished.loss = Loss::Doubted("4 are missing".into());
    world.attempt.object_went(None, world.now);
    assert!(matches!(world.plan(), Act::Wait(_)), "the settling time first");
    world.later(61).look(None);
    world.list_no_pods();
    assert_eq!(world.write(), State::Running);
    let verdict = &world.attempt.record.verdict;
    assert_eq!(verdict.reason, Some(Reason::LostUnconfirmed));
    assert_eq!(verdict.message.as_deref(), Some("4 are missing"));
    assert!(matches!(world.plan(), Act::Wait(_)), "written once");
    world.later(10_000);
    assert!(matches!(world.plan(), Act::Wait(_)), "for ever");
    world.wished.loss = Loss::Proven;
    assert_eq!(world.write(), State::Failed);
    assert_eq!(world.attempt.record.verdict.reason, Some(Reason::Lost));
}

#[test]
fn an_object_that_is_back_ends_the_doubt() {
    let mut world = running();
    world.wished.loss = Loss::Doubted("4 are missing".into());
    world.attempt.object_went(None, world.now);
    world.later(61).look(None);
    world.list_no_pods();
    world.write();
    world.attempt.saw_object(object("RUNNING"), world.now);
    assert_eq!(world.write(), State::Running);
    assert_eq!(world.attempt.record.verdict.reason, None);
    assert_eq!(world.plan(), Act::Rest);
}

#[test]
fn on_a_cluster_that_is_gone_an_attempt_ends_lost_unless_it_may_be_retried() {
    for retried in [false, true] {
        let mut world = running();
        world.in_sight = false;
        assert_eq!(world.plan(), Act::Rest, "without a person's word");
        if retried {
            world.attempt.record.retry.on = vec![Reason::Lost];
        }
        world.wished = gone();
        let expected = if retried { State::Retrying } else { State::Failed };
        assert_eq!(world.write(), expected);
        assert_eq!(world.attempt.record.verdict.reason, Some(Reason::Lost));
        if retried {
            assert_eq!(world.write(), State::Queued, "that word is the proof as well");
            assert_eq!(world.attempt.record.attempt, crate::model::Attempt(2));
        }
    }
}

#[test]
fn on_a_cluster_that_is_gone_a_cancel_ends_cancelled() {
    let mut world = running();
    world.in_sight = false;
    world.attempt.record.cancel_requested = true;
    world.wished = gone();
    assert_eq!(world.write(), State::Cancelling);
    assert_eq!(world.write(), State::Cancelled);
}

#[test]
fn an_intent_on_a_cluster_that_is_gone_is_taken_over_before_it_ends() {
    let mut world = World::found_by(4);
    world.in_sight = false;
    world.wished = gone();
    assert_eq!(world.write(), State::Dispatching, "stamped first");
    assert_eq!(world.write(), State::Failed);
}

#[test]
fn what_never_started_is_withdrawn_uncounted_once_a_list_shows_no_driver() {
    let mut world = submitted();
    world.wished = emptied(DrainThen::Leave);
    world.later(1).list_no_pods();
    assert_eq!(world.write(), State::Retrying);
    assert_eq!(world.attempt.record.verdict.reason, Some(Reason::Drained));
    assert_eq!(world.attempt.record.tries, 0);
    assert!(matches!(world.plan(), Act::DeleteObject(_)));
    world.later(1);
    world.attempt.object_went(Some(object("SUBMITTED")), world.now);
    world.later(1).list_no_pods();
    assert_eq!(world.write(), State::Queued);
    assert_eq!(world.attempt.record.tries, 0);
}

#[test]
fn an_intent_that_was_never_sent_is_given_up_in_a_drain() {
    let mut world = World::own();
    world.wished = emptied(DrainThen::Leave);
    assert_eq!(world.write(), State::Queued, "nothing is created");
    let record = &world.attempt.record;
    assert_eq!((record.attempt.0, record.tries), (2, 0));
    assert_eq!(record.history.last().unwrap().reason, Some(Reason::Drained));
}

#[test]
fn a_driver_that_starts_while_its_job_is_withdrawn_ends_it() {
    let mut world = submitted();
    world.wished = emptied(DrainThen::Leave);
    world.later(1).list_no_pods();
    assert_eq!(world.write(), State::Retrying);
    let mut driver = ended_driver(1);
    driver.phase = DriverPhase::Running { since: Some(wall()) };
    world.attempt.saw_driver(driver, world.now);
    assert_eq!(world.write(), State::Cancelling, "it isn't run again");
    assert_eq!(world.attempt.record.verdict.reason, Some(Reason::Drained));
}

#[test]
fn what_has_started_is_left_or_cancelled_as_told() {
    let mut left = running();
    left.wished = emptied(DrainThen::Leave);
    assert_eq!(left.plan(), Act::Rest);
    let mut cancelled = running();
    cancelled.wished = emptied(DrainThen::Cancel);
    assert_eq!(cancelled.write(), State::Cancelling);
    cancelled
        .attempt
        .object_went(Some(object("RUNNING")), cancelled.now);
    cancelled.list_no_pods();
    assert_eq!(cancelled.write(), State::Cancelled);
    let message = cancelled.attempt.record.verdict.message.as_deref();
    assert_eq!(message, Some("a is being emptied"));
}

/// Somebody deleted the object and told Kubernetes to leave the driver.
#[test]
fn a_driver_that_runs_on_without_its_object_is_left_or_cancelled_as_told() {
    for (then, expected) in [
        (DrainThen::Leave, None),
        (DrainThen::Cancel, Some(State::Cancelling)),
    ] {
        let mut world = running();
        let mut driver = ended_driver(0);
        driver.phase = DriverPhase::Running { since: Some(wall()) };
        world.attempt.saw_driver(driver, world.now);
        world.attempt.object_went(Some(object("RUNNING")), world.now);
        world.later(1);
        world.wished = emptied(then);
        let written = match world.plan() {
            Act::Write(next) => Some(next.state),
            _ => None,
        };
        assert_eq!(written, expected);
    }
}

/// The operator counts the submission of a driver that waits for room; a second one tells that the first has run.
#[test]
fn a_driver_that_waits_has_not_started_unless_it_is_the_second() {
    let mut waiting = ended_driver(1);
    waiting.phase = DriverPhase::Waiting { why: None };
    for (executions, expected) in [(1, Some(Reason::Drained)), (2, None)] {
        let mut world = submitted();
        world.wished = emptied(DrainThen::Leave);
        let mut seen = object("SUBMITTED");
        seen.execution_attempts = executions;
        world.attempt.saw_object(seen, world.now);
        world.attempt.saw_driver(waiting.clone(), world.now);
        let withdrawn = match world.plan() {
            Act::Write(next) => next.verdict.reason,
            _ => None,
        };
        assert_eq!(withdrawn, expected);
    }
}

#[test]
fn what_went_unwatched_counts_as_started() {
    let mut world = submitted();
    world.wished = emptied(DrainThen::Leave);
    world.attempt.memory.unwatched = true;
    assert!(!matches!(world.plan(), Act::ListPods | Act::Write(_)));
    world.attempt.record.retry.on = vec![Reason::Lost];
    assert_eq!(world.plan(), Act::ListPods);
}

#[test]
fn nothing_is_withdrawn_out_of_sight() {
    let mut world = submitted();
    world.wished = emptied(DrainThen::Cancel);
    world.in_sight = false;
    assert_eq!(world.plan(), Act::Rest);
}

/// An object of another party under our name is none of our business.
#[test]
fn a_foreign_object_under_the_name_is_never_deleted() {
    let mut world = running();
    world.attempt.record.cancel_requested = true;
    world.write();
    let mut foreign = object("RUNNING");
    foreign.uid = "uid-9".parse().unwrap();
    foreign.owner.incarnation = Some("another".parse().unwrap());
    world.attempt.looked(Some(foreign), world.now, world.now);
    assert_eq!(world.attempt.sight.second.object, None);
    assert_eq!(world.plan(), Act::ListPods, "ours is gone");
}

//! From the object to its end, and after it.

use super::*;

#[test]
fn a_cancel_deletes_the_object_and_waits_for_its_pods() {
    let mut world = running();
    world.attempt.record.cancel_requested = true;
    assert_eq!(world.write(), State::Cancelling);
    assert_eq!(world.plan(), Act::DeleteObject("uid-1".parse().unwrap()));
    world.later(1);
    world.attempt.object_went(Some(object("RUNNING")), world.now);
    world.list_no_pods();
    assert_eq!(world.write(), State::Cancelled);
}

#[test]
fn after_a_deletion_that_nobody_watched_the_settling_time_is_waited_for() {
    let mut world = running();
    world.attempt.record.cancel_requested = true;
    world.write();
    world.attempt.object_went(None, world.now);
    world.list_no_pods();
    assert!(matches!(world.plan(), Act::Wait(_)));
    world.later(179);
    assert!(matches!(world.plan(), Act::Wait(_)));
    world.later(2).list_no_pods();
    assert_eq!(world.write(), State::Cancelled);
}

#[test]
fn a_run_time_out_stops_the_driver_and_fails() {
    let mut world = running();
    world.attempt.record.timeouts.run = Some(60);
    assert!(matches!(world.plan(), Act::Wait(_)));
    world.later(61);
    assert_eq!(world.write(), State::Cancelling);
    world.attempt.object_went(Some(object("RUNNING")), world.now);
    world.list_no_pods();
    assert_eq!(world.write(), State::Failed);
    assert_eq!(world.attempt.record.verdict.reason, Some(Reason::RunTimeout));
}

#[test]
fn failed_without_a_driver_in_sight_is_believed_only_after_a_consistent_list() {
    let mut world = running();
    world.later(1);
    world.attempt.saw_object(object("FAILED"), world.now);
    world.later(1).list_no_pods();
    assert_eq!(world.write(), State::Failed);
}

#[test]
fn a_lost_object_needs_a_minute_a_look_and_a_list() {
    let mut world = running();
    world.attempt.object_went(None, world.now);
    assert!(matches!(world.plan(), Act::Wait(_)));
    world.later(61).look(None);
    world.list_no_pods();
    assert_eq!(world.write(), State::Failed);
    assert_eq!(world.attempt.record.verdict.reason, Some(Reason::Lost));
}

#[test]
fn nothing_is_decided_out_of_sight() {
    let mut world = running();
    world.in_sight = false;
    world.attempt.object_went(None, world.now);
    world.later(1000);
    assert_eq!(world.plan(), Act::Rest);
}

#[test]
fn an_object_that_has_not_finished_is_left_alone_for_a_while_after_the_end() {
    let mut world = running();
    world.attempt.saw_driver(ended_driver(0), world.now);
    assert_eq!(world.write(), State::Succeeded);
    assert!(matches!(world.plan(), Act::Wait(_)));
    world.later(601);
    assert_eq!(world.plan(), Act::DeleteObject("uid-1".parse().unwrap()));
    world.attempt.saw_object(object("COMPLETED"), world.now);
    assert_eq!(world.plan(), Act::Forget);
}

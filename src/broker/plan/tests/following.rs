//! From the object to its end, and after it.

use super::*;
use crate::submission::RestartPolicy;
use crate::watch::DriverStop;

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

/// The name is free again: what is still under way would make the object anew.
#[test]
fn while_a_create_may_still_land_no_attempt_is_over() {
    let mut repeated = World::own();
    repeated.create(Err(ambiguous()));
    repeated.later(2).look(None);
    repeated.create(Ok(object("")));
    repeated.write();
    let mut found = running();
    found.attempt = Attempt::found(found.attempt.record, T0);
    found.attempt.saw_object(object("RUNNING"), T0);
    for mut world in [repeated, found] {
        world.attempt.record.cancel_requested = true;
        assert_eq!(world.write(), State::Cancelling);
        world.attempt.object_went(Some(object("RUNNING")), world.now);
        world.list_no_pods();
        assert!(matches!(world.plan(), Act::Wait(_)));
        world.now = T0;
        world.later(89);
        assert!(matches!(world.plan(), Act::Wait(_)));
        world.later(1).list_no_pods();
        world.look(None);
        assert_eq!(world.write(), State::Cancelled);
    }
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

/// An object as `commit: two-phase` creates it.
fn suspended(raw: &str) -> ObjectState {
    ObjectState {
        suspended: true,
        two_phase: true,
        ..object(raw)
    }
}

#[test]
fn under_two_phase_an_object_is_released_only_after_its_record_says_submitted() {
    let mut world = World::own();
    world.create(Ok(suspended("")));
    assert_eq!(world.write(), State::Submitted);
    let uid = "uid-1".parse().unwrap();
    assert_eq!(world.plan(), Act::Release(uid));
    world.attempt.memory.release_sent = Some(world.now);
    assert!(matches!(world.plan(), Act::Wait(_)));
    // Suspended in the operator's word too, it isn't HELD: nobody else suspended it.
    world.attempt.saw_object(suspended("SUSPENDED"), world.now);
    world.later(11);
    assert!(
        matches!(world.plan(), Act::Release(_)),
        "without effect it is sent again"
    );
    let mut released = suspended("SUSPENDED");
    released.suspended = false;
    world.attempt.saw_object(released, world.now);
    assert_eq!(world.plan(), Act::Wait(T0 + Rules::default().pickup));
}

#[test]
fn what_the_record_has_moved_past_is_never_released() {
    let mut cancelled = World::own();
    cancelled.create(Ok(suspended("")));
    cancelled.write();
    cancelled.attempt.record.cancel_requested = true;
    assert_eq!(cancelled.write(), State::Cancelling);
    assert!(matches!(cancelled.plan(), Act::DeleteObject(_)));

    let mut other = World::own();
    other.create(Ok(suspended("")));
    other.write();
    let second = ObjectState {
        uid: "uid-2".parse().unwrap(),
        ..suspended("")
    };
    other.attempt.saw_object(second, other.now);
    assert!(
        !matches!(other.plan(), Act::Release(_)),
        "another object by the same name"
    );

    let mut out_of_sight = World::own();
    out_of_sight.create(Ok(suspended("")));
    out_of_sight.write();
    out_of_sight.in_sight = false;
    assert_eq!(out_of_sight.plan(), Act::Rest);
}

#[test]
fn what_another_party_suspended_is_held_and_not_released() {
    let mut world = World::own();
    world.create(Ok(object("")));
    world.write();
    let mut stopped = object("SUSPENDED");
    stopped.suspended = true;
    world.attempt.saw_object(stopped, world.now);
    assert_eq!(world.write(), State::Held);
    assert!(!matches!(world.plan(), Act::Release(_)));
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

#[test]
fn completed_beside_a_failed_driver_makes_the_broker_look_for_the_driver_that_succeeded() {
    let mut world = running();
    world.attempt.record.restart_policy = RestartPolicy::OnFailure(3);
    world.attempt.saw_driver(ended_driver(1), world.now);
    world.later(1);
    world.attempt.driver_went(&ended_driver(1));
    world.attempt.saw_object(object("COMPLETED"), world.now);
    world.later(1);
    assert_eq!(world.plan(), Act::ListPods);
    let mut second = ended_driver(0);
    second.uid = "pod-2".parse().unwrap();
    world
        .attempt
        .listed(vec![pod_of(1, second)], world.now, world.now);
    assert_eq!(world.write(), State::Succeeded);
    assert_eq!(world.attempt.record.exit_code, Some(0));
}

#[test]
fn a_driver_that_appears_while_the_proof_is_waited_for_is_removed_on_sight() {
    let mut world = running();
    world.attempt.record.cancel_requested = true;
    world.write();
    world.attempt.object_went(None, world.now);
    world.list_no_pods();
    assert!(matches!(world.plan(), Act::Wait(_)));
    world.later(5);
    let mut late = ended_driver(0);
    late.phase = DriverPhase::Waiting { why: None };
    world.attempt.saw_driver(late, world.now);
    let pod = ("sb-job-1-a1-driver".to_owned(), "pod-1".parse().unwrap());
    assert_eq!(world.plan(), Act::DeletePods(vec![pod]));
}

fn pod_of(attempt: u32, driver: Driver) -> PodSight {
    let mut owner = driver.owner.clone();
    owner.attempt = Some(crate::model::Attempt(attempt));
    PodSight {
        name: driver.pod.clone(),
        uid: driver.uid.clone(),
        owner,
        driver: Some(driver),
    }
}

#[test]
fn the_driver_of_an_earlier_attempt_does_not_hide_that_this_one_has_none() {
    let mut world = running();
    world.attempt.record.attempt = crate::model::Attempt(2);
    world.later(1);
    world.attempt.saw_object(object("FAILED"), world.now);
    world.later(1);
    assert_eq!(world.plan(), Act::ListPods);
    let left = vec![pod_of(1, ended_driver(1))];
    world.attempt.listed(left, world.now, world.now);
    assert_eq!(world.write(), State::Failed);
}

#[test]
fn a_list_that_was_asked_for_before_the_driver_was_seen_does_not_hide_it() {
    let mut world = running();
    let asked = world.now;
    world.later(1);
    world.attempt.saw_driver(ended_driver(0), world.now);
    world.attempt.listed(Vec::new(), asked, world.now);
    assert_eq!(world.write(), State::Succeeded);
}

#[test]
fn a_driver_that_has_ended_keeps_its_word_when_its_pod_goes() {
    let mut world = running();
    world.attempt.saw_driver(ended_driver(0), world.now);
    world.attempt.driver_went(&ended_driver(0));
    world.attempt.object_went(None, world.now);
    assert_eq!(world.write(), State::Succeeded);
}

#[test]
fn an_end_that_may_be_rerun_is_looked_at_again_by_itself() {
    let mut world = running();
    world.attempt.record.restart_policy = RestartPolicy::OnFailure(3);
    let mut driver = ended_driver(1);
    if let DriverPhase::Ended(end) = &mut driver.phase {
        end.finished_at = Some(wall());
    }
    world.attempt.saw_driver(driver, world.now);
    let Act::Wait(until) = world.plan() else {
        panic!("{:?}", world.plan())
    };
    world.now = until;
    assert_eq!(world.write(), State::Failed);
}

#[test]
fn all_pods_of_an_attempt_are_deleted_at_once_and_with_growing_pauses() {
    let mut world = running();
    world.attempt.record.cancel_requested = true;
    assert_eq!(world.write(), State::Cancelling);
    world.attempt.object_went(None, world.now);
    world.later(1);
    for pauses in [1, 2, 3] {
        assert_eq!(world.plan(), Act::ListPods);
        let mut other = ended_driver(1);
        other.pod = "exec-1".into();
        let mut pods = vec![
            pod_of(1, ended_driver(1)),
            pod_of(1, other),
            pod_of(7, ended_driver(1)),
        ];
        pods.iter_mut().for_each(|pod| pod.driver = None);
        world.attempt.listed(pods, world.now, world.now);
        assert!(matches!(world.plan(), Act::DeletePods(pods) if pods.len() == 2));
        world.attempt.deleted(world.now);
        let Act::Wait(until) = world.plan() else { panic!() };
        assert_eq!((until - world.now).as_millis(), 100 << pauses);
        world.now = until;
    }
}

/// What a cluster that fails each job is to blame for costs no try, and less and less often one of its probes.
#[test]
fn what_a_cluster_fails_with_all_others_is_not_counted() {
    let mut failed = object("FAILED");
    failed.error_message = Some("failed to run spark-submit: no such account".into());
    for (fails_all, tries) in [(false, 1), (true, 0)] {
        let mut world = World::own();
        world.attempt.record.attempt = crate::model::Attempt(4);
        world.fails_all = fails_all;
        failed.owner.attempt = Some(crate::model::Attempt(4));
        world.create(Ok(failed.clone()));
        assert_eq!(world.write(), State::Submitted);
        world.later(1).list_no_pods();
        assert_eq!(world.write(), State::Retrying);
        assert_eq!(world.attempt.record.tries, tries);
        world.later(1);
        world.attempt.object_went(Some(failed.clone()), world.now);
        world.list_no_pods();
        world.later(180).list_no_pods();
        assert_eq!(world.write(), State::Queued);
        let pause = world.attempt.record.not_before.unwrap().duration_since(wall());
        assert_eq!(pause.as_secs(), 182 + 80);
    }
}

#[test]
fn what_would_be_run_again_or_is_being_stopped_is_cancelled() {
    let cancelled = |change: fn(&mut World, &mut Driver)| {
        let (mut world, mut driver) = (running(), ended_driver(3));
        change(&mut world, &mut driver);
        world.attempt.record.cancel_requested = true;
        world.attempt.saw_driver(driver, world.now);
        assert_eq!(world.write(), State::Cancelling);
    };
    // Also where what became of its object is known: it waits for what became of the others.
    let mut missing = running();
    missing.attempt.object_went(None, missing.now);
    let mut stopped = ended_driver(143);
    stopped.stop = Some(DriverStop::Deleting { due: wall() });
    missing.attempt.saw_driver(stopped, missing.now);
    missing.later(1).look(None);
    assert!(matches!(missing.plan(), Act::Wait(_)));
    missing.attempt.record.cancel_requested = true;
    assert_eq!(missing.write(), State::Cancelling);
    cancelled(|world, _| world.attempt.record.retry.on = vec![Reason::ApplicationFailed]);
    cancelled(|world, _| world.attempt.record.restart_policy = RestartPolicy::OnFailure(1));
    cancelled(|_, driver| driver.stop = Some(DriverStop::Disrupted));
    // Once its stop has begun, only a success stands.
    let mut begun = running();
    begun.attempt.record.cancel_requested = true;
    assert_eq!(begun.write(), State::Cancelling);
    begun.attempt.saw_driver(ended_driver(3), begun.now);
    assert!(matches!(begun.plan(), Act::DeleteObject(_)));
}

//! The time-outs between SUBMITTED and a running driver.

use super::*;
use crate::submission::RestartPolicy;

/// A world whose object has been created and is left lying.
pub(super) fn submitted() -> World {
    let mut world = World::own();
    world.create(Ok(object("")));
    assert_eq!(world.write(), State::Submitted);
    world
}

fn waiting_driver() -> Driver {
    Driver {
        phase: DriverPhase::Waiting {
            why: Some("Unschedulable: 0/3 nodes are available".into()),
        },
        ..ended_driver(0)
    }
}

fn running_driver() -> Driver {
    Driver {
        phase: DriverPhase::Running { since: None },
        ..ended_driver(0)
    }
}

#[test]
fn an_object_that_nobody_picks_up_is_taken_back_uncounted() {
    for raw in ["", "SUSPENDING", "SUSPENDED", "RESUMING"] {
        let mut world = submitted();
        world.attempt.record.retry.max_attempts = 1;
        world.attempt.saw_object(object(raw), world.now);
        if raw.starts_with("SUSPEND") {
            assert_eq!(world.write(), State::Held);
        }
        assert_eq!(world.plan(), Act::Wait(T0 + Duration::from_secs(900)), "{raw}");
        world.later(899);
        assert_eq!(
            world.plan(),
            Act::Wait(world.now + Duration::from_secs(1)),
            "{raw}"
        );
        world.later(1).list_no_pods();
        assert_eq!(world.write(), State::Retrying, "{raw}");
        let record = &world.attempt.record;
        assert_eq!(record.verdict.reason, Some(Reason::PickupTimeout));
        assert_eq!(record.tries, 0);
        assert_eq!(world.plan(), Act::DeleteObject("uid-1".parse().unwrap()));
    }
}

#[test]
fn a_list_from_before_the_time_out_does_not_say_that_there_is_no_driver() {
    let mut world = submitted();
    world.attempt.record.timeouts.pickup = Some(60);
    world.later(59);
    world.attempt.listed(Vec::new(), world.now, world.now);
    world.later(2);
    assert_eq!(world.plan(), Act::ListPods);
    let pods = vec![PodSight {
        name: "sb-job-1-a1-driver".into(),
        uid: "pod-1".parse().unwrap(),
        owner: object("").owner,
        driver: Some(running_driver()),
    }];
    world.attempt.listed(pods, world.now, world.now);
    assert_eq!(world.write(), State::Running);
}

#[test]
fn from_the_driver_on_only_the_start_counts_whoever_sees_it_when() {
    let mut world = submitted();
    world.attempt.record.timeouts.pickup = Some(60);
    world.attempt.record.timeouts.start = Some(300);
    // Made at once; first seen much later, as by a broker that took over.
    world.later(250);
    world.attempt.saw_driver(waiting_driver(), world.now);
    assert_eq!(world.write(), State::Submitted, "told why");
    assert_eq!(world.plan(), Act::Wait(T0 + Duration::from_secs(300)));
    world.later(50);
    assert_eq!(world.write(), State::Retrying);
    let record = &world.attempt.record;
    assert_eq!(
        (record.tries, record.verdict.reason),
        (1, Some(Reason::StartTimeout))
    );
    let message = record.verdict.message.as_deref().unwrap();
    assert!(message.contains("0/3 nodes are available"), "{message}");
}

#[test]
fn a_driver_that_never_starts_is_stopped_for_good_after_the_last_try() {
    let mut world = submitted();
    world.attempt.record.retry.max_attempts = 1;
    world.attempt.record.timeouts.start = Some(30);
    world.attempt.saw_driver(waiting_driver(), world.now);
    world.later(30);
    assert_eq!(world.write(), State::Cancelling);
    world.attempt.driver_went(&waiting_driver());
    world.attempt.object_went(Some(object("SUBMITTED")), world.now);
    world.later(1).list_no_pods();
    assert_eq!(world.write(), State::Failed);
    assert_eq!(world.attempt.record.verdict.reason, Some(Reason::StartTimeout));
}

#[test]
fn what_runs_or_has_run_is_not_timed_out() {
    let mut world = submitted();
    world.attempt.record.timeouts.start = Some(30);
    world.attempt.saw_driver(running_driver(), world.now);
    assert_eq!(world.write(), State::Running);
    world.later(10_000);
    assert_eq!(world.plan(), Act::Rest);

    // Suspended by another party after it ran: that there is no driver now says nothing.
    let mut world = submitted();
    world.attempt.saw_driver(running_driver(), world.now);
    world.write();
    world.attempt.driver_went(&running_driver());
    world.attempt.saw_object(object("SUSPENDED"), world.now);
    assert_eq!(world.write(), State::Held);
    world.later(10_000);
    assert_eq!(world.plan(), Act::Rest);
}

#[test]
fn a_driver_that_starts_while_its_attempt_is_taken_back_is_not_run_again() {
    let mut world = submitted();
    world.later(900).list_no_pods();
    assert_eq!(world.write(), State::Retrying);
    world.attempt.saw_driver(running_driver(), world.now);
    assert_eq!(world.write(), State::Cancelling);
    world.attempt.driver_went(&running_driver());
    world.attempt.object_went(Some(object("SUBMITTED")), world.now);
    world.later(1).list_no_pods();
    assert_eq!(world.write(), State::Failed);
    assert_eq!(world.attempt.record.verdict.reason, Some(Reason::PickupTimeout));
    let message = world.attempt.record.verdict.message.as_deref().unwrap();
    assert!(message.starts_with("not run again"), "{message}");
}

#[test]
fn nothing_is_timed_out_while_its_cluster_is_out_of_sight() {
    let mut world = submitted();
    world.in_sight = false;
    world.later(10_000);
    assert_eq!(world.plan(), Act::Rest);
}

#[test]
fn an_object_that_nobody_picks_up_is_not_run_again_where_a_driver_may_have_run_unseen() {
    let lying_unwatched = || {
        let mut world = submitted();
        world.attempt.memory.unwatched = true;
        world.later(900).list_no_pods();
        world
    };
    let mut world = lying_unwatched();
    assert_eq!(world.write(), State::Cancelling);
    let verdict = &world.attempt.record.verdict;
    assert_eq!(verdict.reason, Some(Reason::PickupTimeout));
    assert!(verdict.message.as_ref().unwrap().contains("may have run"));
    let mut named = lying_unwatched();
    named.attempt.record.retry.on = vec![Reason::Lost];
    assert_eq!(named.write(), State::Retrying);
}

/// A pick-up time-out was decided, and before its object was deleted the operator ran the job after all, unseen.
fn taken_back() -> World {
    let mut world = submitted();
    world.later(900).list_no_pods();
    assert_eq!(world.write(), State::Retrying);
    world
}

#[test]
fn what_ran_unseen_while_it_was_taken_back_is_not_run_again() {
    let mut failed = object("FAILED");
    failed.execution_attempts = 1;
    failed.error_message = Some("driver container failed with ExitCode: 1, Reason: Error".into());
    let mut told = taken_back();
    told.attempt.saw_object(failed.clone(), told.now);
    let mut gone = taken_back();
    gone.attempt.object_went(Some(failed), gone.now);
    let mut unwatched = taken_back();
    unwatched.attempt.memory.unwatched = true;
    for mut world in [told, gone, unwatched] {
        assert_eq!(world.write(), State::Cancelling);
        assert_eq!(world.attempt.record.verdict.reason, Some(Reason::PickupTimeout));
    }
    let mut only_submitted = taken_back();
    let mut submitted = object("SUBMITTED");
    submitted.execution_attempts = 1;
    only_submitted.attempt.saw_object(submitted, only_submitted.now);
    assert!(matches!(only_submitted.plan(), Act::DeleteObject(_)));
}

#[test]
fn a_release_that_is_refused_ends_by_the_pick_up_time_out() {
    let mut world = World::own();
    let mut held = object("");
    (held.suspended, held.two_phase) = (true, true);
    world.create(Ok(held));
    world.write();
    assert!(matches!(world.plan(), Act::Release(_)));
    world.later(900).list_no_pods();
    assert_eq!(world.write(), State::Retrying);
    assert_eq!(world.attempt.record.verdict.reason, Some(Reason::PickupTimeout));
}

/// A takeover within the minute leaves no time unwatched, however long ago the record last moved.
#[test]
fn what_the_scheduler_before_watched_is_not_unwatched() {
    let record = submitted().attempt.record;
    let moved_at = record.history.last().unwrap().at;
    let found_at = moved_at + jiff::SignedDuration::from_secs(600);
    for (until, expected) in [
        (None, true),
        (Some(found_at - jiff::SignedDuration::from_secs(5)), false),
    ] {
        let mut found = Attempt::found(record.clone(), T0).watched(until);
        found.in_sight(found_at);
        assert_eq!(found.memory.unwatched, expected);
    }
}

/// The operator has run a driver before, which nobody saw, and the second one waits.
#[test]
fn a_second_driver_that_never_starts_is_not_run_again() {
    let mut unseen = submitted();
    let mut twice = object("SUBMITTED");
    twice.execution_attempts = 2;
    unseen.attempt.saw_object(twice, unseen.now);
    let mut told = submitted();
    let mut once = object("SUBMITTED");
    once.execution_attempts = 1;
    told.attempt.saw_object(once, told.now);
    told.attempt.record.restart_policy = RestartPolicy::OnFailure(1);
    told.attempt.memory.unwatched = true;
    told.attempt.record.timeouts.start = Some(30);
    told.attempt.saw_driver(waiting_driver(), told.now);
    told.later(30);
    assert_eq!(told.write(), State::Retrying, "the only one waits");

    let mut resumed = submitted();
    resumed.attempt.record.started_at = Some(wall());
    let mut unwatched = submitted();
    unwatched.attempt.record.restart_policy = RestartPolicy::OnFailure(1);
    unwatched.attempt.memory.unwatched = true;
    for mut world in [unseen, resumed, unwatched] {
        world.attempt.record.timeouts.start = Some(30);
        world.attempt.saw_driver(waiting_driver(), world.now);
        world.later(30);
        assert_eq!(world.write(), State::Cancelling);
        let verdict = &world.attempt.record.verdict;
        assert_eq!(verdict.reason, Some(Reason::StartTimeout));
        let message = verdict.message.as_deref().unwrap();
        assert!(message.contains("not run again"), "{message}");
    }
}

fn evicted_before_its_start() -> Driver {
    Driver {
        phase: DriverPhase::Ended(DriverEnd {
            exit_code: None,
            word: Some("Evicted".into()),
            cause: Reason::DriverEvicted,
            success: false,
            ran: false,
            started_at: None,
            finished_at: None,
        }),
        ..ended_driver(0)
    }
}

#[test]
fn a_second_driver_that_ends_before_its_start_is_not_run_again_and_a_first_one_is() {
    for (executions, state) in [(1, State::Retrying), (2, State::Failed)] {
        let mut world = submitted();
        let mut failed = object("FAILED");
        failed.execution_attempts = executions;
        world.attempt.saw_object(failed, world.now);
        world.attempt.saw_driver(evicted_before_its_start(), world.now);
        assert_eq!(world.write(), state, "{executions}");
        assert_eq!(world.attempt.record.verdict.reason, Some(Reason::DriverEvicted));
    }
}

/// The operator begins a second driver before its object is deleted, seen by the broker or not.
#[test]
fn what_ended_before_its_start_and_runs_after_all_while_it_is_taken_back_is_not_run_again() {
    let taken_back = || {
        let mut world = submitted();
        world.attempt.saw_driver(evicted_before_its_start(), world.now);
        assert_eq!(world.write(), State::Retrying);
        assert!(matches!(world.plan(), Act::DeleteObject(_)));
        world
    };
    let mut seen = taken_back();
    let mut second = running_driver();
    second.uid = "pod-2".parse().unwrap();
    seen.attempt.saw_driver(second, seen.now);
    let mut told = taken_back();
    let mut twice = object("RUNNING");
    twice.execution_attempts = 2;
    told.attempt.object_went(Some(twice), told.now);
    for mut world in [seen, told] {
        assert_eq!(world.write(), State::Cancelling);
        let message = world.attempt.record.verdict.message.as_deref().unwrap();
        assert!(message.starts_with("not run again"), "{message}");
    }
}

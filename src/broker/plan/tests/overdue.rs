//! A driver that was told to go and doesn't, or of which nobody knows.

use super::*;
use crate::watch::DriverStop;

/// A driver that was told to go at `wall()` and still runs.
fn stuck() -> Driver {
    Driver {
        phase: DriverPhase::Running { since: None },
        stop: Some(DriverStop::Deleting { due: wall() }),
        ..ended_driver(0)
    }
}

/// A job whose driver doesn't go; after five minutes its record says so.
fn in_doubt() -> World {
    let mut world = running();
    world.attempt.saw_driver(stuck(), world.now);
    assert_eq!(world.plan(), Act::Wait(T0 + Duration::from_secs(300)));
    world.later(300);
    assert_eq!(world.write(), State::Running);
    let verdict = &world.attempt.record.verdict;
    assert_eq!(verdict.reason, Some(Reason::NodeLost));
    let message = verdict.message.as_deref().unwrap();
    assert!(message.contains("spark-broker confirm-lost job-1"), "{message}");
    assert_eq!(world.plan(), Act::Rest, "written once");
    world.later(100_000);
    assert_eq!(world.plan(), Act::Rest, "for ever");
    world
}

fn say_lost(world: &mut World) {
    let event = Event {
        at: wall(),
        happening: Happening::LossSaid { why: "burnt".into() },
    };
    let Step::Next(next) = Rules::default().step(&world.attempt.record, &event) else {
        panic!("a doubt can be ended")
    };
    world.attempt.record = *next;
}

#[test]
fn a_driver_that_does_not_go_is_told_and_over_by_a_persons_word_alone() {
    let mut world = in_doubt();
    say_lost(&mut world);
    assert_eq!(world.write(), State::Failed, "it may have run");
    let record = &world.attempt.record;
    assert_eq!(record.verdict.reason, Some(Reason::NodeLost));
    assert!(record.verdict.message.as_deref().unwrap().contains("burnt"));
}

#[test]
fn what_a_person_gave_up_runs_again_where_its_policy_names_it() {
    let mut world = in_doubt();
    world.attempt.record.retry.on = vec![Reason::NodeLost];
    say_lost(&mut world);
    assert_eq!(world.write(), State::Retrying);
    // The driver still stands there: nobody waits for it.
    assert_eq!(world.write(), State::Queued);
    assert_eq!(world.attempt.record.overdue, None, "said of that attempt alone");
}

/// As the cluster's garbage collector ends it once its node is deleted or carries the taint out-of-service.
fn collected() -> Driver {
    let mut driver = ended_driver(0);
    driver.stop = Some(DriverStop::Deleting { due: wall() });
    driver.phase = DriverPhase::Ended(DriverEnd {
        exit_code: None,
        word: None,
        cause: Reason::NodeLost,
        success: false,
        ran: true,
        started_at: Some(wall()),
        finished_at: None,
    });
    driver
}

#[test]
fn what_ran_on_a_lost_node_runs_again_only_once_the_node_is_gone_or_out_of_service() {
    let mut world = running();
    world.attempt.record.retry.on = vec![Reason::NodeLost];
    world.attempt.saw_driver(stuck(), world.now);
    world.later(300);
    assert_eq!(world.write(), State::Running);
    let message = world.attempt.record.verdict.message.clone().unwrap();
    assert!(message.contains("node.kubernetes.io/out-of-service"), "{message}");
    world.later(100_000);
    assert_eq!(world.plan(), Act::Rest, "it may run there still");
    world.attempt.saw_driver(collected(), world.now);
    assert_eq!(
        world.plan(),
        Act::Look,
        "it was stopped: what for, says its object"
    );
    world
        .attempt
        .looked(Some(object("RUNNING")), world.now, world.now);
    assert_eq!(world.write(), State::Retrying);
    assert_eq!(world.attempt.record.verdict.reason, Some(Reason::NodeLost));
}

#[test]
fn a_driver_of_which_nobody_knows_is_told_after_a_while_and_over_by_a_persons_word() {
    let mut world = running();
    let unknown = Driver {
        phase: DriverPhase::Unknown,
        ..ended_driver(0)
    };
    world.attempt.saw_driver(unknown.clone(), world.now);
    assert_eq!(world.plan(), Act::Wait(T0 + Duration::from_secs(300)));
    // A watch that begins anew says it again.
    world.later(200);
    world.attempt.saw_driver(unknown.clone(), world.now);
    assert_eq!(world.plan(), Act::Wait(T0 + Duration::from_secs(300)));
    world.later(300);
    assert_eq!(world.write(), State::Running);
    let verdict = world.attempt.record.verdict.clone();
    assert_eq!(verdict.reason, Some(Reason::NodeLost));
    let message = verdict.message.unwrap();
    assert!(
        message.contains("may run or not: its node says nothing of it"),
        "{message}"
    );
    assert_eq!(world.plan(), Act::Rest, "written once");
    say_lost(&mut world);
    // The same after a takeover, which knows the record alone.
    world.attempt.sight.driver = None;
    world.attempt.sight.unknown_since = None;
    world.attempt.saw_driver(unknown, world.now);
    assert_eq!(world.write(), State::Failed);
}

#[test]
fn a_driver_that_goes_late_ends_the_doubt_by_its_own_end() {
    let mut world = in_doubt();
    let mut ended = ended_driver(0);
    ended.stop = Some(DriverStop::Deleting { due: wall() });
    world.attempt.saw_driver(ended, world.now);
    assert_eq!(world.write(), State::Succeeded);
}

/// The word is about the driver that was told: not about one that runs by now, and not where nobody can look.
#[test]
fn a_word_ends_nothing_out_of_sight_or_once_another_driver_runs() {
    let mut world = in_doubt();
    say_lost(&mut world);
    world.in_sight = false;
    assert_eq!(world.plan(), Act::Rest, "its driver may have ended meanwhile");
    world.in_sight = true;
    let other = Driver {
        uid: "pod-2".parse().unwrap(),
        phase: DriverPhase::Running { since: None },
        ..ended_driver(0)
    };
    world.attempt.record.restart_policy = crate::submission::RestartPolicy::OnFailure(3);
    world.attempt.driver_went(&stuck());
    world.attempt.saw_driver(other, world.now);
    while world.attempt.record.overdue.is_some() {
        assert_eq!(world.write(), State::Running);
    }
    assert_eq!(world.attempt.record.verdict.reason, None);
    assert_eq!(world.plan(), Act::Rest, "the other one runs on");
}

#[test]
fn what_is_being_stopped_says_that_its_driver_does_not_go_and_is_over_by_a_persons_word() {
    let mut world = running();
    world.attempt.record.cancel_requested = true;
    assert_eq!(world.write(), State::Cancelling);
    world.attempt.saw_driver(stuck(), world.now);
    world.later(300);
    assert_eq!(world.write(), State::Cancelling);
    let record = &world.attempt.record;
    assert_eq!(record.verdict.reason, Some(Reason::Cancelled));
    let message = &record.overdue.as_ref().unwrap().message;
    assert!(message.contains("spark-broker confirm-lost job-1"), "{message}");
    assert!(!matches!(world.plan(), Act::Write(_)), "told once");
    say_lost(&mut world);
    assert_eq!(world.write(), State::Cancelled);
}

#[test]
fn without_a_doubt_nobodys_word_ends_a_job() {
    let world = running();
    let event = Event {
        at: wall(),
        happening: Happening::LossSaid { why: "burnt".into() },
    };
    let step = Rules::default().step(&world.attempt.record, &event);
    assert!(matches!(step, Step::Illegal), "{step:?}");
}

//! A driver that somebody took away waits for what becomes of its object.

use super::*;
use crate::broker::plan::{Emptied, Loss};
use crate::ports::store::DrainThen;
use crate::submission::RestartPolicy;
use crate::watch::DriverStop;

fn doubted() -> Wished {
    Wished {
        loss: Loss::Doubted("4 are missing".into()),
        ..Wished::default()
    }
}

/// Ended with 143 as its pod was deleted.
fn stopped() -> Driver {
    Driver {
        stop: Some(DriverStop::Deleting { due: wall() }),
        ..ended_driver(143)
    }
}

/// FAILED as the operator says it where it misses the pod.
fn missed() -> ObjectState {
    ObjectState {
        error_message: Some("driver pod not found".into()),
        ..object("FAILED")
    }
}

fn because(driver: &mut Driver, cause: Reason) {
    if let DriverPhase::Ended(end) = &mut driver.phase {
        end.cause = cause;
    }
}

impl World {
    fn waits(&self) -> bool {
        matches!(self.plan(), Act::Wait(_))
    }

    /// The record's reason once it is told that it is in doubt.
    fn is_doubted(&mut self) -> bool {
        self.write() == State::Running && self.attempt.record.verdict.reason == Some(Reason::LostUnconfirmed)
    }
}

/// Where a namespace is emptied, its garbage collector stops the drivers, and that may be seen.
#[test]
fn a_driver_that_was_stopped_with_its_object_is_in_doubt_as_its_object_is() {
    for wished in [Wished::default(), doubted()] {
        let mut world = running();
        world.wished = wished;
        world.attempt.object_went(None, world.now);
        world.attempt.saw_driver(stopped(), world.now);
        world.later(1).look(None);
        assert!(world.waits(), "who else lacks its object isn't known yet");
        // The pod goes as well; its end stays known.
        world.attempt.driver_went(&stopped());
        world.later(61).in_sight = false;
        assert_eq!(world.plan(), Act::Rest, "how many are missing isn't known");
        world.in_sight = true;
        world.look(None);
        if world.wished == doubted() {
            assert!(world.is_doubted());
            assert!(world.later(10_000).waits(), "for ever");
            world.wished.loss = Loss::Proven;
        }
        assert_eq!(world.write(), State::Failed);
        assert_eq!(
            world.attempt.record.verdict.reason,
            Some(Reason::ApplicationFailed)
        );
        assert_eq!(world.attempt.record.exit_code, Some(143));
    }
}

/// Where all is deleted, pods first, nothing ends before it is known that the objects go as well.
#[test]
fn a_driver_that_is_stopped_before_its_object_goes_waits_for_that() {
    let mut in_the_foreground = object("RUNNING");
    in_the_foreground.deleting = true;
    for standing in [object("RUNNING"), object("FAILING"), missed(), in_the_foreground] {
        let mut world = running();
        world.wished = doubted();
        world.attempt.saw_object(standing.clone(), world.now);
        world.attempt.saw_driver(stopped(), world.now);
        world.later(1).look(Some(standing.clone()));
        world.attempt.driver_went(&stopped());
        assert!(world.later(58).waits(), "{}: it may be one of many", standing.raw);
        let mut stood = World {
            attempt: world.attempt.clone(),
            ..running()
        };
        stood.later(61).look(Some(standing));
        assert_eq!(
            stood.write(),
            State::Failed,
            "it stands: the driver's word counts"
        );
        assert_eq!(stood.attempt.record.exit_code, Some(143));

        world.attempt.object_went(None, world.now);
        assert!(world.later(59).waits());
        world.later(2).look(None);
        assert!(world.is_doubted());
        assert!(world.later(10_000).waits(), "for ever");
    }
}

/// A pod that is deleted by force goes without an end.
#[test]
fn a_driver_that_went_unseen_beside_an_object_that_misses_it_waits_as_well() {
    let mut world = running();
    world.wished = doubted();
    world.later(1);
    world.attempt.saw_object(missed(), world.now);
    world.later(1).list_no_pods();
    assert!(world.waits(), "it may be one of many");
    let mut stood = World {
        attempt: world.attempt.clone(),
        now: world.now,
        ..running()
    };
    stood.later(61).look(Some(missed()));
    stood.later(1).list_no_pods();
    assert_eq!(stood.write(), State::Failed);
    assert_eq!(stood.attempt.record.verdict.reason, Some(Reason::Lost));

    world.later(30);
    world.attempt.object_went(None, world.now);
    assert!(world.waits());
    world.later(61).look(None);
    world.list_no_pods();
    assert!(world.is_doubted());
}

/// However often the cluster is listed anew meanwhile.
#[test]
fn however_often_it_is_listed_anew_it_waits_once() {
    let mut world = running();
    for _ in 0..12 {
        world.attempt.saw_object(object("FAILING"), world.now);
        world.attempt.saw_driver(stopped(), world.now);
        world.later(5);
    }
    world.look(Some(object("FAILING")));
    assert_eq!(world.write(), State::Failed);
}

/// Why these went is known, or the operator's own doing.
#[test]
fn what_is_evicted_or_killed_or_run_again_does_not_wait_for_its_object() {
    let ends = |change: fn(&mut World, &mut Driver), state| {
        let (mut world, mut driver) = (running(), stopped());
        change(&mut world, &mut driver);
        let object = world.attempt.sight.object.clone();
        world.attempt.saw_driver(driver, world.now);
        world.later(1).look(object);
        assert_eq!(world.write(), state);
    };
    ends(|_, driver| because(driver, Reason::DriverEvicted), State::Failed);
    ends(|_, driver| because(driver, Reason::NodeLost), State::Failed);
    ends(
        |_, driver| driver.stop = Some(DriverStop::Disrupted),
        State::Failed,
    );
    ends(
        |world, _| {
            let mut suspended = object("SUSPENDING");
            suspended.suspended = true;
            world.attempt.saw_object(suspended, world.now);
        },
        State::Held,
    );
    // One that ended by itself, and whose pod was cleaned away.
    let mut world = running();
    world.attempt.saw_driver(ended_driver(3), world.now);
    world.attempt.driver_went(&ended_driver(3));
    assert_eq!(world.write(), State::Failed);
    // One whose operator saw its end.
    let mut world = running();
    let mut failed = object("FAILED");
    failed.error_message = Some("driver container failed with ExitCode: 3, Reason: Error".into());
    world.later(1);
    world.attempt.saw_object(failed, world.now);
    world.later(1).list_no_pods();
    assert_eq!(world.write(), State::Failed);
    // One that the operator runs again: its own word is waited for.
    let mut world = running();
    world.attempt.record.restart_policy = RestartPolicy::OnFailure(2);
    world.attempt.saw_object(object("PENDING_RERUN"), world.now);
    world.attempt.saw_driver(stopped(), world.now);
    world.later(1).look(Some(object("PENDING_RERUN")));
    let mut again = ended_driver(0);
    again.phase = DriverPhase::Running { since: Some(wall()) };
    again.uid = "pod-2".parse().unwrap();
    world.later(1);
    world.attempt.saw_driver(again, world.now);
    assert_eq!(world.plan(), Act::Rest);
    assert_eq!(world.attempt.sight.over_since, None);
}

/// At a drain's deadline, too, a driver that was stopped from outside is judged by its object as it is now.
#[test]
fn a_driver_stopped_on_a_drained_cluster_is_looked_up_first() {
    let mut world = running();
    world.wished.emptied = Some(Emptied {
        then: DrainThen::Leave,
        message: "a is being emptied".into(),
    });
    world.attempt.saw_driver(stopped(), world.now);
    assert_eq!(world.plan(), Act::Look);
}

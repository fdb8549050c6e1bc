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

/// FAILED, with the operator's word for it.
fn missed(message: &str) -> ObjectState {
    ObjectState {
        error_message: Some(message.into()),
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

    /// Another that goes its own way from here, with nobody in doubt.
    fn as_it_is(&self) -> Self {
        Self {
            attempt: self.attempt.clone(),
            now: self.now,
            ..running()
        }
    }

    /// Whether the record is told now that it is in doubt.
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
    for standing in [
        object("RUNNING"),
        object("FAILING"),
        missed("driver pod not found"),
    ] {
        let mut world = running();
        world.wished = doubted();
        world.attempt.saw_object(standing.clone(), world.now);
        world.attempt.saw_driver(stopped(), world.now);
        world.later(1).look(Some(standing.clone()));
        world.attempt.driver_went(&stopped());
        assert!(world.later(58).waits(), "{}: it may be one of many", standing.raw);
        let mut stood = world.as_it_is();
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

/// It can't be taken back, however the pod ends and however long the object takes.
#[test]
fn an_object_that_is_being_deleted_counts_as_missing() {
    for cause in [Reason::ApplicationFailed, Reason::DriverEvicted] {
        let mut world = running();
        world.wished = doubted();
        let mut deleting = object("RUNNING");
        deleting.deleting = true;
        world.attempt.saw_object(deleting.clone(), world.now);
        assert!(world.attempt.sight.lacks_object());
        let mut driver = stopped();
        because(&mut driver, cause);
        world.attempt.saw_driver(driver, world.now);
        world.later(1).look(Some(deleting.clone()));
        assert!(world.waits(), "it may be one of many");
        world.later(61).look(Some(deleting));
        assert!(world.is_doubted());
        assert!(world.later(10_000).waits(), "for ever");
        world.wished.loss = Loss::Proven;
        assert_eq!(world.write(), State::Failed);
        assert_eq!(world.attempt.record.verdict.reason, Some(cause));
    }
}

/// Its operator says nothing any more, and a finalizer may keep it for ever.
#[test]
fn an_object_on_its_way_out_without_a_driver_is_lost_or_in_doubt() {
    for wished in [Wished::default(), doubted()] {
        let mut world = running();
        world.wished = wished;
        let mut deleting = object("RUNNING");
        deleting.deleting = true;
        world.attempt.saw_object(deleting.clone(), world.now);
        let mut runs = ended_driver(0);
        runs.phase = DriverPhase::Running { since: Some(wall()) };
        world.attempt.saw_driver(runs.clone(), world.now);
        assert_eq!(world.plan(), Act::Rest, "its driver runs");
        world.attempt.driver_went(&runs);
        world.later(1).list_no_pods();
        assert!(world.waits());
        world.later(60).look(Some(deleting));
        world.later(1).list_no_pods();
        if world.wished == doubted() {
            assert!(world.is_doubted());
            assert!(world.later(10_000).waits(), "for ever");
        } else {
            assert_eq!(world.write(), State::Failed);
            assert_eq!(world.attempt.record.verdict.reason, Some(Reason::Lost));
        }
    }
}

/// A pod that is deleted by force goes without an end; and the operator may see one that the broker doesn't.
#[test]
fn a_driver_that_went_unseen_beside_an_object_that_misses_it_waits_as_well() {
    let by_sigterm = "driver container failed with ExitCode: 143, Reason: Error";
    for (message, reason) in [
        ("driver pod not found", Reason::Lost),
        (by_sigterm, Reason::ApplicationFailed),
    ] {
        for object_first in [false, true] {
            let mut world = running();
            world.wished = doubted();
            let mut runs = ended_driver(0);
            runs.phase = DriverPhase::Running { since: Some(wall()) };
            world.attempt.saw_driver(runs.clone(), world.now);
            world.later(1);
            if object_first {
                world.attempt.saw_object(missed(message), world.now);
                world.attempt.driver_went(&runs);
            } else {
                world.attempt.driver_went(&runs);
                world.attempt.saw_object(missed(message), world.now);
            }
            world.later(1).list_no_pods();
            assert!(world.waits(), "it may be one of many");
            let mut cancelled = world.as_it_is();
            cancelled.attempt.record.cancel_requested = true;
            assert_eq!(cancelled.write(), State::Cancelling);
            let mut stood = world.as_it_is();
            stood.later(61).look(Some(missed(message)));
            stood.later(1).list_no_pods();
            assert_eq!(stood.write(), State::Failed);
            assert_eq!(stood.attempt.record.verdict.reason, Some(reason));

            world.later(30);
            world.attempt.object_went(None, world.now);
            assert!(world.waits());
            world.later(61).look(None);
            world.list_no_pods();
            assert!(world.is_doubted());
        }
    }
}

/// However often the cluster is listed anew meanwhile; another driver's end is another matter.
#[test]
fn however_often_it_is_listed_anew_it_waits_once() {
    let mut world = running();
    world.attempt.record.restart_policy = RestartPolicy::OnFailure(1);
    world.attempt.saw_driver(ended_driver(1), world.now);
    world.later(100);
    let second = Driver {
        uid: "pod-2".parse().unwrap(),
        ..stopped()
    };
    for _ in 0..12 {
        world.attempt.saw_object(object("FAILED"), world.now);
        world.attempt.saw_driver(second.clone(), world.now);
        if world.plan() == Act::Look {
            world.attempt.looked(Some(object("FAILED")), world.now, world.now);
        }
        assert!(world.waits());
        world.later(5);
    }
    world.look(Some(object("FAILED")));
    assert_eq!(world.write(), State::Failed);
}

/// Why these went is known.
#[test]
fn what_is_evicted_or_killed_does_not_wait_for_its_object() {
    let ends = |change: fn(&mut World, &mut Driver), state| {
        let (mut world, mut driver) = (running(), stopped());
        change(&mut world, &mut driver);
        let object = world.attempt.sight.object.clone();
        world.attempt.saw_driver(driver, world.now);
        world.later(1).look(object);
        assert_eq!(world.write(), state);
    };
    ends(|_, driver| because(driver, Reason::DriverEvicted), State::Failed);
    ends(|_, driver| because(driver, Reason::OutOfMemory), State::Failed);
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
    // The same, by its operator's word alone.
    for word in ["3, Reason: Error", "137, Reason: OOMKilled"] {
        let mut world = running();
        let message = format!("driver container failed with ExitCode: {word}");
        world.later(1);
        world.attempt.saw_object(missed(&message), world.now);
        world.later(1).list_no_pods();
        assert_eq!(world.write(), State::Failed, "{word}");
    }
}

/// The operator's own word is waited for, as long as a rerun may take.
#[test]
fn what_the_operator_runs_again_waits_for_that_alone() {
    for raw in ["INVALIDATING", "PENDING_RERUN"] {
        let mut world = running();
        world.attempt.record.restart_policy = RestartPolicy::OnFailure(2);
        world.attempt.saw_object(object(raw), world.now);
        world.attempt.saw_driver(stopped(), world.now);
        let pickup = world.now + Rules::default().pickup;
        world.later(1).look(Some(object(raw)));
        assert_eq!(world.plan(), Act::Wait(pickup), "{raw}");
        let mut again = ended_driver(0);
        again.phase = DriverPhase::Running { since: Some(wall()) };
        again.uid = "pod-2".parse().unwrap();
        world.later(1);
        world.attempt.saw_driver(again, world.now);
        assert_eq!(world.plan(), Act::Rest);
        assert_eq!(world.attempt.sight.over_since, None);
    }
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

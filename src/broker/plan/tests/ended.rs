//! What is left of an attempt after the end.

use super::*;
use crate::submission::RestartPolicy;

#[test]
fn an_object_that_has_not_finished_goes_as_soon_as_its_driver_has_gone_however_it_went() {
    let mut world = running();
    world.attempt.saw_driver(ended_driver(0), world.now);
    assert_eq!(world.write(), State::Succeeded);
    assert!(matches!(world.plan(), Act::Wait(_)));
    // As a new list tells it: without a deletion time stamp.
    world.attempt.driver_went(&ended_driver(0));
    assert_eq!(world.plan(), Act::DeleteObject("uid-1".parse().unwrap()));
}

#[test]
fn out_of_sight_nothing_is_removed() {
    let mut world = running();
    world.attempt.saw_driver(ended_driver(0), world.now);
    assert_eq!(world.write(), State::Succeeded);
    world.later(601).in_sight = false;
    assert_eq!(world.plan(), Act::Rest);
    world.in_sight = true;
    assert!(matches!(world.plan(), Act::DeleteObject(_)));
}

/// A driver that had ended by itself before anything was done for the cancel.
#[test]
fn a_cancel_that_comes_after_the_end_leaves_it_as_it_is() {
    for (code, end) in [(0, State::Succeeded), (3, State::Failed)] {
        let mut world = running();
        world.attempt.record.cancel_requested = true;
        world.attempt.saw_driver(ended_driver(code), world.now);
        assert_eq!(world.write(), end);
        assert_eq!(world.attempt.record.exit_code, Some(code));
        assert!(world.attempt.record.cancel_requested);
        // Nothing is left of it all the same, once its operator has finished it.
        assert!(matches!(world.plan(), Act::Wait(_)));
        world.attempt.saw_object(object("COMPLETED"), world.now);
        assert!(matches!(world.plan(), Act::DeleteObject(_)));
    }
}

/// An operator whose watch lags may submit it still, and can't make a second driver while the ended one has its name.
#[test]
fn an_unfinished_object_keeps_its_ended_driver_though_its_end_was_asked_for() {
    for raw in ["", "RESUMING", "SUBMISSION_FAILED", "SUBMITTED", "RUNNING"] {
        let mut world = running();
        world.attempt.record.cancel_requested = true;
        world.attempt.saw_object(object(raw), world.now);
        // Nobody could see the end for an hour, the operator no more than the broker.
        let mut driver = ended_driver(0);
        if let DriverPhase::Ended(end) = &mut driver.phase {
            end.finished_at = wall().checked_sub(jiff::SignedDuration::from_hours(1)).ok();
        }
        world.attempt.saw_driver(driver, world.now);
        assert_eq!(world.write(), State::Succeeded);
        assert!(matches!(world.plan(), Act::Wait(_)), "{raw:?}");
        // Under `OnFailure` the operator itself takes the ended driver away and submits again.
        world.attempt.record.restart_policy = RestartPolicy::OnFailure(1);
        assert!(matches!(world.plan(), Act::DeleteObject(_)), "{raw:?}");
        world.attempt.record.restart_policy = RestartPolicy::Never;
        world.now += Settling::default().end;
        assert!(matches!(world.plan(), Act::DeleteObject(_)), "{raw:?}");
    }
}

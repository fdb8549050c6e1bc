//! A driver that doesn't start, and whose cluster says why.

use super::picking_up::submitted;
use super::*;

const NODES: &str = "Unschedulable: 0/3 nodes are available: 3 Insufficient cpu.";
const IMAGE: &str = "ImagePullBackOff: Back-off pulling image \"no:1\"";

fn waits(why: Option<&str>) -> Driver {
    Driver {
        phase: DriverPhase::Waiting {
            why: why.map(str::to_owned),
        },
        ..ended_driver(0)
    }
}

/// The next write, which tells something without another state.
fn told(world: &mut World) -> (Option<Reason>, String) {
    let before = world.attempt.record.state;
    assert_eq!(world.write(), before);
    let verdict = &world.attempt.record.verdict;
    (verdict.reason, verdict.message.clone().unwrap_or_default())
}

fn wait(world: &World, seconds: u64) -> Act {
    Act::Wait(world.now + Duration::from_secs(seconds))
}

#[test]
fn a_driver_that_waits_for_a_minute_is_told_once_and_its_running_ends_it() {
    for why in [NODES, IMAGE] {
        let mut world = submitted();
        world.attempt.saw_driver(waits(Some(why)), world.now);
        assert_eq!(world.plan(), wait(&world, 60));
        let (reason, message) = told(world.later(60));
        assert_eq!(reason, Some(Reason::DriverWaiting));
        assert!(
            message.contains(why) && message.contains("sb-job-1-a1-driver"),
            "{message}"
        );
        assert_eq!(world.plan(), Act::Rest, "once");
        assert_eq!(world.attempt.record.history.last().unwrap().to, State::Submitted);
        let running = DriverPhase::Running { since: None };
        world.attempt.saw_driver(
            Driver {
                phase: running,
                ..waits(None)
            },
            world.now,
        );
        assert_eq!(world.write(), State::Running);
        assert_eq!(world.attempt.record.verdict.reason, None);
    }
}

#[test]
fn a_driver_that_starts_within_the_minute_or_waits_for_nothing_costs_no_write() {
    let mut world = submitted();
    world.attempt.saw_driver(waits(Some(NODES)), world.now);
    world.later(59);
    assert_eq!(world.plan(), wait(&world, 1));
    world.attempt.saw_driver(waits(None), world.now);
    world.later(1_000);
    assert_eq!(world.plan(), Act::Rest);
}

#[test]
fn another_cause_is_told_anew_and_the_same_in_other_words_is_not() {
    let mut world = submitted();
    world.attempt.saw_driver(waits(Some(NODES)), world.now);
    told(world.later(60));
    let more = "Unschedulable: 0/4 nodes are available: 4 Insufficient cpu.";
    world.attempt.saw_driver(waits(Some(more)), world.now);
    assert_eq!(world.plan(), Act::Rest);
    let image = "ErrImagePull: rpc error: no such image no:1";
    world.attempt.saw_driver(waits(Some(image)), world.now);
    let (_, message) = told(&mut world);
    assert!(message.contains("no such image"), "{message}");
    world.attempt.saw_driver(waits(Some(IMAGE)), world.now);
    assert_eq!(world.plan(), Act::Rest, "the kubelet's words take turns");
}

#[test]
fn what_is_over_is_told_no_longer_after_a_minute() {
    let mut world = submitted();
    world.attempt.saw_driver(waits(Some(NODES)), world.now);
    told(world.later(60));
    // It has its node now, and most often runs in a moment.
    world.attempt.saw_driver(waits(None), world.now);
    assert_eq!(world.plan(), wait(&world, 60));
    assert_eq!(told(world.later(60)), (None, String::new()));
    assert_eq!(world.plan(), Act::Rest);
}

#[test]
fn a_time_out_of_the_start_goes_on_and_says_why() {
    let mut world = submitted();
    world.attempt.record.timeouts.start = Some(90);
    world.attempt.saw_driver(waits(Some(IMAGE)), world.now);
    told(world.later(60));
    assert_eq!(world.plan(), wait(&world, 30));
    world.later(30);
    assert_eq!(world.write(), State::Retrying);
    let verdict = &world.attempt.record.verdict;
    assert_eq!(verdict.reason, Some(Reason::StartTimeout));
    assert!(verdict.message.as_ref().unwrap().contains(IMAGE));
}

#[test]
fn what_another_party_holds_or_nobody_can_see_is_told_of_otherwise() {
    let mut held = submitted();
    held.attempt.saw_object(object("SUSPENDED"), held.now);
    assert_eq!(held.write(), State::Held);
    held.attempt.saw_driver(waits(Some(NODES)), held.now);
    held.later(60);
    assert_eq!(held.plan(), Act::Rest);
    let mut unseen = submitted();
    unseen.attempt.saw_driver(waits(Some(NODES)), unseen.now);
    unseen.in_sight = false;
    unseen.later(60);
    assert_eq!(unseen.plan(), Act::Rest);
}

//! On the way to a cluster of which it isn't known that it is the one that it was.

use super::*;

/// The scheduler was killed after its create had landed, and the next one is given another cluster's address.
#[test]
fn out_of_sight_an_absence_says_nothing_and_nothing_is_sent() {
    let mut world = World::found_by(4);
    world.in_sight = false;
    assert_eq!(world.write(), State::Dispatching, "stamped");
    world.later(1).look(None);
    assert_eq!(world.plan(), Act::Look, "no create");
    world.attempt.record.cancel_requested = true;
    world.later(100).look(None);
    world.later(100).look(None);
    assert_eq!(world.plan(), Act::Look, "nor is a cancel over");
    world.attempt.record.cancel_requested = false;
    world
        .attempt
        .create_came_to(world.now, Err(answered(422, "Invalid")), world.now);
    world.later(100).look(None);
    assert_eq!(world.plan(), Act::Look, "nor does a refusal count");

    let mut world = World::found_by(3);
    world.in_sight = false;
    world.failover = Some(Duration::from_secs(600));
    world.attempt.unanswered(world.now);
    world.later(600);
    assert_eq!(
        world.write(),
        State::Queued,
        "where jobs may move, it is given up"
    );
    assert_eq!(world.attempt.record.abandoned.len(), 1);
}

#[test]
fn an_object_of_another_party_that_was_seen_before_decides_nothing_out_of_sight() {
    let mut world = World::own();
    world.create(Err(answered(409, "already exists")));
    let mut foreign = object("");
    foreign.owner = Ownership::default();
    world.later(1).look(Some(foreign));
    world.in_sight = false;
    assert_eq!(world.plan(), Act::Look);
}

#[test]
fn what_was_never_sent_goes_back_once_its_cluster_is_out_of_sight() {
    let mut world = World::own();
    world.in_sight = false;
    assert_eq!(world.write(), State::Queued);
    let record = &world.attempt.record;
    assert_eq!((record.attempt.0, record.tries), (2, 0));
    assert_eq!(record.verdict.reason, Some(Reason::ClusterUnhealthy));
}

#[test]
fn out_of_sight_a_refusal_of_the_sole_create_says_nothing_of_the_job() {
    for (status, message) in [
        (422, "spec.driver.cores: Invalid value: 0"),
        (400, "strict decoding error: unknown field \"spec.x\""),
        (403, "admission webhook \"w\" denied the request: node selector"),
    ] {
        let mut world = World::own();
        world.create(Err(answered(status, message)));
        world.in_sight = false;
        assert_eq!(world.write(), State::Queued, "{message}");
        let record = &world.attempt.record;
        assert_eq!(
            (record.tries, record.excluded_clusters.len()),
            (0, 0),
            "{message}"
        );
    }
}

//! From the intent to the object.

use super::*;

#[test]
fn the_quiet_path_is_one_create_and_one_write() {
    let mut world = World::own();
    world.create(Ok(object("")));
    assert_eq!(world.write(), State::Submitted);
    assert_eq!(world.plan(), Act::Wait(T0 + Rules::default().pickup));
}

#[test]
fn an_intent_of_an_older_epoch_is_restamped_before_anything_is_asked_of_the_cluster() {
    let mut world = World::found_by(4);
    assert_eq!(world.write(), State::Dispatching);
    assert_eq!(world.attempt.record.epoch, Some(Epoch(4)));
    world.later(1).look(None);
    assert_eq!(world.plan(), Act::Create, "recovery creates by the same name");
}

#[test]
fn recovery_adopts_what_the_earlier_scheduler_created() {
    let mut world = World::found_by(3);
    world.look(Some(object("RUNNING")));
    assert_eq!(world.write(), State::Submitted);
    assert_eq!(world.attempt.record.object_uid, Some("uid-1".parse().unwrap()));
}

#[test]
fn an_ambiguous_create_is_resolved_by_looking_and_repeated_by_the_same_name() {
    let mut world = World::own();
    world.create(Err(ambiguous()));
    assert!(matches!(world.plan(), Act::Wait(_)), "a pause first");
    world.later(2).look(None);
    world.create(Ok(object("")));
    assert_eq!(world.write(), State::Submitted);
}

#[test]
fn a_refusal_of_the_sole_create_gives_the_attempt_back_at_once() {
    let mut world = World::own();
    world.create(Err(answered(429, "too many requests")));
    assert_eq!(world.write(), State::Queued);
    assert_eq!(
        (world.attempt.record.attempt.0, world.attempt.record.tries),
        (2, 0)
    );
}

#[test]
fn a_refusal_of_a_repeat_proves_nothing_until_absence_was_seen_twice() {
    let mut world = World::own();
    world.create(Err(ambiguous()));
    world.later(2).look(None);
    world.create(Err(answered(403, "exceeded quota: q")));
    assert!(matches!(world.plan(), Act::Wait(_)), "no give-back yet");
    world.later(89);
    assert!(matches!(world.plan(), Act::Wait(_)));
    world.later(2).look(None);
    assert_eq!(world.write(), State::Queued);
    assert_eq!(world.attempt.record.verdict.reason, Some(Reason::NoCapacity));
}

#[test]
fn a_late_create_seen_while_giving_up_is_adopted() {
    let mut world = World::own();
    world.create(Err(ambiguous()));
    world.later(2).look(None);
    world.create(Err(answered(403, "exceeded quota: q")));
    world.later(95).look(Some(object("")));
    assert_eq!(world.write(), State::Submitted);
}

#[test]
fn a_wrong_spec_fails_and_a_webhook_denial_counts_as_a_try() {
    let mut world = World::own();
    world.create(Err(answered(422, "spec.driver.cores: Invalid value: 0")));
    assert_eq!(world.write(), State::Failed);
    assert_eq!(world.attempt.record.verdict.reason, Some(Reason::InvalidSpec));

    let mut world = World::own();
    world.create(Err(answered(
        403,
        "admission webhook \"w\" denied the request: node selector",
    )));
    assert_eq!(world.write(), State::Queued);
    assert_eq!(world.attempt.record.tries, 1);
}

#[test]
fn an_unknown_field_excludes_the_cluster_and_fails_where_no_other_is_left() {
    let mut world = World::own();
    world.create(Err(answered(
        400,
        "strict decoding error: unknown field \"spec.x\"",
    )));
    assert_eq!(world.write(), State::Queued);
    assert_eq!(world.attempt.record.excluded_clusters, ["a".parse().unwrap()]);

    let mut world = World {
        other_cluster: false,
        ..World::own()
    };
    world.create(Err(answered(
        400,
        "strict decoding error: unknown field \"spec.x\"",
    )));
    assert_eq!(world.write(), State::Failed);
    assert_eq!(
        world.attempt.record.verdict.reason,
        Some(Reason::UnsupportedField)
    );
}

#[test]
fn a_foreign_object_of_our_name_fails_and_one_of_an_earlier_incarnation_takes_the_next_number() {
    let mut world = World::own();
    world.create(Err(answered(409, "already exists")));
    let mut foreign = object("");
    foreign.owner = Ownership::default();
    world.later(1).look(Some(foreign));
    assert_eq!(world.write(), State::Failed);
    assert_eq!(world.attempt.record.verdict.reason, Some(Reason::NameTaken));

    let mut world = World::own();
    world.create(Err(answered(409, "already exists")));
    let mut earlier = object("COMPLETED");
    earlier.owner.incarnation = Some("inc-0".parse().unwrap());
    world.later(1).look(Some(earlier));
    assert_eq!(world.write(), State::Queued);
    assert_eq!(
        (world.attempt.record.attempt.0, world.attempt.record.tries),
        (2, 0)
    );
}

#[test]
fn a_cancelled_intent_is_never_sent() {
    let mut world = World::own();
    world.attempt.record.cancel_requested = true;
    assert_eq!(world.write(), State::Queued);
    assert_eq!(world.write(), State::Cancelled);
}

#[test]
fn a_name_that_was_taken_and_is_free_again_is_created_after_a_pause() {
    let mut world = World::own();
    world.create(Err(answered(409, "already exists")));
    assert!(matches!(world.plan(), Act::Wait(_)), "no hot loop");
    world.later(1).look(None);
    world.create(Ok(object("")));
    assert_eq!(world.write(), State::Submitted);
}

#[test]
fn an_answer_older_than_what_the_watch_has_shown_since_counts_for_nothing() {
    let mut world = World::own();
    let sent = world.now;
    world.create(Err(ambiguous()));
    world.later(2);
    let asked = world.now;
    world
        .later(1)
        .attempt
        .saw_object(object("RUNNING"), sent + Duration::from_secs(3));
    world.attempt.looked(None, asked, world.now);
    assert!(world.attempt.sight.object.is_some());
    world.attempt.create_came_to(sent, Ok(object("")), world.now);
    assert_eq!(world.attempt.sight.object.as_ref().unwrap().raw, "RUNNING");
}

/// A world in which the create was ambiguous and the cluster has been silent for `seconds` since.
fn silent_for(seconds: u64, failover: Option<Duration>) -> World {
    let mut world = World::own();
    world.failover = failover;
    world.create(Err(ambiguous()));
    world.later(seconds);
    world
}

#[test]
fn an_attempt_on_a_silent_cluster_is_given_up_where_jobs_may_move() {
    let ten_minutes = Some(Duration::from_secs(600));
    assert_eq!(silent_for(6_000, None).plan(), Act::Look, "it waits");
    assert_eq!(silent_for(599, ten_minutes).plan(), Act::Look, "not yet");
    let mut moved = silent_for(600, ten_minutes);
    assert_eq!(moved.write(), State::Queued);
    let record = &moved.attempt.record;
    assert_eq!((record.attempt.0, record.tries), (2, 0));
    let left = &record.abandoned[0];
    assert_eq!((left.attempt.0, left.cluster.as_str()), (1, "a"));

    let mut answered = silent_for(300, ten_minutes);
    answered.look(None);
    answered.attempt.answered();
    answered.create(Err(ambiguous()));
    answered.later(599);
    assert_eq!(
        answered.plan(),
        Act::Look,
        "silence is counted from the last answer"
    );

    let mut cancelled = silent_for(600, ten_minutes);
    cancelled.attempt.record.cancel_requested = true;
    assert_eq!(cancelled.plan(), Act::Look, "a cancel waits for its proof");
}

#[test]
fn a_committed_attempt_is_never_given_up_for_silence() {
    let mut world = World::own();
    world.failover = Some(Duration::from_secs(600));
    world.create(Ok(object("")));
    world.write();
    world.in_sight = false;
    world.attempt.unanswered(world.now);
    world.later(10_000);
    assert_eq!(world.plan(), Act::Rest);
}

#[test]
fn an_object_that_was_seen_and_is_gone_before_its_record_says_so_is_not_created_again() {
    let mut world = World::own();
    world.create(Ok(object("RUNNING")));
    world.attempt.object_went(None, world.now);
    assert_eq!(world.write(), State::Submitted);
    assert_eq!(world.attempt.record.object_uid, Some("uid-1".parse().unwrap()));
}

#[test]
fn the_driver_of_an_earlier_incarnation_says_nothing() {
    let mut world = World::own();
    let mut driver = ended_driver(0);
    driver.owner.incarnation = Some("inc-0".parse().unwrap());
    world.attempt.saw_driver(driver, world.now);
    assert_eq!(world.plan(), Act::Create);
}

/// The earlier incarnation's object was seen while the create was under way, and has gone since: ours stands.
#[test]
fn the_answer_to_a_create_goes_before_another_object_that_was_seen_meanwhile() {
    let mut world = World::own();
    let sent = world.now;
    world.later(1);
    let mut earlier = object("COMPLETED");
    earlier.uid = "uid-0".parse().unwrap();
    earlier.owner.incarnation = Some("inc-0".parse().unwrap());
    world.attempt.saw_object(earlier, world.now);
    world.later(1);
    world.attempt.create_came_to(sent, Ok(object("")), world.now);
    assert_eq!(world.write(), State::Submitted);
    assert_eq!(world.attempt.record.object_uid, Some("uid-1".parse().unwrap()));
}

#[test]
fn only_the_clusters_silence_lets_an_attempt_be_given_up() {
    let mut world = World::found_by(4);
    world.failover = Some(Duration::from_secs(600));
    // Its writes have failed for long: the store's affair.
    world.attempt.back_off(world.now);
    world.later(700);
    world.attempt.back_off(world.now);
    world.later(60);
    assert_eq!(world.write(), State::Dispatching, "stamped");
    assert_eq!(world.plan(), Act::Look);
}

/// A cancel that took its attempt back names no cluster any more: nothing is waited for.
#[test]
fn a_cancelled_submission_without_a_cluster_is_forgotten() {
    let mut world = World::own();
    world.attempt.record.cancel_requested = true;
    assert_eq!(world.write(), State::Queued);
    assert_eq!(world.write(), State::Cancelled);
    world.in_sight = false;
    assert_eq!(world.plan(), Act::Forget);
}

/// The earlier incarnation's object is about to be deleted, and a create of ours is still under way.
#[test]
fn a_taken_name_is_given_up_only_once_no_create_may_land_any_more() {
    let mut earlier = object("COMPLETED");
    earlier.uid = "uid-0".parse().unwrap();
    earlier.owner.incarnation = Some("inc-0".parse().unwrap());
    let mut unsure = World::own();
    unsure.create(Err(ambiguous()));
    unsure.attempt.saw_object(earlier.clone(), unsure.now);
    unsure.later(2);
    assert_eq!(unsure.plan(), Act::Wait(T0 + Duration::from_secs(90)));
    unsure.later(88).look(Some(earlier.clone()));
    assert_eq!(unsure.write(), State::Queued);

    let mut told = World::own();
    told.create(Err(answered(409, "already exists")));
    told.later(2).look(Some(earlier));
    assert_eq!(told.write(), State::Queued, "at once");
}

/// A write that gave the attempt up may stand, its reply lost: nothing is created before that is known.
#[test]
fn after_a_write_without_an_answer_the_record_is_stamped_before_anything_is_created() {
    let mut world = World::own();
    world.attempt.unwritten(world.now);
    world.later(2);
    let version = world.attempt.record.version;
    let Act::Write(next) = world.plan() else {
        panic!("{:?}", world.plan());
    };
    assert_eq!((next.state, next.version), (State::Dispatching, version.next()));
    world.attempt.stands_as(*next);
    assert_eq!(world.plan(), Act::Create);
}

#[test]
fn what_can_never_be_made_fails_at_once_where_nothing_was_sent_and_else_after_the_double_absence() {
    let why = "its spec can't be read from the table: no such item";
    let mut own = World::own();
    own.attempt.memory.unmade = Some(why.into());
    own.in_sight = false;
    assert_eq!(own.write(), State::Failed, "no cluster is asked");
    let verdict = &own.attempt.record.verdict;
    assert_eq!(verdict.reason, Some(Reason::InvalidSpec));
    assert_eq!(verdict.message.as_deref(), Some(why));

    let mut found = World::found_by(3);
    found.attempt.memory.unmade = Some(why.into());
    found.later(1).look(None);
    assert!(matches!(found.plan(), Act::Wait(_)), "its create may still land");
    found.later(90).look(None);
    assert_eq!(found.write(), State::Failed);
    let mut landed = World::found_by(3);
    landed.attempt.memory.unmade = Some(why.into());
    landed.later(1).look(Some(object("")));
    assert_eq!(landed.write(), State::Submitted);
}

#[test]
fn a_cancelled_one_whose_name_is_a_strangers_is_cancelled_and_not_failed() {
    let mut world = World::own();
    world.create(Err(answered(409, "already exists")));
    world.attempt.record.cancel_requested = true;
    let mut foreign = object("");
    foreign.owner = Ownership::default();
    world.later(1).look(Some(foreign));
    assert_eq!(world.write(), State::Queued);
    assert_eq!(world.write(), State::Cancelled);
}

//! The dispatch protocol and what follows it, act by act.

use std::time::Duration;

use jiff::Timestamp;

use super::attempt::{Attempt, CreateAnswer};
use super::plan::{Act, Circumstances, Settling, plan};
use crate::lifecycle::{Event, Happening, Rules, Step};
use crate::model::{Epoch, InstallationId};
use crate::ports::cluster::CreateError;
use crate::submission::{NewRecord, Placement, Reason, Record, State};
use crate::watch::{Driver, DriverEnd, DriverPhase, ObjectState, Ownership};

const T0: Duration = Duration::from_secs(1000);

fn wall() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn installation() -> InstallationId {
    "installation-1".parse().unwrap()
}

fn intent() -> Record {
    let mut record = Record::queued(NewRecord {
        id: "job-1".parse().unwrap(),
        domain: "default".parse().unwrap(),
        queue: "dev".parse().unwrap(),
        fingerprint: "f".into(),
        at: wall(),
    });
    record.incarnation = "inc-1".parse().unwrap();
    let happening = Happening::Placed {
        cluster: "a".parse().unwrap(),
        namespace: "spark".into(),
        epoch: Epoch(3),
        placement: Box::new(Placement {
            cluster: "a".into(),
            policy: "weighted".into(),
            view_age_ms: 0,
            others: Default::default(),
        }),
    };
    step(&record, happening)
}

fn step(record: &Record, happening: Happening) -> Record {
    match Rules::default().step(
        record,
        &Event {
            at: wall(),
            happening,
        },
    ) {
        Step::Next(next) => *next,
        other => panic!("{other:?}"),
    }
}

struct World {
    attempt: Attempt,
    now: Duration,
    in_sight: bool,
    other_cluster: bool,
    epoch: Epoch,
}

impl World {
    fn own() -> Self {
        Self {
            attempt: Attempt::intended(intent()),
            now: T0,
            in_sight: true,
            other_cluster: true,
            epoch: Epoch(3),
        }
    }

    fn found_by(epoch: u64) -> Self {
        Self {
            attempt: Attempt::found(intent()),
            epoch: Epoch(epoch),
            ..Self::own()
        }
    }

    fn plan(&self) -> Act {
        plan(
            &self.attempt,
            &Circumstances {
                rules: &Rules::default(),
                settling: &Settling::default(),
                installation: &installation(),
                epoch: self.epoch,
                wall: wall()
                    .checked_add(jiff::SignedDuration::try_from(self.now - T0).unwrap())
                    .unwrap(),
                now: self.now,
                in_sight: self.in_sight,
                other_cluster: self.other_cluster,
                jitter: 0.5,
            },
        )
    }

    /// Expects a write, and lets it stand.
    fn write(&mut self) -> State {
        match self.plan() {
            Act::Write(next) => {
                self.attempt.record = *next;
                self.attempt.record.state
            }
            other => panic!("expected a write, got {other:?}"),
        }
    }

    fn create(&mut self, result: Result<ObjectState, CreateError>) -> CreateAnswer {
        assert_eq!(self.plan(), Act::Create);
        self.attempt.memory.creates += 1;
        self.attempt.create_came_to(self.now, result, self.now)
    }

    fn look(&mut self, object: Option<ObjectState>) {
        assert_eq!(self.plan(), Act::Look);
        self.attempt.looked(object, self.now, self.now);
    }

    fn list_no_pods(&mut self) {
        assert_eq!(self.plan(), Act::ListPods);
        self.attempt.listed(Vec::new(), self.now, self.now);
    }

    fn later(&mut self, seconds: u64) -> &mut Self {
        self.now += Duration::from_secs(seconds);
        self
    }
}

fn object(raw: &str) -> ObjectState {
    ObjectState {
        name: "sb-job-1-a1".into(),
        uid: "uid-1".parse().unwrap(),
        owner: Ownership {
            installation: Some(installation()),
            submission: Some("job-1".into()),
            incarnation: Some("inc-1".parse().unwrap()),
            attempt: Some(crate::model::Attempt(1)),
        },
        submission_id: Some("job-1".parse().unwrap()),
        raw: raw.into(),
        error_message: None,
        spark_application_id: None,
        driver_pod: None,
        execution_attempts: 0,
        terminated_at: None,
        suspended: false,
        deleting: false,
        created_at: None,
    }
}

fn answered(status: u16, message: &str) -> CreateError {
    CreateError::Answered {
        status,
        reason: String::new(),
        message: message.into(),
        retry_after: None,
    }
}

fn ambiguous() -> CreateError {
    CreateError::Ambiguous("connection reset".into())
}

fn ended_driver(code: i32) -> Driver {
    Driver {
        pod: "sb-job-1-a1-driver".into(),
        uid: "pod-1".parse().unwrap(),
        owner: object("").owner,
        submission_id: None,
        object_name: Some("sb-job-1-a1".into()),
        spark_application_id: None,
        phase: DriverPhase::Ended(DriverEnd {
            exit_code: Some(code),
            word: None,
            cause: Reason::ApplicationFailed,
            success: code == 0,
            started_at: None,
            finished_at: None,
        }),
        stop: None,
    }
}

#[test]
fn the_quiet_path_is_one_create_and_one_write() {
    let mut world = World::own();
    world.create(Ok(object("")));
    assert_eq!(world.write(), State::Submitted);
    assert_eq!(world.plan(), Act::Rest);
}

#[test]
fn an_intent_of_an_older_epoch_is_restamped_before_anything_is_asked_of_the_cluster() {
    let mut world = World::found_by(4);
    assert_eq!(world.write(), State::Dispatching);
    assert_eq!(world.attempt.record.epoch, Some(Epoch(4)));
    world.look(None);
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
    world.look(Some(foreign));
    assert_eq!(world.write(), State::Failed);
    assert_eq!(world.attempt.record.verdict.reason, Some(Reason::NameTaken));

    let mut world = World::own();
    world.create(Err(answered(409, "already exists")));
    let mut earlier = object("COMPLETED");
    earlier.owner.incarnation = Some("inc-0".parse().unwrap());
    world.look(Some(earlier));
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

fn running() -> World {
    let mut world = World::own();
    world.create(Ok(object("")));
    world.write();
    world.attempt.saw_object(object("RUNNING"), world.now);
    assert_eq!(world.write(), State::Running);
    world
}

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

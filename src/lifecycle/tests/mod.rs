//! The rules, driven through what a cluster may say, in and out of order.

mod endings;
mod walks;

use jiff::Timestamp;

use super::*;
use crate::model::{Attempt, Epoch, ObjectUid};
use crate::submission::{NewRecord, Placement, RawState, Reason, Record, RestartPolicy, State};
use crate::watch::{
    Driver, DriverEnd, DriverPhase, DriverSight, DriverStop, ObjectState, Observation, Ownership,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn queued() -> Record {
    Record::queued(NewRecord {
        id: "job-1".parse().unwrap(),
        domain: "default".parse().unwrap(),
        queue: "dev".parse().unwrap(),
        fingerprint: "f".into(),
        at: at(0),
    })
}

fn happens(record: &Record, happening: Happening) -> Step {
    Rules::default().step(
        record,
        &Event {
            at: at(100),
            happening,
        },
    )
}

fn next(record: &Record, happening: Happening) -> Record {
    match happens(record, happening) {
        Step::Next(next) => *next,
        other => panic!("expected a next record from {:?}, got {other:?}", record.state),
    }
}

fn placed() -> Record {
    next(
        &queued(),
        Happening::Placed {
            cluster: "a".parse().unwrap(),
            namespace: "spark".into(),
            epoch: Epoch(1),
            placement: Box::new(Placement {
                cluster: "a".into(),
                policy: "weighted".into(),
                ..Placement::default()
            }),
        },
    )
}

fn uid() -> ObjectUid {
    "uid-1".parse().unwrap()
}

fn submitted() -> Record {
    next(&placed(), Happening::Created { uid: uid() })
}

fn object(raw: &str) -> ObjectState {
    ObjectState {
        name: "sb-job-1-a1".into(),
        uid: uid(),
        owner: Ownership::default(),
        submission_id: None,
        raw: raw.into(),
        error_message: None,
        spark_application_id: Some("spark-1".into()),
        driver_pod: None,
        execution_attempts: 0,
        terminated_at: None,
        suspended: false,
        two_phase: false,
        deleting: false,
        created_at: None,
    }
}

fn driver(phase: DriverPhase) -> Driver {
    Driver {
        pod: "sb-job-1-a1-driver".into(),
        uid: "pod-1".parse().unwrap(),
        owner: Ownership::default(),
        submission_id: None,
        object_name: None,
        object_uid: None,
        spark_application_id: None,
        phase,
        stop: None,
        created_at: None,
    }
}

fn ended(code: i32, cause: Reason) -> DriverPhase {
    DriverPhase::Ended(DriverEnd {
        exit_code: Some(code),
        word: Some("Error".into()),
        cause,
        success: code == 0,
        ran: true,
        started_at: Some(at(10)),
        finished_at: Some(at(20)),
    })
}

fn sees(object: Option<ObjectState>, driver: DriverSight) -> Happening {
    Happening::Observed(Box::new(Observation {
        object,
        driver,
        unwatched: false,
        fails_all: false,
    }))
}

fn raw(word: &str) -> Happening {
    sees(Some(object(word)), DriverSight::Absent)
}

#[test]
fn without_a_driver_pod_the_record_follows_the_objects_raw_states() {
    for start in [submitted(), next(&submitted(), raw("RUNNING"))] {
        for word in RawState::ALL {
            let step = happens(&start, raw(word.as_str()));
            let expected = match word {
                RawState::Completed => Some(State::Succeeded),
                RawState::Failed => Some(State::Failed),
                RawState::Running if start.state == State::Submitted => Some(State::Running),
                RawState::Suspending | RawState::Suspended => Some(State::Held),
                _ => None,
            };
            let found = match &step {
                Step::Next(record) => Some(record.state),
                Step::Ignored | Step::Illegal => None,
            };
            // SUBMITTED + FAILED without a driver's sign is a failed submission, which is tried again.
            let retried = *word == RawState::Failed && found == Some(State::Retrying);
            assert!(
                found == expected || retried,
                "{:?} + {word}: {step:?}",
                start.state
            );
        }
    }
}

#[test]
fn an_unknown_raw_state_is_never_terminal() {
    assert_eq!(happens(&submitted(), raw("BRAND_NEW")), Step::Ignored);
}

#[test]
fn submitted_may_jump_to_its_end() {
    assert_eq!(next(&submitted(), raw("COMPLETED")).state, State::Succeeded);
}

#[test]
fn the_operators_message_and_the_exit_code_reach_the_record() {
    let mut failed = object("FAILED");
    failed.error_message = Some("driver container failed with ExitCode: 3, Reason: Error".into());
    let record = next(&submitted(), sees(Some(failed), DriverSight::Absent));
    assert_eq!((record.state, record.exit_code), (State::Failed, Some(3)));
    assert_eq!(record.verdict.reason, Some(Reason::ApplicationFailed));
    assert!(record.verdict.message.unwrap().contains("ExitCode: 3"));
    assert_eq!(record.raw_state.as_deref(), Some("FAILED"));
}

#[test]
fn what_the_message_was_taken_from_stands_beside_it_until_the_next_transition() {
    let mut failed = object("FAILED");
    failed.error_message = Some("failed to run spark-submit: WARN\nError: no such file\n".into());
    let record = next(&submitted(), sees(Some(failed), DriverSight::Absent));
    assert_eq!(record.state, State::Retrying);
    assert_eq!(record.verdict.message.as_deref(), Some("no such file"));
    let detail = record.verdict.message_detail.as_deref().unwrap();
    assert!(
        detail.starts_with("failed to run spark-submit: WARN\n"),
        "{detail}"
    );
    let queued = next(&record, Happening::AttemptOver { not_before: None });
    assert_eq!(queued.verdict.message.as_deref(), Some("no such file"));
    assert_eq!(queued.verdict.message_detail, None);
}

#[test]
fn failed_is_not_believed_while_a_driver_has_not_ended() {
    let mut failed = object("FAILED");
    failed.error_message = Some("driver pod already exist".into());
    let running = driver(DriverPhase::Running { since: Some(at(5)) });
    let record = next(
        &submitted(),
        sees(Some(failed.clone()), DriverSight::Seen(Box::new(running))),
    );
    assert_eq!((record.state, record.started_at), (State::Running, Some(at(5))));
    assert_eq!(
        happens(&record, sees(Some(failed.clone()), DriverSight::Unseen)),
        Step::Ignored
    );
    let ended = DriverSight::Seen(Box::new(driver(ended(0, Reason::ApplicationFailed))));
    let record = next(&record, sees(Some(failed), ended));
    assert_eq!((record.state, record.exit_code), (State::Succeeded, Some(0)));
}

#[test]
fn a_job_whose_driver_may_have_started_is_not_run_again_by_default() {
    for cause in [
        Reason::ApplicationFailed,
        Reason::OutOfMemory,
        Reason::DriverEvicted,
        Reason::NodeLost,
    ] {
        let seen = sees(
            Some(object("RUNNING")),
            DriverSight::Seen(Box::new(driver(ended(1, cause)))),
        );
        let record = next(&submitted(), seen.clone());
        assert_eq!(
            (record.state, record.verdict.reason),
            (State::Failed, Some(cause))
        );
        let mut willing = submitted();
        willing.retry.on = vec![cause];
        assert_eq!(next(&willing, seen).state, State::Retrying);
    }
}

#[test]
fn a_failed_submission_is_tried_again_until_the_tries_are_used_up() {
    let mut record = submitted();
    let mut failed = object("FAILED");
    failed.error_message = Some("failed to submit spark application: no such service account".into());
    for attempt in [1, 2] {
        record = next(&record, sees(Some(failed.clone()), DriverSight::Absent));
        assert_eq!((record.state, record.tries), (State::Retrying, attempt));
        record = next(
            &record,
            Happening::AttemptOver {
                not_before: Some(at(200)),
            },
        );
        assert_eq!((record.state, record.attempt.0), (State::Queued, attempt + 1));
        record.state = State::Submitted;
        record.object_uid = Some(uid());
    }
    let last = next(&record, sees(Some(failed), DriverSight::Absent));
    assert_eq!(
        (last.state, last.verdict.reason),
        (State::Failed, Some(Reason::SubmissionFailed))
    );
}

#[test]
fn the_queue_time_out_counts_the_waiting_alone_and_anew_once_a_driver_has_started() {
    let mut waited = placed();
    waited.timeouts.queue = Some(150);
    waited.queue_timeout_at = Some(at(150));
    waited.history.last_mut().unwrap().at = at(40);
    let refused = Happening::NothingDone {
        reason: Reason::ClusterUnhealthy,
        message: "401".into(),
        counted: false,
        exclude_cluster: false,
        not_before: None,
    };
    assert_eq!(next(&waited, refused).queue_timeout_at, Some(at(210)));
    waited.state = State::Retrying;
    let over = || Happening::AttemptOver { not_before: None };
    let again = next(&waited, over());
    assert_eq!(
        (again.state, again.queue_timeout_at),
        (State::Queued, Some(at(210)))
    );
    waited.started_at = Some(at(60));
    assert_eq!(next(&waited, over()).queue_timeout_at, Some(at(250)));
    waited.timeouts.queue = None;
    assert_eq!(next(&waited, over()).queue_timeout_at, None);
}

#[test]
fn a_full_quota_is_no_try() {
    let mut failed = object("FAILED");
    failed.error_message = Some("pods \"x\" is forbidden: exceeded quota: q".into());
    let record = next(&submitted(), sees(Some(failed), DriverSight::Absent));
    assert_eq!(
        (record.state, record.tries, record.verdict.reason),
        (State::Retrying, 0, Some(Reason::NoCapacity))
    );
}

#[test]
fn a_full_quota_is_no_excuse_once_a_driver_may_have_run() {
    let mut full = object("FAILED");
    full.error_message = Some("pods \"x\" is forbidden: exceeded quota: q".into());
    full.terminated_at = Some(at(60));
    let running = next(&submitted(), raw("RUNNING"));
    let after_a_run = next(&running, sees(Some(full.clone()), DriverSight::Absent));
    assert_eq!(after_a_run.state, State::Failed);
    let unwatched = Happening::Observed(Box::new(Observation {
        object: Some(full.clone()),
        driver: DriverSight::Absent,
        unwatched: true,
        fails_all: false,
    }));
    let unseen = next(&submitted(), unwatched);
    assert_eq!(unseen.state, State::Failed);
    assert!(unseen.verdict.message.unwrap().contains("may have run unseen"));
    let waits = next(&submitted(), sees(Some(full), DriverSight::Absent));
    assert_eq!((waits.state, waits.finished_at), (State::Retrying, None));
}

#[test]
fn a_stop_by_suspension_holds_the_record_and_a_resumption_lets_it_run_on() {
    let mut stopped = driver(ended(143, Reason::ApplicationFailed));
    stopped.stop = Some(DriverStop::Deleting { due: at(40) });
    let running = next(&submitted(), raw("RUNNING"));
    let held = next(
        &running,
        sees(Some(object("SUSPENDING")), DriverSight::Seen(Box::new(stopped))),
    );
    assert_eq!(held.state, State::Held);
    assert_eq!((held.exit_code, held.finished_at), (None, None), "not its end");
    let again = driver(DriverPhase::Running { since: Some(at(50)) });
    let record = next(
        &held,
        sees(Some(object("RUNNING")), DriverSight::Seen(Box::new(again))),
    );
    assert_eq!((record.state, record.attempt.0), (State::Running, 1));
}

#[test]
fn an_end_that_the_operator_may_rerun_waits_for_the_object() {
    let mut record = next(&submitted(), raw("RUNNING"));
    record.restart_policy = RestartPolicy::OnFailure(2);
    let end = DriverSight::Seen(Box::new(driver(ended(1, Reason::ApplicationFailed))));
    assert_eq!(
        happens(&record, sees(Some(object("FAILING")), end.clone())),
        Step::Ignored
    );
    assert_eq!(
        next(&record, sees(Some(object("FAILED")), end)).state,
        State::Failed
    );
}

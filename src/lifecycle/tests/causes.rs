//! Ends that the operator, or another attempt, may follow, and ends that nothing may follow.

use super::*;

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
    stopped.stop = Some(DriverStop::Deleting);
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

#[test]
fn completed_is_believed_beside_a_failed_driver_that_the_operator_may_have_run_again() {
    let mut record = next(&submitted(), raw("RUNNING"));
    let end = DriverSight::Seen(Box::new(driver(ended(1, Reason::ApplicationFailed))));
    let completed = sees(Some(object("COMPLETED")), end);
    assert_eq!(
        next(&record, completed.clone()).state,
        State::Failed,
        "its word under Never"
    );
    record.restart_policy = RestartPolicy::OnFailure(2);
    let record = next(&record, completed);
    let told = (record.state, record.exit_code, record.driver_uid);
    assert_eq!(told, (State::Succeeded, None, None));
}

//! What is left over, what is a second run, and what isn't ours to remove.

use super::*;
use crate::submission::{NewRecord, State};
use crate::watch::{DriverPhase, Ownership};

const SETTLE: Duration = Duration::from_secs(600);

fn wall(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn ended() -> Record {
    let mut record = Record::queued(NewRecord {
        id: "job-1".parse().unwrap(),
        domain: "default".parse().unwrap(),
        queue: "dev".parse().unwrap(),
        fingerprint: "f".into(),
        at: wall(0),
    });
    record.incarnation = "inc-1".parse().unwrap();
    record.state = State::Succeeded;
    record.cluster = Some("a".parse().unwrap());
    record.finished_at = Some(wall(0));
    record
}

fn owner() -> Ownership {
    Ownership {
        installation: Some("installation-1".parse().unwrap()),
        submission: Some("job-1".into()),
        incarnation: Some("inc-1".parse().unwrap()),
        attempt: Some(crate::model::Attempt(1)),
    }
}

fn object() -> ObjectState {
    ObjectState {
        name: "sb-job-1-a1".into(),
        uid: "uid-1".parse().unwrap(),
        owner: owner(),
        submission_id: Some("job-1".parse().unwrap()),
        raw: "RUNNING".into(),
        error_message: None,
        spark_application_id: None,
        driver_pod: None,
        execution_attempts: 0,
        terminated_at: None,
        suspended: false,
        two_phase: false,
        deleting: false,
        created_at: None,
    }
}

fn driver() -> Driver {
    Driver {
        pod: "sb-job-1-a1-driver".into(),
        uid: "pod-1".parse().unwrap(),
        owner: owner(),
        submission_id: Some("job-1".parse().unwrap()),
        object_name: Some("sb-job-1-a1".into()),
        object_uid: None,
        spark_application_id: None,
        phase: DriverPhase::Running { since: None },
        stop: None,
    }
}

fn removed(strangers: &mut Strangers, record: &Record, second: i64) -> Vec<Removal> {
    let asked = strangers.unchecked(Duration::from_secs(1000));
    assert_eq!(asked, std::slice::from_ref(&record.id));
    let installation = "installation-1".parse().unwrap();
    strangers.removals(std::slice::from_ref(record), &installation, SETTLE, wall(second))
}

#[test]
fn an_operator_that_only_lags_has_its_time_after_the_end() {
    let cluster = "a".parse().unwrap();
    for (second, removals) in [(599, 0), (600, 1)] {
        let mut strangers = Strangers::default();
        strangers.object(&cluster, object());
        strangers.driver(&cluster, driver());
        assert_eq!(
            removed(&mut strangers, &ended(), second).len(),
            removals,
            "{second}"
        );
    }
}

#[test]
fn a_driver_left_without_its_object_goes() {
    let mut strangers = Strangers::default();
    strangers.driver(&"a".parse().unwrap(), driver());
    let removals = removed(&mut strangers, &ended(), 0);
    assert_eq!(removals[0].object, None);
    assert_eq!(removals[0].driver.as_ref().unwrap().0, "sb-job-1-a1-driver");
}

#[test]
fn what_belongs_to_a_record_that_still_lives_or_to_nobody_known_stays() {
    let mut alive = ended();
    alive.state = State::Running;
    let mut strangers = Strangers::default();
    strangers.object(&"a".parse().unwrap(), object());
    assert!(removed(&mut strangers, &alive, 10_000).is_empty());
    let mut later = ended();
    later.incarnation = "inc-2".parse().unwrap();
    let mut strangers = Strangers::default();
    strangers.object(&"a".parse().unwrap(), object());
    assert!(removed(&mut strangers, &later, 10_000).is_empty());
}

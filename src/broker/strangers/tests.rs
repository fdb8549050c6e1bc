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
    record.object_uid = Some("uid-1".parse().unwrap());
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
        created_at: None,
    }
}

fn ended_driver() -> Driver {
    let end = crate::watch::DriverEnd {
        exit_code: Some(0),
        word: None,
        cause: crate::submission::Reason::ApplicationFailed,
        success: true,
        ran: true,
        started_at: None,
        finished_at: None,
    };
    Driver {
        phase: DriverPhase::Ended(end),
        ..driver()
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

/// A create that landed while no broker ran, seen for the first time with its driver.
#[test]
fn what_an_ended_record_never_knew_or_was_to_lose_goes_on_sight_though_its_driver_runs() {
    let cluster = "a".parse().unwrap();
    let mut unknown = ended();
    unknown.object_uid = None;
    let mut cancelled = ended();
    cancelled.state = State::Cancelled;
    let mut too_late = ended();
    too_late.cancel_requested = true;
    for record in [unknown, cancelled, too_late] {
        let mut strangers = Strangers::default();
        strangers.object(&cluster, object());
        strangers.driver(&cluster, driver());
        let removals = removed(&mut strangers, &record, 1);
        assert_eq!(removals.len(), 1, "{:?}", record.state);
        assert!(removals[0].object.is_some() && removals[0].driver.is_some());
        assert_eq!(removals[0].second, Second::default(), "it is the only one");
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

#[test]
fn what_has_another_uid_than_the_ended_record_is_a_second_run_and_goes_at_once() {
    let cluster = "a".parse().unwrap();
    let mut record = ended();
    record.object_uid = Some("uid-1".parse().unwrap());
    record.driver_uid = Some("pod-1".parse().unwrap());
    let mut again = object();
    again.uid = "uid-2".parse().unwrap();
    let mut second_driver = driver();
    second_driver.uid = "pod-2".parse().unwrap();
    for (object, driver, second) in [
        (
            again.clone(),
            driver(),
            Second {
                object: true,
                driver: false,
            },
        ),
        (
            object(),
            second_driver.clone(),
            Second {
                object: false,
                driver: true,
            },
        ),
        (
            again,
            second_driver,
            Second {
                object: true,
                driver: true,
            },
        ),
    ] {
        let mut strangers = Strangers::default();
        strangers.object(&cluster, object);
        strangers.driver(&cluster, driver);
        let removals = removed(&mut strangers, &record, 1);
        assert_eq!(removals.len(), 1, "no time is left to its operator");
        assert_eq!(removals[0].second, second);
    }
}

#[test]
fn an_object_whose_ended_driver_goes_is_checked_again_at_once() {
    let cluster = "a".parse().unwrap();
    let ended_driver = ended_driver();
    let mut strangers = Strangers::default();
    strangers.object(&cluster, object());
    strangers.driver(&cluster, ended_driver.clone());
    assert!(
        removed(&mut strangers, &ended(), 1).is_empty(),
        "its operator only lags"
    );
    strangers.driver_gone(&cluster, &ended_driver);
    assert_eq!(removed(&mut strangers, &ended(), 2).len(), 1);
}

/// While the ended driver has its name, an operator whose watch lags can't make it again.
#[test]
fn a_cancelled_ones_unfinished_object_keeps_its_ended_driver() {
    let cluster = "a".parse().unwrap();
    let mut cancelled = ended();
    cancelled.cancel_requested = true;
    for (raw, second, removals) in [
        ("", 599, 0),
        ("SUBMITTED", 599, 0),
        ("", 600, 1),
        ("PENDING_RERUN", 1, 1),
    ] {
        let mut strangers = Strangers::default();
        let mut object = object();
        object.raw = raw.into();
        strangers.object(&cluster, object);
        strangers.driver(&cluster, ended_driver());
        let removed = removed(&mut strangers, &cancelled, second);
        assert_eq!(removed.len(), removals, "{raw:?} {second}");
    }
}

#[test]
fn what_was_deleted_counts_once_and_what_wasnt_there_not_at_all() {
    let removal = Removal {
        cluster: "a".parse().unwrap(),
        object: None,
        driver: None,
        id: "job-1".parse().unwrap(),
        second: Second::default(),
    };
    let metrics = Metrics::new();
    let told = |uid: &str, deleted, second| {
        removal.told(
            "driver",
            "sb-job-1-a1-driver",
            &uid.parse().unwrap(),
            deleted,
            second,
            &metrics,
        );
    };
    told("pod-1", Deleted::Done, false);
    told("pod-1", Deleted::Done, false);
    told("pod-2", Deleted::Absent, false);
    told("pod-3", Deleted::Done, false);
    told("pod-4", Deleted::Done, true);
    let figures = metrics.render();
    let removed = r#"spark_broker_leftovers_removed_total{cluster="a"} 2"#;
    assert!(figures.contains(removed), "{figures}");
    let second = r#"spark_broker_second_runs_removed_total{cluster="a",what="driver"} 1"#;
    assert!(figures.contains(second), "{figures}");
}

#[test]
fn a_driver_that_runs_on_after_its_object_has_finished_goes() {
    for finished in [("FAILED", false), ("RUNNING", true)] {
        let mut strangers = Strangers::default();
        let cluster = "a".parse().unwrap();
        strangers.driver(&cluster, driver());
        let mut object = object();
        (object.raw, object.deleting) = (finished.0.into(), finished.1);
        strangers.object(&cluster, object);
        let removals = removed(&mut strangers, &ended(), 10_000);
        assert_eq!(removals.len(), 1, "{finished:?}");
        assert!(removals[0].driver.is_some());
    }
}

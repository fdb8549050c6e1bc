use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::model::{Bytes, Millicores, Resources};
use crate::submission::Reason;
use crate::watch::DriverPhase;

const INSTALLATION: &str = "0b5c8d3e";

fn at(millis: i64) -> Timestamp {
    "2026-11-23T05:30:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_millis(millis)
}

/// One node of four cores.
fn machine() -> Machine {
    Machine::new(&groups(), Vec::new())
}

fn groups() -> [NodeGroup; 1] {
    [NodeGroup {
        count: 1,
        allocatable: Resources::new(Millicores(4000), Bytes::mib(16384), 110),
    }]
}

/// A driver and two executors of one core each.
fn demand() -> Demand {
    let pod = Resources::new(Millicores(1000), Bytes::mib(2048), 0);
    Demand {
        driver: pod.clone(),
        executor: pod,
        executors: 2,
        ..Demand::default()
    }
}

fn object(name: &str, annotations: &Value, spec: &Value) -> Value {
    let annotations: serde_json::Map<_, _> = annotations
        .as_object()
        .unwrap()
        .iter()
        .map(|(k, v)| (format!("simulated.spark-broker/{k}"), v.clone()))
        .collect();
    json!({
        "metadata": {
            "name": name,
            "annotations": annotations,
            "labels": {(marks::INSTALLATION): INSTALLATION, (marks::SUBMISSION): name},
        },
        "spec": spec,
    })
}

fn create(machine: &mut Machine, name: &str, annotations: Value) -> ObjectState {
    machine
        .create(&object(name, &annotations, &json!({})), demand(), at(0))
        .unwrap()
}

fn raw(machine: &mut Machine, name: &str, millis: i64) -> String {
    machine.advance(at(millis));
    machine.get(name).unwrap().raw
}

fn end_of(machine: &Machine, name: &str) -> crate::watch::DriverEnd {
    match machine.pods(name)[0].driver.as_ref().unwrap().phase.clone() {
        DriverPhase::Ended(end) => end,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_object_is_submitted_runs_and_completes_in_its_times() {
    let mut machine = machine();
    create(&mut machine, "a", json!({"run-time": "8s"}));
    assert_eq!(raw(&mut machine, "a", 299), "");
    assert_eq!(raw(&mut machine, "a", 300), "SUBMITTED");
    assert_eq!(raw(&mut machine, "a", 500), "RUNNING");
    assert_eq!(machine.pods("a").len(), 3);
    assert_eq!(raw(&mut machine, "a", 8499), "RUNNING");
    assert_eq!(raw(&mut machine, "a", 8500), "COMPLETED");
    let end = end_of(&machine, "a");
    assert_eq!((end.exit_code, end.success), (Some(0), true));
    assert_eq!((end.started_at, end.finished_at), (Some(at(500)), Some(at(8500))));
    assert_eq!(machine.capacity().nodes[0].requested, Resources::default());
}

#[test]
fn a_name_is_given_once() {
    let mut machine = machine();
    create(&mut machine, "a", json!({}));
    let again = machine.create(&object("a", &json!({}), &json!({})), demand(), at(9000));
    assert_eq!(again, Err(Refused::AlreadyExists));
}

#[test]
fn a_driver_waits_until_it_and_its_executors_have_room() {
    let mut machine = machine();
    create(&mut machine, "a", json!({"run-time": "8s"}));
    create(&mut machine, "b", json!({"run-time": "1s", "submit-delay": "1s"}));
    assert_eq!(raw(&mut machine, "b", 8499), "SUBMITTED");
    let waiting = machine.pods("b");
    let phase = waiting[0].driver.as_ref().unwrap().phase.clone();
    assert!(matches!(phase, DriverPhase::Waiting { why: Some(why) } if why.starts_with("Unschedulable")));
    assert_eq!(waiting.len(), 1);
    assert_eq!(machine.capacity().bound.len(), 1);
    assert_eq!(raw(&mut machine, "b", 8700), "RUNNING");
    assert_eq!(raw(&mut machine, "b", 9700), "COMPLETED");
}

#[test]
fn failures_end_as_they_would_on_a_cluster() {
    let mut machine = machine();
    let cases = [
        (
            "code",
            json!({"exit-code": "3"}),
            Some(3),
            Reason::ApplicationFailed,
        ),
        (
            "oom",
            json!({"failure": "OutOfMemory"}),
            Some(137),
            Reason::OutOfMemory,
        ),
        (
            "evicted",
            json!({"failure": "DriverEvicted"}),
            None,
            Reason::DriverEvicted,
        ),
        ("lost", json!({"failure": "NodeLost"}), None, Reason::NodeLost),
    ];
    for (name, annotations, ..) in cases.clone() {
        create(&mut machine, name, annotations);
    }
    machine.advance(at(60_000));
    for (name, _, code, cause) in cases {
        assert_eq!(machine.get(name).unwrap().raw, "FAILED");
        let end = end_of(&machine, name);
        assert_eq!(
            (end.exit_code, end.cause, end.success),
            (code, cause, false),
            "{name}"
        );
    }
    create(
        &mut machine,
        "refused",
        json!({"failure": "SubmissionFailed", "submit-delay": "0s"}),
    );
    assert_eq!(raw(&mut machine, "refused", 60_000), "FAILED");
    assert_eq!(machine.pods("refused"), []);
    assert!(!machine.get("refused").unwrap().tells_of_driver());
}

#[test]
fn a_delete_takes_the_pods_along_and_gives_their_room_to_the_next() {
    let mut machine = machine();
    let a = create(&mut machine, "a", json!({"run-time": "1h"}));
    create(&mut machine, "b", json!({}));
    machine.advance(at(1000));
    assert_eq!(
        machine.delete("a", &"other".parse().unwrap(), at(1000)),
        Deleted::Absent
    );
    machine.take_changes();
    assert_eq!(machine.delete("a", &a.uid, at(1000)), Deleted::Done);
    let gone = machine.take_changes();
    assert!(matches!(gone[0], ClusterEvent::ObjectGone(_)));
    assert!(matches!(gone[1], ClusterEvent::DriverGone(_)));
    assert_eq!(machine.pods("a"), []);
    assert_eq!(raw(&mut machine, "b", 1200), "RUNNING");
}

#[test]
fn a_driver_that_is_removed_fails_its_object() {
    let mut machine = machine();
    create(&mut machine, "a", json!({}));
    machine.advance(at(1000));
    let pod = machine.pods("a")[0].clone();
    assert_eq!(machine.delete_pod(&pod.name, &pod.uid, at(1000)), Deleted::Done);
    let object = machine.get("a").unwrap();
    assert_eq!(
        (object.raw.as_str(), object.error_message.as_deref()),
        ("FAILED", Some("driver pod not found"))
    );
    assert_eq!(machine.pods("a"), []);
    assert_eq!(machine.delete_pod(&pod.name, &pod.uid, at(1000)), Deleted::Absent);
}

#[test]
fn an_object_goes_when_its_time_to_live_is_over() {
    let mut machine = machine();
    machine
        .create(
            &object("a", &json!({}), &json!({"timeToLiveSeconds": 60})),
            demand(),
            at(0),
        )
        .unwrap();
    assert_eq!(machine.advance(at(5500)), Some(at(65_500)));
    assert_eq!(raw(&mut machine, "a", 65_499), "COMPLETED");
    machine.advance(at(65_500));
    assert_eq!(machine.get("a"), None);
}

#[test]
fn a_cluster_that_was_away_catches_up_to_the_same_end() {
    let mut kept = machine();
    create(&mut kept, "a", json!({"run-time": "8s"}));
    create(&mut kept, "b", json!({"run-time": "1s"}));
    kept.advance(at(600));
    let text = serde_json::to_string(&kept.applications()).unwrap();
    let mut loaded = Machine::new(&groups(), serde_json::from_str(&text).unwrap());
    let pods: Vec<_> = kept.pods("a").into_iter().map(|p| p.uid).collect();
    assert_eq!(
        loaded.pods("a").into_iter().map(|p| p.uid).collect::<Vec<_>>(),
        pods
    );
    kept.advance(at(5000));
    for millis in [5000, 9600, 60_000] {
        kept.advance(at(millis));
        loaded.advance(at(60_000.min(millis)));
    }
    assert_eq!(loaded.get("b"), kept.get("b"));
    assert_eq!(end_of(&loaded, "b").finished_at, Some(at(9700)));
    assert_eq!(loaded.capacity(), kept.capacity());
}

//! The record follows the object's `.status`, whoever writes it, and nothing else.

use kube::api::DeleteParams;
use serde_json::json;

use crate::bed::{Bed, spark_pi};

/// The operator's own words for a driver that ended with 3.
const EXIT_3: &str = "driver container failed with ExitCode: 3, Reason: Error";

/// What each state of the operator makes of a record in SUBMITTED, RUNNING, HELD and SUCCEEDED.
const FOLLOWS: [(&str, [&str; 4]); 15] = [
    ("", ["SUBMITTED", "RUNNING", "SUBMITTED", "SUCCEEDED"]),
    ("SUBMITTED", ["SUBMITTED", "RUNNING", "SUBMITTED", "SUCCEEDED"]),
    ("RUNNING", ["RUNNING", "RUNNING", "RUNNING", "SUCCEEDED"]),
    ("COMPLETED", ["SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED"]),
    ("FAILED", ["FAILED", "FAILED", "FAILED", "SUCCEEDED"]),
    ("SUBMISSION_FAILED", ["SUBMITTED", "RUNNING", "HELD", "SUCCEEDED"]),
    ("PENDING_RERUN", ["SUBMITTED", "RUNNING", "HELD", "SUCCEEDED"]),
    ("INVALIDATING", ["SUBMITTED", "RUNNING", "HELD", "SUCCEEDED"]),
    ("SUCCEEDING", ["SUBMITTED", "RUNNING", "HELD", "SUCCEEDED"]),
    ("FAILING", ["SUBMITTED", "RUNNING", "HELD", "SUCCEEDED"]),
    ("SUSPENDING", ["HELD", "HELD", "HELD", "SUCCEEDED"]),
    ("SUSPENDED", ["HELD", "HELD", "HELD", "SUCCEEDED"]),
    ("RESUMING", ["SUBMITTED", "RUNNING", "HELD", "SUCCEEDED"]),
    ("UNKNOWN", ["SUBMITTED", "RUNNING", "HELD", "SUCCEEDED"]),
    (
        "A_STATE_OF_TOMORROW",
        ["SUBMITTED", "RUNNING", "HELD", "SUCCEEDED"],
    ),
];

/// The operator's state that brings a record into each of these.
const FROM: [(&str, &str); 4] = [
    ("SUBMITTED", "SUBMITTED"),
    ("RUNNING", "RUNNING"),
    ("HELD", "SUSPENDED"),
    ("SUCCEEDED", "COMPLETED"),
];

#[tokio::test]
async fn a_message_becomes_exactly_one_application_and_its_record_moves_only_as_the_status_does() {
    let bed = Bed::shared().await;
    let (id, object) = bed.submitted(&spark_pi()).await;
    let name = object.metadata.name.clone().unwrap();
    bed.fence().await;
    let status = bed.status(&id).await;
    assert_eq!(
        (&status["state"], &status["version"]),
        (&json!("SUBMITTED"), &json!(3)),
        "nothing moves by itself"
    );

    bed.operator_says(&name, "SUBMITTED", "").await;
    bed.operator_says(&name, "RUNNING", "").await;
    bed.in_state(&id, "RUNNING").await;
    let end = json!({
        "driverInfo": {"podName": format!("{name}-driver")},
        "applicationState": {"state": "COMPLETED"},
        "sparkApplicationId": "spark-123",
        "executionAttempts": 1,
        "terminationTime": "2026-11-23T05:30:00Z",
    });
    bed.plane.set_status(&bed.namespace, &name, &end).await;
    let end = bed.in_state(&id, "SUCCEEDED").await;
    let told = ["sparkApplicationId", "driverPod", "rawState", "finishedAt"].map(|key| end[key].clone());
    let pod = format!("{name}-driver");
    assert_eq!(told, ["spark-123", &pod, "COMPLETED", "2026-11-23T05:30:00.000Z"]);
    let walk = ["QUEUED", "DISPATCHING", "SUBMITTED", "RUNNING", "SUCCEEDED"];
    assert_eq!(bed.walk(&id).await, walk);

    let all = bed.plane.list_applications(&bed.namespace).await;
    let of_job = all
        .iter()
        .filter(|object| object.metadata.annotations.as_ref().unwrap()["spark-broker/submission-id"] == id);
    assert_eq!(of_job.count(), 1);
    assert_eq!(all.len(), 2, "the job's and the fence's");
}

#[tokio::test]
async fn a_failure_carries_the_operators_message_and_the_drivers_exit_code() {
    let bed = Bed::shared().await;
    let (id, object) = bed.submitted(&spark_pi()).await;
    let name = object.metadata.name.unwrap();
    bed.operator_says(&name, "RUNNING", "").await;
    bed.in_state(&id, "RUNNING").await;
    bed.operator_says(&name, "FAILED", EXIT_3).await;
    let end = bed.in_state(&id, "FAILED").await;
    assert_eq!(
        (
            &end["exitCode"],
            &end["message"],
            &end["reason"],
            &end["attempts"]
        ),
        (&json!(3), &json!(EXIT_3), &json!("ApplicationFailed"), &json!(1))
    );
}

#[tokio::test]
async fn each_state_of_the_operator_in_and_out_of_order_leads_where_the_lifecycle_says() {
    let bed = Bed::shared().await;
    let cases: Vec<_> = FOLLOWS
        .iter()
        .flat_map(|(raw, to)| FROM.iter().zip(to).map(move |(from, to)| (*from, *raw, *to)))
        .collect();
    let mut jobs = Vec::new();
    for _ in &cases {
        jobs.push(bed.send(&spark_pi()).await);
    }
    let mut names = Vec::new();
    for (id, ((_, brings), ..)) in jobs.iter().zip(&cases) {
        let name = bed.in_state(id, "SUBMITTED").await["objectName"]
            .as_str()
            .unwrap()
            .to_owned();
        bed.operator_says(&name, brings, "").await;
        names.push(name);
    }
    for (id, ((from, _), ..)) in jobs.iter().zip(&cases) {
        bed.in_state(id, from).await;
    }
    for (name, (_, raw, _)) in names.iter().zip(&cases) {
        let message = if *raw == "FAILED" { EXIT_3 } else { "" };
        bed.operator_says(name, raw, message).await;
    }
    bed.fence().await;
    for (id, ((from, _), raw, to)) in jobs.iter().zip(&cases) {
        let what = format!("{raw:?} makes {to} of {from}");
        bed.until(id, &what, |status| status["state"] == *to).await;
        let walk = bed.walk(id).await;
        let mut wanted = vec!["QUEUED", "DISPATCHING", "SUBMITTED", from, to];
        wanted.dedup();
        assert_eq!(walk, wanted, "{what}");
    }
}

#[tokio::test]
async fn objects_deleted_after_their_end_leave_the_status_as_it_was() {
    let mut bed = Bed::shared().await;
    let mut ends = Vec::new();
    for (raw, message, state) in [("COMPLETED", "", "SUCCEEDED"), ("FAILED", EXIT_3, "FAILED")] {
        let (id, object) = bed.submitted(&spark_pi()).await;
        let name = object.metadata.name.unwrap();
        bed.operator_says(&name, raw, message).await;
        ends.push((id.clone(), bed.in_state(&id, state).await));
        let gone = bed.objects().delete(&name, &DeleteParams::default()).await;
        gone.expect("the object is deleted");
    }
    bed.fence().await;
    for (id, end) in &ends {
        assert_eq!(bed.status(id).await, *end);
    }
    bed.kill();
    bed.start();
    bed.fence().await;
    for (id, end) in &ends {
        assert_eq!(bed.status(id).await, *end, "nor does a new scheduler change it");
    }
}

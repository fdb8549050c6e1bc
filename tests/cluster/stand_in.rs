//! The stand-in operator does what a test tells it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::{ControlPlane, Options, RawState, StandInOperator, Step, eventually, runs_for};

fn application(name: &str) -> Value {
    json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"name": name, "labels": {"test/carried": name}},
        "spec": {
            "type": "Scala", "sparkVersion": "3.5.6", "mainApplicationFile": "local:///a.jar", "driver": {}, "executor": {},
        },
    })
}

async fn state(plane: &ControlPlane, namespace: &str, name: &str) -> Value {
    let object = plane.applications(namespace).await.get(name).await.unwrap();
    object.data["status"]["applicationState"].clone()
}

#[tokio::test]
async fn applications_go_the_way_that_their_script_tells() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.create_namespace("stand-in").await;
    let behaviour = |object: &kube::api::DynamicObject| {
        let fails = object.metadata.name.as_deref() == Some("failure");
        runs_for(Duration::from_millis(300), if fails { 3 } else { 0 })
    };
    let _operator = StandInOperator::start(plane, &namespace, behaviour).await;
    for name in ["success", "failure"] {
        plane
            .create_application(&namespace, &application(name))
            .await
            .unwrap();
    }
    eventually("both have ended", async || {
        state(plane, &namespace, "success").await["state"] == "COMPLETED"
            && state(plane, &namespace, "failure").await["state"] == "FAILED"
    })
    .await;
    let message = state(plane, &namespace, "failure").await["errorMessage"].clone();
    assert_eq!(message, "driver container failed with ExitCode: 3, Reason: Error");

    let pods = serde_json::to_value(plane.pods(&namespace).await).unwrap();
    for (name, code) in [("success", 0), ("failure", 3)] {
        let mut all = pods.as_array().unwrap().iter();
        let pod = all
            .find(|pod| pod["metadata"]["name"] == format!("{name}-driver"))
            .unwrap();
        assert_eq!(
            pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"],
            code
        );
        assert_eq!(pod["metadata"]["labels"]["test/carried"], name);
        assert_eq!(pod["metadata"]["ownerReferences"][0]["name"], name);
    }
}

#[tokio::test]
async fn every_raw_state_can_be_written() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.create_namespace("raw-states").await;
    plane
        .create_application(&namespace, &application("one"))
        .await
        .unwrap();
    for raw in RawState::ALL {
        plane
            .set_status(&namespace, "one", &raw.status("one", "why"))
            .await;
        assert_eq!(
            state(plane, &namespace, "one").await,
            json!({"state": raw.text(), "errorMessage": "why"})
        );
    }
}

#[tokio::test]
async fn an_outage_holds_the_stand_in_and_does_not_end_it() {
    let plane = ControlPlane::start(Options::default()).await;
    plane.apply_spark_crd().await;
    let namespace = plane.create_namespace("outage").await;
    let script = || {
        vec![
            Step::Wait(Duration::from_secs(1)),
            Step::State(RawState::Completed, String::new()),
        ]
    };
    let _operator = StandInOperator::start(&plane, &namespace, move |_| script()).await;
    plane
        .create_application(&namespace, &application("one"))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    plane.stop_api_server();
    tokio::time::sleep(Duration::from_secs(1)).await;
    plane.start_api_server().await;
    eventually("it goes on", async || {
        state(&plane, &namespace, "one").await["state"] == "COMPLETED"
    })
    .await;
}

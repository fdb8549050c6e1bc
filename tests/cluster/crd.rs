//! The CRD made from the operator's published models, and those models as a judge.

use serde_json::{Value, json};

use crate::cluster::{ControlPlane, every_field_once, outcome, validate_by_models};

fn smallest(name: &str) -> Value {
    json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"name": name},
        "spec": {
            "type": "Scala",
            "sparkVersion": "3.5.6",
            "mainApplicationFile": "local:///a.jar",
            "driver": {},
            "executor": {},
        },
    })
}

#[tokio::test]
async fn every_field_of_the_published_schema_is_kept() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.create_namespace("every-field").await;
    let sent = every_field_once();
    let kept = plane.create_application(&namespace, &sent).await.unwrap();
    assert_eq!(kept.data["spec"], sent["spec"]);
    let counts = ["driver", "executor"].map(|part| sent["spec"][part].as_object().unwrap().len());
    assert_eq!((sent["spec"].as_object().unwrap().len(), counts), (32, [40, 38]));
}

#[tokio::test]
async fn a_field_that_the_schema_does_not_know_is_refused_at_every_depth() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.create_namespace("unknown-field").await;
    let (mut shallow, mut deep) = (smallest("shallow"), smallest("deep"));
    shallow["spec"]["sparkVersoin"] = json!("3.5.6");
    deep["spec"]["driver"]["template"] =
        json!({"spec": {"containers": [{"name": "a", "imagePullPolciy": "Always"}]}});
    for (object, field) in [(shallow, "sparkVersoin"), (deep, "imagePullPolciy")] {
        let refused = outcome(plane.create_application(&namespace, &object).await);
        assert_eq!(refused.code, 400, "{refused:?}");
        assert!(
            refused.message.contains("strict decoding error: unknown field"),
            "{refused:?}"
        );
        assert!(refused.message.contains(field), "{refused:?}");
    }
    assert!(plane.list_applications(&namespace).await.is_empty());
}

#[tokio::test]
async fn a_wrong_type_and_a_missing_field_are_refused() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.create_namespace("wrong-type").await;
    let (mut wrong, mut missing) = (smallest("wrong"), smallest("missing"));
    wrong["spec"]["driver"]["cores"] = json!("one");
    missing["spec"].as_object_mut().unwrap().remove("driver");
    for object in [wrong, missing] {
        assert_eq!(
            outcome(plane.create_application(&namespace, &object).await).code,
            422
        );
    }
}

#[tokio::test]
async fn the_status_is_a_subresource_of_its_own() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.create_namespace("status").await;
    let mut sent = smallest("one");
    sent["status"] = json!({"driverInfo": {}, "applicationState": {"state": "COMPLETED"}});
    let created = plane.create_application(&namespace, &sent).await.unwrap();
    assert_eq!(created.data.get("status"), None, "a create carries no status");

    let status = json!({
        "driverInfo": {"podName": "one-driver"},
        "applicationState": {"state": "RUNNING"},
        "terminationTime": null,
    });
    plane.set_status(&namespace, "one", &status).await;
    let stored = plane.list_applications(&namespace).await.remove(0);
    assert_eq!(stored.data["status"]["applicationState"]["state"], "RUNNING");
    assert_eq!(stored.data["spec"], created.data["spec"]);
    assert_eq!(stored.metadata.generation, created.metadata.generation);
}

#[test]
fn the_models_understand_every_field_and_name_what_they_do_not() {
    let mut unknown = smallest("unknown");
    unknown["spec"]["executor"]["instnaces"] = json!(1);
    let mut wrong = every_field_once();
    wrong["spec"]["driver"]["cores"] = json!("one");
    let faults = validate_by_models(&[every_field_once(), unknown, wrong]);
    assert_eq!(faults[0], Vec::<String>::new());
    assert_eq!(faults[1], ["spec.executor.instnaces: sent 1, understood null"]);
    assert!(faults[2][0].contains("cores"), "{faults:?}");
}

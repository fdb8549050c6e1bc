//! `commit: two-phase` with the real operator: objects are created suspended and released once they are committed.

use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use crate::bed::{Bed, spark_pi};
use crate::cluster::{
    ControlPlane, DRIVER_ACCOUNT, Driver, Node, Operator, OperatorOptions, Options, User, eventually,
};
use crate::clusters::{namespace_for, real, rights};
use crate::seen::Seen;

const NAMESPACE: &str = "spark-jobs";

#[tokio::test]
async fn two_phase_runs_one_driver_and_releases_nothing_that_its_record_has_moved_past() {
    let plane = ControlPlane::start(Options::whole()).await;
    plane.add_node(&Node::new("node-1", "32", "128Gi")).await;
    let _operator = Operator::start(&plane, OperatorOptions::of(NAMESPACE)).await;
    for object in rights(NAMESPACE, User::Broker) {
        plane.apply(&object, Some(NAMESPACE)).await;
    }
    let mut cluster = real(&plane, "real", NAMESPACE, User::Broker);
    cluster["commit"] = json!("two-phase");
    cluster["timeToLive"] = json!("10s");
    let mut bed = Bed::prepare(&plane, NAMESPACE, &[cluster]).await;
    bed.start();

    let mut spec = spark_pi();
    spec["driver"]["serviceAccount"] = json!(DRIVER_ACCOUNT);
    spec["driver"]["annotations"] = Driver::succeeds_after("2s").annotations();
    let id = bed.send(&spec).await;
    let running = bed.in_state(&id, "RUNNING").await;
    let name = running["objectName"].as_str().unwrap();
    let object = bed.object(name).await.unwrap();
    let end = bed.in_state(&id, "SUCCEEDED").await;
    assert_eq!(end["attempts"], 1);
    let walk = bed.walk(&id).await;
    assert_eq!(
        walk,
        ["QUEUED", "DISPATCHING", "SUBMITTED", "RUNNING", "SUCCEEDED"]
    );
    assert_eq!(
        object.metadata.annotations.clone().unwrap()["spark-broker/commit"],
        "two-phase"
    );
    assert_eq!(object.data["spec"]["suspend"], false);

    // The operator removes the object when its time to live is over, and the status stays.
    eventually("its time to live is over", async || {
        bed.object(name).await.is_none()
    })
    .await;
    assert_eq!(bed.status(&id).await, end);

    // A create that lands late: the same object once more, after its attempt.
    eventually("the driver is gone", async || {
        plane.pods(NAMESPACE).await.is_empty()
    })
    .await;
    let mut late = object;
    let owner = std::mem::take(&mut late.metadata);
    late.metadata.name = owner.name;
    late.metadata.labels = owner.labels;
    late.metadata.annotations = owner.annotations;
    late.data["spec"]["suspend"] = json!(true);
    late.data.as_object_mut().unwrap().remove("status");
    bed.objects().create(&PostParams::default(), &late).await.unwrap();
    eventually("the late one is removed", async || {
        bed.object(name).await.is_none()
    })
    .await;
    assert!(plane.pods(NAMESPACE).await.is_empty(), "it was never released");
    assert_eq!(bed.status(&id).await["version"], end["version"]);
}

/// A create that lands after its attempt is over: how long its object stands, by the API server's own clock.
async fn late(commit: &str) {
    let plane = ControlPlane::shared().await;
    let namespace = namespace_for(plane, User::Broker).await;
    let mut cluster = real(plane, "real", &namespace, User::Broker);
    cluster["commit"] = json!(commit);
    let mut bed = Bed::prepare(plane, &namespace, &[cluster]).await;
    bed.start();
    let (id, first) = bed.submitted(&spark_pi()).await;
    let name = first.metadata.name.clone().unwrap();
    bed.operator_says(&name, "FAILED", "failed to run spark-submit: no such account")
        .await;
    let second = bed
        .until(&id, "the next attempt", |status| {
            status["state"] == "SUBMITTED" && status["attempt"] == 2
        })
        .await;
    assert!(bed.object(&name).await.is_none());

    let mut object = first.clone();
    object.metadata = kube::api::ObjectMeta {
        name: Some(name.clone()),
        labels: first.metadata.labels,
        annotations: first.metadata.annotations,
        // It stays while it is deleted, so that the time of its deletion can be read.
        finalizers: Some(vec!["test.spark-broker/stays".to_owned()]),
        ..Default::default()
    };
    if commit == "two-phase" {
        object.data["spec"]["suspend"] = json!(true);
    }
    let seen = Seen::from_now(bed.objects()).await;
    bed.objects()
        .create(&PostParams::default(), &object)
        .await
        .unwrap();
    eventually("the late one is deleted", async || {
        let late = bed.object(&name).await.unwrap();
        late.metadata.deletion_timestamp.is_some()
    })
    .await;
    let metadata = bed.object(&name).await.unwrap().metadata;
    let (made, deleted) = (metadata.creation_timestamp, metadata.deletion_timestamp);
    let stood = deleted.unwrap().0.duration_since(made.unwrap().0).as_secs();
    eprintln!(
        "under {commit} an object that landed late stood for {stood} s, in whole seconds of its API server"
    );
    assert!(stood <= 5, "{stood} s");
    let stays = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    let how = PatchParams::default();
    bed.objects().patch(&name, &how, &stays).await.unwrap();
    eventually("it is gone", async || seen.deleted(&name).is_some()).await;
    let suspended = |object: &kube::api::DynamicObject| object.data["spec"]["suspend"] == true;
    let states = seen.states_of(&name);
    assert!(
        commit == "one-phase" || states.iter().all(suspended),
        "{states:?}"
    );
    eventually("it is counted", async || {
        bed.figure("spark_broker_leftovers_removed_total{cluster=\"real\"}")
            .await
            >= 1.0
    })
    .await;
    assert!(bed.log().contains("a leftover was removed"));
    let now = bed.status(&id).await;
    assert_eq!(
        (&now["state"], &now["attempt"], &now["version"]),
        (&second["state"], &second["attempt"], &second["version"])
    );
}

#[tokio::test]
async fn what_lands_late_goes_within_seconds_is_counted_and_under_two_phase_never_released() {
    tokio::join!(late("one-phase"), late("two-phase"));
}

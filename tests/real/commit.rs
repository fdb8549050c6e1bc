//! `commit: two-phase` with the real operator: objects are created suspended and released once they are committed.

use kube::api::PostParams;
use serde_json::json;

use crate::bed::{Bed, spark_pi};
use crate::cluster::{
    ControlPlane, DRIVER_ACCOUNT, Driver, Node, Operator, OperatorOptions, Options, User, eventually,
};
use crate::clusters::{real, rights};

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

//! With the real operator, Spark's own spark-submit, and drivers that KWOK plays.

use k8s_openapi::api::core::v1::Pod;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::bed::{Bed, spark_pi};
use crate::cluster::{
    ControlPlane, DRIVER_ACCOUNT, Driver, Node, Operator, OperatorOptions, Options, User, eventually,
};
use crate::clusters::{real, rights};

const NAMESPACE: &str = "spark-jobs";

/// The example job, whose driver behaves like `driver`.
fn job(driver: &Driver) -> Value {
    let mut spec = spark_pi();
    spec["driver"]["serviceAccount"] = json!(DRIVER_ACCOUNT);
    spec["driver"]["annotations"] = driver.annotations();
    spec
}

/// The driver pod of `object`, if it is there.
async fn driver_of(plane: &ControlPlane, object: &str) -> Option<Pod> {
    let name = format!("{object}-driver");
    let pods = plane.pods(NAMESPACE).await;
    pods.into_iter()
        .find(|pod| pod.metadata.name.as_deref() == Some(&name))
}

/// The end of the driver's container, as its pod tells it.
async fn end_of(plane: &ControlPlane, object: &str) -> Value {
    let pod = driver_of(plane, object).await.unwrap();
    let status = serde_json::to_value(pod.status.unwrap()).unwrap();
    status["containerStatuses"][0]["state"]["terminated"].clone()
}

fn raw(object: &DynamicObject) -> &str {
    let state = object.data["status"]["applicationState"]["state"].as_str();
    state.unwrap_or_default()
}

/// Whether an RFC 3339 time of the API and one of the cluster are the same.
fn same_time(api: &Value, cluster: &Value) -> bool {
    let read = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    read(api) == read(cluster)
}

/// Killed while spark-submit runs, the operator says FAILED of a driver that runs on to success.
async fn killed_in_mid_submit(bed: &Bed<'_>, operator: &mut Operator) {
    let plane = bed.plane;
    let id = bed.send(&job(&Driver::succeeds_after("40s"))).await;
    let status = bed.in_state(&id, "SUBMITTED").await;
    let object = status["objectName"].as_str().unwrap().to_owned();
    operator.kill_in_mid_submit(&[&object]).await;
    assert!(driver_of(plane, &object).await.is_none(), "killed in mid-submit");
    eventually("the driver is there all the same", async || {
        driver_of(plane, &object).await.is_some()
    })
    .await;
    operator.start_controller(plane).await;
    eventually("the operator says FAILED", async || {
        raw(&bed.object(&object).await.unwrap()) == "FAILED"
    })
    .await;
    let status = bed.status(&id).await;
    assert_eq!(status["state"], "RUNNING", "{status:#}");
    let end = bed.in_state(&id, "SUCCEEDED").await;
    assert_eq!(end["attempts"], 1);
    assert_eq!(raw(&bed.object(&object).await.unwrap()), "FAILED");
    assert_eq!(bed.plane.list_applications(NAMESPACE).await.len(), 3);
}

#[tokio::test]
async fn what_the_driver_did_is_what_the_record_says_whatever_became_of_the_operator() {
    let plane = ControlPlane::start(Options::whole()).await;
    plane.add_node(&Node::new("node-1", "32", "128Gi")).await;
    let mut operator = Operator::start(&plane, OperatorOptions::of(NAMESPACE)).await;
    for object in rights(NAMESPACE, User::Broker) {
        plane.apply(&object, Some(NAMESPACE)).await;
    }
    let mut cluster = real(&plane, "real", NAMESPACE, User::Broker);
    cluster["capacity"] = json!({"sources": ["nodes"]});
    let mut bed = Bed::prepare(&plane, NAMESPACE, &[cluster]).await;
    bed.start();

    let success = bed.send(&job(&Driver::succeeds_after("2s"))).await;
    let end = bed.in_state(&success, "SUCCEEDED").await;
    let object = end["objectName"].as_str().unwrap();
    let container = end_of(&plane, object).await;
    assert!(
        same_time(&end["startedAt"], &container["startedAt"]),
        "{end} {container}"
    );
    assert!(
        same_time(&end["finishedAt"], &container["finishedAt"]),
        "{end} {container}"
    );
    assert_eq!(end["driverPod"], format!("{object}-driver"));
    let spark = end["sparkApplicationId"].as_str().unwrap();
    assert!(spark.starts_with("spark-"), "{spark}");
    let walk = bed.walk(&success).await;
    assert_eq!(
        walk,
        ["QUEUED", "DISPATCHING", "SUBMITTED", "RUNNING", "SUCCEEDED"]
    );

    let failure = bed.send(&job(&Driver::fails_after("1s", 3))).await;
    let end = bed.in_state(&failure, "FAILED").await;
    assert_eq!(
        (&end["exitCode"], &end["reason"]),
        (&json!(3), &json!("ApplicationFailed"))
    );

    killed_in_mid_submit(&bed, &mut operator).await;
}

//! A cluster is emptied, with the real operator on it: a pending job goes elsewhere, a running one is left or cancelled.

use serde_json::{Value, json};

use crate::bed::{Bed, spark_pi};
use crate::cluster::{
    ControlPlane, DRIVER_ACCOUNT, Driver, Node, Operator, OperatorOptions, Options, User, eventually,
};
use crate::clusters::{namespace_for, real, rights};

const NAMESPACE: &str = "spark-jobs";

fn job(driver: &Driver) -> Value {
    let mut spec = spark_pi();
    spec["driver"]["serviceAccount"] = json!(DRIVER_ACCOUNT);
    spec["driver"]["annotations"] = driver.annotations();
    spec
}

fn started(pod: &k8s_openapi::api::core::v1::Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    phase != Some("Pending")
}

#[tokio::test]
async fn a_drained_cluster_gives_its_pending_jobs_away_and_keeps_or_cancels_the_running_ones() {
    let plane = ControlPlane::start(Options::whole()).await;
    plane.add_node(&Node::new("node-1", "32", "128Gi")).await;
    let _operator = Operator::start(&plane, OperatorOptions::of(NAMESPACE)).await;
    for object in rights(NAMESPACE, User::Broker) {
        plane.apply(&object, Some(NAMESPACE)).await;
    }
    let elsewhere = namespace_for(&plane, User::Broker).await;
    let clusters = [
        real(&plane, "drained", NAMESPACE, User::Broker),
        real(&plane, "other", &elsewhere, User::Broker),
    ];
    let mut bed = Bed::prepare(&plane, NAMESPACE, &clusters).await;
    bed.start();
    bed.cluster_is("drained", true, "").await;
    bed.cluster_is("other", true, "").await;
    let why = ["--reason", "kept free", "--author", "ann"];
    bed.command(&[&["clusters", "cordon", "other"], &why[..]].concat())
        .await;

    bed.cluster("other", "closed", |line| line["closed"] == "cordoned: kept free")
        .await;
    let mut closed = job(&Driver::succeeds_after("1s"));
    closed["clusters"] = json!(["other"]);
    let closed = bed.send(&closed).await;
    bed.until(&closed, "the cordon is the reason", |status| {
        let message = status["message"].as_str().unwrap_or_default();
        message.contains("cordoned: kept free")
    })
    .await;

    let runs = bed.send(&job(&Driver::succeeds_after("600s"))).await;
    bed.in_state(&runs, "RUNNING").await;
    let mut large = job(&Driver::succeeds_after("1s"));
    large["driver"]["coreRequest"] = json!("40");
    let pending = bed.send(&large).await;
    let status = bed.in_state(&pending, "SUBMITTED").await;
    let driver = format!("{}-driver", status["objectName"].as_str().unwrap());
    eventually("the driver of the pending job is there", async || {
        let pods = plane.pods(NAMESPACE).await;
        let mut of_it = pods
            .iter()
            .filter(|pod| pod.metadata.name.as_ref() == Some(&driver));
        of_it.next().is_some_and(|pod| !started(pod))
    })
    .await;

    bed.command(&[
        "clusters",
        "drain",
        "drained",
        "--reason",
        "rebuilt",
        "--deadline",
        "1s",
    ])
    .await;
    bed.command(&["clusters", "uncordon", "other"]).await;
    let moved = bed
        .until(&pending, "elsewhere", |status| {
            status["cluster"] == "other" && status["state"] == "SUBMITTED"
        })
        .await;
    assert_eq!(moved["attempt"], 2, "{moved:#}");
    let walk = bed.walk(&pending).await;
    let expected = [
        "QUEUED",
        "DISPATCHING",
        "SUBMITTED",
        "RETRYING",
        "QUEUED",
        "DISPATCHING",
        "SUBMITTED",
    ];
    assert_eq!(walk, expected);
    let history = bed
        .get(&format!("/v1/submissions/{pending}/history"))
        .await
        .unwrap();
    assert_eq!(history["transitions"][3]["reason"], "Drained", "{history:#}");
    bed.in_state(&closed, "SUBMITTED").await;
    eventually("nothing is left of the pending one", async || {
        let pods = plane.pods(NAMESPACE).await;
        pods.iter().all(|pod| pod.metadata.name.as_ref() != Some(&driver))
    })
    .await;
    assert_eq!(bed.status(&runs).await["state"], "RUNNING", "it is left");
    assert_eq!(plane.list_applications(NAMESPACE).await.len(), 1);

    let cancel = ["--deadline", "0s", "--then", "cancel"];
    bed.command(&[&["clusters", "drain", "drained", "--reason", "now"], &cancel[..]].concat())
        .await;
    let end = bed.in_state(&runs, "CANCELLED").await;
    assert!(
        end["message"].as_str().unwrap().contains("emptied: now"),
        "{end:#}"
    );
    eventually("the cluster is empty", async || {
        plane.list_applications(NAMESPACE).await.is_empty() && plane.pods(NAMESPACE).await.is_empty()
    })
    .await;
    bed.command(&["clusters", "undrain", "drained"]).await;
    let mut back = job(&Driver::succeeds_after("1s"));
    back["clusters"] = json!(["drained"]);
    let back = bed.send(&back).await;
    bed.in_state(&back, "SUCCEEDED").await;
}

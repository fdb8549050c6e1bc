//! Cancel reaches CANCELLED from each state, and nothing is left on the cluster.

use std::net::{Ipv4Addr, SocketAddr};

use kube::api::ListParams;
use serde_json::{Value, json};

use crate::bed::{Bed, spark_pi};
use crate::cancel::{make_driver, pods};
use crate::cluster::{ControlPlane, User, eventually};
use crate::clusters::{namespace_for, real, simulated, through};
use crate::network::{Network, Proxy};

/// A job for one cluster.
fn on(cluster: &str) -> Value {
    let mut spec = spark_pi();
    spec["clusters"] = json!([cluster]);
    spec
}

/// Waits for CANCELLED, and for the walk there from the first of QUEUED, DISPATCHING, SUBMITTED … that the job came to.
async fn is_cancelled(bed: &Bed<'_>, id: &str, walk: &[&str]) {
    let end = bed.in_state(id, "CANCELLED").await;
    assert_eq!(
        (&end["reason"], &end["cancelRequested"]),
        (&json!("Cancelled"), &json!(true))
    );
    assert_eq!(bed.walk(id).await, walk, "{end:#}");
}

/// Nothing is left on the first cluster, neither objects nor pods.
async fn nothing_is_left(bed: &Bed<'_>) {
    let objects = bed.objects().list(&ListParams::default()).await.unwrap();
    assert!(objects.items.is_empty(), "{:?}", objects.items);
    let pods = pods(bed).await.list(&ListParams::default()).await.unwrap();
    assert!(pods.items.is_empty(), "{:?}", pods.items);
}

#[tokio::test]
async fn a_job_is_cancelled_from_each_state_and_leaves_nothing_behind() {
    let plane = ControlPlane::shared().await;
    let namespace = namespace_for(plane, User::Broker).await;
    let clusters = [real(plane, "real", &namespace, User::Broker), simulated("closed")];
    // Long enough for a cancel to find a job in RETRYING, on a busy machine too.
    let mut bed = Bed::prepare_with(plane, &namespace, &clusters, "15s").await;
    bed.start();
    bed.cluster_is("closed", true, "").await;
    bed.command(&["clusters", "cordon", "closed", "--reason", "nothing runs here"])
        .await;
    eventually("the active scheduler has read the wish", async || {
        let clusters = bed.get("/v1/clusters").await.unwrap_or_default();
        clusters.to_string().contains("cordoned: nothing runs here")
    })
    .await;
    let queued = bed.send(&on("closed")).await;

    let (submitted, _) = bed.submitted(&on("real")).await;
    let (held, object) = bed.submitted(&on("real")).await;
    bed.operator_says(object.metadata.name.as_ref().unwrap(), "SUSPENDED", "")
        .await;
    let (running, object) = bed.submitted(&on("real")).await;
    make_driver(&bed, &object).await;
    bed.until(&queued, "it waits", |status| status["reason"].is_string())
        .await;
    for (id, state) in [(&held, "HELD"), (&running, "RUNNING")] {
        bed.in_state(id, state).await;
        bed.cancel(id).await;
    }
    // Last, and at once: it stays in RETRYING only as long as its proof takes.
    let (retrying, object) = bed.submitted(&on("real")).await;
    let refused = "failed to run spark-submit: no such account";
    bed.operator_says(object.metadata.name.as_ref().unwrap(), "FAILED", refused)
        .await;
    bed.in_state(&retrying, "RETRYING").await;
    bed.cancel(&retrying).await;
    bed.cancel(&queued).await;
    bed.cancel(&submitted).await;

    let sent = ["QUEUED", "DISPATCHING", "SUBMITTED"];
    let stopped = ["CANCELLING", "CANCELLED"];
    let by = |state: &[&'static str]| [&sent[..], state, &stopped[..]].concat();
    is_cancelled(&bed, &queued, &["QUEUED", "CANCELLED"]).await;
    is_cancelled(&bed, &submitted, &by(&[])).await;
    is_cancelled(&bed, &held, &by(&["HELD"])).await;
    is_cancelled(&bed, &running, &by(&["RUNNING"])).await;
    is_cancelled(&bed, &retrying, &by(&["RETRYING"])).await;
    nothing_is_left(&bed).await;
}

#[tokio::test]
async fn a_job_whose_create_has_no_answer_is_cancelled_and_its_object_goes() {
    let plane = ControlPlane::shared().await;
    let proxy = Proxy::to(SocketAddr::from((Ipv4Addr::LOCALHOST, plane.port()))).await;
    let namespace = namespace_for(plane, User::Broker).await;
    let cluster = real(plane, "real", &namespace, User::Broker);
    through(proxy.address, plane, &cluster);
    let mut bed = Bed::prepare(plane, &namespace, &[cluster]).await;
    bed.start();
    bed.cluster_is("real", true, "").await;

    proxy.set(Network::NoAnswers);
    let id = bed.send(&spark_pi()).await;
    bed.in_state(&id, "DISPATCHING").await;
    eventually("the create landed", async || {
        plane.list_applications(&namespace).await.len() == 1
    })
    .await;
    bed.cancel(&id).await;
    let asked = bed.status(&id).await;
    assert_eq!(
        (&asked["state"], &asked["cancelRequested"]),
        (&json!("DISPATCHING"), &json!(true)),
        "whether its object stands isn't known"
    );
    proxy.set(Network::Open);
    let walk = ["QUEUED", "DISPATCHING", "SUBMITTED", "CANCELLING", "CANCELLED"];
    is_cancelled(&bed, &id, &walk).await;
    nothing_is_left(&bed).await;
}

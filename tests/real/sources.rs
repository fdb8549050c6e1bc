//! Capacity by quota, which the real controller manager counts, and by the headroom of a YuniKorn queue, which a stand-in
//! tells through the real API server's service proxy. The test plays the operator.

use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use kube::Api;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::bed::{Bed, spark_pi};
use crate::cluster::{ControlPlane, Options, QUEUE, StandInYunikorn, User, eventually};
use crate::clusters::{headroom_rights, namespace_for, real};

/// A job of two cores, its driver's and an executor's.
fn job(cluster: &str) -> Value {
    let mut spec = spark_pi();
    spec["clusters"] = json!([cluster]);
    spec
}

/// Waits until the job says that it waits for room, and of whom.
async fn waits_for(bed: &Bed<'_>, id: &str, words: &str) {
    bed.until(id, words, |status| {
        let message = status["message"].as_str().unwrap_or_default();
        status["state"] == "QUEUED" && status["reason"] == "NoCapacity" && message.contains(words)
    })
    .await;
}

/// Of a quota of four cores a stranger has three.
async fn with_a_stranger(plane: &ControlPlane, namespace: &str) {
    let spec = json!({"hard": {"requests.cpu": "4", "pods": "10"}});
    let quota =
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "room"}, "spec": spec});
    // One that says nothing of Spark's pods.
    let other = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "for-batch"},
        "spec": {"hard": {"pods": "0"}, "scopes": ["Terminating"]},
    });
    for object in [quota, other] {
        plane.apply(&object, Some(namespace)).await;
    }
    let quotas: Api<ResourceQuota> = Api::namespaced(plane.admin().await, namespace);
    let used = async || {
        let status = quotas.get("room").await.unwrap().status.unwrap_or_default();
        status
            .used
            .and_then(|used| Some(used.get("requests.cpu")?.0.clone()))
    };
    eventually("the quota is counted", async || used().await.is_some()).await;
    plane
        .create_pod(namespace, "stranger", json!({}), json!({"cpu": "3"}))
        .await;
    eventually("the stranger is counted", async || {
        used().await.as_deref() == Some("3")
    })
    .await;
}

/// Jobs wait for a quota, and take what it has once it has some: never more.
async fn by_quota(bed: &Bed<'_>) {
    let first = bed.send(&job("quota")).await;
    waits_for(bed, &first, "needs 2000m of cpu, 1000m free in the quota room").await;
    let pods: Api<Pod> = Api::namespaced(bed.plane.admin().await, &bed.namespace);
    let now = DeleteParams::default().grace_period(0);
    pods.delete("stranger", &now).await.unwrap();
    bed.in_state(&first, "SUBMITTED").await;
    let second = bed.send(&job("quota")).await;
    bed.in_state(&second, "SUBMITTED").await;
    // No pod was made yet: what they will need is kept.
    let third = bed.send(&job("quota")).await;
    waits_for(bed, &third, "0m free in the quota room").await;
    bed.cancel(&first).await;
    bed.in_state(&first, "CANCELLED").await;
    bed.in_state(&third, "SUBMITTED").await;
}

/// A job waits for the headroom of a queue.
async fn by_headroom(bed: &Bed<'_>, yunikorn: &StandInYunikorn) {
    let id = bed.send(&job("queue")).await;
    waits_for(bed, &id, &format!("1500m free in the YuniKorn queue {QUEUE}")).await;
    yunikorn.leaves(json!({"vcore": 2000, "memory": 1_000_000_000_000_u64, "pods": 10}));
    bed.in_state(&id, "SUBMITTED").await;
}

#[tokio::test]
async fn a_job_waits_for_room_in_a_quota_and_in_a_yunikorn_queue_and_runs_when_there_is_some() {
    let yunikorn = StandInYunikorn::start(json!({"vcore": 1500})).await;
    let options = Options {
        controller_manager: true,
        egress: Some(yunikorn.proxy.clone()),
        ..Options::default()
    };
    let plane = ControlPlane::start(options).await;
    plane.apply_spark_crd().await;
    yunikorn.serve_in(&plane).await;
    for object in headroom_rights(User::Broker) {
        plane.apply(&object, None).await;
    }
    let namespaces = [
        namespace_for(&plane, User::Broker).await,
        namespace_for(&plane, User::Broker).await,
    ];
    with_a_stranger(&plane, &namespaces[0]).await;
    let mut clusters = [
        real(&plane, "quota", &namespaces[0], User::Broker),
        real(&plane, "queue", &namespaces[1], User::Broker),
    ];
    clusters[0]["capacity"] = json!({"sources": ["quota"]});
    clusters[1]["capacity"] = json!({"sources": ["yunikorn"], "yunikorn": {"queue": QUEUE, "service": {}}});
    let mut bed = Bed::prepare(&plane, &namespaces[0], &clusters).await;
    bed.start();
    tokio::join!(by_quota(&bed), by_headroom(&bed, &yunikorn));
}

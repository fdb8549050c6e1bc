//! Before a driver may have started, with the real operator, its webhook and Spark's own spark-submit: what is refused,
//! what waits, what is tried again and where.

use k8s_openapi::api::core::v1::ResourceQuota;
use kube::Api;
use serde_json::{Value, json};

use crate::bed::{Bed, spark_pi};
use crate::cluster::{
    ControlPlane, DRIVER_ACCOUNT, Driver, Node, Operator, OperatorOptions, Options, User, WebhookOptions,
    eventually,
};
use crate::clusters::{real, rights, simulated};

/// Namespaces of one cluster, each of which the broker takes for a cluster of its own.
const PLAIN: &str = "plain";
const BY_WEBHOOK: &str = "by-webhook";
const BY_COUNT: &str = "by-count";
const PODLESS: &str = "podless";
const NAMESPACES: [&str; 4] = [PLAIN, BY_WEBHOOK, BY_COUNT, PODLESS];
/// A simulated cluster beside them.
const OTHER: &str = "other";

/// A job for `clusters` that would run for a second.
fn job(clusters: &[&str]) -> Value {
    let mut spec = spark_pi();
    spec["driver"]["serviceAccount"] = json!(DRIVER_ACCOUNT);
    spec["driver"]["annotations"] = Driver::succeeds_after("1s").annotations();
    spec["annotations"] = json!({"simulated.spark-broker/run-time": "200ms"});
    spec["clusters"] = json!(clusters);
    spec
}

/// A job for `clusters` that has a single try.
fn job_with_one_try(clusters: &[&str]) -> Value {
    let mut spec = job(clusters);
    spec["retry"] = json!({"maxAttempts": 1});
    spec
}

/// Sets the only quota of `namespace`, and waits until it holds.
async fn quota(plane: &ControlPlane, namespace: &str, hard: &Value) {
    let object = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "room"}, "spec": {"hard": hard}});
    plane.apply(&object, Some(namespace)).await;
    let quotas: Api<ResourceQuota> = Api::namespaced(plane.admin().await, namespace);
    eventually("the quota is in force", async || {
        let status = quotas.get("room").await.unwrap().status.unwrap_or_default();
        let counted = status.used.unwrap_or_default();
        let is_counted = |name: &String| counted.contains_key(name);
        serde_json::to_value(status.hard).unwrap() == *hard
            && hard.as_object().unwrap().keys().all(is_counted)
    })
    .await;
}

/// The quotas that leave no room, each met by somebody else, and what they say.
fn full() -> [(&'static str, Value, &'static str); 3] {
    [
        (
            BY_WEBHOOK,
            json!({"requests.cpu": "1"}),
            "failed to validate resource quota",
        ),
        (
            BY_COUNT,
            json!({"count/sparkapplications.sparkoperator.k8s.io": "0"}),
            "exceeded quota",
        ),
        (PODLESS, json!({"pods": "0"}), "exceeded quota"),
    ]
}

/// The message of a status.
fn message(status: &Value) -> &str {
    status["message"].as_str().unwrap_or_default()
}

/// A full quota, whoever meets it: the job waits uncounted, and runs when there is room.
async fn waits_for_room(bed: &Bed<'_>) {
    let mut waiting = Vec::new();
    for (namespace, _, says) in full() {
        waiting.push((namespace, says, bed.send(&job_with_one_try(&[namespace])).await));
    }
    for (_, says, id) in &waiting {
        let what = format!("it waits: {says}");
        bed.until(id, &what, |status| {
            let waits = status["state"] == "QUEUED" || status["state"] == "RETRYING";
            waits && status["reason"] == "NoCapacity" && message(status).contains(says)
        })
        .await;
        bed.until(id, "it has been tried again", |status| {
            status["attempt"].as_u64() >= Some(3)
        })
        .await;
    }
    for (namespace, hard, _) in full() {
        let mut room = hard.clone();
        room.as_object_mut()
            .unwrap()
            .values_mut()
            .for_each(|amount| *amount = json!("100"));
        quota(bed.plane, namespace, &room).await;
    }
    for (namespace, _, id) in &waiting {
        let end = bed.in_state(id, "SUCCEEDED").await;
        assert_eq!(end["cluster"], *namespace);
        bed.cluster_is(namespace, true, "").await;
    }
}

/// What the operator's webhook denies for what it is, is the job's fault and not the cluster's.
async fn denied(bed: &Bed<'_>) {
    let mut spec = job(&[PLAIN]);
    spec["nodeSelector"] = json!({"disk": "fast"});
    spec["driver"]["nodeSelector"] = json!({"disk": "fast"});
    let id = bed.send(&spec).await;
    let end = bed.in_state(&id, "FAILED").await;
    assert_eq!(
        (&end["reason"], &end["attempt"]),
        (&json!("InvalidSpec"), &json!(3))
    );
    let sentence = "node selector cannot be defined at both";
    assert!(message(&end).contains(sentence), "{end:#}");
    bed.cluster_is(PLAIN, true, "").await;
}

/// A service account that isn't there: tried as often as a job is, then told.
async fn unknown_account(bed: &Bed<'_>) {
    let mut spec = job(&[PLAIN]);
    spec["driver"]["serviceAccount"] = json!("nobody-knows-me");
    let id = bed.send(&spec).await;
    let end = bed.in_state(&id, "FAILED").await;
    assert_eq!(
        (&end["reason"], &end["attempt"]),
        (&json!("SubmissionFailed"), &json!(3))
    );
    assert!(message(&end).contains("nobody-knows-me"), "{end:#}");
}

/// What hides the driver is refused before anything is sent.
async fn hidden(bed: &Bed<'_>) {
    let conf = |key: &str| json!({"sparkConf": {key: "x"}});
    let cases = [
        (json!({"mode": "client"}), "mode"),
        (
            conf("spark.kubernetes.namespace"),
            "sparkConf.spark.kubernetes.namespace",
        ),
        (
            conf("spark.kubernetes.submission.waitAppCompletion"),
            "sparkConf.spark.kubernetes.submission.waitAppCompletion",
        ),
        (
            conf("spark.kubernetes.driver.pod.name"),
            "sparkConf.spark.kubernetes.driver.pod.name",
        ),
    ];
    for (fields, path) in cases {
        let mut spec = job(&[PLAIN]);
        spec.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let id = bed.send(&spec).await;
        let status = bed.in_state(&id, "REJECTED").await;
        assert_eq!(status["violations"][0]["path"], path, "{status:#}");
    }
    let mut spec = job(&[PLAIN]);
    spec["driver"]["podName"] = json!("x");
    let status = bed.in_state(&bed.send(&spec).await, "REJECTED").await;
    assert_eq!(status["violations"][0]["path"], "driver.podName");
}

/// Nothing answers at the webhook's address: the cluster rests, another one takes the jobs, and those that may run
/// nowhere else wait for it.
async fn webhook_down(bed: &Bed<'_>, operator: &mut Operator) {
    operator.kill_webhook();
    let (mut moved, mut waiting) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        moved.push(bed.send(&job_with_one_try(&[PLAIN, OTHER])).await);
        waiting.push(bed.send(&job_with_one_try(&[PLAIN])).await);
    }
    for id in &moved {
        assert_eq!(bed.in_state(id, "SUCCEEDED").await["cluster"], OTHER);
    }
    for id in &waiting {
        bed.until(id, "it waits for its cluster", |status| {
            status["state"] == "QUEUED" && status["reason"] == "ClusterUnhealthy"
        })
        .await;
    }
    bed.cluster_is(PLAIN, false, "failed calling webhook").await;
    operator.start_webhook(bed.plane).await;
    for id in &waiting {
        assert_eq!(bed.in_state(id, "SUCCEEDED").await["cluster"], PLAIN);
    }
}

/// No operator runs: what it doesn't pick up goes to another cluster, uncounted, and where there is none it waits.
async fn operator_down(bed: &Bed<'_>, operator: &mut Operator) {
    operator.kill();
    let timeout = |mut spec: Value, pickup: &str| {
        spec["timeouts"] = json!({"pickup": pickup});
        spec
    };
    let moved = bed.send(&timeout(job_with_one_try(&[PLAIN, OTHER]), "4s")).await;
    let end = bed.in_state(&moved, "SUCCEEDED").await;
    assert_eq!((&end["cluster"], &end["attempt"]), (&json!(OTHER), &json!(2)));
    assert_eq!(
        bed.walk(&moved).await[..5],
        ["QUEUED", "DISPATCHING", "SUBMITTED", "RETRYING", "QUEUED"]
    );
    bed.cluster_is(PLAIN, false, "hasn't picked").await;

    // Long enough for spark-submit on a slow machine: until it returns nothing tells of a pick-up.
    let alone = bed.send(&timeout(job_with_one_try(&[PLAIN]), "30s")).await;
    bed.until(&alone, "it was taken back", |status| {
        status["attempt"].as_u64() >= Some(2)
    })
    .await;
    operator.start_controller(bed.plane).await;
    let end = bed.in_state(&alone, "SUCCEEDED").await;
    assert_eq!(end["cluster"], PLAIN);
    bed.cluster_is(PLAIN, true, "").await;
}

/// The clusters: `plain` goes before all others wherever a job may choose.
async fn clusters(plane: &ControlPlane) -> Vec<Value> {
    let mut clusters = Vec::new();
    for namespace in NAMESPACES {
        for object in rights(namespace, User::Broker) {
            plane.apply(&object, Some(namespace)).await;
        }
        clusters.push(real(plane, namespace, namespace, User::Broker));
    }
    clusters[0]["weight"] = json!(1_000_000);
    clusters.push(simulated(OTHER));
    clusters
}

#[tokio::test]
async fn before_a_driver_may_have_started_each_failure_is_laid_to_whoever_is_to_blame() {
    let options = Options {
        service_accounts: true,
        ..Options::whole()
    };
    let plane = ControlPlane::start(options).await;
    plane.add_node(&Node::new("node-1", "32", "128Gi")).await;
    let options = OperatorOptions {
        namespaces: NAMESPACES.map(str::to_owned).to_vec(),
        ..OperatorOptions::default()
    };
    let options = options.with_webhook(WebhookOptions::new(true));
    let mut operator = Operator::start(&plane, options).await;
    for (namespace, hard, _) in full() {
        quota(&plane, namespace, &hard).await;
    }
    let clusters = clusters(&plane).await;
    let mut bed = Bed::prepare(&plane, PLAIN, &clusters).await;
    bed.start();
    for namespace in NAMESPACES.into_iter().chain([OTHER]) {
        bed.cluster_is(namespace, true, "").await;
    }

    tokio::join!(
        waits_for_room(&bed),
        denied(&bed),
        unknown_account(&bed),
        hidden(&bed)
    );
    webhook_down(&bed, &mut operator).await;
    operator_down(&bed, &mut operator).await;
}

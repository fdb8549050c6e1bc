//! Cancels at many moments of an object's first seconds, on the real operator, and what is left then: nothing. And no job
//! that ended with 0 runs again when its driver's pod goes while the operator is away.

use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::bed::{Bed, spark_pi};
use crate::bursts::Watchers;
use crate::cluster::{
    ControlPlane, DRIVER_ACCOUNT, Driver, Node, Operator, OperatorOptions, Options, User, WebhookOptions,
    eventually,
};
use crate::clusters::{real, rights};

const NAMESPACE: &str = "spark-jobs";
/// Above what spark-submit takes with ten of them on two cores (more than 30 s was seen), below the default of three minutes.
const SUBMIT_SETTLE: &str = "90s";
/// Moments spread over the first six seconds of an object's life, so many side by side.
const MOMENTS: u64 = 25;
const SIDE_BY_SIDE: usize = 5;

fn job(driver: &Driver) -> Value {
    let mut spec = spark_pi();
    spec["driver"]["serviceAccount"] = json!(DRIVER_ACCOUNT);
    spec["driver"]["annotations"] = driver.annotations();
    spec
}

/// A job that runs until it is stopped.
fn endless() -> Value {
    job(&Driver::default())
}

async fn plane() -> ControlPlane {
    let plane = ControlPlane::start(Options::whole()).await;
    plane.add_node(&Node::new("node-1", "128", "512Gi")).await;
    plane
}

async fn bed(plane: &ControlPlane) -> Bed<'_> {
    for object in rights(NAMESPACE, User::Broker) {
        plane.apply(&object, Some(NAMESPACE)).await;
    }
    let cluster = real(plane, "real", NAMESPACE, User::Broker);
    let mut bed = Bed::prepare_with(plane, NAMESPACE, &[cluster], SUBMIT_SETTLE).await;
    bed.start();
    bed
}

/// Sends `spec` and waits until its object is there: ID and object.
async fn object_of(bed: &Bed<'_>, spec: &Value) -> (String, String) {
    let id = bed.send(spec).await;
    let status = bed
        .until(&id, "its object is there", |s| s["submittedAt"].is_string())
        .await;
    (id, status["objectName"].as_str().unwrap().to_owned())
}

/// What there is of the objects: they themselves and pods of any of them.
async fn left_of(bed: &Bed<'_>, objects: &[&str]) -> Vec<String> {
    let of_them = |name: &String| objects.iter().any(|object| name.starts_with(object));
    let pods = bed.plane.pods(NAMESPACE).await;
    let pods = pods.into_iter().filter_map(|pod| {
        let labels = pod.metadata.labels.unwrap_or_default();
        let object = labels.get("sparkoperator.k8s.io/app-name").cloned()?;
        objects.contains(&object.as_str()).then_some(pod.metadata.name?)
    });
    let all = bed.plane.list_applications(NAMESPACE).await;
    let applications = all
        .into_iter()
        .filter_map(|object| object.metadata.name)
        .filter(of_them);
    pods.chain(applications).collect()
}

/// Waits for the end of a cancelled job; by then nothing is left of one that was stopped.
async fn ends_cancelled(bed: &Bed<'_>, id: &str, object: &str) {
    let end = bed
        .until(id, "it ends", |status| status["terminal"] == true)
        .await;
    match end["state"].as_str().unwrap() {
        "CANCELLED" => assert_eq!(left_of(bed, &[object]).await, [""; 0], "{end:#}"),
        "SUCCEEDED" => assert_eq!(end["exitCode"], 0, "{end:#}"),
        other => panic!("{other}: {end:#}"),
    }
    assert_eq!(end["attempts"], 1, "{end:#}");
}

/// Cancels a job so long after its object was there.
async fn cancelled_after(bed: &Bed<'_>, moment: u64) -> (String, String) {
    // Some end by themselves at about the same time.
    let driver = if moment.is_multiple_of(3) {
        Driver::succeeds_after("2s")
    } else {
        Driver::default()
    };
    let (id, object) = object_of(bed, &job(&driver)).await;
    tokio::time::sleep(Duration::from_millis(moment * 6_000 / (MOMENTS - 1))).await;
    bed.cancel(&id).await;
    (id, object)
}

async fn cancel_at_all_moments(bed: &Bed<'_>) {
    let moments: Vec<u64> = (0..MOMENTS).collect();
    let mut jobs = Vec::new();
    for some in moments.chunks(SIDE_BY_SIDE) {
        jobs.extend(join_all(some.iter().map(|moment| cancelled_after(bed, *moment))).await);
    }
    for (id, object) in &jobs {
        ends_cancelled(bed, id, object).await;
    }
    let cancelled = async |id: &String| bed.status(id).await["cancelRequested"] == true;
    for (id, object) in &jobs {
        // One that had ended before it was cancelled keeps its object, for its time to live.
        if cancelled(id).await {
            eventually("nothing is left", async || {
                left_of(bed, &[object]).await.is_empty()
            })
            .await;
        }
    }
}

/// With no operator there: before it saw the object, and while a spark-submit that it began runs on.
async fn cancel_without_operator(bed: &Bed<'_>, operator: &mut Operator) {
    let (submitting, its_object) = object_of(bed, &endless()).await;
    operator.kill_in_mid_submit(&[its_object.as_str()]).await;
    let (unseen, another) = object_of(bed, &endless()).await;
    for id in [&submitting, &unseen] {
        bed.cancel(id).await;
    }
    ends_cancelled(bed, &submitting, &its_object).await;
    ends_cancelled(bed, &unseen, &another).await;
    operator.start_controller(bed.plane).await;
}

/// A driver without owner, as operators before 2.4 leave it.
async fn cancel_with_a_driver_that_nobody_owns(bed: &Bed<'_>) {
    let (id, object) = object_of(bed, &endless()).await;
    bed.in_state(&id, "RUNNING").await;
    let pods: Api<Pod> = Api::namespaced(bed.plane.admin().await, NAMESPACE);
    let patch = Patch::Merge(json!({"metadata": {"ownerReferences": null}}));
    let how = PatchParams::default();
    pods.patch(&format!("{object}-driver"), &how, &patch)
        .await
        .unwrap();
    bed.cancel(&id).await;
    ends_cancelled(bed, &id, &object).await;
}

/// Jobs end with 0 while the operator is away, and their pods go before it is back.
async fn ended_with_zero_and_its_pod_gone(bed: &Bed<'_>, operator: &mut Operator) {
    let watchers = Watchers::start(&[bed.plane], NAMESPACE).await;
    let never = job(&Driver::succeeds_after("20s"));
    let mut on_failure = never.clone();
    on_failure["restartPolicy"] = json!({
        "type": "OnFailure", "onFailureRetries": 3, "onFailureRetryInterval": 1,
        "onSubmissionFailureRetries": 5, "onSubmissionFailureRetryInterval": 1,
    });
    let mut jobs = Vec::new();
    for spec in [&never, &on_failure] {
        jobs.push(object_of(bed, spec).await);
    }
    for (id, _) in &jobs {
        bed.in_state(id, "RUNNING").await;
    }
    operator.kill();
    let pods: Api<Pod> = Api::namespaced(bed.plane.admin().await, NAMESPACE);
    for (id, object) in &jobs {
        bed.in_state(id, "SUCCEEDED").await;
        let gone = DeleteParams::default();
        drop(pods.delete(&format!("{object}-driver"), &gone).await.unwrap());
    }
    for (_, object) in &jobs {
        eventually(
            "the object that its operator never finished is removed",
            async || bed.object(object).await.is_none(),
        )
        .await;
    }
    operator.start_controller(bed.plane).await;
    // By its end the operator has come to everything that stood there before.
    let (after, _) = object_of(bed, &job(&Driver::succeeds_after("1s"))).await;
    bed.in_state(&after, "SUCCEEDED").await;
    let seen = watchers.stop();
    for (id, object) in &jobs {
        assert_eq!(seen.drivers_of(object), 1, "{object}");
        let status = bed.status(id).await;
        assert_eq!(
            (&status["state"], &status["attempts"]),
            (&json!("SUCCEEDED"), &json!(1))
        );
    }
}

#[tokio::test]
async fn a_cancel_at_any_moment_leaves_nothing_and_what_ended_with_zero_never_runs_again() {
    let plane = plane().await;
    let mut operator = Operator::start(&plane, OperatorOptions::of(NAMESPACE)).await;
    let bed = bed(&plane).await;
    cancel_at_all_moments(&bed).await;
    cancel_with_a_driver_that_nobody_owns(&bed).await;
    cancel_without_operator(&bed, &mut operator).await;
    ended_with_zero_and_its_pod_gone(&bed, &mut operator).await;
}

#[tokio::test]
async fn with_the_operators_webhook_a_cancel_at_any_moment_leaves_nothing() {
    let plane = plane().await;
    let options = OperatorOptions::of(NAMESPACE).with_webhook(WebhookOptions::new(false));
    let _operator = Operator::start(&plane, options).await;
    let bed = bed(&plane).await;
    cancel_at_all_moments(&bed).await;
}

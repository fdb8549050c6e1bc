//! What runs is taken away, with the real operator: its node is deleted, or its pod is evicted. By default the job fails
//! with the cause and isn't run again; where its `retry.on` names the cause it runs once more, after the first run's end.

use k8s_openapi::api::core::v1::{Node as NodeObject, Pod};
use kube::Api;
use kube::api::{DeleteParams, EvictParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::bed::{Bed, spark_pi};
use crate::bursts::Watchers;
use crate::cluster::{
    ControlPlane, DRIVER_ACCOUNT, Driver, Node, Operator, OperatorOptions, Options, User, eventually,
};
use crate::clusters::{real, rights};

const NAMESPACE: &str = "spark-jobs";

/// A job that runs until it is stopped, and is tried again after `cause` if one is given.
fn job(driver: &Driver, cause: Option<&str>) -> Value {
    let mut spec = spark_pi();
    spec["driver"]["serviceAccount"] = json!(DRIVER_ACCOUNT);
    spec["driver"]["annotations"] = driver.annotations();
    if let Some(cause) = cause {
        spec["retry"] = json!({"on": [cause]});
    }
    spec
}

/// The name of a job's driver once it runs.
async fn driver_of(bed: &Bed<'_>, id: &str) -> String {
    let status = bed.in_state(id, "RUNNING").await;
    format!("{}-driver", status["objectName"].as_str().unwrap())
}

/// The job failed for `cause`, was not run again, and its words name `word`.
async fn has_failed(bed: &Bed<'_>, id: &str, cause: &str, word: &str) -> Value {
    let end = bed.in_state(id, "FAILED").await;
    assert_eq!(
        (&end["reason"], &end["attempts"]),
        (&json!(cause), &json!(1)),
        "{end:#}"
    );
    assert!(end["message"].as_str().unwrap().contains(word), "{end:#}");
    end
}

/// The job was taken away for `cause` and runs once more, to its end.
async fn runs_once_more(bed: &Bed<'_>, pods: &Api<Pod>, id: &str, cause: &str) {
    let again = bed
        .until(id, "it runs once more", |status| {
            status["state"] == "RUNNING" && status["attempt"] == 2
        })
        .await;
    let driver = format!("{}-driver", again["objectName"].as_str().unwrap());
    let ends = json!({"metadata": {"annotations": Driver::succeeds_after("1s").annotations()}});
    pods.patch(&driver, &PatchParams::default(), &Patch::Merge(ends))
        .await
        .unwrap();
    let end = bed.in_state(id, "SUCCEEDED").await;
    assert_eq!(end["attempts"], 2, "{end:#}");
    let history = bed.get(&format!("/v1/submissions/{id}/history")).await.unwrap();
    let steps = history["transitions"].as_array().unwrap();
    let retried: Vec<&Value> = steps.iter().filter(|step| step["to"] == "RETRYING").collect();
    assert_eq!(retried.len(), 1, "{history:#}");
    assert_eq!(retried[0]["reason"], cause, "{history:#}");
}

/// The node of running jobs is deleted; another one is there.
async fn its_node_goes(bed: &Bed<'_>, pods: &Api<Pod>) {
    let runs_on = Driver::default();
    let (alone, retried) = (
        bed.send(&job(&runs_on, None)).await,
        bed.send(&job(&runs_on, Some("NodeLost"))).await,
    );
    for id in [&alone, &retried] {
        let driver = driver_of(bed, id).await;
        let pod = pods.get(&driver).await.unwrap();
        assert_eq!(pod.spec.unwrap().node_name.as_deref(), Some("first"));
    }
    bed.plane.add_node(&Node::new("second", "32", "128Gi")).await;
    let nodes: Api<NodeObject> = Api::all(bed.plane.admin().await);
    nodes.delete("first", &DeleteParams::default()).await.unwrap();
    tokio::join!(
        has_failed(bed, &alone, "NodeLost", "node"),
        runs_once_more(bed, pods, &retried, "NodeLost")
    );
}

/// Running drivers are evicted by the API, as `kubectl drain` does it, and by their kubelet.
async fn is_evicted(bed: &Bed<'_>, pods: &Api<Pod>) {
    let runs_on = Driver::runs_until_stopped();
    let (alone, retried) = (
        bed.send(&job(&runs_on, None)).await,
        bed.send(&job(&runs_on, Some("DriverEvicted"))).await,
    );
    let by_kubelet = bed.send(&job(&Driver::evicted_after("5s"), None)).await;
    for id in [&alone, &retried] {
        let driver = driver_of(bed, id).await;
        pods.evict(&driver, &EvictParams::default()).await.unwrap();
    }
    let end = has_failed(bed, &alone, "DriverEvicted", "exit code 143").await;
    assert_eq!(end["exitCode"], 143, "{end:#}");
    has_failed(bed, &by_kubelet, "DriverEvicted", "exit code 137").await;
    runs_once_more(bed, pods, &retried, "DriverEvicted").await;
}

#[tokio::test]
async fn what_is_taken_away_fails_with_its_cause_and_runs_again_only_where_that_was_asked_for() {
    let plane = ControlPlane::start(Options::whole()).await;
    plane.add_node(&Node::new("first", "32", "128Gi")).await;
    let _operator = Operator::start(&plane, OperatorOptions::of(NAMESPACE)).await;
    for object in rights(NAMESPACE, User::Broker) {
        plane.apply(&object, Some(NAMESPACE)).await;
    }
    let cluster = real(&plane, "real", NAMESPACE, User::Broker);
    let mut bed = Bed::prepare(&plane, NAMESPACE, &[cluster]).await;
    let watchers = Watchers::start(&[&plane], NAMESPACE).await;
    bed.start();
    let pods: Api<Pod> = Api::namespaced(plane.admin().await, NAMESPACE);
    is_evicted(&bed, &pods).await;
    its_node_goes(&bed, &pods).await;
    eventually("no driver is left running", async || {
        let pods = plane.pods(NAMESPACE).await;
        pods.iter()
            .all(|pod| pod.status.as_ref().and_then(|s| s.phase.as_deref()) != Some("Running"))
    })
    .await;
    let seen = watchers.stop();
    for object in plane.list_applications(NAMESPACE).await {
        let name = object.metadata.name.unwrap();
        assert_eq!(seen.drivers_of(&name), 1, "{name}");
    }
}

//! Cancel of a running job.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::bed::{Bed, spark_pi};
use crate::cluster::typed;

/// The driver pod of `object`, as Spark and the operator make it, running on a node that nobody looks after.
pub async fn make_driver(bed: &Bed<'_>, object: &DynamicObject) -> String {
    let app = object.metadata.name.clone().unwrap();
    let mut labels = object.metadata.labels.clone().unwrap();
    labels.insert("spark-role".into(), "driver".into());
    labels.insert("sparkoperator.k8s.io/app-name".into(), app.clone());
    let name = format!("{app}-driver");
    let container = json!({"name": "spark-kubernetes-driver", "image": "spark"});
    let pod = json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [container], "nodeName": "nowhere", "terminationGracePeriodSeconds": 0},
    });
    let pods = pods(bed).await;
    pods.create(&PostParams::default(), &typed(pod)).await.unwrap();
    let running = json!({"running": {"startedAt": "2026-11-23T05:30:00Z"}});
    set_driver(bed, &name, "Running", running, json!([])).await;
    name
}

/// Writes what the kubelet would say of a driver.
pub async fn set_driver(bed: &Bed<'_>, name: &str, phase: &str, state: Value, conditions: Value) {
    let container = json!({
        "name": "spark-kubernetes-driver", "image": "spark", "imageID": "", "ready": false, "restartCount": 0, "state": state,
    });
    let status = json!({"phase": phase, "containerStatuses": [container], "conditions": conditions});
    let patch = Patch::Merge(json!({"status": status}));
    let pods = pods(bed).await;
    pods.patch_status(name, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

/// The pods of the first cluster.
pub async fn pods(bed: &Bed<'_>) -> Api<Pod> {
    Api::namespaced(bed.plane.admin().await, &bed.namespace)
}

#[tokio::test]
async fn a_cancelled_job_that_runs_loses_its_object_and_its_pods_and_is_cancelled_once_both_are_gone() {
    let bed = Bed::shared().await;
    let (id, object) = bed.submitted(&spark_pi()).await;
    let name = object.metadata.name.clone().unwrap();
    let driver = make_driver(&bed, &object).await;
    let running = bed.in_state(&id, "RUNNING").await;
    assert_eq!(running["startedAt"], "2026-11-23T05:30:00.000Z");

    bed.cancel(&id).await;
    let end = bed.in_state(&id, "CANCELLED").await;
    assert_eq!(end["cancelRequested"], true);
    assert!(bed.object(&name).await.is_none(), "the object is gone");
    let left = pods(&bed).await.get_opt(&driver).await.unwrap();
    assert!(left.is_none(), "so is its driver");
    let walk = [
        "QUEUED",
        "DISPATCHING",
        "SUBMITTED",
        "RUNNING",
        "CANCELLING",
        "CANCELLED",
    ];
    assert_eq!(bed.walk(&id).await, walk);
}

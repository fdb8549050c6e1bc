//! spark-submit: a process of its own, which makes the driver pod and returns. The operator's death doesn't end it.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, PostParams};
use kube::{Api, Client, Error};
use rand::Rng;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// What the operator asks for, and where it is told what came of it.
pub struct Submission {
    pub object: Arc<DynamicObject>,
    pub told: oneshot::Sender<Result<(), String>>,
}

/// How long a spark-submit takes, in milliseconds.
const TAKES: std::ops::Range<u64> = 100..600;

pub async fn fork_all(client: Client, namespace: String, mut asked: mpsc::Receiver<Submission>) {
    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    let mut running = JoinSet::new();
    while let Some(submission) = asked.recv().await {
        while running.try_join_next().is_some() {}
        let pods = pods.clone();
        running.spawn(async move {
            let done = submit(&pods, &submission.object).await;
            // Nobody listens where the operator has died.
            let _ = submission.told.send(done);
        });
    }
}

async fn submit(pods: &Api<Pod>, object: &DynamicObject) -> Result<(), String> {
    let takes = rand::rng().random_range(TAKES);
    tokio::time::sleep(Duration::from_millis(takes)).await;
    match pods.create(&PostParams::default(), &driver(object)).await {
        Ok(_) => Ok(()),
        Err(Error::Api(refusal)) if refusal.code == 409 => Err("driver pod already exist".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn driver(object: &DynamicObject) -> Pod {
    let metadata = &object.metadata;
    let name = metadata.name.clone().unwrap_or_default();
    let mut labels = json!(metadata.labels.clone().unwrap_or_default());
    labels["spark-role"] = json!("driver");
    labels["spark-app-selector"] = json!(format!("spark-{name}"));
    labels["sparkoperator.k8s.io/app-name"] = json!(name);
    labels["sparkoperator.k8s.io/launched-by-spark-operator"] = json!("true");
    let owner = json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication",
        "name": name, "uid": metadata.uid, "controller": true,
    });
    let container = json!({"name": "spark-kubernetes-driver", "image": "none"});
    let pod = json!({
        "metadata": {
            "name": format!("{name}-driver"), "labels": labels, "ownerReferences": [owner],
            "annotations": object.data["spec"]["driver"]["annotations"],
        },
        "spec": {"containers": [container], "restartPolicy": "Never"},
    });
    crate::cluster::typed(pod)
}

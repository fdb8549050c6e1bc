//! `dev --kube-context`: the embedded endpoints with a real cluster in the place of the simulated ones.

use std::process::Command;

use kube::Api;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::bed::spark_pi;
use crate::cluster::{ControlPlane, Node, Options, Process, User, eventually, free_ports, set_status};
use crate::clusters::rights;

/// The namespace of the built-in configuration's clusters.
const NAMESPACE: &str = "spark-jobs";

async fn get(api: u16, path: &str) -> Option<Value> {
    let url = format!("http://127.0.0.1:{api}{path}");
    let answer = tokio::task::spawn_blocking(move || {
        let mut response = ureq::get(url).call().ok()?;
        response.body_mut().read_to_string().ok()
    });
    serde_json::from_str(&answer.await.unwrap()?).ok()
}

async fn in_state(api: u16, id: &str, state: &str) -> Value {
    let mut last = Value::Null;
    eventually(&format!("{id} is {state}"), async || {
        last = get(api, &format!("/v1/submissions/{id}"))
            .await
            .unwrap_or_default();
        last["state"] == state
    })
    .await;
    last
}

async fn only_object(objects: &Api<DynamicObject>) -> DynamicObject {
    let all = objects.list(&Default::default()).await.unwrap().items;
    assert_eq!(all.len(), 1);
    all.into_iter().next().unwrap()
}

#[tokio::test]
async fn dev_runs_jobs_on_the_cluster_of_a_kube_context() {
    let plane = ControlPlane::start(Options::default()).await;
    plane.ensure_namespace(NAMESPACE).await;
    for object in rights(NAMESPACE, User::Broker) {
        plane.apply(&object, Some(NAMESPACE)).await;
    }
    plane.apply_spark_crd().await;
    plane.add_node(&Node::new("node-1", "16", "64Gi")).await;
    let kubeconfig = plane.kubeconfig(User::Broker);
    let [sqs, dynamodb, api, health] = free_ports();
    let mut dev = Command::new(env!("CARGO_BIN_EXE_spark-broker"));
    dev.args(["dev", "--kube-context", User::Broker.name()]);
    for (port, value) in [
        ("--sqs-port", sqs),
        ("--dynamodb-port", dynamodb),
        ("--api-port", api),
        ("--health-port", health),
    ] {
        dev.args([port, &value.to_string()]);
    }
    dev.env_clear().env("KUBECONFIG", &kubeconfig);
    let _dev: Process = plane.spawn("dev", &mut dev);

    eventually("the API answers", async || {
        get(api, "/v1/clusters").await.is_some()
    })
    .await;
    let id = "over-http";
    let mut spec = spark_pi();
    spec["submissionId"] = json!(id);
    let url = format!("http://127.0.0.1:{api}/v1/submissions");
    let sent = tokio::task::spawn_blocking(move || ureq::post(url).send(spec.to_string()).unwrap().status());
    assert_eq!(sent.await.unwrap(), 202);
    in_state(api, id, "SUBMITTED").await;

    let objects = plane.applications(NAMESPACE).await;
    let object = only_object(&objects).await;
    let name = object.metadata.name.clone().unwrap();
    for (raw, state) in [("RUNNING", "RUNNING"), ("COMPLETED", "SUCCEEDED")] {
        let status = json!({"driverInfo": {}, "applicationState": {"state": raw}});
        set_status(&objects, &name, &status).await;
        in_state(api, id, state).await;
    }
    assert_eq!(only_object(&objects).await.metadata.name.unwrap(), name);
}

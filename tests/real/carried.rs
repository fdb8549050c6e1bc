//! What people run today, carried to the real operator as it is: the example, the operator's own examples by
//! `submit -f`, and ends of every kind. The record says what the driver's container says.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::bed::{Bed, spark_pi};
use crate::cluster::{
    ControlPlane, DRIVER_ACCOUNT, Driver, Node, Operator, OperatorOptions, Options, User, WebhookOptions,
    documents, eventually,
};
use crate::clusters::{real, rights};
use crate::examples::{self, Comes, EXAMPLES};

/// The namespace of the operator's examples.
const NAMESPACE: &str = "default";

/// The example job, whose driver behaves like `driver`.
fn job(driver: &Driver) -> Value {
    let mut spec = spark_pi();
    spec["driver"]["serviceAccount"] = json!(DRIVER_ACCOUNT);
    spec["driver"]["annotations"] = driver.annotations();
    spec
}

async fn driver(bed: &Bed<'_>, object: &str) -> Option<Pod> {
    let pods: Api<Pod> = Api::namespaced(bed.plane.admin().await, NAMESPACE);
    pods.get_opt(&format!("{object}-driver")).await.unwrap()
}

/// The driver of an attempt once it is there and `holds`.
async fn driver_once(bed: &Bed<'_>, object: &str, what: &str, holds: impl Fn(&Pod) -> bool) -> Pod {
    let mut found = None;
    eventually(&format!("the driver of {object} {what}"), async || {
        found = driver(bed, object).await.filter(|pod| holds(pod));
        found.is_some()
    })
    .await;
    found.unwrap()
}

/// The status of `id` at its end. A slow machine runs one spark-submit after the other.
async fn end(bed: &Bed<'_>, id: &str) -> Value {
    let mut last = Value::Null;
    for _ in 0..3_000 {
        last = bed
            .get(&format!("/v1/submissions/{id}"))
            .await
            .unwrap_or_default();
        if last["terminal"] == true {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let pod = driver(bed, last["objectName"].as_str().unwrap_or_default()).await;
    let pod = pod.map(|pod| (pod.metadata.annotations, pod.status));
    panic!("it hasn't ended: {last:#}\n{pod:#?}");
}

fn time(value: &Value) -> jiff::Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// The record of an ended job says of its driver what the driver's container says.
async fn is_told_as_it_was(bed: &Bed<'_>, end: &Value) {
    let object = end["objectName"].as_str().unwrap();
    let pod = driver(bed, object).await.unwrap();
    let labels = pod.metadata.labels.as_ref().unwrap();
    let statuses = pod.status.unwrap().container_statuses.unwrap();
    let container = statuses
        .iter()
        .find(|c| c.name == "spark-kubernetes-driver")
        .unwrap();
    let stopped = container.state.as_ref().unwrap().terminated.as_ref().unwrap();
    let told = serde_json::to_value(stopped).unwrap();
    assert_eq!(end["exitCode"], told["exitCode"], "{end:#}");
    assert_eq!(
        time(&end["startedAt"]),
        time(&told["startedAt"]),
        "{end:#}\n{told}"
    );
    assert_eq!(
        time(&end["finishedAt"]),
        time(&told["finishedAt"]),
        "{end:#}\n{told}"
    );
    assert_eq!(end["driverPod"], format!("{object}-driver"));
    assert_eq!(end["sparkApplicationId"], labels["spark-app-selector"].as_str());
    assert_eq!(end["attempts"], 1);
}

async fn succeeds(bed: &Bed<'_>, what: &str, id: &str) -> Value {
    let end = end(bed, id).await;
    assert_eq!(end["state"], "SUCCEEDED", "{what}: {end:#}");
    is_told_as_it_was(bed, &end).await;
    let walk = bed.walk(id).await;
    assert_eq!(
        walk,
        ["QUEUED", "DISPATCHING", "SUBMITTED", "RUNNING", "SUCCEEDED"],
        "{what}"
    );
    end
}

async fn fails(bed: &Bed<'_>, id: &str, code: i32, reason: &str, word: &str) {
    let end = end(bed, id).await;
    assert_eq!(
        (&end["state"], &end["exitCode"]),
        (&json!("FAILED"), &json!(code)),
        "{end:#}"
    );
    assert_eq!(end["reason"], reason, "{end:#}");
    assert!(end["message"].as_str().unwrap().contains(word), "{end:#}");
    is_told_as_it_was(bed, &end).await;
}

/// A driver fails and the operator runs it again within the attempt: the second one's word is the record's.
async fn succeeds_the_second_time(bed: &Bed<'_>, id: &str) {
    let pods: Api<Pod> = Api::namespaced(bed.plane.admin().await, NAMESPACE);
    let object = bed.status(id).await["objectName"].as_str().map(str::to_owned);
    let object = match object {
        Some(object) => object,
        None => {
            let status = bed
                .until(id, "it has an object", |s| s["objectName"].is_string())
                .await;
            status["objectName"].as_str().unwrap().to_owned()
        }
    };
    let runs = |pod: &Pod| pod.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Running");
    let ends = async |code: i32| {
        let patch =
            Patch::Merge(json!({"metadata": {"annotations": Driver::fails_after("1s", code).annotations()}}));
        let name = format!("{object}-driver");
        pods.patch(&name, &PatchParams::default(), &patch).await.unwrap();
    };
    let first = driver_once(bed, &object, "runs", runs).await;
    ends(3).await;
    let again = |pod: &Pod| pod.metadata.uid != first.metadata.uid && runs(pod);
    driver_once(bed, &object, "runs again", again).await;
    ends(0).await;
    succeeds(bed, "a second time", id).await;
    let object = bed.object(&object).await.unwrap();
    assert_eq!(object.data["status"]["executionAttempts"], 2);
}

/// A job whose driver no scheduler takes stands SUBMITTED, and can be cancelled.
async fn waits(bed: &Bed<'_>, id: &str, scheduler: &str) {
    let status = bed.until(id, "SUBMITTED", |s| s["state"] == "SUBMITTED").await;
    let object = status["objectName"].as_str().unwrap();
    let pod = driver_once(bed, object, "is there", |_| true).await;
    assert_eq!(pod.spec.unwrap().scheduler_name.as_deref(), Some(scheduler));
    assert_eq!(bed.status(id).await["state"], "SUBMITTED");
    bed.cancel(id).await;
    let end = end(bed, id).await;
    assert_eq!(end["state"], "CANCELLED", "{end:#}");
}

/// Namespace, accounts and what the examples refer to.
async fn furnish(plane: &ControlPlane) -> Operator {
    for number in 1..=3 {
        let mut node = Node::new(&format!("node-{number}"), "32", "128Gi");
        // As every kubelet labels its node; an example selects it.
        node.labels = json!({"kubernetes.io/os": "linux"});
        plane.add_node(&node).await;
    }
    let options = OperatorOptions {
        // Of as many spark-submits at once two cores have enough.
        arguments: vec!["--controller-threads=3".to_owned()],
        ..OperatorOptions::of(NAMESPACE).with_webhook(WebhookOptions::new(false))
    };
    let operator = Operator::start(plane, options).await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "emr-containers-sa-spark"}});
    let mut objects = rights(NAMESPACE, User::Broker);
    objects.push(account);
    objects.extend(documents(&examples::text("spark-pi-pod-template.yaml")));
    for object in objects
        .iter()
        .filter(|object| object["kind"] != "SparkApplication")
    {
        plane.apply(object, Some(NAMESPACE)).await;
    }
    operator
}

/// Sends every example: name and ID of those that run, ID and scheduler of those that wait.
async fn send_examples(bed: &Bed<'_>) -> (Vec<(&'static str, String)>, Vec<(String, &'static str)>) {
    let (mut running, mut waiting) = (Vec::new(), Vec::new());
    for (file, comes) in &EXAMPLES {
        let text = examples::text(file);
        match comes {
            Comes::Runs => running.push((*file, examples::accepted(bed, file, &text).await)),
            Comes::RunsOnce(words, change) => {
                examples::refused(bed, file, &text, words).await;
                running.push((*file, examples::accepted(bed, file, &change(&text)).await));
            }
            Comes::WaitsFor(scheduler) => {
                waiting.push((examples::accepted(bed, file, &text).await, *scheduler));
            }
            Comes::Refused(words) => examples::refused(bed, file, &text, words).await,
        }
    }
    (running, waiting)
}

/// What of three examples only their driver pods show.
async fn is_carried(bed: &Bed<'_>, file: &str, end: &Value) {
    let pod = driver(bed, end["objectName"].as_str().unwrap()).await.unwrap();
    let pod = serde_json::to_value(pod.spec).unwrap();
    let words: &[&str] = match file {
        "spark-pi-python.yaml" => &["org.apache.spark.deploy.PythonRunner", "pi.py"],
        "spark-pi-pod-template.yaml" => &["\"KEY0\"", "custom-port", "test-secret-2", "podAffinity"],
        "spark-pi-configmap.yaml" => &["test-configmap", "/opt/spark/config"],
        _ => &[],
    };
    for word in words {
        assert!(pod.to_string().contains(word), "{file}: {word}\n{pod:#}");
    }
}

#[tokio::test]
async fn jobs_as_people_run_them_are_carried_and_end_as_their_drivers_did() {
    let mut named: Vec<&str> = EXAMPLES.iter().map(|(file, _)| *file).collect();
    named.sort_unstable();
    assert_eq!(named, examples::files(), "every example is named");

    let whole = Options {
        service_accounts: true,
        ..Options::whole()
    };
    let plane = ControlPlane::start(whole).await;
    let _operator = furnish(&plane).await;
    let mut cluster = real(&plane, "real", NAMESPACE, User::Broker);
    cluster["capacity"] = json!({"sources": ["nodes"]});
    // The examples say nothing of how long KWOK is to run their drivers.
    cluster["defaults"] = json!({"driver": {"annotations": Driver::succeeds_after("3s").annotations()}});
    let mut bed = Bed::prepare(&plane, NAMESPACE, &[cluster]).await;
    bed.start();
    bed.cluster_is("real", true, "").await;

    let mut restarted = job(&Driver::default());
    restarted["driver"]["annotations"] = json!({"driver.test/runs-for": null});
    restarted["restartPolicy"] =
        json!({"type": "OnFailure", "onFailureRetries": 1, "onFailureRetryInterval": 1});
    let restarted = bed.send(&restarted).await;
    let demo = bed.send(&spark_pi()).await;
    let failing = bed.send(&job(&Driver::fails_after("1s", 3))).await;
    let killed = bed.send(&job(&Driver::out_of_memory_after("1s"))).await;
    let (running, waiting) = send_examples(&bed).await;

    let others = async {
        succeeds(&bed, "SparkPiDemo", &demo).await;
        fails(&bed, &failing, 3, "ApplicationFailed", "exit code 3").await;
        fails(&bed, &killed, 137, "OutOfMemory", "OOMKilled").await;
        for (file, id) in &running {
            let end = succeeds(&bed, file, id).await;
            is_carried(&bed, file, &end).await;
        }
        for (id, scheduler) in &waiting {
            waits(&bed, id, scheduler).await;
        }
    };
    tokio::join!(succeeds_the_second_time(&bed, &restarted), others);
}

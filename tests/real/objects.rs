//! The object that is created: nothing missing, nothing added, nothing dropped.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Map, Value, json};

use crate::bed::{Bed, spark_pi};
use crate::cluster::{ControlPlane, Options, User, every_field_once, validate_by_models};
use crate::clusters::{namespace_for, real};

/// Written by hand, after the project's design and the operator's documentation.
const GOLDEN: &str = include_str!("spark-pi-demo.json");

/// What the broker sent of `object`, without what the API server adds.
fn sent(object: &DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap();
    let metadata = value["metadata"].as_object_mut().unwrap();
    for added in [
        "creationTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "uid",
    ] {
        assert!(metadata.remove(added).is_some(), "{added}");
    }
    value
}

#[tokio::test]
async fn the_example_job_becomes_the_object_written_by_hand() {
    let bed = Bed::shared().await;
    let (id, object) = bed.submitted(&spark_pi()).await;
    let object = sent(&object);
    let label = |name: &str| object["metadata"]["labels"][name].as_str().unwrap().to_owned();
    let random = ["spark-broker/installation", "spark-broker/incarnation"].map(label);
    assert!(random.iter().all(|value| value.len() >= 16), "{random:?}");
    let golden = GOLDEN
        .replace("<id>", &id)
        .replace("<namespace>", &bed.namespace)
        .replace("<installation>", &random[0])
        .replace("<incarnation>", &random[1]);
    let golden: Value = serde_json::from_str(&golden).unwrap();
    assert_eq!(object, golden);
    assert_eq!(validate_by_models(&[object]), [Vec::<String>::new()]);
}

/// Takes the field `name` out of `part`, which must have it.
fn take(part: &mut Value, name: &str) {
    let taken = part.as_object_mut().unwrap().remove(name);
    assert!(taken.is_some(), "{name} isn't in the published schema any more");
}

/// `hostPath` volumes and privileged containers are let in by no job queue.
fn within_guard_rails(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.remove("hostPath");
        if let Some(privileged) = fields.get_mut("privileged") {
            *privileged = json!(false);
        }
        fields.values_mut().for_each(within_guard_rails);
    } else if let Value::Array(items) = value {
        items.iter_mut().for_each(within_guard_rails);
    }
}

#[tokio::test]
async fn every_field_of_the_published_schema_reaches_the_object() {
    let bed = Bed::shared().await;
    let mut spec = every_field_once()["spec"].clone();
    // What the broker owns is refused in a job spec.
    take(&mut spec, "suspend");
    take(&mut spec["driver"], "podName");
    // The schema has texts and numbers where Kubernetes and the operator's CRD allow some of them.
    for part in ["driver", "executor"] {
        spec[part]["ports"][0]["protocol"] = json!("TCP");
    }
    spec["monitoring"]["prometheus"]["port"] = json!(8090);
    within_guard_rails(&mut spec);
    spec["queue"] = json!("dev");
    let (_, object) = bed.submitted(&spec).await;
    let object = sent(&object);

    let mut wanted = spec.clone();
    take(&mut wanted, "queue");
    // Read as `retry.maxAttempts`, and never sent: on it the operator would run a job again that has succeeded.
    take(&mut wanted["restartPolicy"], "onSubmissionFailureRetries");
    take(&mut wanted["restartPolicy"], "onSubmissionFailureRetryInterval");
    // The larger of the user's and the cluster's.
    wanted["timeToLiveSeconds"] = json!(86_400);
    for part in ["driver", "executor"] {
        let labels = object["metadata"]["labels"].as_object().unwrap();
        let mut all: Map<String, Value> = labels.clone();
        all.extend(spec[part]["labels"].as_object().unwrap().clone());
        wanted[part]["labels"] = Value::Object(all);
    }
    let mut annotations = object["metadata"]["annotations"].as_object().unwrap().clone();
    annotations.extend(spec["driver"]["annotations"].as_object().unwrap().clone());
    wanted["driver"]["annotations"] = Value::Object(annotations);
    assert_eq!(object["spec"], wanted);
    assert_eq!(validate_by_models(&[object]), [Vec::<String>::new()]);
}

/// The CRD of an operator that doesn't know `spec.dynamicAllocation.shuffleTrackingTimeout` yet.
async fn older_crd(plane: &ControlPlane) {
    plane.apply_spark_crd().await;
    let crds: Api<CustomResourceDefinition> = Api::all(plane.admin().await);
    let schema = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    let field = format!("{schema}/dynamicAllocation/properties/shuffleTrackingTimeout");
    let patch = serde_json::from_value(json!([{"op": "remove", "path": field}])).unwrap();
    let name = "sparkapplications.sparkoperator.k8s.io";
    let patch: Patch<()> = Patch::Json(patch);
    crds.patch(name, &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test]
async fn a_field_that_a_clusters_crd_does_not_know_is_never_dropped() {
    let new = ControlPlane::shared().await;
    let old = ControlPlane::start(Options::default()).await;
    older_crd(&old).await;
    let namespaces = [
        namespace_for(&old, User::Broker).await,
        namespace_for(new, User::Broker).await,
    ];
    let mut clusters = [
        real(&old, "old", &namespaces[0], User::Broker),
        real(new, "new", &namespaces[1], User::Broker),
    ];
    clusters[0]["weight"] = json!(1000);
    let mut bed = Bed::prepare(&old, &namespaces[0], &clusters).await;
    bed.start();
    // The older cluster takes what it knows.
    bed.fence().await;

    let mut spec = spark_pi();
    spec["dynamicAllocation"] = json!({"enabled": true, "maxExecutors": 2, "shuffleTrackingTimeout": 60});
    let anywhere = bed.send(&spec).await;
    spec["clusters"] = json!(["old"]);
    let only_there = bed.send(&spec).await;

    let refused = bed.in_state(&only_there, "FAILED").await;
    assert_eq!(refused["reason"], "UnsupportedField");
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("shuffleTrackingTimeout"), "{message}");
    let accepted = bed.in_state(&anywhere, "SUBMITTED").await;
    assert_eq!(accepted["cluster"], "new");
    let made = new.list_applications(&namespaces[1]).await.remove(0);
    assert_eq!(
        made.data["spec"]["dynamicAllocation"]["shuffleTrackingTimeout"],
        60
    );
    let on_old = old.list_applications(&namespaces[0]).await;
    assert_eq!(on_old.len(), 1, "the fence's object alone");
}

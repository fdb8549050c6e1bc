//! A cluster whose CRD bounds a value more narrowly than the published one: what is beyond it is the job's fault.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::bed::{Bed, spark_pi};
use crate::cluster::{ControlPlane, Options, User, eventually};
use crate::clusters::{namespace_for, real};

/// Lets no driver have more than four cores.
async fn bound(plane: &ControlPlane) {
    let crds: Api<CustomResourceDefinition> = Api::all(plane.admin().await);
    let cores = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/driver/properties/cores";
    let patch =
        serde_json::from_value(json!([{"op": "add", "path": format!("{cores}/maximum"), "value": 4}]))
            .unwrap();
    crds.patch(
        "sparkapplications.sparkoperator.k8s.io",
        &PatchParams::default(),
        &Patch::<CustomResourceDefinition>::Json(patch),
    )
    .await
    .unwrap();
    let namespace = plane.create_namespace("bound").await;
    let mut number = 0;
    eventually("the bound holds", async || {
        number += 1;
        let mut object = json!({
            "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication",
            "metadata": {"name": format!("try-{number}")},
            "spec": {"type": "Scala", "mode": "cluster", "sparkVersion": "3.5.0", "driver": {"cores": 5}, "executor": {}},
        });
        object["metadata"]["namespace"] = json!(namespace);
        plane.create_application(&namespace, &object).await.is_err()
    })
    .await;
}

#[tokio::test]
async fn a_value_that_the_clusters_api_server_refuses_fails_its_job_and_harms_no_cluster() {
    let plane = ControlPlane::start(Options::default()).await;
    plane.apply_spark_crd().await;
    bound(&plane).await;
    let namespace = namespace_for(&plane, User::Broker).await;
    let cluster = real(&plane, "real", &namespace, User::Broker);
    let mut bed = Bed::prepare(&plane, &namespace, &[cluster]).await;
    bed.start();
    // More than make a cluster unhealthy.
    let mut beyond = Vec::new();
    for _ in 0..7 {
        let mut spec = spark_pi();
        spec["driver"]["cores"] = json!(5);
        beyond.push(bed.send(&spec).await);
    }
    for id in &beyond {
        let end = bed.in_state(id, "FAILED").await;
        assert_eq!(end["reason"], "InvalidSpec", "{end:#}");
        let words = end["message"].as_str().unwrap();
        assert!(
            words.contains("spec.driver.cores") && words.contains("less than or equal to 4"),
            "{end:#}"
        );
        assert!(!bed.walk(id).await.contains(&"SUBMITTED".to_owned()), "{end:#}");
    }
    bed.cluster_is("real", true, "").await;
    bed.submitted(&spark_pi()).await;
    assert_eq!(plane.list_applications(&namespace).await.len(), 1);
}

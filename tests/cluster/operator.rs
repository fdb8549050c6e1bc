//! The real operator runs jobs on this control plane.

use serde_json::{Value, json};

use crate::cluster::{
    ControlPlane, DRIVER_ACCOUNT, Driver, Node, Operator, OperatorOptions, Options, WebhookOptions,
    eventually, outcome,
};

fn spark_pi(name: &str, driver: &Driver) -> Value {
    json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"name": name, "labels": {"test/carried": name}},
        "spec": {
            "type": "Scala",
            "mode": "cluster",
            "image": "spark:3.5.6",
            "sparkVersion": "3.5.6",
            "mainClass": "org.apache.spark.examples.SparkPi",
            "mainApplicationFile": "local:///opt/spark/examples/jars/spark-examples.jar",
            "restartPolicy": {"type": "Never"},
            "driver": {"cores": 1, "memory": "1g", "serviceAccount": DRIVER_ACCOUNT, "annotations": driver.annotations()},
            "executor": {"instances": 1, "cores": 1, "memory": "1g"},
        },
    })
}

async fn status(plane: &ControlPlane, namespace: &str, name: &str) -> Value {
    let applications = plane.list_applications(namespace).await;
    let found = applications
        .into_iter()
        .find(|object| object.metadata.name.as_deref() == Some(name));
    found.unwrap().data["status"].clone()
}

async fn ended(plane: &ControlPlane, namespace: &str, name: &str) -> Value {
    eventually(&format!("{name} has ended"), async || {
        let state = status(plane, namespace, name).await["applicationState"]["state"].clone();
        state == "COMPLETED" || state == "FAILED"
    })
    .await;
    status(plane, namespace, name).await
}

#[tokio::test]
async fn a_job_runs_to_its_end() {
    let plane = ControlPlane::start(Options::whole()).await;
    plane.add_node(&Node::new("node-1", "8", "32Gi")).await;
    let _operator = Operator::start(&plane, OperatorOptions::of("spark-jobs")).await;

    let success = spark_pi("success", &Driver::succeeds_after("2s"));
    plane.create_application("spark-jobs", &success).await.unwrap();
    let failure = spark_pi("failure", &Driver::fails_after("1s", 3));
    plane.create_application("spark-jobs", &failure).await.unwrap();

    let success = ended(&plane, "spark-jobs", "success").await;
    assert_eq!(success["applicationState"]["state"], "COMPLETED", "{success}");
    assert_eq!(success["driverInfo"]["podName"], "success-driver");
    let failure = ended(&plane, "spark-jobs", "failure").await;
    assert_eq!(failure["applicationState"]["state"], "FAILED", "{failure}");
    let message = failure["applicationState"]["errorMessage"].as_str().unwrap();
    assert!(message.contains("ExitCode: 3"), "{message}");

    let pods = plane.pods("spark-jobs").await;
    let driver = pods
        .iter()
        .find(|pod| pod.metadata.name.as_deref() == Some("success-driver"))
        .unwrap();
    let labels = driver.metadata.labels.as_ref().unwrap();
    assert_eq!(
        labels["test/carried"], "success",
        "labels of the object reach its pods"
    );
    assert_eq!(labels["spark-role"], "driver");
}

#[tokio::test]
async fn the_webhook_refuses_what_it_forbids_and_lets_the_rest_run() {
    let plane = ControlPlane::start(Options::whole()).await;
    plane.add_node(&Node::new("node-1", "8", "32Gi")).await;
    let options = OperatorOptions::of("spark-jobs").with_webhook(WebhookOptions::new(false));
    let mut operator = Operator::start(&plane, options).await;

    let mut forbidden = spark_pi("forbidden", &Driver::default());
    forbidden["spec"]["nodeSelector"] = json!({"a": "b"});
    forbidden["spec"]["driver"]["nodeSelector"] = json!({"a": "b"});
    let refused = outcome(plane.create_application("spark-jobs", &forbidden).await);
    assert_eq!(refused.code, 403, "{refused:?}");
    assert!(
        refused
            .message
            .contains("node selector cannot be defined at both"),
        "{refused:?}"
    );

    let allowed = spark_pi("allowed", &Driver::succeeds_after("1s"));
    plane.create_application("spark-jobs", &allowed).await.unwrap();
    let end = ended(&plane, "spark-jobs", "allowed").await;
    assert_eq!(
        end["applicationState"]["state"],
        "COMPLETED",
        "{end}\n{}",
        operator.controller().log()
    );

    operator.kill_webhook();
    let late = spark_pi("late", &Driver::default());
    let refused = outcome(plane.create_application("spark-jobs", &late).await);
    assert!(
        refused.code == 500 && refused.message.contains("failed calling webhook"),
        "{refused:?}"
    );
    operator.start_webhook(&plane).await;
    plane.create_application("spark-jobs", &late).await.unwrap();
}

#[tokio::test]
async fn an_operator_killed_in_mid_submit_reports_a_failure_while_the_driver_runs_on() {
    let plane = ControlPlane::start(Options::whole()).await;
    plane.add_node(&Node::new("node-1", "8", "32Gi")).await;
    let mut operator = Operator::start(&plane, OperatorOptions::of("spark-jobs")).await;
    let job = spark_pi("job", &Driver::succeeds_after("20s"));
    plane.create_application("spark-jobs", &job).await.unwrap();
    operator.kill_in_mid_submit(&["job"]).await;
    eventually("the driver runs all the same", async || {
        phase_of_driver(&plane).await == "Running"
    })
    .await;
    operator.start_controller(&plane).await;

    let end = ended(&plane, "spark-jobs", "job").await;
    let message = end["applicationState"]["errorMessage"].as_str().unwrap();
    assert!(message.contains("driver pod already exist"), "{message}");
    assert_eq!(phase_of_driver(&plane).await, "Running");
    eventually("the driver succeeds", async || {
        phase_of_driver(&plane).await == "Succeeded"
    })
    .await;
}

async fn phase_of_driver(plane: &ControlPlane) -> String {
    let pods = plane.pods("spark-jobs").await;
    let status = pods.into_iter().next().and_then(|pod| pod.status);
    status.and_then(|status| status.phase).unwrap_or_default()
}

//! A job spec dropped on SQS is looked up by an ID that its sender already holds.

use serde_json::{Value, json};

use crate::harness::Dev;

const SPARK_PI: &str = r#"{"applicationName":"SparkPiDemo","queue":"dev","sparkVersion":"3.5.0","mainApplicationFile":"local:///usr/lib/spark/examples/jars/spark-examples.jar","mainClass":"org.apache.spark.examples.SparkPi","driver":{"cores":1,"memory":"2g","serviceAccount":"emr-containers-sa-spark","labels":{"version":"3.5.0"}},"executor":{"instances":1,"cores":1,"memory":"2g","labels":{"version":"3.5.0"}}}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spec_sent_to_sqs_runs_and_is_looked_up_by_its_message_id_everywhere() {
    let dev = Dev::start(&[]).await;
    let id = dev.account.send(SPARK_PI).await;

    let running = dev.broker.reaches(&id, "RUNNING").await;
    assert_eq!(running["terminal"], false);
    assert!(
        running["cluster"].as_str().unwrap().starts_with("spark-cluster-"),
        "{running}"
    );
    let succeeded = dev.broker.ended(&id).await;
    assert_eq!(succeeded["state"], "SUCCEEDED", "{succeeded:#}");
    assert_eq!(succeeded["exitCode"], 0, "{succeeded:#}");
    assert_eq!(succeeded["applicationName"], "SparkPiDemo");
    assert_eq!(
        dev.broker.walk(&id),
        ["QUEUED", "DISPATCHING", "SUBMITTED", "RUNNING", "SUCCEEDED"]
    );

    let (code, printed) = dev.broker.command(&["status", &id, "--output", "json"]);
    assert_eq!(code, Some(0));
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), succeeded);

    let pk = format!("submission#{id}");
    for name in ["state", "queue", "cluster", "acceptedAt", "finishedAt", "version"] {
        let told = &succeeded[name];
        let told = told.as_str().map_or_else(|| told.to_string(), str::to_owned);
        assert_eq!(
            dev.account.attribute(&pk, name).await.as_ref(),
            Some(&told),
            "{name}"
        );
    }
    dev.account.drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_found_by_its_id_and_a_spec_by_its_own() {
    let dev = Dev::start(&[]).await;
    let mut spec: Value = serde_json::from_str(SPARK_PI).unwrap();
    spec["annotations"] = json!({"simulated.spark-broker/run-time": "500ms"});
    let event = json!({
        "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": "Spark Job Submission",
        "source": "com.example.orders", "account": "123456789012", "time": "2026-11-23T05:00:00Z",
        "region": "us-east-1", "resources": [], "detail": spec,
    });
    dev.account.send(&event.to_string()).await;
    spec["submissionId"] = json!("orders-2026-11-23");
    dev.account.send(&spec.to_string()).await;
    spec.as_object_mut().unwrap().remove("submissionId");
    dev.account
        .send_with(&spec.to_string(), &[("submissionId", "by-attribute")])
        .await;
    for id in [
        "17793124-05d4-b198-2fde-7ededc63b103",
        "orders-2026-11-23",
        "by-attribute",
    ] {
        assert_eq!(dev.broker.ended(id).await["state"], "SUCCEEDED");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lookup_waits_for_an_id_to_appear_and_for_its_end() {
    let dev = Dev::start(&[]).await;
    assert_eq!(dev.broker.get("/v1/submissions/later").status, 404);
    assert_eq!(dev.broker.get("/v1/submissions/later?wait=100ms").status, 404);

    let (found, ended) = std::thread::scope(|scope| {
        let appears = scope.spawn(|| dev.broker.get("/v1/submissions/later?wait=60s"));
        let ends = scope.spawn(|| dev.broker.get("/v1/submissions/later?wait=60s&until=end"));
        // Whether the requests are sent before the spec or after it, both must find it.
        let spec = crate::harness::job("later", "1s");
        assert_eq!(dev.broker.submit(spec.to_string()).status, 202);
        (appears.join().unwrap(), ends.join().unwrap())
    });
    assert_eq!(found.status, 200);
    assert_eq!(found.body["submissionId"], "later");
    assert_eq!(ended.body["state"], "SUCCEEDED", "{}", ended.body);
}

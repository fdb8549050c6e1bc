//! `submit -f` of what people `kubectl apply`: YAML or JSON, several documents in a file.

use serde_json::Value;

use crate::harness::{Dev, Folder, run_with};

const MANIFEST: &str = "apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata:
  name: pi
  labels: {spark-broker/queue: dev}
  annotations: {simulated.spark-broker/run-time: 300ms}
spec:
  submissionId: ID
  type: Python
  mode: cluster
  image: spark:3.5.0
  sparkVersion: 3.5.0
  mainApplicationFile: local:///pi.py
  restartPolicy: {type: Never}
  driver: {cores: 1, memory: 512m}
  executor: {instances: 1, cores: 1, memory: 512m}
";

const CONFIG_MAP: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: b}
";

fn manifest(id: &str) -> String {
    MANIFEST.replace("ID", id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn manifests_go_as_they_are_or_are_told_why_not() {
    let dev = Dev::start(&[]).await;
    let broker = &dev.broker;
    let folder = Folder::new();
    let submit = |arguments: &[&str], input: &str| {
        run_with(&[&["submit", "--api", &broker.api], arguments].concat(), input)
    };

    // Several documents, of a file and of standard input, each run to its end.
    let file = folder.file(
        "two.yaml",
        &format!("---\n{}---\n# none\n---\n{}", manifest("one"), manifest("two")),
    );
    let output = submit(
        &["-f", &file, "-f", "-", "--wait", "--output", "json"],
        &manifest("three"),
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (n, id) in ["one", "two", "three"].iter().enumerate() {
        let status = &listed["submissions"][n];
        assert_eq!(
            (status["submissionId"].as_str(), status["state"].as_str()),
            (Some(*id), Some("SUCCEEDED"))
        );
        assert_eq!(status["applicationName"], "pi");
    }

    // One document of another kind, and nothing is sent.
    let output = submit(
        &["-f", "-"],
        &format!("{}---\n{CONFIG_MAP}", manifest("beside-a-map")),
    );
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("standard input, document 2 (ConfigMap settings)") && told.contains("kubectl"),
        "{told}"
    );
    assert_eq!(broker.status("beside-a-map"), None);

    // A field that can't go is told; so is one that YAML reads as something else than was meant.
    let named = manifest("named").replace("driver: {", "driver: {podName: mine, ");
    let output = submit(&["-f", "-"], &named);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("driver.podName"), "{told}");
    let number = manifest("number").replace("sparkVersion: 3.5.0", "sparkVersion: 3.5");
    let told = String::from_utf8(submit(&["-f", "-"], &number).stderr).unwrap();
    assert!(
        told.contains("sparkVersion: found 3.5, expected a text: put it in quotes"),
        "{told}"
    );

    // A manifest without a queue is given one on the command line.
    let nowhere = manifest("nowhere").replace("  labels: {spark-broker/queue: dev}\n", "");
    let output = submit(&["-f", "-"], &nowhere);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("queue"), "{told}");
    assert_eq!(
        submit(&["-f", "-", "--queue", "prod"], &nowhere).status.code(),
        Some(0)
    );
    assert_eq!(broker.ended("nowhere").await["queue"], "prod");
}

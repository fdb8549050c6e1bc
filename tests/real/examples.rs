//! The SparkApplications of the operator module's `examples/`, and what comes of each by `submit -f`.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::bed::Bed;
use crate::cluster::{documents, operator_module};

/// What comes of a file as it is.
pub enum Comes {
    /// It runs.
    Runs,
    /// It is refused with these words; what its SparkApplication must be made for it to run.
    RunsOnce(&'static [&'static str], fn(&str) -> String),
    /// It is accepted, and its driver waits for a scheduler that isn't installed here.
    WaitsFor(&'static str),
    /// It is refused with these words: it holds no SparkApplication.
    Refused(&'static [&'static str]),
}

/// Every file of the folder.
pub const EXAMPLES: [(&str, Comes); 14] = [
    ("spark-pi.yaml", Comes::Runs),
    ("spark-pi-configmap.yaml", Comes::Runs),
    ("spark-pi-custom-resource.yaml", Comes::Runs),
    ("spark-pi-dynamic-allocation.yaml", Comes::Runs),
    ("spark-pi-prometheus-servlet.yaml", Comes::Runs),
    ("spark-pi-python.yaml", Comes::Runs),
    ("spark-pi-ttl.yaml", Comes::Runs),
    // With its ConfigMaps and Secrets applied, and without what Kubernetes doesn't know in a pod's security context.
    (
        "spark-pi-pod-template.yaml",
        Comes::RunsOnce(
            &[
                "document 1 (ConfigMap test-configmap)",
                "document 4 (Secret test-secret-2)",
                "document 5 (SparkApplication spark-pi-pod-template): driver.template.spec.securityContext.capabilities",
                "executor.template.spec.securityContext.allowPrivilegeEscalation",
            ],
            known_security,
        ),
    ),
    // Its image holds placeholders in braces, which aren't YAML: kubectl can't read it either.
    ("spark-pi-prometheus.yaml", Comes::RunsOnce(&["line 25"], filled)),
    ("spark-pi-kube-scheduler.yaml", Comes::WaitsFor("kube-scheduler")),
    ("spark-pi-volcano.yaml", Comes::WaitsFor("volcano")),
    ("spark-pi-yunikorn.yaml", Comes::WaitsFor("yunikorn")),
    (
        "spark-pi-scheduled.yaml",
        Comes::Refused(&[
            "(ScheduledSparkApplication spark-pi-scheduled)",
            "EventBridge Scheduler",
        ]),
    ),
    (
        "sparkconnect/spark-connect.yaml",
        Comes::Refused(&["(SparkConnect spark-connect)"]),
    ),
];

fn filled(text: &str) -> String {
    text.replace("{IMAGE_REGISTRY}/{IMAGE_REPOSITORY}/", "")
}

fn known_security(text: &str) -> String {
    let mut manifest = documents(text).pop().unwrap();
    for role in ["driver", "executor"] {
        let context = &mut manifest["spec"][role]["template"]["spec"]["securityContext"];
        let context = context.as_object_mut().unwrap();
        context.retain(|key, _| key != "capabilities" && key != "allowPrivilegeEscalation");
    }
    manifest.to_string()
}

/// The text of an example.
pub fn text(file: &str) -> String {
    fs::read_to_string(operator_module().join("examples").join(file)).unwrap()
}

/// The names of all files in the folder, below it.
pub fn files() -> Vec<String> {
    let folder = operator_module().join("examples");
    let mut found = Vec::new();
    for below in ["", "sparkconnect/"] {
        let entries = fs::read_dir(folder.join(below)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        found.extend(
            names
                .filter(|name| name.ends_with(".yaml"))
                .map(|name| format!("{below}{name}")),
        );
    }
    found.sort();
    found
}

/// `spark-broker submit -f` of `text`, as a file.
pub async fn submit(bed: &Bed<'_>, name: &str, text: &str) -> Output {
    let path = bed.plane.folder().join(name.replace('/', "-"));
    fs::write(&path, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_spark-broker"));
    command.args([
        "submit",
        "--queue",
        "dev",
        "--output",
        "json",
        "--api",
        &bed.url(),
        "-f",
    ]);
    command.arg(path);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

/// The same of something that is accepted: its ID.
pub async fn accepted(bed: &Bed<'_>, name: &str, text: &str) -> String {
    let output = submit(bed, name, text).await;
    assert!(
        output.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    status["submissionId"].as_str().unwrap().to_owned()
}

/// The same of something that is refused, each of `words` being told.
pub async fn refused(bed: &Bed<'_>, name: &str, text: &str, words: &[&str]) {
    let output = submit(bed, name, text).await;
    assert_eq!(output.status.code(), Some(1), "{name}");
    let told = String::from_utf8(output.stderr).unwrap();
    for word in words {
        assert!(told.contains(word), "{name}: {word}\n{told}");
    }
}

//! The CRD of `SparkApplication`, made from the operator's published models, and those models as a judge of objects.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use serde_json::Value;

use super::control_plane::ControlPlane;
use super::folders::{once, run, support};
use super::objects::eventually;

const NO_PYTHON: &str =
    "the tests make the CRD from the operator's Python models: install Python 3.10 with venv";

impl ControlPlane {
    /// Installs the CRD made from the operator's published models and waits until it is served.
    pub async fn apply_spark_crd(&self) {
        let crd = fs::read_to_string(crd()).expect("the CRD was made");
        self.apply(&serde_json::from_str(&crd).expect("the CRD is JSON"), None)
            .await;
        self.wait_for_crd("sparkapplications.sparkoperator.k8s.io").await;
    }

    /// Waits until the CRD `name` is served.
    pub async fn wait_for_crd(&self, name: &str) {
        let crds: Api<CustomResourceDefinition> = Api::all(self.admin().await);
        eventually("the CRD is established", async || {
            let status = crds.get(name).await.expect("the CRD is there").status;
            let conditions = status.and_then(|status| status.conditions).unwrap_or_default();
            conditions
                .iter()
                .any(|condition| condition.type_ == "Established" && condition.status == "True")
        })
        .await;
    }
}

/// A `SparkApplication` in which every field of the published schema is set once, `template`s included.
pub fn every_field_once() -> Value {
    let path = once_of_models("every-field.json", "example");
    serde_json::from_str(&fs::read_to_string(path).expect("the example was made"))
        .expect("the example is JSON")
}

/// What the operator's published models say of each of `applications`: a list of faults each, empty where it is
/// understood whole. Unknown fields, wrong types and values outside a choice are faults.
pub fn validate_by_models(applications: &[Value]) -> Vec<Vec<String>> {
    let mut judge = script("validate")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect(NO_PYTHON);
    let text = serde_json::to_vec(applications).expect("JSON can be written");
    judge
        .stdin
        .take()
        .expect("the input is a pipe")
        .write_all(&text)
        .expect("the script reads its input");
    let output = judge.wait_with_output().expect("the script ends");
    assert!(
        output.status.success(),
        "the models can't judge: {}",
        output.status
    );
    serde_json::from_slice(&output.stdout).expect("the script prints a list of lists")
}

fn crd() -> PathBuf {
    once_of_models("spark-application-crd.json", "crd")
}

fn once_of_models(name: &str, mode: &str) -> PathBuf {
    let mut command = script(mode);
    let ingredients = ["crd/make.py", "crd/requirements.txt"].map(source);
    once(name, &[&ingredients[0], &ingredients[1]], |path| {
        fs::write(path, run(&mut command, NO_PYTHON)).expect("the target folder can be written");
    })
}

fn script(mode: &str) -> Command {
    let mut command = Command::new(python().join("bin/python"));
    command.arg(support().join("crd/make.py")).arg(mode);
    command
}

/// A virtual environment with the models in it.
fn python() -> PathBuf {
    let requirements = support().join("crd/requirements.txt");
    once("models-venv", &[&source("crd/requirements.txt")], |path| {
        run(Command::new("python3").args(["-m", "venv"]).arg(path), NO_PYTHON);
        let mut pip = Command::new(path.join("bin/pip"));
        run(
            pip.args(["install", "--quiet", "--require-hashes", "-r"])
                .arg(requirements),
            NO_PYTHON,
        );
    })
}

fn source(name: &str) -> Vec<u8> {
    fs::read(support().join(name)).expect("the tests' sources are there")
}

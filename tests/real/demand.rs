//! Demand is what Spark asks for: the pods that the operator's spark-submit makes, and Spark's own arithmetic for executors,
//! are the judges of every spec that the unit tests of demand use.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use k8s_openapi::api::core::v1::{ConfigMap, Container, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::Api;
use serde_json::{Map, Value, json};
use spark_broker::model::Resources;
use spark_broker::spec::{self, ObjectMarks};

use crate::cluster::{
    ControlPlane, Operator, OperatorOptions, Options, WebhookOptions, eventually, spark_home,
};

/// The specs of `src/spec/demand_tests.rs`, `submit_tests.rs` and `containers_tests.rs`, which check that they stand here.
const SPECS: &str = include_str!("../support/spark/demand.json");
const NAMESPACE: &str = "spark-jobs";

/// What pods or containers request, by resource, in thousandths.
type Requests = BTreeMap<String, u64>;

/// Why Spark can't be asked about `spec` here, where it can't. `docs/SEMANTICS.md` tells the same.
fn incomparable(spec: &Value) -> Option<&'static str> {
    if spec["sparkVersion"].as_str().is_some_and(|v| v.starts_with('4')) {
        return Some("the Spark of these tests is 3.5.6");
    }
    if spec["executor"]["instances"] == 0 {
        return Some("the operator's CRD refuses it, and so does the broker");
    }
    None
}

/// Gives every container below `value` an image, without which the API server refuses its pod.
fn with_images(value: &mut Value) {
    for list in ["containers", "sidecars", "initContainers"] {
        for container in value
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            container["image"] = json!("image");
        }
    }
    let fields = value.as_object_mut().into_iter().flatten();
    fields
        .filter(|(_, inner)| inner.is_object())
        .for_each(|(_, inner)| with_images(inner));
}

/// The effective spec: a file that needn't be fetched, of the same kind, and what every application must have.
fn effective(spec: &Value) -> Map<String, Value> {
    let mut spec = spec.clone();
    with_images(&mut spec);
    let file = spec["mainApplicationFile"].as_str().unwrap();
    spec["mainApplicationFile"] = json!(format!("local:///{}", file.rsplit('/').next().unwrap()));
    let defaults = json!({"sparkVersion": "3.5.6", "image": "spark:3.5.6", "mainClass": "A", "driver": {}, "executor": {}});
    spec::merge([defaults.as_object().unwrap(), spec.as_object().unwrap()])
}

fn object(name: &str, spec: &Map<String, Value>) -> Value {
    let marks = ObjectMarks {
        name: name.to_owned(),
        namespace: NAMESPACE.to_owned(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    };
    spec::object(spec, &marks, None)
}

/// A quantity of Kubernetes in thousandths.
fn thousandths(text: &str) -> u64 {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: f64 = match &text[digits.len()..] {
        "m" => 1.0,
        "" => 1e3,
        "Ki" => 1024.0 * 1e3,
        "Mi" => 1024.0 * 1024.0 * 1e3,
        "Gi" => 1024.0 * 1024.0 * 1024.0 * 1e3,
        other => panic!("{other} in {text}"),
    };
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and small"
    )]
    let whole = (digits.parse::<f64>().unwrap() * unit) as u64;
    whole
}

fn requests(container: &Container) -> Requests {
    let named = |(name, Quantity(text)): (&String, &Quantity)| (name.clone(), thousandths(text));
    let requests = container.resources.as_ref().and_then(|r| r.requests.as_ref());
    requests.into_iter().flatten().map(named).collect()
}

/// What a pod requests: the sum of what runs side by side, or the largest init container where that is more.
fn of_pod(pod: &Pod) -> Requests {
    let spec = pod.spec.as_ref().unwrap();
    let inits = spec.init_containers.as_deref().unwrap_or_default();
    let (beside, before): (Vec<_>, Vec<_>) = inits
        .iter()
        .partition(|init| init.restart_policy.as_deref() == Some("Always"));
    let mut sum = Requests::new();
    for (name, amount) in spec.containers.iter().chain(beside).flat_map(requests) {
        *sum.entry(name).or_default() += amount;
    }
    for (name, amount) in before.into_iter().flat_map(requests) {
        let most = sum.entry(name).or_default();
        *most = amount.max(*most);
    }
    sum
}

/// The broker's reckoning in the same form.
fn of_demand(resources: &Resources) -> Requests {
    let mut requests = Requests::from([
        ("cpu".to_owned(), resources.cpu.0),
        ("memory".to_owned(), resources.memory.0 * 1000),
    ]);
    let extended = resources.extended.iter();
    requests.extend(extended.map(|(name, amount)| (name.clone(), amount * 1000)));
    requests
}

/// What Spark asks for each executor, and with how many it begins, for each of these properties of a driver.
fn executors(properties: &[String]) -> Vec<(Requests, u64)> {
    let home = spark_home();
    let python = home.parent().unwrap();
    let py4j = python.join("lib/py4j-0.10.9.7-src.zip");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/spark/executors.py");
    let mut command = Command::new("python3");
    command.arg(script).env("SPARK_HOME", &home);
    command.env("PYTHONPATH", format!("{}:{}", python.display(), py4j.display()));
    let mut asked = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = serde_json::to_vec(properties).unwrap();
    asked.stdin.take().unwrap().write_all(&text).unwrap();
    let output = asked.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "Spark's classes can't be asked: {}",
        output.status
    );
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let read = |answer: Value| {
        let mut requests = Requests::new();
        // A limit without a request is one; Spark names devices so.
        for kind in ["limits", "requests"] {
            let amounts = answer[kind].as_object().unwrap();
            let read = amounts
                .iter()
                .map(|(name, text)| (name.clone(), thousandths(text.as_str().unwrap())));
            requests.extend(read);
        }
        if answer["requests"].get("cpu").is_none() {
            requests.remove("cpu");
        }
        (requests, answer["executors"].as_u64().unwrap())
    };
    answers.into_iter().map(read).collect()
}

/// The driver pod of `name`, once spark-submit has made it.
async fn driver(plane: &ControlPlane, name: &str) -> Pod {
    let pods: Api<Pod> = Api::namespaced(plane.admin().await, NAMESPACE);
    let applications = plane.applications(NAMESPACE).await;
    let mut found = None;
    eventually(&format!("{name} has a driver"), async || {
        let object = applications.get(name).await.unwrap();
        let state = &object.data["status"]["applicationState"];
        assert!(
            !state["state"]
                .as_str()
                .is_some_and(|word| word.contains("FAILED")),
            "{name}: {state}"
        );
        found = pods.get_opt(&format!("{name}-driver")).await.unwrap();
        found.is_some()
    })
    .await;
    found.unwrap()
}

/// The properties that spark-submit left for the driver, as the text of their file.
async fn properties(plane: &ControlPlane, driver: &Pod) -> String {
    let maps: Api<ConfigMap> = Api::namespaced(plane.admin().await, NAMESPACE);
    let volumes = driver.spec.as_ref().unwrap().volumes.as_ref().unwrap();
    let conf = volumes
        .iter()
        .find(|volume| volume.name == "spark-conf-volume-driver")
        .unwrap();
    let name = &conf.config_map.as_ref().unwrap().name;
    let mut text = None;
    // Made just after the pod.
    eventually("the driver's properties are there", async || {
        let map = maps.get_opt(name).await.unwrap();
        text = map.and_then(|map| map.data?.remove("spark.properties"));
        text.is_some()
    })
    .await;
    text.unwrap()
}

#[tokio::test]
async fn demand_is_what_spark_asks_for() {
    let plane = ControlPlane::start(Options::default()).await;
    let options = OperatorOptions {
        arguments: vec!["--controller-threads=4".to_owned()],
        ..OperatorOptions::of(NAMESPACE)
    };
    let options = options.with_webhook(WebhookOptions::new(false));
    let _operator = Operator::start(&plane, options).await;
    let mut specs: Vec<Value> = serde_json::from_str(SPECS).unwrap();
    specs.retain(|spec| incomparable(spec).is_none());
    assert!(specs.len() >= 50, "{}", specs.len());
    for (n, spec) in specs.iter().enumerate() {
        let object = object(&format!("demand-{n}"), &effective(spec));
        plane.create_application(NAMESPACE, &object).await.unwrap();
    }
    let mut faults = Vec::new();
    let mut all_properties = Vec::new();
    for (n, spec) in specs.iter().enumerate() {
        let driver = driver(&plane, &format!("demand-{n}")).await;
        let (made, reckoned) = (of_pod(&driver), of_demand(&spec::demand(&effective(spec)).driver));
        if made != reckoned {
            faults.push(format!(
                "{spec}: the driver's pod requests {made:?}, not {reckoned:?}"
            ));
        }
        all_properties.push(properties(&plane, &driver).await);
    }
    for (spec, (asked, first)) in specs.iter().zip(executors(&all_properties)) {
        let demand = spec::demand(&effective(spec));
        let mut reckoned = of_demand(&demand.executor);
        // The operator's webhook writes the field into the executor's pod, which only a running driver makes.
        if let Some(gpu) = spec["executor"]["gpu"]["name"].as_str() {
            reckoned.remove(gpu).unwrap();
        }
        if asked != reckoned {
            faults.push(format!(
                "{spec}: an executor requests {asked:?}, not {reckoned:?}"
            ));
        }
        if first != u64::from(demand.executors) {
            faults.push(format!(
                "{spec}: Spark begins with {first} executors, not {}",
                demand.executors
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

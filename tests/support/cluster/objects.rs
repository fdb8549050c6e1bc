//! What tests do with a cluster's objects: namespaces, nodes, pods, and `SparkApplication`s with their status.

use std::time::Duration;

use http::{Method, Request};
use k8s_openapi::api::core::v1::{Node as NodeObject, Pod};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, PostParams};
use kube::{Api, Client, Error};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::control_plane::{ControlPlane, unique};

/// A node, as its kubelet would describe it.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its allocatable CPU, as Kubernetes writes quantities.
    pub cpu: String,
    /// Its allocatable memory, as Kubernetes writes quantities.
    pub memory: String,
    /// How many pods it may run.
    pub pods: u32,
    /// Labels besides `kubernetes.io/hostname`.
    pub labels: Value,
    /// Taints, as in `spec.taints`.
    pub taints: Value,
}

impl Node {
    /// A node without labels or taints that may run 110 pods.
    pub fn new(name: &str, cpu: &str, memory: &str) -> Self {
        let (name, cpu, memory) = (name.to_owned(), cpu.to_owned(), memory.to_owned());
        Self {
            name,
            cpu,
            memory,
            pods: 110,
            labels: json!({}),
            taints: json!([]),
        }
    }

    /// `ready`: its conditions already say so; KWOK, where it runs, says it by itself.
    fn object(&self, ready: bool) -> NodeObject {
        let room = json!({"cpu": self.cpu, "memory": self.memory, "pods": self.pods.to_string()});
        let mut labels = self.labels.clone();
        labels["kubernetes.io/hostname"] = json!(self.name);
        let condition = json!({"type": "Ready", "status": "True", "reason": "KubeletReady"});
        let conditions = if ready { vec![condition] } else { vec![] };
        typed(json!({
            "metadata": {"name": self.name, "labels": labels},
            "spec": {"taints": self.taints},
            "status": {"allocatable": room, "capacity": room, "conditions": conditions},
        }))
    }
}

/// What the API server answered to a request that may be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The HTTP status.
    pub code: u16,
    /// The answer's message; empty where it was done.
    pub message: String,
}

/// The answer behind `result`: 200 where it was done.
///
/// # Panics
///
/// If there was no answer.
pub fn outcome<T>(result: Result<T, Error>) -> Outcome {
    match result {
        Ok(_) => Outcome {
            code: 200,
            message: String::new(),
        },
        Err(Error::Api(status)) => Outcome {
            code: status.code,
            message: status.message.clone(),
        },
        Err(other) => panic!("no answer from the API server: {other}"),
    }
}

/// Waits until `holds`, three minutes at most: the machine may be a slow one.
///
/// # Panics
///
/// With `what`, if it doesn't hold by then.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..3_600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("three minutes have passed, and not yet: {what}");
}

/// `value` as an object of a Kubernetes type.
pub fn typed<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{error} in {value}"))
}

/// The resource of `SparkApplication` v1beta2.
pub fn spark_application() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(
        "sparkoperator.k8s.io",
        "v1beta2",
        "SparkApplication",
    ))
}

impl ControlPlane {
    /// Makes a namespace whose name begins with `prefix`, another one at each call.
    pub async fn create_namespace(&self, prefix: &str) -> String {
        let name = unique(prefix);
        self.ensure_namespace(&name).await;
        name
    }

    /// Makes the namespace `name` unless it is there.
    pub async fn ensure_namespace(&self, name: &str) {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.apply(&object, None).await;
    }

    /// Adds `node` and waits until pods can be bound to it.
    pub async fn add_node(&self, node: &Node) {
        let nodes: Api<NodeObject> = Api::all(self.admin().await);
        let object = node.object(!self.has_kwok());
        nodes
            .create(&PostParams::default(), &object)
            .await
            .expect("a node is made");
        eventually("the node is ready", async || {
            let found = nodes.get(&node.name).await.expect("the node is there");
            is_ready(&found) && taints(&found) == node.taints.as_array().map_or(0, Vec::len)
        })
        .await;
    }

    /// Makes a pod of one container with these requests and labels.
    pub async fn create_pod(&self, namespace: &str, name: &str, metadata: Value, requests: Value) -> Pod {
        let mut object = json!({"metadata": metadata, "spec": {"containers": [{
            "name": "spark-kubernetes-driver", "image": "none", "resources": {"requests": requests},
        }]}});
        object["metadata"]["name"] = json!(name);
        let pods: Api<Pod> = Api::namespaced(self.admin().await, namespace);
        pods.create(&PostParams::default(), &typed(object))
            .await
            .expect("a pod is made")
    }

    /// The pods of a namespace.
    pub async fn pods(&self, namespace: &str) -> Vec<Pod> {
        let pods: Api<Pod> = Api::namespaced(self.admin().await, namespace);
        pods.list(&ListParams::default())
            .await
            .expect("pods are listed")
            .items
    }

    /// The `SparkApplication`s of a namespace, by the tests' own user.
    pub async fn applications(&self, namespace: &str) -> Api<DynamicObject> {
        applications(self.admin().await, namespace)
    }

    /// All `SparkApplication`s of a namespace as they are now.
    pub async fn list_applications(&self, namespace: &str) -> Vec<DynamicObject> {
        let api = self.applications(namespace).await;
        api.list(&ListParams::default())
            .await
            .expect("applications are listed")
            .items
    }

    /// Creates a `SparkApplication` under strict field validation: an unknown field is refused, as the broker does it.
    pub async fn create_application(&self, namespace: &str, object: &Value) -> Result<DynamicObject, Error> {
        create_strictly(self.admin().await, namespace, object).await
    }

    /// Replaces the whole `.status` of a `SparkApplication`, as the operator does it, whatever version it has by now.
    pub async fn set_status(&self, namespace: &str, name: &str, status: &Value) {
        set_status(&self.applications(namespace).await, name, status).await;
    }
}

/// The `SparkApplication`s of a namespace, by `client`.
pub fn applications(client: Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client, namespace, &spark_application())
}

/// See [`ControlPlane::create_application`].
pub async fn create_strictly(
    client: Client,
    namespace: &str,
    object: &Value,
) -> Result<DynamicObject, Error> {
    let path = format!("/apis/sparkoperator.k8s.io/v1beta2/namespaces/{namespace}/sparkapplications");
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{path}?fieldValidation=Strict"))
        .header("content-type", "application/json")
        .body(object.to_string().into_bytes())
        .expect("a path and a body are a request");
    client.request(request).await
}

/// See [`ControlPlane::set_status`].
///
/// # Panics
///
/// If the object isn't there, or the status is refused.
pub async fn set_status(applications: &Api<DynamicObject>, name: &str, status: &Value) {
    let written = try_set_status(applications, name, status).await;
    written.unwrap_or_else(|error| panic!("the status of {name} can't be written: {error}"));
}

/// The same, for callers that bear an API server that is away.
pub async fn try_set_status(
    applications: &Api<DynamicObject>,
    name: &str,
    status: &Value,
) -> Result<(), Error> {
    loop {
        let mut object = applications.get(name).await?;
        object.data["status"] = status.clone();
        match applications
            .replace_status(name, &PostParams::default(), &object)
            .await
        {
            Ok(_) => return Ok(()),
            Err(Error::Api(refusal)) if refusal.code == 409 => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_ready(node: &NodeObject) -> bool {
    let conditions = node
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn taints(node: &NodeObject) -> usize {
    node.spec
        .iter()
        .flat_map(|spec| spec.taints.iter().flatten())
        .count()
}

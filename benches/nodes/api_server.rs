//! A simulated API server: makes nodes and pods as they are asked for, keeps none, and tells of changes once.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use futures::stream::{self, StreamExt};
use http::{Request, Response};
use serde_json::{Value, json};
use spark_broker::ports::cluster::CapacityView;

/// Where our objects would be.
pub const NAMESPACE: &str = "spark-jobs";
/// Millicores that each pod requests at first; a changed one requests one more.
const CPU: u64 = 100;
/// Between the end of the lists and the changes.
const CALM: Duration = Duration::from_secs(3);

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    pub nodes: usize,
    pub pods: usize,
    /// How many pods are changed.
    pub changes: usize,
}

/// A client of a server with so much.
pub fn client(scale: Scale) -> kube::Client {
    let changed = Arc::new(AtomicBool::new(false));
    let service = tower::service_fn(move |request: Request<kube::client::Body>| {
        let answer = answer(scale, &changed, &request);
        async move { Ok::<_, Infallible>(answer) }
    });
    kube::Client::new(service, NAMESPACE)
}

/// How many changes of pods a view shows.
pub fn grown(view: &CapacityView) -> u64 {
    let sum = |of: fn(&spark_broker::model::Resources) -> u64| -> u64 {
        view.nodes.iter().map(|node| of(&node.requested)).sum()
    };
    sum(|requested| requested.cpu.0) - CPU * sum(|requested| requested.pods)
}

fn answer(scale: Scale, changed: &Arc<AtomicBool>, request: &Request<kube::client::Body>) -> Response<Body> {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let number = |name: &str| -> Option<usize> {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name)?.1.parse().ok()
    };
    let watches = query.contains("watch=");
    let body = match path {
        "/api/v1/pods" if watches && !changed.swap(true, Ordering::SeqCst) => changes(scale),
        _ if watches => silence(number("timeoutSeconds").unwrap_or(25)),
        "/api/v1/nodes" => page(scale.nodes, number("continue"), number("limit"), node),
        "/api/v1/pods" => page(scale.pods, number("continue"), number("limit"), |n| {
            pod(n, scale, 0)
        }),
        "/api/v1/namespaces/spark-jobs" => Body::from(r#"{"metadata": {"name": "spark-jobs", "uid": "n"}}"#),
        _ => page(0, None, None, |_| Value::Null),
    };
    Response::builder()
        .header("content-type", "application/json")
        .body(body)
        .unwrap()
}

/// So many from `from` on, `limit` at most.
fn page(all: usize, from: Option<usize>, limit: Option<usize>, make: impl Fn(usize) -> Value) -> Body {
    let from = from.unwrap_or(0);
    let to = limit.map_or(all, |limit| all.min(from + limit));
    let next = if to < all { to.to_string() } else { String::new() };
    let items: Vec<Value> = (from..to).map(make).collect();
    let list = json!({"metadata": {"resourceVersion": "1", "continue": next}, "items": items});
    Body::from(list.to_string())
}

/// A watch that ends in time and says nothing.
fn silence(seconds: usize) -> Body {
    let end = stream::once(async move {
        tokio::time::sleep(Duration::from_secs(seconds as u64)).await;
        Ok::<_, Infallible>(String::new())
    });
    Body::from_stream(end)
}

/// One event of each pod that is changed, as fast as they are read.
fn changes(scale: Scale) -> Body {
    let events = stream::iter(0..scale.changes).then(move |n| async move {
        // As a socket does: whoever reads comes to its timers, too.
        tokio::task::coop::consume_budget().await;
        let event = json!({"type": "MODIFIED", "object": pod(n, scale, 1)});
        Ok::<_, Infallible>(format!("{event}\n"))
    });
    let calm = stream::once(tokio::time::sleep(CALM)).filter_map(|()| async { None });
    Body::from_stream(calm.chain(events).chain(stream::pending()))
}

/// With the labels that a node of EKS has, about 30.
fn node(n: usize) -> Value {
    let mut labels: serde_json::Map<String, Value> = (0..25)
        .map(|n| {
            (
                format!("example.com/label-{n}"),
                json!(format!("value-of-label-{n}")),
            )
        })
        .collect();
    labels.insert("kubernetes.io/hostname".into(), json!(name_of_node(n)));
    labels.insert("node.kubernetes.io/instance-type".into(), json!("m5.8xlarge"));
    labels.insert(
        "topology.kubernetes.io/zone".into(),
        json!(format!("eu-west-1{}", ["a", "b", "c"][n % 3])),
    );
    let room =
        json!({"cpu": "31850m", "memory": "126591632Ki", "pods": "234", "ephemeral-storage": "95551679124"});
    json!({
        "metadata": {"name": name_of_node(n), "uid": format!("node-{n}"), "resourceVersion": "1", "labels": labels},
        "spec": {"providerID": format!("aws:///eu-west-1a/i-{n:017x}")},
        "status": {
            "allocatable": room, "capacity": room,
            "conditions": [
                {"type": "MemoryPressure", "status": "False"},
                {"type": "Ready", "status": "True", "reason": "KubeletReady"},
            ],
            "images": (0..50).map(|n| json!({
                "names": [format!("registry.example.com/image-{n}@sha256:{n:064x}")], "sizeBytes": 300_000_000 + n,
            })).collect::<Vec<_>>(),
        },
    })
}

fn name_of_node(n: usize) -> String {
    format!(
        "ip-10-{}-{}-{}.eu-west-1.compute.internal",
        n / 65_536,
        n / 256 % 256,
        n % 256
    )
}

/// Of a service of somebody else's; `more` millicores than at first.
fn pod(n: usize, scale: Scale, more: u64) -> Value {
    let environment: Vec<Value> = (0..20)
        .map(|n| json!({"name": format!("VARIABLE_{n}"), "value": format!("the value of variable {n}")}))
        .collect();
    json!({
        "metadata": {
            "name": format!("service-{n}-5d8f9c7b6-x{n:04}"), "namespace": format!("team-{}", n % 100),
            "uid": format!("pod-{n}"), "resourceVersion": (1 + more).to_string(),
            "labels": {"app": format!("service-{n}"), "pod-template-hash": "5d8f9c7b6"},
        },
        "spec": {
            "nodeName": name_of_node(n % scale.nodes),
            "containers": [{
                "name": "main", "image": "registry.example.com/image-1", "env": environment,
                "resources": {"requests": {"cpu": format!("{}m", CPU + more), "memory": "256Mi"}},
            }],
        },
        "status": {"phase": "Running", "podIP": "10.0.0.1"},
    })
}

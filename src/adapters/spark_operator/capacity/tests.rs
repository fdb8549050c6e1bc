use serde_json::{Value, json};

use super::*;

const OURS: &str = "0b5c8d3e";

fn node(name: &str, spec: Value, ready: &str) -> Node {
    let value = json!({
        "metadata": {"name": name},
        "spec": spec,
        "status": {
            "allocatable": {"cpu": "4", "memory": "16Gi", "pods": "110", "ephemeral-storage": "1Ti"},
            "conditions": [{"type": "Ready", "status": ready}],
        },
    });
    serde_json::from_value(value).unwrap()
}

fn pod(name: &str, node: Option<&str>, phase: &str, app: Option<&str>) -> Pod {
    let labels = match app {
        Some(app) => json!({(marks::INSTALLATION): OURS, "sparkoperator.k8s.io/app-name": app}),
        None => json!({}),
    };
    let value = json!({
        "metadata": {"name": name, "namespace": "jobs", "labels": labels},
        "spec": {
            "nodeName": node,
            "containers": [{"name": "c", "resources": {"requests": {"cpu": "1", "memory": "2Gi"}}}],
        },
        "status": {"phase": phase},
    });
    serde_json::from_value(value).unwrap()
}

fn capacity() -> Capacity {
    let mut capacity = Capacity::new(OURS.parse().unwrap(), "jobs");
    capacity.node(&node("n1", json!({}), "True"));
    capacity
}

fn cpu_requested(capacity: &Capacity) -> u64 {
    capacity.view().nodes[0].requested.cpu.0
}

#[test]
fn a_pod_counts_from_its_binding_until_its_end() {
    let mut capacity = capacity();
    capacity.pod(&pod("a", None, "Pending", None));
    assert_eq!(cpu_requested(&capacity), 0);
    capacity.pod(&pod("a", Some("n1"), "Pending", None));
    capacity.pod(&pod("a", Some("n1"), "Running", None));
    assert_eq!(cpu_requested(&capacity), 1000);
    assert_eq!(capacity.view().nodes[0].requested.pods, 1);
    capacity.pod(&pod("a", Some("n1"), "Succeeded", None));
    assert_eq!(cpu_requested(&capacity), 0);
    capacity.pod_gone(&pod("a", Some("n1"), "Succeeded", None));
    assert_eq!(cpu_requested(&capacity), 0);
}

/// Two clusters of ours may be namespaces of one: each is told of its own pods, and all of them take room.
#[test]
fn pods_of_ours_in_another_namespace_take_room_but_are_not_told_as_ours() {
    let mut capacity = capacity();
    let mut elsewhere = pod("d", Some("n1"), "Running", Some("sb-x-a1"));
    elsewhere.metadata.namespace = Some("others".into());
    capacity.pod(&elsewhere);
    assert_eq!(cpu_requested(&capacity), 1000);
    assert!(capacity.bound().is_empty() && capacity.made().is_empty());
}

#[test]
fn pods_of_ours_are_told_by_their_object() {
    let mut capacity = capacity();
    capacity.pod(&pod("d", Some("n1"), "Running", Some("sb-x-a1")));
    capacity.pod(&pod("e", Some("n1"), "Running", Some("sb-x-a1")));
    capacity.pod(&pod("f", None, "Pending", Some("sb-x-a1")));
    capacity.pod(&pod("o", Some("n1"), "Running", None));
    let view = capacity.view();
    assert_eq!(view.bound.len(), 1);
    assert_eq!(
        (
            view.bound[0].0.as_str(),
            view.bound[0].1.cpu.0,
            view.bound[0].1.pods
        ),
        ("sb-x-a1", 2000, 2)
    );
    assert_eq!(cpu_requested(&capacity), 3000);
    assert_eq!(
        view.nodes[0].strangers,
        view.nodes[0].requested.minus(&view.bound[0].1)
    );
    capacity.pod_gone(&pod("o", None, "", None));
    assert_eq!(capacity.view().nodes[0].strangers, Resources::default());
    capacity.pod_gone(&pod("d", None, "", None));
    capacity.pod_gone(&pod("e", None, "", None));
    assert_eq!(capacity.view().bound, []);
}

#[test]
fn a_node_that_takes_no_pods_is_no_capacity() {
    let unusable = [
        node("n1", json!({"unschedulable": true}), "True"),
        node("n1", json!({}), "False"),
        node("n1", json!({}), "Unknown"),
    ];
    for node in unusable {
        let mut capacity = capacity();
        capacity.node(&node);
        assert_eq!(capacity.view().nodes, [], "{node:?}");
    }
}

/// Two watches tell of nodes and of pods: either may be first.
#[test]
fn a_node_that_comes_is_as_large_as_what_was_bound_to_it_until_it_is_ready() {
    let mut capacity = capacity();
    capacity.pod(&pod("d", Some("n2"), "Pending", Some("sb-x-a1")));
    let cpu = |capacity: &Capacity| -> Vec<(String, u64, u64)> {
        let view = capacity.view().nodes.into_iter();
        view.map(|n| (n.name, n.allocatable.cpu.0, n.requested.cpu.0))
            .collect()
    };
    let (n1, n2) = (("n1".to_owned(), 4000, 0), |allocatable| {
        ("n2".to_owned(), allocatable, 1000)
    });
    assert_eq!(cpu(&capacity), [n1.clone(), n2(1000)]);
    capacity.node(&node("n2", json!({}), "False"));
    assert_eq!(cpu(&capacity), [n1.clone(), n2(1000)]);
    capacity.node(&node("n2", json!({}), "True"));
    assert_eq!(cpu(&capacity), [n1.clone(), n2(4000)]);
    capacity.node(&node("n2", json!({}), "False"));
    assert_eq!(cpu(&capacity), [n1], "it was there before");
}

#[test]
fn a_node_tells_its_labels_and_the_taints_that_keep_pods_away() {
    let mut labelled = node(
        "n1",
        json!({"taints": [
            {"key": "soft", "effect": "PreferNoSchedule"},
            {"key": "gpu", "value": "yes", "effect": "NoSchedule"},
            {"key": "bad", "effect": "NoExecute"},
        ]}),
        "True",
    );
    let labels = [("pool", "spark"), ("kubernetes.io/hostname", "n1")];
    labelled.metadata.labels = Some(labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    let mut capacity = capacity();
    capacity.node(&labelled);
    let told = serde_json::to_value(&*capacity.view().nodes[0].traits).unwrap();
    assert_eq!(
        told,
        json!({"labels": {"pool": "spark"}, "taints": [
            {"key": "gpu", "value": "yes", "effect": "NoSchedule"},
            {"key": "bad", "value": "", "effect": "NoExecute"},
        ]})
    );
}

#[test]
fn what_runs_on_a_node_is_still_known_when_the_node_is_back() {
    let mut capacity = capacity();
    capacity.pod(&pod("a", Some("n1"), "Running", None));
    capacity.node(&node("n1", json!({"unschedulable": true}), "True"));
    capacity.node(&node("n1", json!({}), "True"));
    assert_eq!(cpu_requested(&capacity), 1000);
}

//! Where a cluster's capacity is read from, and what its autoscaler may still add.

use super::faults::Checks;
use super::raw_cluster::{RawCapacity, RawNode, RawProvisionable};
use crate::model::Resources;
use crate::routing::{CapacitySource, Provisionable};

/// The kubelet's own default (`maxPods`, kubernetes.io, "KubeletConfiguration").
const PODS_PER_NODE: u64 = 110;

/// Sources and provisionable nodes.
pub(super) fn capacity(
    raw: RawCapacity,
    path: &str,
    checks: &mut Checks,
) -> (Vec<CapacitySource>, Option<Provisionable>) {
    let mut sources = Vec::new();
    for (n, source) in raw.sources.unwrap_or_default().iter().enumerate() {
        match source.as_str() {
            "nodes" if sources.is_empty() => sources.push(CapacitySource::Nodes),
            other => checks.fault(
                &format!("{path}.sources[{n}]"),
                format!("{other:?}"),
                "nodes, once",
            ),
        }
    }
    let place = format!("{path}.provisionable");
    if raw.provisionable.is_some() && sources.is_empty() {
        checks.fault(
            &place,
            "a setting without sources: [nodes]",
            "no such key, or sources: [nodes]",
        );
    }
    let provisionable = raw.provisionable.and_then(|p| provisionable(p, &place, checks));
    (sources, provisionable)
}

fn provisionable(raw: RawProvisionable, path: &str, checks: &mut Checks) -> Option<Provisionable> {
    let at = |key: &str| format!("{path}.{key}");
    let node = checks.required(
        &at("largestNode"),
        raw.largest_node,
        "{cores, memory} of the largest node",
    );
    let node = node.and_then(|node| largest_node(node, &at("largestNode"), checks));
    let cores = checks.required(&at("cores"), raw.cores, "cores altogether");
    let memory = checks.required(&at("memory"), raw.memory, "memory altogether");
    let cores = checks.cores(&at("cores"), cores.as_ref());
    let memory = checks.memory(&at("memory"), memory.as_ref());
    let (node, cores, memory) = (node?, cores?, memory?);
    // The pods of all nodes together aren't limited: each node's own limit counts.
    let mut total = Resources::new(cores, memory, 0);
    total.extended = raw.extended.unwrap_or_default();
    if node.cpu > total.cpu || node.memory > total.memory {
        checks.fault(
            &at("largestNode"),
            "a node larger than the whole",
            "at most cores and memory altogether",
        );
    }
    Some(Provisionable {
        total,
        largest_node: node,
    })
}

fn largest_node(raw: RawNode, path: &str, checks: &mut Checks) -> Option<Resources> {
    let at = |key: &str| format!("{path}.{key}");
    let cores = checks.required(&at("cores"), raw.cores, "its cores");
    let memory = checks.required(&at("memory"), raw.memory, "its memory");
    let cores = checks.cores(&at("cores"), cores.as_ref());
    let memory = checks.memory(&at("memory"), memory.as_ref());
    let mut node = Resources::new(cores?, memory?, raw.pods.unwrap_or(PODS_PER_NODE));
    node.extended = raw.extended.unwrap_or_default();
    Some(node)
}

//! What nodes have and what the pods on them request, kept up with each event.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::api::core::v1::{Node, Pod};

use super::quantity::resources;
use super::requests;
use crate::model::{InstallationId, Resources};
use crate::ports::cluster::{CapacityView, NodeView};
use crate::watch::marks;

/// One pod on a node, pruned to what is counted.
#[derive(Debug)]
struct Bound {
    node: String,
    requests: Resources,
    /// The object that it belongs to, where it is ours.
    object: Option<String>,
}

/// Nodes, and the pods bound to them.
#[derive(Debug)]
pub(super) struct Capacity {
    installation: InstallationId,
    /// Ready, schedulable nodes and what they have for pods.
    nodes: BTreeMap<String, Resources>,
    /// By namespace and name.
    pods: HashMap<(String, String), Bound>,
    requested: HashMap<String, Resources>,
    ours: BTreeMap<String, Resources>,
}

impl Capacity {
    pub(super) fn new(installation: InstallationId) -> Self {
        Self {
            installation,
            nodes: BTreeMap::new(),
            pods: HashMap::new(),
            requested: HashMap::new(),
            ours: BTreeMap::new(),
        }
    }

    /// Takes a node in, or out where it takes no pods.
    pub(super) fn node(&mut self, node: &Node) {
        let Some(name) = &node.metadata.name else { return };
        if usable(node) {
            let status = node.status.as_ref();
            let allocatable = status.and_then(|s| s.allocatable.as_ref()).map(resources);
            self.nodes.insert(name.clone(), allocatable.unwrap_or_default());
        } else {
            self.nodes.remove(name);
        }
    }

    /// A node is gone. What still claims to be on it stays counted until it goes too.
    pub(super) fn node_gone(&mut self, node: &Node) {
        if let Some(name) = &node.metadata.name {
            self.nodes.remove(name);
        }
    }

    /// Takes a pod in, in the place of what was known of it.
    pub(super) fn pod(&mut self, pod: &Pod) {
        self.pod_gone(pod);
        let Some((key, bound)) = key(pod).zip(self.bound(pod)) else {
            return;
        };
        add(
            self.requested.entry(bound.node.clone()).or_default(),
            &bound.requests,
        );
        if let Some(object) = &bound.object {
            add(self.ours.entry(object.clone()).or_default(), &bound.requests);
        }
        self.pods.insert(key, bound);
    }

    /// A pod is gone.
    pub(super) fn pod_gone(&mut self, pod: &Pod) {
        let Some(bound) = key(pod).and_then(|key| self.pods.remove(&key)) else {
            return;
        };
        if let Some(sum) = self.requested.get_mut(&bound.node) {
            take(sum, &bound.requests);
            if sum.pods == 0 {
                self.requested.remove(&bound.node);
            }
        }
        let Some(object) = bound.object else { return };
        if let Some(sum) = self.ours.get_mut(&object) {
            take(sum, &bound.requests);
            if sum.pods == 0 {
                self.ours.remove(&object);
            }
        }
    }

    /// What the cluster can take now.
    pub(super) fn view(&self) -> CapacityView {
        let node = |(name, allocatable): (&String, &Resources)| NodeView {
            name: name.clone(),
            allocatable: allocatable.clone(),
            requested: self.requested.get(name).cloned().unwrap_or_default(),
        };
        CapacityView {
            nodes: self.nodes.iter().map(node).collect(),
            bound: self
                .ours
                .iter()
                .map(|(name, sum)| (name.clone(), sum.clone()))
                .collect(),
        }
    }

    /// The pod, if it has a node and hasn't ended: an ended pod gives back what it requested.
    fn bound(&self, pod: &Pod) -> Option<Bound> {
        let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
        if matches!(phase, Some("Succeeded" | "Failed")) {
            return None;
        }
        let node = pod
            .spec
            .as_ref()?
            .node_name
            .clone()
            .filter(|name| !name.is_empty())?;
        Some(Bound {
            node,
            requests: requests::of_pod(pod),
            object: self.object_of(pod),
        })
    }

    fn object_of(&self, pod: &Pod) -> Option<String> {
        let labels = pod.metadata.labels.as_ref()?;
        let ours = labels.get(marks::INSTALLATION)? == self.installation.as_str();
        ours.then(|| labels.get("sparkoperator.k8s.io/app-name").cloned())?
    }
}

fn key(pod: &Pod) -> Option<(String, String)> {
    Some((pod.metadata.namespace.clone()?, pod.metadata.name.clone()?))
}

fn add(sum: &mut Resources, one: &Resources) {
    *sum = sum.plus(one);
}

fn take(sum: &mut Resources, one: &Resources) {
    *sum = sum.minus(one);
}

/// Ready, not cordoned, and without a taint that keeps pods away: which pods tolerate one isn't known here.
fn usable(node: &Node) -> bool {
    let spec = node.spec.as_ref();
    let cordoned = spec.and_then(|s| s.unschedulable).unwrap_or(false);
    let mut taints = spec.and_then(|s| s.taints.as_ref()).into_iter().flatten();
    let tainted = taints.any(|taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute"));
    let mut conditions = node
        .status
        .as_ref()
        .and_then(|s| s.conditions.as_ref())
        .into_iter()
        .flatten();
    let ready = conditions.any(|c| c.type_ == "Ready" && c.status == "True");
    ready && !cordoned && !tainted && node.metadata.deletion_timestamp.is_none()
}

#[cfg(test)]
mod tests;

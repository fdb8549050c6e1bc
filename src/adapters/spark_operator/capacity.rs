//! What nodes have and what the pods on them request, kept up with each event.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};

use super::quantity::resources;
use super::requests;
use crate::model::{InstallationId, NAMES_OF_NODES, NodeTraits, Resources, Taint, TaintEffect};
use crate::ports::cluster::{CapacityView, NodeView};
use crate::watch::marks;

/// One pod, pruned to what is counted.
#[derive(Debug)]
struct Counted {
    /// Absent: it waits for one.
    node: Option<String>,
    requests: Resources,
    /// The object that it belongs to, where it is ours.
    object: Option<String>,
}

/// Nodes, and the pods bound to them.
#[derive(Debug)]
pub(super) struct Capacity {
    installation: InstallationId,
    /// Of our objects here: those of another namespace are another cluster's.
    namespace: String,
    /// Ready, schedulable nodes and what they have for pods.
    nodes: BTreeMap<String, (Resources, Arc<NodeTraits>)>,
    /// Nodes that have been so.
    known: BTreeSet<String>,
    /// By namespace and name.
    pods: HashMap<(String, String), Counted>,
    requested: BTreeMap<String, Resources>,
    /// What pods of other parties request of that.
    strangers: BTreeMap<String, Resources>,
    /// Pods of ours on nodes, by object.
    bound: BTreeMap<String, Resources>,
    /// Pods of ours, by object.
    made: BTreeMap<String, Resources>,
}

impl Capacity {
    pub(super) fn new(installation: InstallationId, namespace: &str) -> Self {
        Self {
            installation,
            namespace: namespace.to_owned(),
            nodes: BTreeMap::new(),
            known: BTreeSet::new(),
            pods: HashMap::new(),
            requested: BTreeMap::new(),
            strangers: BTreeMap::new(),
            bound: BTreeMap::new(),
            made: BTreeMap::new(),
        }
    }

    /// Takes a node in, or out where it takes no pods.
    pub(super) fn node(&mut self, node: &Node) {
        let Some(name) = &node.metadata.name else { return };
        if usable(node) {
            let status = node.status.as_ref();
            let allocatable = status.and_then(|s| s.allocatable.as_ref()).map(resources);
            let known = (allocatable.unwrap_or_default(), traits(node));
            self.nodes.insert(name.clone(), known);
            self.known.insert(name.clone());
        } else {
            self.nodes.remove(name);
        }
    }

    /// A node is gone. What still claims to be on it stays counted until it goes too.
    pub(super) fn node_gone(&mut self, node: &Node) {
        if let Some(name) = &node.metadata.name {
            self.nodes.remove(name);
            if !self.requested.contains_key(name) {
                self.known.remove(name);
            }
        }
    }

    /// Takes a pod in, in the place of what was known of it.
    pub(super) fn pod(&mut self, pod: &Pod) {
        self.pod_gone(pod);
        let Some((key, pod)) = key(pod).zip(self.counted(pod)) else {
            return;
        };
        if let Some(node) = &pod.node {
            add(&mut self.requested, node, &pod.requests);
            if pod.object.is_none() {
                add(&mut self.strangers, node, &pod.requests);
            }
        }
        if let Some(object) = &pod.object {
            add(&mut self.made, object, &pod.requests);
            if pod.node.is_some() {
                add(&mut self.bound, object, &pod.requests);
            }
        }
        self.pods.insert(key, pod);
    }

    /// A pod is gone.
    pub(super) fn pod_gone(&mut self, pod: &Pod) {
        let Some(pod) = key(pod).and_then(|key| self.pods.remove(&key)) else {
            return;
        };
        if let Some(node) = &pod.node {
            take(&mut self.requested, node, &pod.requests);
            if pod.object.is_none() {
                take(&mut self.strangers, node, &pod.requests);
            }
        }
        if let Some(object) = &pod.object {
            take(&mut self.made, object, &pod.requests);
            if pod.node.is_some() {
                take(&mut self.bound, object, &pod.requests);
            }
        }
    }

    /// What the cluster can take now. A node that has never been ready here, though pods are on it, is on its way: it is
    /// told as large as they are, so that what an autoscaler may still add is less by them.
    pub(super) fn view(&self) -> CapacityView {
        let node = |(name, (allocatable, traits)): (&String, &(Resources, Arc<NodeTraits>))| NodeView {
            name: name.clone(),
            allocatable: allocatable.clone(),
            requested: self.requested.get(name).cloned().unwrap_or_default(),
            strangers: self.strangers.get(name).cloned().unwrap_or_default(),
            traits: traits.clone(),
        };
        let comes = |(name, _): &(&String, &Resources)| !self.known.contains(*name);
        let coming = self
            .requested
            .iter()
            .filter(comes)
            .map(|(name, requested)| NodeView {
                name: name.clone(),
                allocatable: requested.clone(),
                requested: requested.clone(),
                strangers: self.strangers.get(name).cloned().unwrap_or_default(),
                traits: Arc::default(),
            });
        CapacityView {
            nodes: self.nodes.iter().map(node).chain(coming).collect(),
            bound: self.bound(),
        }
    }

    /// What pods of ours on nodes request, by object name.
    pub(super) fn bound(&self) -> Vec<(String, Resources)> {
        self.bound.clone().into_iter().collect()
    }

    /// What pods of ours request, on a node or not, by object name.
    pub(super) fn made(&self) -> Vec<(String, Resources)> {
        self.made.clone().into_iter().collect()
    }

    /// The pod, if it counts: one that has ended gives back what it requested, and of those without a node only ours are
    /// of use.
    fn counted(&self, pod: &Pod) -> Option<Counted> {
        let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
        if matches!(phase, Some("Succeeded" | "Failed")) {
            return None;
        }
        let node = pod.spec.as_ref()?.node_name.clone();
        let node = node.filter(|name| !name.is_empty());
        let object = self.object_of(pod);
        if node.is_none() && object.is_none() {
            return None;
        }
        Some(Counted {
            node,
            requests: requests::of_pod(pod),
            object,
        })
    }

    fn object_of(&self, pod: &Pod) -> Option<String> {
        let labels = pod.metadata.labels.as_ref()?;
        let is_ours = labels.get(marks::INSTALLATION)? == self.installation.as_str();
        let is_here = pod.metadata.namespace.as_ref() == Some(&self.namespace);
        (is_ours && is_here).then(|| labels.get("sparkoperator.k8s.io/app-name").cloned())?
    }
}

fn key(pod: &Pod) -> Option<(String, String)> {
    Some((pod.metadata.namespace.clone()?, pod.metadata.name.clone()?))
}

fn add(sums: &mut BTreeMap<String, Resources>, name: &str, one: &Resources) {
    let sum = sums.entry(name.to_owned()).or_default();
    *sum = sum.plus(one);
}

fn take(sums: &mut BTreeMap<String, Resources>, name: &str, one: &Resources) {
    if let Some(sum) = sums.get_mut(name) {
        *sum = sum.minus(one);
        if sum.pods == 0 {
            sums.remove(name);
        }
    }
}

/// Ready, and not cordoned.
fn usable(node: &Node) -> bool {
    let spec = node.spec.as_ref();
    let cordoned = spec.and_then(|s| s.unschedulable).unwrap_or(false);
    let mut conditions = node
        .status
        .as_ref()
        .and_then(|s| s.conditions.as_ref())
        .into_iter()
        .flatten();
    let ready = conditions.any(|c| c.type_ == "Ready" && c.status == "True");
    ready && !cordoned && node.metadata.deletion_timestamp.is_none()
}

/// Labels and taints, without the labels that name one node alone and would make every node another kind.
fn traits(node: &Node) -> Arc<NodeTraits> {
    let labels = node.metadata.labels.iter().flatten();
    let kinds = labels.filter(|(name, _)| !NAMES_OF_NODES.contains(&name.as_str()));
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    Arc::new(NodeTraits {
        labels: kinds.map(|(name, value)| (name.clone(), value.clone())).collect(),
        taints: taints.into_iter().flatten().filter_map(taint).collect(),
    })
}

fn taint(taint: &k8s_openapi::api::core::v1::Taint) -> Option<Taint> {
    let effect = match taint.effect.as_str() {
        "NoSchedule" => TaintEffect::NoSchedule,
        "NoExecute" => TaintEffect::NoExecute,
        _ => return None,
    };
    Some(Taint {
        key: taint.key.clone(),
        value: taint.value.clone().unwrap_or_default(),
        effect,
    })
}

#[cfg(test)]
mod tests;

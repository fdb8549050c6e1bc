//! What the watches of capacity have shown in a session, and what of it is still to be told.

use k8s_openapi::api::core::v1::{Node, Pod, ResourceQuota};
use kube::runtime::watcher::Event;

use super::Sources;
use super::capacity::Capacity;
use super::quotas::Quotas;
use crate::model::{InstallationId, Resources};
use crate::ports::cluster::{CapacityView, ClusterEvent, PoolsView};
use crate::routing::CapacitySource;

/// What a watch of capacity says.
pub(super) enum Measured {
    Node(Box<Event<Node>>),
    Pod(Box<Event<Pod>>),
    Quota(Box<Event<ResourceQuota>>),
}

/// Nodes, quotas and pods.
pub(super) struct Measures {
    nodes: bool,
    quota: bool,
    capacity: Capacity,
    quotas: Quotas,
    /// Lists that aren't complete.
    listing: u8,
    dirty: bool,
    told: Option<CapacityView>,
    told_quotas: Option<PoolsView>,
}

impl Measures {
    pub(super) fn new(installation: InstallationId, namespace: &str, sources: &Sources) -> Self {
        let lists = [sources.nodes, sources.quota, sources.sees_our_pods()];
        Self {
            nodes: sources.nodes,
            quota: sources.quota,
            capacity: Capacity::new(installation, namespace),
            quotas: Quotas::default(),
            listing: lists.into_iter().map(u8::from).sum(),
            dirty: true,
            told: None,
            told_quotas: None,
        }
    }

    pub(super) fn take(&mut self, seen: Measured) {
        self.dirty = true;
        match seen {
            Measured::Node(event) => match *event {
                Event::Apply(node) | Event::InitApply(node) => self.capacity.node(&node),
                Event::Delete(node) => self.capacity.node_gone(&node),
                Event::Init => {}
                Event::InitDone => self.list_done(),
            },
            Measured::Pod(event) => match *event {
                Event::Apply(pod) | Event::InitApply(pod) => self.capacity.pod(&pod),
                Event::Delete(pod) => self.capacity.pod_gone(&pod),
                Event::Init => {}
                Event::InitDone => self.list_done(),
            },
            Measured::Quota(event) => match *event {
                Event::Apply(quota) | Event::InitApply(quota) => self.quotas.quota(&quota),
                Event::Delete(quota) => self.quotas.quota_gone(&quota),
                Event::Init => {}
                Event::InitDone => self.list_done(),
            },
        }
    }

    fn list_done(&mut self) {
        self.listing = self.listing.saturating_sub(1);
    }

    /// Whether every list is complete.
    pub(super) fn is_complete(&self) -> bool {
        self.listing == 0
    }

    /// What pods of ours on nodes request, by object name.
    pub(super) fn bound(&self) -> Vec<(String, Resources)> {
        self.capacity.bound()
    }

    /// What has changed since it was told last.
    pub(super) fn changed(&mut self) -> Vec<ClusterEvent> {
        let mut out = Vec::new();
        if !std::mem::take(&mut self.dirty) {
            return out;
        }
        if self.nodes {
            let view = self.capacity.view();
            if self.told.as_ref() != Some(&view) {
                self.told = Some(view.clone());
                out.push(ClusterEvent::Capacity(Box::new(view)));
            }
        }
        if self.quota {
            let counted = self.capacity.made();
            let view = PoolsView {
                source: CapacitySource::Quota,
                pools: self.quotas.pools(&counted),
                counted,
            };
            if self.told_quotas.as_ref() != Some(&view) {
                self.told_quotas = Some(view.clone());
                out.push(ClusterEvent::Pools(Box::new(view)));
            }
        }
        out
    }
}

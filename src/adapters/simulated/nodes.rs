//! The nodes of a simulated cluster and what stands on them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Demand, Resources};
use crate::ports::cluster::NodeView;

/// Some nodes of one shape.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeGroup {
    /// How many.
    pub count: u32,
    /// What each has for pods.
    pub allocatable: Resources,
}

/// Where the pods of one application stand, by node name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Places {
    driver: String,
    executors: BTreeMap<String, u32>,
}

impl Places {
    /// How many executors stand.
    pub(super) fn executors(&self) -> u32 {
        self.executors.values().sum()
    }
}

/// All nodes.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    nodes: Vec<NodeView>,
}

impl Nodes {
    pub(super) fn new(groups: &[NodeGroup]) -> Self {
        let shapes = groups
            .iter()
            .flat_map(|g| (0..g.count).map(|_| g.allocatable.clone()));
        let node = |(i, allocatable)| NodeView {
            traits: Arc::default(),
            name: format!("node-{i}"),
            allocatable,
            requested: Resources::default(),
            strangers: Resources::default(),
        };
        Self {
            nodes: shapes.enumerate().map(node).collect(),
        }
    }

    pub(super) fn views(&self) -> Vec<NodeView> {
        self.nodes.clone()
    }

    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Places for the driver and all executors, each on the first node with room; `None` where one of them has none.
    pub(super) fn place(&self, demand: &Demand) -> Option<Places> {
        let mut room: Vec<Resources> = self
            .nodes
            .iter()
            .map(|n| n.allocatable.minus(&n.requested))
            .collect();
        let driver = self.first_fit(&mut room, &as_pod(&demand.driver), 0)?;
        let executor = as_pod(&demand.executor);
        let mut executors = BTreeMap::new();
        // What didn't fit a node once doesn't fit it later: the search goes on from the last hit.
        let mut from = 0;
        for _ in 0..demand.executors {
            from = self.first_fit(&mut room, &executor, from)?;
            *executors.entry(self.nodes[from].name.clone()).or_insert(0) += 1;
        }
        Some(Places {
            driver: self.nodes[driver].name.clone(),
            executors,
        })
    }

    fn first_fit(&self, room: &mut [Resources], pod: &Resources, from: usize) -> Option<usize> {
        let found = (from..room.len()).find(|i| pod.fits(&room[*i]))?;
        room[found] = room[found].minus(pod);
        Some(found)
    }

    /// Takes what `places` names off the nodes' room.
    pub(super) fn take(&mut self, places: &Places, demand: &Demand) {
        self.apply(places, demand, Resources::plus);
    }

    /// Gives it back.
    pub(super) fn give(&mut self, places: &Places, demand: &Demand) {
        self.apply(places, demand, Resources::minus);
    }

    /// A node that the configuration no longer has is passed over.
    fn apply(&mut self, places: &Places, demand: &Demand, op: fn(&Resources, &Resources) -> Resources) {
        for node in &mut self.nodes {
            if node.name == places.driver {
                node.requested = op(&node.requested, &as_pod(&demand.driver));
            }
            if let Some(count) = places.executors.get(&node.name) {
                let all = as_pod(&demand.executor).times(u64::from(*count));
                node.requested = op(&node.requested, &all);
            }
        }
    }
}

/// What one pod takes: itself too.
pub(super) fn as_pod(requests: &Resources) -> Resources {
    Resources {
        pods: 1,
        ..requests.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bytes, Millicores};

    fn pod(cpu: u64) -> Resources {
        Resources::new(Millicores(cpu), Bytes::mib(1024), 1)
    }

    #[test]
    fn either_all_pods_of_an_application_stand_or_none() {
        let shape = Resources::new(Millicores(2000), Bytes::mib(8192), 10);
        let mut nodes = Nodes::new(&[NodeGroup {
            count: 2,
            allocatable: shape,
        }]);
        let demand = |executors| Demand {
            driver: pod(1000),
            executor: pod(1000),
            executors,
            ..Demand::default()
        };
        let places = nodes.place(&demand(3)).unwrap();
        assert_eq!(places.executors(), 3);
        assert_eq!(nodes.place(&demand(4)), None);
        nodes.take(&places, &demand(3));
        assert_eq!(nodes.place(&demand(0)), None);
        let requested: Vec<u64> = nodes.views().iter().map(|n| n.requested.cpu.0).collect();
        assert_eq!(requested, [2000, 2000]);
        nodes.give(&places, &demand(3));
        assert!(nodes.views().iter().all(|n| n.requested == Resources::default()));
    }
}

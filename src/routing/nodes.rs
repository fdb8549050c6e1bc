//! What an autoscaler may still add to a cluster's nodes.

use super::{Node, Provisionable};
use crate::model::Resources;

/// The kubelet's default for the pods of a node.
const PODS_OF_A_NODE: u64 = 110;
/// More nodes than any autoscaler adds to one cluster; bounds the work for a mistaken setting.
const MOST_NODES: usize = 5_000;

/// What the nodes have for pods altogether.
pub(super) fn allocatable(nodes: &[Node]) -> Resources {
    nodes
        .iter()
        .fold(Resources::default(), |sum, node| sum.plus(&node.allocatable))
}

/// The nodes that may still be added when the cluster has grown by `grown`: as many of the largest as the total holds,
/// and a last one of the rest.
pub(super) fn addable(provisionable: &Provisionable, grown: &Resources) -> Vec<Resources> {
    let mut largest = provisionable.largest_node.clone();
    if largest.pods == 0 {
        largest.pods = PODS_OF_A_NODE;
    }
    let mut total = provisionable.total.clone();
    if total.pods == 0 {
        total.pods = u64::MAX;
    }
    let mut left = total.minus(grown);
    let mut nodes = Vec::new();
    while nodes.len() < MOST_NODES {
        let node = largest.min(&left);
        if node.cpu.0 == 0 || node.memory.0 == 0 || node.pods == 0 {
            break;
        }
        left = left.minus(&node);
        nodes.push(node);
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bytes, Millicores};

    fn amount(cores: u64, gib: u64) -> Resources {
        Resources::new(Millicores(cores * 1000), Bytes::mib(gib * 1024), 0)
    }

    #[test]
    fn the_largest_node_is_added_until_the_total_is_reached() {
        let provisionable = Provisionable {
            total: amount(40, 1024),
            largest_node: amount(16, 64),
            traits: None,
        };
        let cores = |grown| -> Vec<u64> {
            addable(&provisionable, &grown)
                .iter()
                .map(|node| node.cpu.0 / 1000)
                .collect()
        };
        assert_eq!(cores(Resources::default()), [16, 16, 8]);
        assert_eq!(cores(amount(16, 64)), [16, 8]);
        assert_eq!(cores(amount(40, 64)), [] as [u64; 0]);
    }
}

//! A node as scheduling sees it.

use std::sync::Arc;

use crate::model::{NodeTraits, Resources};

/// A schedulable, ready node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it has for pods.
    pub allocatable: Resources,
    /// What the pods on it request, ours included.
    pub requested: Resources,
    /// What those of other parties request of that: they may stay for ever.
    pub strangers: Resources,
    /// Its labels and taints.
    pub traits: Arc<NodeTraits>,
}

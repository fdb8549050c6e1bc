//! A node as scheduling sees it.

use crate::model::Resources;

/// A schedulable, ready node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it has for pods.
    pub allocatable: Resources,
    /// What the pods on it request, ours included.
    pub requested: Resources,
}

//! A cluster that isn't there: nodes, an operator's state machine and run times, behind the same port as a real one.
//!
//! The operator runs each object once: `restartPolicy` is not obeyed. A driver starts when it and all its initial
//! executors have room; what it then does is told by annotations (see [`Behaviour`]). With a data directory, objects
//! outlive the process and what runs goes on by wall-clock time.

mod application;
mod behaviour;
mod cluster;
mod file;
mod machine;
mod nodes;

pub use behaviour::{Behaviour, Failure};
pub use cluster::SimulatedCluster;
pub use nodes::NodeGroup;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use crate::model::{ClusterName, Demand};

/// What the pods of an object request, from its `spec`.
pub type DemandOf = Arc<dyn Fn(&Value) -> Demand + Send + Sync>;

/// What a simulated cluster is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Its name; its file has it too.
    pub name: ClusterName,
    /// The namespace of its objects.
    pub namespace: String,
    /// Its nodes.
    pub nodes: Vec<NodeGroup>,
    /// Where `<name>.json` is kept; absent: in memory alone.
    pub data_dir: Option<PathBuf>,
}

/// Why a simulated cluster can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its file can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Its file isn't one of ours.
    #[error("{path}: {source}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

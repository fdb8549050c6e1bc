//! What the scheduler is told, and asked.

use super::explaining::Question;
use crate::model::ClusterName;
use crate::ports::cluster::ClusterEvent;
use crate::ports::store::ClusterWishes;
use crate::submission::{BacklogEntry, Record};

/// Something the scheduler learns.
#[derive(Debug)]
pub enum Input {
    /// QUEUED submissions: from this pod's intake, or read from the store.
    Backlog(Vec<BacklogEntry>),
    /// Records read from `live` or `wishes`.
    Records(Vec<Record>),
    /// A cluster's watch said something.
    Cluster(ClusterName, ClusterEvent),
    /// What people wish of a cluster.
    Wishes(ClusterName, ClusterWishes),
    /// Somebody asks where a submission would go.
    Explain(Box<Question>),
}

//! What a scheduler's term begins with.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::broker::attempt::Attempt;
use crate::broker::hands::Hands;
use crate::broker::plan::Settling;
use crate::lifecycle::Rules;
use crate::model::{ClusterName, Domain, Epoch, InstallationId};
use crate::ports::store::Coordination;
use crate::routing::{RecordedCycle, Settings};
use crate::submission::Record;
use crate::telemetry::Metrics;

/// Writes a cycle down; called between the cycle and its first act.
pub type RecordCycle = Arc<dyn Fn(&RecordedCycle) + Send + Sync>;

/// What stays the same over the scheduler's term.
pub struct Term {
    /// The domain.
    pub domain: Domain,
    /// Who we are.
    pub installation: InstallationId,
    /// The epoch of this term.
    pub epoch: Epoch,
    /// The rules of the lifecycle.
    pub rules: Rules,
    /// Settling times.
    pub settling: Settling,
    /// Job queues and clusters.
    pub routing: Settings,
    /// What carries acts out.
    pub hands: Hands,
    /// Boards.
    pub coordination: Arc<dyn Coordination>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Where cycles are written down, if they are.
    pub record_cycle: Option<RecordCycle>,
    /// Until when the scheduler before this one followed clusters, as far as that is known.
    pub followed: HashMap<ClusterName, Timestamp>,
}

impl Term {
    /// An attempt found in the store.
    pub(super) fn attempt_of(&self, record: Record, now: Duration) -> Attempt {
        let followed = record
            .cluster
            .as_ref()
            .and_then(|name| self.followed.get(name))
            .copied();
        Attempt::found(record, now).watched(followed)
    }

    /// Whether the configuration lets the cluster serve the record's queue and Spark version.
    pub(super) fn serves(&self, name: &ClusterName, record: &Record) -> bool {
        let Some(cluster) = self.routing.clusters.iter().find(|c| c.name == *name) else {
            return false;
        };
        let by_queue = cluster
            .queues
            .as_ref()
            .is_none_or(|queues| queues.contains(&record.queue));
        let versions = &cluster.spark_versions;
        by_queue
            && (versions.is_empty() || record.spark_version.as_ref().is_none_or(|v| versions.contains(v)))
    }
}

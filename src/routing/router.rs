//! What is known of clusters and live submissions, kept up to date call by call.

use std::time::Duration;

use super::{Cycle, Explanation, Health, LiveJob, Node, Now, Settings};
use crate::backlog::Backlog;
use crate::model::{ClusterName, Resources, SubmissionId};
use crate::submission::BacklogEntry;

/// The scheduling core of one domain.
#[derive(Debug)]
pub struct Router {
    settings: Settings,
}

impl Router {
    /// A router that knows no live submission and no capacity yet. Every cluster begins unhealthy ("not connected yet").
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Other settings from the next cycle on. What is known of clusters that stay is kept; live submissions of a
    /// cluster or queue that is gone are kept until they are released.
    pub fn configure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// What the cluster's watches show. `bound`: what pods of ours that count in `nodes` request, by object name. `at`:
    /// when it was read, monotonic.
    pub fn set_capacity(
        &mut self,
        cluster: &ClusterName,
        nodes: &[Node],
        bound: &[(String, Resources)],
        at: Duration,
    ) {
        let _ = (cluster, nodes, bound, at);
    }

    /// The watches of the cluster are up: what was last said of its capacity was still so at `at` (monotonic). Told at
    /// least once within `view_limit`, since a watch says nothing while nothing changes.
    pub fn still_current(&mut self, cluster: &ClusterName, at: Duration) {
        let _ = (cluster, at);
    }

    /// Whether it can be given objects.
    pub fn set_health(&mut self, cluster: &ClusterName, health: Health) {
        let _ = (cluster, health);
    }

    /// Closes a cluster to new submissions, with a reason, or opens it.
    pub fn set_cordon(&mut self, cluster: &ClusterName, cordoned: Option<String>) {
        let _ = (cluster, cordoned);
    }

    /// A submission occupies a cluster that this router didn't place: after a takeover. A second call for an ID
    /// replaces the first.
    pub fn adopt_live(&mut self, job: LiveJob) {
        let _ = job;
    }

    /// The operator has picked the object up: it leaves the pending window.
    pub fn picked_up(&mut self, id: &SubmissionId) {
        let _ = id;
    }

    /// The submission occupies its cluster no longer: it has ended, or its intent was never written or did nothing.
    pub fn released(&mut self, id: &SubmissionId) {
        let _ = id;
    }

    /// Whether the submission occupies a cluster, and which.
    pub fn cluster_of(&self, id: &SubmissionId) -> Option<&ClusterName> {
        let _ = id;
        None
    }

    /// How many submissions occupy the cluster.
    pub fn live(&self, cluster: &ClusterName) -> u64 {
        let _ = cluster;
        0
    }

    /// Decides at most `max` placements and reserves them at once: the caller writes the intent of each, or tells
    /// [`Router::released`]. Entries that occupy a cluster already are passed over. Call [`Backlog::wake`] before.
    pub fn cycle(&mut self, backlog: &Backlog, now: Now, max: usize) -> Cycle {
        let _ = (backlog, now, max);
        Cycle::default()
    }

    /// Where `entry` would go now if it were its turn, by the functions that place; changes nothing.
    pub fn explain(&self, entry: &BacklogEntry, now: Now) -> Explanation {
        let _ = (entry, now);
        Explanation {
            placement: None,
            reason: None,
            why: std::sync::Arc::default(),
        }
    }

    /// When a cycle may decide otherwise though nothing is told: the next token of a pace that is used up.
    pub fn next_change(&self, now: Now) -> Option<Duration> {
        let _ = now;
        None
    }
}

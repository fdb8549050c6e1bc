//! Clusters that the configuration names no longer: they take nothing new, and are forgotten once nothing is there.

use std::sync::Arc;
use std::time::Duration;

use super::Scheduler;
use crate::model::ClusterName;

impl Scheduler {
    /// How long the cluster may be silent before attempts are given up there; absent: for ever.
    pub(super) fn failover(&self, name: &ClusterName) -> Option<Duration> {
        let configured = self.term.routing.clusters.iter().find(|c| c.name == *name);
        let moves = configured
            .map(|cluster| cluster.moves)
            .or(self.removed.moves(name))?;
        moves.then_some(self.term.settling.failover)
    }

    /// Forgets those on which nothing has been for long enough.
    pub(super) fn tend_removed(&mut self, now: Duration) {
        let names: Vec<ClusterName> = self.removed.names().cloned().collect();
        for name in names {
            let empty = !self.abandoned.stands_on(&name) && !self.live.values().any(|slot| slot.is_on(&name));
            if self.removed.seen(&name, empty, now, self.term.settling.end) {
                self.forget_cluster(&name);
            }
        }
    }

    fn forget_cluster(&mut self, name: &ClusterName) {
        tracing::info!(cluster.name = %name, "nothing is left on a cluster that left the configuration: it is forgotten");
        let sections = self.removed.forget(name);
        self.health.remove(name);
        self.term.metrics.cluster_forgotten(name.as_str());
        let (term, name) = (Arc::clone(&self.term), name.clone());
        self.chores.spawn(async move {
            let written = term
                .coordination
                .write_cluster_sections(&term.domain, &sections, term.epoch);
            if let Err(error) = written.await {
                tracing::warn!(%error, cluster.name = %name, "the next scheduler will follow it once more");
            }
        });
    }
}

//! Clusters kept free for a head that others have passed for too long.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::backlog::Place;
use crate::model::{ClusterName, QueueName, SubmissionId};

/// A cluster kept free.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hold {
    pub(super) queue: QueueName,
    /// Where the holder stands in its queue.
    pub(super) place: Place,
}

/// A head that asks for a cluster.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) hold: Hold,
    /// Since when others have passed it.
    pub(super) since: Duration,
    /// Clusters that could hold it, the nearest to having room first.
    pub(super) clusters: Vec<ClusterName>,
}

/// At most one hold per cluster, at most one cluster per holder.
#[derive(Debug, Default)]
pub(super) struct Holds {
    by_cluster: BTreeMap<ClusterName, Hold>,
    /// Since when heads are passed over; kept as long as they are in the backlog.
    passed_since: BTreeMap<SubmissionId, Duration>,
    /// Grows whenever a hold ends: what it kept away may go there now.
    pub(super) ended: u64,
}

impl Holds {
    /// The holds, as they were written down.
    pub(super) fn restored(holds: impl Iterator<Item = (ClusterName, Hold)>) -> Self {
        Self {
            by_cluster: holds.collect(),
            ..Self::default()
        }
    }

    /// Whether no cluster is kept for anybody.
    pub(super) fn is_empty(&self) -> bool {
        self.by_cluster.is_empty()
    }

    /// For whom the cluster is kept, where that keeps a submission at `place` of `queue` away: not the holder, and not
    /// those before it in its queue.
    pub(super) fn against(
        &self,
        cluster: &ClusterName,
        queue: &QueueName,
        place: &Place,
    ) -> Option<&SubmissionId> {
        let hold = self.by_cluster.get(cluster)?;
        let before = hold.queue == *queue && *place <= hold.place;
        (!before).then_some(&hold.place.2)
    }

    /// Whether some cluster is kept for the submission at `place` of `queue`, or for one behind it there.
    pub(super) fn favour(&self, queue: &QueueName, place: &Place) -> bool {
        let mut holds = self.by_cluster.values();
        holds.any(|hold| hold.queue == *queue && *place <= hold.place)
    }

    /// For whom the cluster is kept, and since when others pass it.
    pub(super) fn on(&self, cluster: &ClusterName) -> Option<(&Hold, Option<Duration>)> {
        let hold = self.by_cluster.get(cluster)?;
        Some((hold, self.passed_since.get(&hold.place.2).copied()))
    }

    /// The cluster kept for a submission.
    pub(super) fn of(&self, id: &SubmissionId) -> Option<&ClusterName> {
        self.by_cluster
            .iter()
            .find(|(_, hold)| hold.place.2 == *id)
            .map(|(cluster, _)| cluster)
    }

    /// Since when others pass this head: from now on, if it is new.
    pub(super) fn passed(&mut self, id: &SubmissionId, now: Duration) -> Duration {
        *self.passed_since.entry(id.clone()).or_insert(now)
    }

    /// Ends what is kept for a submission: it was placed, or its cluster can't hold it any more.
    pub(super) fn end(&mut self, id: &SubmissionId) {
        if let Some(cluster) = self.of(id).cloned() {
            self.by_cluster.remove(&cluster);
            self.ended += 1;
        }
    }

    /// Ends holds and memories of submissions that left the backlog, and holds on clusters that take none.
    pub(super) fn tidy(
        &mut self,
        in_backlog: impl Fn(&SubmissionId) -> bool,
        open: impl Fn(&ClusterName) -> bool,
    ) {
        let before = self.by_cluster.len();
        self.by_cluster
            .retain(|cluster, hold| in_backlog(&hold.place.2) && open(cluster));
        self.ended += (before - self.by_cluster.len()) as u64;
        self.passed_since.retain(|id, _| in_backlog(id));
    }

    /// Grants wishes, the longest-waiting head's first.
    pub(super) fn grant(&mut self, mut wishes: Vec<Wish>) {
        wishes.sort_by(|a, b| (a.since, &a.hold.place.2).cmp(&(b.since, &b.hold.place.2)));
        for wish in wishes {
            let free = wish
                .clusters
                .into_iter()
                .find(|c| !self.by_cluster.contains_key(c));
            if let Some(cluster) = free {
                self.by_cluster.insert(cluster, wish.hold);
            }
        }
    }

    /// When heads began to be passed over.
    pub(super) fn beginnings(&self) -> impl Iterator<Item = Duration> {
        self.passed_since.values().copied()
    }
}

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

/// A head that others pass.
#[derive(Debug)]
struct Passed {
    since: Duration,
    queue: QueueName,
    place: Place,
}

impl Passed {
    fn hold(&self) -> Hold {
        Hold {
            queue: self.queue.clone(),
            place: self.place.clone(),
        }
    }
}

/// At most one hold per cluster, at most one cluster per holder.
#[derive(Debug, Default)]
pub(super) struct Holds {
    by_cluster: BTreeMap<ClusterName, Hold>,
    /// Heads that are passed over; remembered as long as they are in the backlog.
    passed: BTreeMap<SubmissionId, Passed>,
    /// Grows whenever a hold ends: what it kept away may go there now.
    pub(super) ended: u64,
    /// Grows whenever a hold begins.
    pub(super) begun: u64,
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
        Some((hold, self.passed.get(&hold.place.2).map(|passed| passed.since)))
    }

    /// The cluster kept for a submission.
    pub(super) fn of(&self, id: &SubmissionId) -> Option<&ClusterName> {
        self.by_cluster
            .iter()
            .find(|(_, hold)| hold.place.2 == *id)
            .map(|(cluster, _)| cluster)
    }

    /// Since when others pass this head: from now on, if it is new.
    pub(super) fn passed(&mut self, queue: &QueueName, place: &Place, now: Duration) -> Duration {
        let passed = self.passed.entry(place.2.clone()).or_insert_with(|| Passed {
            since: now,
            queue: queue.clone(),
            place: place.clone(),
        });
        passed.since
    }

    /// The heads that others pass, and since when.
    pub(super) fn heads(&self) -> impl Iterator<Item = (Hold, Duration)> {
        self.passed.values().map(|head| (head.hold(), head.since))
    }

    /// Of those that still wait the heads without a cluster of their own, one for each queue, that others have passed
    /// for as long as the `patience` of their queue lasts, the longest-waiting first.
    pub(super) fn ripe(
        &self,
        now: Duration,
        patience: impl Fn(&QueueName) -> Option<Duration>,
        waits: impl Fn(&SubmissionId) -> bool,
    ) -> Vec<Hold> {
        let mut heads: BTreeMap<&QueueName, &Passed> = BTreeMap::new();
        for passed in self.passed.values().filter(|passed| waits(&passed.place.2)) {
            let head = heads.entry(&passed.queue).or_insert(passed);
            if passed.place < head.place {
                *head = passed;
            }
        }
        let mut ripe: Vec<&Passed> = heads
            .into_values()
            .filter(|head| self.of(&head.place.2).is_none())
            .filter(|head| ripens(head, &patience).is_some_and(|at| at <= now))
            .collect();
        ripe.sort_by_key(|head| (head.since, &head.place.2));
        ripe.into_iter().map(Passed::hold).collect()
    }

    /// When the patience of some head ends next.
    pub(super) fn next_ripe(
        &self,
        now: Duration,
        patience: impl Fn(&QueueName) -> Option<Duration>,
    ) -> Option<Duration> {
        let heads = self.passed.values();
        let ends = heads.filter_map(|head| ripens(head, &patience));
        ends.filter(|at| *at > now).min()
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
        self.passed.retain(|id, _| in_backlog(id));
    }

    /// Keeps the first of `clusters` that is kept for nobody yet.
    pub(super) fn grant(&mut self, hold: Hold, clusters: impl IntoIterator<Item = ClusterName>) {
        let mut clusters = clusters.into_iter();
        if let Some(cluster) = clusters.find(|cluster| !self.by_cluster.contains_key(cluster)) {
            self.by_cluster.insert(cluster, hold);
            self.begun += 1;
        }
    }
}

fn ripens(head: &Passed, patience: impl Fn(&QueueName) -> Option<Duration>) -> Option<Duration> {
    Some(head.since.saturating_add(patience(&head.queue)?))
}

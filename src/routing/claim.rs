//! Room that queues below their share want back from those above theirs.
//!
//! Jobs end one by one, and what one leaves often suits only smaller ones. If the small jobs of other queues took each such
//! rest, a queue whose jobs are larger would get back nothing of what it once left idle. So while its submissions wait for
//! room, those who use more than their share take none on the clusters nearest to having it.

use std::collections::BTreeMap;

use super::fraction::Fraction;
use super::judge::{Wait, queue_limit};
use super::outcome::Why;
use super::usage::{Usage, dominant};
use super::{Cause, QueueSettings, Router};
use crate::backlog::Ready;
use crate::model::{ClusterName, QueueName};

/// What was claimed in the last cycle, or is so far in this one.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Claims {
    by_cluster: BTreeMap<ClusterName, QueueName>,
    /// What the submissions behind the claims need, queue by queue.
    wanted: BTreeMap<QueueName, Usage>,
}

impl Claims {
    /// The claims, as they were written down.
    pub(super) fn restored(claims: impl Iterator<Item = (ClusterName, QueueName)>) -> Self {
        Self {
            by_cluster: claims.collect(),
            ..Self::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_cluster.is_empty()
    }

    /// Who claims the cluster.
    pub(super) fn on(&self, cluster: &ClusterName) -> Option<&QueueName> {
        self.by_cluster.get(cluster)
    }

    pub(super) fn clear(&mut self) {
        self.by_cluster.clear();
        self.wanted.clear();
    }

    fn give_up(&mut self, queue: &QueueName) {
        self.by_cluster.retain(|_, claimant| claimant != queue);
        self.wanted.remove(queue);
    }
}

impl Router {
    /// One of `queue` waits: where that is for room, and the queue is short, it claims the cluster that has most of it; not
    /// one that strangers' pods keep too full, not if one is held for it, nor beyond what the queue lacks and its limits leave.
    pub(super) fn claim(&mut self, queue: &QueueSettings, ready: Ready<'_>, wait: Wait, why: &Why) {
        let all_are_claimed = self.claims.by_cluster.len() >= self.settings.clusters.len();
        if wait != Wait::Full || all_are_claimed || !self.is_short(queue) {
            return;
        }
        let need = ready.shape().demand.total();
        let wanted = self.claims.wanted.get(&queue.name).cloned().unwrap_or_default();
        let used = self.usages.of(&queue.name);
        let to_be = Usage {
            live: used.live + wanted.live,
            resources: used.resources.plus(&wanted.resources),
        };
        if dominant(&to_be.resources, &self.capacity) >= self.part(queue)
            || queue_limit(queue, &to_be, &need).is_some()
            || self.holds.of(ready.id()).is_some()
        {
            return;
        }
        let full = why.refusals.iter().filter(|refusal| {
            matches!(refusal.cause, Cause::NoRoom(_)) && self.claims.on(&refusal.cluster).is_none()
        });
        let mut near = self.freest(full, &need).into_iter();
        let place = near.find(|place| self.may_have_room(*place, ready.shape()));
        if let Some(view) = place.and_then(|place| self.views.get(place)) {
            let cluster = view.name.clone();
            self.claims.by_cluster.insert(cluster, queue.name.clone());
            let wanted = Usage {
                live: wanted.live + 1,
                resources: wanted.resources.plus(&need),
            };
            self.claims.wanted.insert(queue.name.clone(), wanted);
        }
    }

    /// One of `queue` was placed: it may have its share now.
    pub(super) fn claims_no_more(&mut self, queue: &QueueSettings) {
        if !self.claims.is_empty() && !self.is_short(queue) {
            self.claims.give_up(&queue.name);
        }
    }

    /// Whether the queue has its share of what is in use or more, while others claim room.
    pub(super) fn borrows(&self, queue: &QueueSettings) -> bool {
        !self.claims.is_empty() && !self.is_short(queue)
    }

    /// Whether the queue has less than its share of what is in use: of what there is, some always lies idle in rests that
    /// suit nobody. Queues that are short are asked before all others.
    fn is_short(&self, queue: &QueueSettings) -> bool {
        let (usages, capacity) = (&self.usages, &self.capacity);
        usages.share(queue, capacity) < usages.fair(self.weights, capacity)
    }

    /// The queue's part of the weights of all queues that want something.
    pub(super) fn part(&self, queue: &QueueSettings) -> Fraction {
        Fraction::new(queue.weight, self.weights)
    }
}

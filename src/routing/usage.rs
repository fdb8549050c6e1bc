//! What the job queues use, and which of them is the furthest below its share (weighted dominant-resource fairness,
//! Ghodsi et al., NSDI 2011).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::QueueSettings;
use super::fraction::Fraction;
use crate::model::{QueueName, Resources};

/// What one queue's live submissions use.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Usage {
    pub(super) live: u64,
    /// The sum of the larger of demand and what was seen, submission by submission.
    pub(super) resources: Resources,
}

/// What all queues use.
#[derive(Debug, Default)]
pub(super) struct Usages {
    queues: BTreeMap<QueueName, Usage>,
    configured: BTreeSet<QueueName>,
    /// What those configured use together.
    all: Resources,
}

impl Usages {
    /// What the queues use, as it was written down.
    pub(super) fn restored(usages: impl Iterator<Item = (QueueName, Usage)>) -> Self {
        Self {
            queues: usages.filter(|(_, usage)| usage.live > 0).collect(),
            ..Self::default()
        }
    }

    /// Which queues there are. One that is gone may have live submissions still, but no share.
    pub(super) fn configure(&mut self, queues: &[QueueSettings]) {
        self.configured = queues.iter().map(|queue| queue.name.clone()).collect();
        let usages = self.queues.iter();
        let configured = usages.filter(|(name, _)| self.configured.contains(*name));
        self.all = configured.fold(Resources::default(), |all, (_, usage)| all.plus(&usage.resources));
    }

    pub(super) fn of(&self, queue: &QueueName) -> Cow<'_, Usage> {
        self.queues.get(queue).map(Cow::Borrowed).unwrap_or_default()
    }

    pub(super) fn add(&mut self, queue: &QueueName, amount: &Resources) {
        if self.configured.contains(queue) {
            self.all = self.all.plus(amount);
        }
        let usage = self.queues.entry(queue.clone()).or_default();
        usage.live += 1;
        usage.resources = usage.resources.plus(amount);
    }

    pub(super) fn remove(&mut self, queue: &QueueName, amount: &Resources) {
        if let Some(usage) = self.queues.get_mut(queue) {
            if self.configured.contains(queue) {
                self.all = self.all.minus(amount);
            }
            usage.live = usage.live.saturating_sub(1);
            usage.resources = usage.resources.minus(amount);
            if usage.live == 0 {
                self.queues.remove(queue);
            }
        }
    }

    /// One of the queue's submissions uses another amount.
    pub(super) fn replace(&mut self, queue: &QueueName, before: &Resources, after: &Resources) {
        if let Some(usage) = self.queues.get_mut(queue) {
            if self.configured.contains(queue) {
                self.all = self.all.minus(before).plus(after);
            }
            usage.resources = usage.resources.minus(before).plus(after);
        }
    }

    /// Whether the queue has live submissions.
    pub(super) fn is_active(&self, queue: &QueueName) -> bool {
        self.queues.contains_key(queue)
    }

    /// The largest fraction of the domain's capacity that the queue uses of one resource. Where no capacity is known,
    /// the number of its pods.
    pub(super) fn dominant(&self, queue: &QueueName, capacity: &Resources) -> Fraction {
        let usage = self.queues.get(queue);
        usage.map_or(Fraction::ZERO, |usage| dominant(&usage.resources, capacity))
    }

    /// The queue's dominant fraction per unit of weight; the lowest goes first.
    pub(super) fn share(&self, queue: &QueueSettings, capacity: &Resources) -> Fraction {
        self.dominant(&queue.name, capacity).over(queue.weight)
    }

    /// The same of all configured queues together, whose weights are `weights`: what each has where all have their shares.
    pub(super) fn fair(&self, weights: u64, capacity: &Resources) -> Fraction {
        dominant(&self.all, capacity).over(weights)
    }
}

/// The largest fraction of `capacity` that `resources` are of one resource. Where no capacity is known, the number of pods.
pub(super) fn dominant(resources: &Resources, capacity: &Resources) -> Fraction {
    if capacity.named().all(|(_, amount)| amount == 0) {
        return Fraction::new(resources.pods, 1u64);
    }
    resources
        .beside(capacity)
        .filter(|(_, _, whole)| *whole > 0)
        .map(|(_, used, whole)| Fraction::new(used, whole))
        .max()
        .unwrap_or(Fraction::ZERO)
}

//! What the job queues use, and which of them is the furthest below its share (weighted dominant-resource fairness,
//! Ghodsi et al., NSDI 2011).

use std::collections::BTreeMap;

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
pub(super) struct Usages(BTreeMap<QueueName, Usage>);

impl Usages {
    /// What the queues use, as it was written down.
    pub(super) fn restored(usages: impl Iterator<Item = (QueueName, Usage)>) -> Self {
        Self(usages.filter(|(_, usage)| usage.live > 0).collect())
    }

    pub(super) fn of(&self, queue: &QueueName) -> Usage {
        self.0.get(queue).cloned().unwrap_or_default()
    }

    pub(super) fn add(&mut self, queue: &QueueName, amount: &Resources) {
        let usage = self.0.entry(queue.clone()).or_default();
        usage.live += 1;
        usage.resources = usage.resources.plus(amount);
    }

    pub(super) fn remove(&mut self, queue: &QueueName, amount: &Resources) {
        if let Some(usage) = self.0.get_mut(queue) {
            usage.live = usage.live.saturating_sub(1);
            usage.resources = usage.resources.minus(amount);
            if usage.live == 0 {
                self.0.remove(queue);
            }
        }
    }

    /// One of the queue's submissions uses another amount.
    pub(super) fn replace(&mut self, queue: &QueueName, before: &Resources, after: &Resources) {
        if let Some(usage) = self.0.get_mut(queue) {
            usage.resources = usage.resources.minus(before).plus(after);
        }
    }

    /// Whether the queue has live submissions.
    pub(super) fn is_active(&self, queue: &QueueName) -> bool {
        self.0.contains_key(queue)
    }

    /// The largest fraction of the domain's capacity that the queue uses of one resource. Where no capacity is known,
    /// the number of its pods.
    pub(super) fn dominant(&self, queue: &QueueName, capacity: &Resources) -> Fraction {
        let Some(usage) = self.0.get(queue) else {
            return Fraction::ZERO;
        };
        if capacity.named().all(|(_, amount)| amount == 0) {
            return Fraction::new(usage.resources.pods, 1u64);
        }
        usage
            .resources
            .named()
            .filter(|(name, _)| capacity.get(name) > 0)
            .map(|(name, used)| Fraction::new(used, capacity.get(name)))
            .max()
            .unwrap_or(Fraction::ZERO)
    }

    /// The queue's dominant fraction per unit of weight; the lowest goes first.
    pub(super) fn share(&self, queue: &QueueSettings, capacity: &Resources) -> Fraction {
        self.dominant(&queue.name, capacity).over(queue.weight)
    }
}

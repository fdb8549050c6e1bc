//! What a submission that can't go now means for those behind it, and when a cluster is kept free for it.

use std::cmp::Reverse;

use super::cycle::Lane;
use super::fraction::Fraction;
use super::hold::{Hold, Wish};
use super::judge::Wait;
use super::outcome::Why;
use super::{Cause, Now, Order, QueueSettings, Router};
use crate::backlog::{Place, Shape};
use crate::model::{ClusterName, Resources};

impl Lane<'_> {
    /// One more of the queue waits; whether it is told.
    pub(super) fn waits(&mut self, wait: Wait) -> bool {
        let lookahead = self.queue.lookahead.max(1);
        let in_the_way = match (wait, self.queue.order) {
            (Wait::NeverFits | Wait::NoCluster, _) => false,
            // Best effort: jobs that wait for a cluster to come back don't keep those that others could run.
            (Wait::Unavailable, Order::BestEffortFifo) => false,
            (Wait::Unavailable, Order::StrictFifo) => true,
            (Wait::QueueFull | Wait::QueueLimit | Wait::Paced | Wait::Full, _) => true,
        };
        if !in_the_way {
            self.aside += 1;
            return self.aside <= lookahead;
        }
        self.waiting += 1;
        self.done = match (wait, self.queue.order) {
            (Wait::QueueFull, _) | (_, Order::StrictFifo) => true,
            (_, Order::BestEffortFifo) => self.waiting >= lookahead,
        };
        true
    }
}

impl Router {
    /// The wish of a head for a cluster of its own, once others have passed it for too long. A hold that can't help it
    /// any more ends.
    pub(super) fn hold_for(
        &mut self,
        lane: &Lane<'_>,
        place: Place,
        shape: &Shape,
        wait: Wait,
        why: &Why,
        now: Now,
    ) -> Option<Wish> {
        let id = &place.2;
        if let Some(cluster) = self.holds.of(id) {
            let of_queue = matches!(wait, Wait::QueueFull | Wait::QueueLimit);
            let refusals = why.refusals.iter();
            let helps = refusals
                .filter(|refusal| refusal.cluster == *cluster)
                .any(|refusal| refusal.cause.is_for_now());
            if !of_queue && !helps {
                self.holds.end(id);
            }
            return None;
        }
        if lane.waiting > 0 || wait != Wait::Full {
            return None;
        }
        let since = self.holds.passed(id, now.mono);
        let patient = now.mono.saturating_sub(since) < lane.queue.max_bypass;
        if patient || !self.within_share(lane.queue) {
            return None;
        }
        let queue = lane.queue.name.clone();
        Some(Wish {
            since,
            clusters: self.nearest(why, &shape.demand.total()),
            hold: Hold { queue, place },
        })
    }

    /// Whether the queue uses no more than its part of the weights of all queues that want something.
    fn within_share(&self, queue: &QueueSettings) -> bool {
        let part = Fraction::new(queue.weight, self.weights);
        self.usages.dominant(&queue.name, &self.capacity) <= part
    }

    /// The clusters that only lack room, the one that has most of what is needed first.
    fn nearest(&self, why: &Why, need: &Resources) -> Vec<ClusterName> {
        let mut near: Vec<(Fraction, &ClusterName)> = why
            .refusals
            .iter()
            .filter(|refusal| matches!(refusal.cause, Cause::NoRoom(_)))
            .filter_map(|refusal| {
                let view = self.views.iter().find(|view| view.name == refusal.cluster)?;
                let free = view.free();
                let part = need
                    .named()
                    .filter(|(name, need)| *need > 0 && view.capacity.get(name) > 0)
                    .map(|(name, need)| Fraction::new(free.get(name), need))
                    .min();
                Some((part.unwrap_or(Fraction::ZERO), &refusal.cluster))
            })
            .collect();
        near.sort_by_key(|(part, _)| Reverse(*part));
        near.into_iter().map(|(_, cluster)| cluster.clone()).collect()
    }
}

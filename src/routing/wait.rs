//! What a submission that can't go now means for those behind it, and when a cluster is kept free for it.

use std::cmp::Reverse;

use super::cycle::Lane;
use super::fraction::Fraction;
use super::hold::Hold;
use super::judge::{Verdict, Wait};
use super::outcome::Why;
use super::view::View;
use super::{Cause, Now, Order, QueueSettings, Refusal, Router};
use crate::backlog::{Backlog, Place, Shape};
use crate::model::{ClusterName, Demand, QueueName, SubmissionId};

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
            // An outage doesn't make a cycle walk the whole backlog.
            self.done = self.closed && self.aside >= lookahead;
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
    /// Others pass a head: from here on its patience counts. A hold that can't help it any more ends.
    pub(super) fn is_passed(
        &mut self,
        lane: &Lane<'_>,
        place: Place,
        shape: &Shape,
        wait: Wait,
        why: &Why,
        now: Now,
    ) {
        let id = &place.2;
        if let Some(cluster) = self.holds.of(id) {
            let mut of_it = why.refusals.iter().filter(|refusal| refusal.cluster == *cluster);
            if !of_it.any(|refusal| refusal.cause.is_for_now()) || !self.may_have_room(cluster, &shape.demand)
            {
                self.holds.end(id);
            }
            return;
        }
        if lane.waiting > 0 || !wait.is_for_now() {
            return;
        }
        let since = self.holds.passed(&lane.queue.name, &place, now.mono);
        if now.mono.saturating_sub(since) >= lane.queue.max_bypass && self.within_share(lane.queue) {
            let queue = lane.queue.name.clone();
            let clusters = self.nearest(why, &shape.demand);
            self.holds.grant(Hold { queue, place }, clusters);
        }
    }

    /// Keeps a cluster for each head that others have passed for long enough, before anybody else is placed: room that
    /// has come free since is the head's.
    pub(super) fn grant_ripe(&mut self, backlog: &Backlog, now: Now) {
        let settings = self.settings.clone();
        let queue = |name: &QueueName| settings.queues.iter().position(|queue| queue.name == *name);
        let patience = |name: &QueueName| Some(settings.queues.get(queue(name)?)?.max_bypass);
        let waits = |id: &SubmissionId| !self.lives.contains_key(id);
        for hold in self.holds.ripe(now.mono, patience, waits) {
            let id = &hold.place.2;
            let Some((index, ready)) = queue(&hold.queue).zip(backlog.ready(id)) else {
                continue;
            };
            let Some(queue) = settings
                .queues
                .get(index)
                .filter(|queue| self.within_share(queue))
            else {
                continue;
            };
            let demand = &ready.shape().demand;
            let clusters = match self.judge(queue, index, ready, &hold.place, now) {
                // It has to wait for its turn all the same.
                Verdict::Passes(passes) => {
                    let picked = self.pick(queue, &passes, &demand.total(), id);
                    let picked = picked.and_then(|place| self.views.get(place));
                    picked.map(|view| view.name.clone()).into_iter().collect()
                }
                Verdict::Waits(wait, why) if wait.is_for_now() => self.nearest(&why, demand),
                Verdict::Waits(..) => continue,
            };
            self.holds.grant(hold, clusters);
        }
    }

    /// Whether the queue uses no more than its part of the weights of all queues that want something.
    fn within_share(&self, queue: &QueueSettings) -> bool {
        self.usages.dominant(&queue.name, &self.capacity) <= self.part(queue)
    }

    /// The clusters that will take it in time and are kept for nobody, the one that has most of what is needed free
    /// first.
    fn nearest(&self, why: &Why, demand: &Demand) -> Vec<ClusterName> {
        let in_time =
            |refusal: &&Refusal| refusal.cause.is_for_now() && !matches!(refusal.cause, Cause::Held { .. });
        let near = self.freest(why.refusals.iter().filter(in_time), demand);
        near.cloned().collect()
    }

    /// Whether strangers leave room there.
    fn may_have_room(&self, cluster: &ClusterName, demand: &Demand) -> bool {
        let mut views = self.views.iter();
        views.any(|view| view.name == *cluster && view.may_have_room(demand, &demand.total()))
    }

    /// Of the clusters of these refusals those where strangers leave room for `demand`, the one that has most of it free
    /// first.
    pub(super) fn freest<'a>(
        &'a self,
        refusals: impl Iterator<Item = &'a Refusal>,
        demand: &'a Demand,
    ) -> impl Iterator<Item = &'a ClusterName> {
        let need = demand.total();
        // Both have the order of the clusters.
        let mut views = self.views.iter();
        let mut near: Vec<(Fraction, &View)> = refusals
            .filter_map(|refusal| {
                let view = views.find(|view| view.name == refusal.cluster);
                debug_assert!(view.is_some(), "{} isn't in its place", refusal.cluster);
                let view = view?;
                let free = view.free();
                let part = need
                    .beside(&free)
                    .filter(|(name, need, _)| *need > 0 && view.capacity.get(name) > 0)
                    .map(|(_, need, free)| Fraction::new(free, need))
                    .min();
                Some((part.unwrap_or(Fraction::ZERO), view))
            })
            .collect();
        near.sort_by_key(|(part, _)| Reverse(*part));
        let near = near.into_iter().map(|(_, view)| view);
        near.filter(move |view| view.may_have_room(demand, &need))
            .map(|view| &view.name)
    }
}

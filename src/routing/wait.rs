//! What a submission that can't go now means for those behind it, and when a cluster is kept free for it.

use std::cmp::Reverse;
use std::sync::Arc;

use super::cycle::Lane;
use super::fraction::Fraction;
use super::hold::Hold;
use super::judge::{Verdict, Wait};
use super::outcome::Why;
use super::{Cause, Now, Order, QueueSettings, Refusal, Router};
use crate::backlog::{Backlog, Place, Shape};
use crate::model::{ClusterName, QueueName, Resources, SubmissionId};

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
        shape: &Arc<Shape>,
        wait: Wait,
        why: &Why,
        now: Now,
    ) {
        let id = &place.2;
        if let Some(cluster) = self.holds.of(id) {
            let mut of_it = why.refusals.iter().filter(|refusal| refusal.cluster == *cluster);
            let waits_for_it = of_it.any(|refusal| refusal.cause.is_for_now());
            let place = self.views.iter().position(|view| view.name == *cluster);
            if !waits_for_it || !place.is_some_and(|place| self.may_have_room(place, shape)) {
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
            let clusters = self.nearest(why, shape);
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
            let clusters = match self.judge(queue, index, ready, &hold.place, now) {
                // It has to wait for its turn all the same.
                Verdict::Passes(passes) => {
                    let picked = self.pick(queue, &passes, &ready.shape().demand.total(), id);
                    let picked = picked.and_then(|place| self.views.get(place));
                    picked.map(|view| view.name.clone()).into_iter().collect()
                }
                Verdict::Waits(wait, why) if wait.is_for_now() => self.nearest(&why, ready.shape()),
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
    fn nearest(&mut self, why: &Why, shape: &Arc<Shape>) -> Vec<ClusterName> {
        let in_time =
            |refusal: &&Refusal| refusal.cause.is_for_now() && !matches!(refusal.cause, Cause::Held { .. });
        let mut near = self.freest(why.refusals.iter().filter(in_time), &shape.demand.total());
        near.retain(|place| self.may_have_room(*place, shape));
        let views = near.into_iter().filter_map(|place| self.views.get(place));
        views.map(|view| view.name.clone()).collect()
    }

    /// Whether strangers leave room there.
    pub(super) fn may_have_room(&mut self, place: usize, shape: &Arc<Shape>) -> bool {
        let Some(view) = self.views.get(place) else {
            return false;
        };
        let fits = self.memo.fits(shape, &self.views);
        fits.may_have_room(place, view, shape)
    }

    /// The places of the clusters of these refusals, the one that has most of `need` free first.
    pub(super) fn freest<'a>(
        &self,
        refusals: impl Iterator<Item = &'a Refusal>,
        need: &Resources,
    ) -> Vec<usize> {
        // Both have the order of the clusters.
        let mut views = self.views.iter().enumerate();
        let mut near: Vec<(Fraction, usize)> = refusals
            .filter_map(|refusal| {
                let found = views.find(|(_, view)| view.name == refusal.cluster);
                debug_assert!(found.is_some(), "{} isn't in its place", refusal.cluster);
                let (place, view) = found?;
                let free = view.free();
                let part = need
                    .beside(&free)
                    .filter(|(name, need, _)| *need > 0 && view.capacity.get(name) > 0)
                    .map(|(_, need, free)| Fraction::new(free, need))
                    .min();
                Some((part.unwrap_or(Fraction::ZERO), place))
            })
            .collect();
        near.sort_by_key(|(part, _)| Reverse(*part));
        near.into_iter().map(|(_, place)| place).collect()
    }
}

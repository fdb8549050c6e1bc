//! One cycle: which submission is next, queue by queue.

use std::collections::BTreeSet;

use super::fraction::Fraction;
use super::hold::Wish;
use super::judge::{Candidate, Sight, Verdict};
use super::outcome::Why;
use super::{Cycle, Now, QueueSettings, Router, Waiting};
use crate::backlog::{Backlog, Place, Ready};
use crate::submission::Reason;

/// How many submissions of an unknown queue are told so in one cycle.
const UNKNOWN_TOLD: usize = 50;

/// A queue in a cycle.
pub(super) struct Lane<'a> {
    pub(super) queue: &'a QueueSettings,
    /// Its place in the settings.
    index: usize,
    entries: Box<dyn Iterator<Item = Ready<'a>> + 'a>,
    /// Submissions that wait and may go later: they use the lookahead up.
    pub(super) waiting: usize,
    /// Submissions that are in nobody's way; told up to the lookahead.
    pub(super) aside: usize,
    /// Whether no other may pass.
    pub(super) done: bool,
}

impl Router {
    /// Decides at most `max` placements and reserves them at once: the caller writes the intent of each, or tells
    /// [`Router::released`]. Entries that occupy a cluster already are passed over. Call [`Backlog::wake`] before.
    pub fn cycle(&mut self, backlog: &Backlog, now: Now, max: usize) -> Cycle {
        self.cycles += 1;
        self.tidy_holds(backlog);
        let settings = self.settings.clone();
        let mut lanes = lanes(&settings.queues, backlog);
        self.weights = self.active_weights(&settings.queues, backlog);
        let mut turns: BTreeSet<(Fraction, usize)> = (0..)
            .zip(&lanes)
            .map(|(i, lane)| (self.turn(lane.queue), i))
            .collect();
        let mut cycle = Cycle::default();
        let mut wishes = Vec::new();
        while cycle.placements.len() < max
            && let Some((_, i)) = turns.pop_first()
        {
            let Some(lane) = lanes.get_mut(i) else { continue };
            if let Some(ready) = lane.entries.next() {
                self.consider(backlog, lane, ready, now, &mut cycle, &mut wishes);
                if !lane.done {
                    turns.insert((self.turn(lane.queue), i));
                }
            }
        }
        tell_unknown(&settings.queues, backlog, &mut cycle);
        self.holds.grant(wishes);
        cycle
    }

    /// Ends holds that can't help their holders any more.
    pub(super) fn tidy_holds(&mut self, backlog: &Backlog) {
        let mut holds = std::mem::take(&mut self.holds);
        holds.tidy(|id| backlog.contains(id), |cluster| self.takes_jobs(cluster));
        self.holds = holds;
    }

    /// The queue furthest below its share goes first; equals go in the configuration's order.
    fn turn(&self, queue: &QueueSettings) -> Fraction {
        self.usages.share(queue, &self.capacity)
    }

    fn consider(
        &mut self,
        backlog: &Backlog,
        lane: &mut Lane<'_>,
        ready: Ready<'_>,
        now: Now,
        cycle: &mut Cycle,
        wishes: &mut Vec<Wish>,
    ) {
        if self.lives.contains_key(ready.id()) {
            return;
        }
        let place = ready.place();
        match self.judge(lane, ready, &place, now) {
            Verdict::Passes(passes) => {
                if let Some(entry) = backlog.get(ready.id()) {
                    cycle
                        .placements
                        .extend(self.place(lane.queue, entry, &passes, now));
                }
            }
            Verdict::Waits(wait, why) => {
                wishes.extend(self.hold_for(lane, place, ready.shape(), wait, &why, now));
                if lane.waits(wait) {
                    cycle.waiting.push(Waiting {
                        id: ready.id().clone(),
                        queue: lane.queue.name.clone(),
                        reason: wait.reason(),
                        why,
                    });
                }
            }
        }
    }

    fn judge(&mut self, lane: &Lane<'_>, ready: Ready<'_>, place: &Place, now: Now) -> Verdict {
        // Within a period nothing gets easier: what made one of a shape wait makes the next one wait, unless a cluster
        // that is kept free is kept for the one, or for one behind it.
        let period = (self.cycles, self.holds.ended);
        let mut known = self
            .memo
            .of(ready.shape(), lane.index, &lane.queue.name, &self.views);
        if let Some((then, wait, why)) = &known.permit.waits
            && *then == period
        {
            return Verdict::Waits(*wait, why.clone());
        }
        let candidate = Candidate {
            queue: lane.queue,
            usage: &self.usages.of(&lane.queue.name),
            place,
            shape: ready.shape(),
        };
        let sight = Sight {
            views: &self.views,
            holds: &self.holds,
            view_limit: self.settings.view_limit,
            now: now.mono,
            period,
        };
        let verdict = sight.judge(&mut known, &candidate);
        if let Verdict::Waits(wait, why) = &verdict
            && !self.holds.favour(&lane.queue.name, place)
        {
            known.permit.waits = Some((period, *wait, why.clone()));
        }
        verdict
    }

    /// The weights of all queues that have something to run or running.
    fn active_weights(&self, queues: &[QueueSettings], backlog: &Backlog) -> u64 {
        queues
            .iter()
            .filter(|queue| backlog.count(&queue.name) > 0 || self.usages.is_active(&queue.name))
            .map(|queue| u64::from(queue.weight.max(1)))
            .sum()
    }
}

fn lanes<'a>(queues: &'a [QueueSettings], backlog: &'a Backlog) -> Vec<Lane<'a>> {
    (0..)
        .zip(queues)
        .filter(|(_, queue)| backlog.count(&queue.name) > 0)
        .map(|(index, queue)| Lane {
            queue,
            index,
            entries: Box::new(backlog.in_order(&queue.name)),
            waiting: 0,
            aside: 0,
            done: false,
        })
        .collect()
}

fn tell_unknown(queues: &[QueueSettings], backlog: &Backlog, cycle: &mut Cycle) {
    for (name, _) in backlog.queues() {
        if queues.iter().any(|queue| queue.name == *name) {
            continue;
        }
        let why = Why::unknown_queue(name);
        cycle
            .waiting
            .extend(backlog.in_order(name).take(UNKNOWN_TOLD).map(|ready| Waiting {
                id: ready.id().clone(),
                queue: name.clone(),
                reason: Reason::QueueUnknown,
                why: why.clone(),
            }));
    }
}

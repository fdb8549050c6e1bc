//! One cycle: which submission is next, queue by queue.

use std::collections::BTreeSet;

use super::fraction::Fraction;
use super::judge::{Candidate, Sight, Verdict};
use super::memo::Memo;
use super::outcome::Why;
use super::usage::Usages;
use super::{Cycle, Now, QueueSettings, Router, Waiting, filter};
use crate::backlog::{Backlog, Place, Ready};
use crate::submission::Reason;

/// How many submissions of an unknown queue are told so in one cycle.
const UNKNOWN_TOLD: usize = 50;

/// How many of a queue of which nothing is live are asked at most whether one of them might go.
const LOOKED_AT: usize = 1_000;

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
    /// Whether no cluster takes anything of the queue now, whatever it needs.
    pub(super) closed: bool,
    /// Whether no other may pass.
    pub(super) done: bool,
}

impl Router {
    /// Decides at most `max` placements and reserves them at once: the caller writes the intent of each, or tells
    /// [`Router::released`]. Entries that occupy a cluster already are passed over. Call [`Backlog::wake`] before.
    pub fn cycle(&mut self, backlog: &Backlog, now: Now, max: usize) -> Cycle {
        self.prepare(backlog, now);
        self.decide(backlog, now, max)
    }

    /// A cycle that is prepared.
    pub(super) fn decide(&mut self, backlog: &Backlog, now: Now, max: usize) -> Cycle {
        let settings = self.settings.clone();
        let mut cycle = Cycle::default();
        loop {
            let ended = self.holds.ended;
            self.round(&settings.queues, backlog, now, max, &mut cycle);
            // What a hold kept away may belong to queues that were asked before it ended.
            if self.holds.ended == ended || cycle.placements.len() >= max {
                break;
            }
            cycle.waiting.clear();
            self.claims.clear();
        }
        tell_unknown(&settings.queues, backlog, &mut cycle);
        cycle
    }

    /// Ends holds that can't help their holders any more, and begins those that are due.
    pub(super) fn prepare(&mut self, backlog: &Backlog, now: Now) {
        self.cycles += 1;
        self.weights = self.active_weights(backlog, now);
        self.claims.clear();
        self.tidy_holds(backlog);
        self.grant_ripe(backlog, now);
    }

    /// Asks all queues in turn, until none has anything left that goes.
    fn round(
        &mut self,
        queues: &[QueueSettings],
        backlog: &Backlog,
        now: Now,
        max: usize,
        cycle: &mut Cycle,
    ) {
        let mut lanes = self.lanes(queues, backlog, now);
        let mut turns: BTreeSet<(Fraction, usize)> = (0..)
            .zip(&lanes)
            .map(|(i, lane)| (self.turn(lane.queue), i))
            .collect();
        while cycle.placements.len() < max
            && let Some((turn, i)) = turns.pop_first()
        {
            let Some(lane) = lanes.get_mut(i) else { continue };
            if let Some(ready) = lane.entries.next() {
                let (ended, placed) = (self.holds.ended, cycle.placements.len());
                self.consider(backlog, lane, ready, now, cycle);
                if self.holds.ended != ended {
                    self.grant_ripe(backlog, now);
                }
                if !lane.done {
                    // What waits changes nobody's share.
                    let same = cycle.placements.len() == placed;
                    turns.insert((if same { turn } else { self.turn(lane.queue) }, i));
                }
            }
        }
    }

    fn tidy_holds(&mut self, backlog: &Backlog) {
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
    ) {
        if self.lives.contains_key(ready.id()) {
            return;
        }
        let place = ready.place();
        match self.judge(lane.queue, lane.index, ready, &place, now) {
            Verdict::Passes(passes) => {
                if let Some(entry) = backlog.get(ready.id()) {
                    cycle
                        .placements
                        .extend(self.place(lane.queue, entry, &passes, now));
                    self.claims_no_more(lane.queue);
                }
            }
            Verdict::Waits(wait, why) => {
                self.is_passed(lane, place, ready.shape(), wait, &why, now);
                self.claim(lane.queue, ready, wait, &why);
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

    /// One of `queue`, which stands at place `line` in the settings, against every cluster.
    pub(super) fn judge(
        &mut self,
        queue: &QueueSettings,
        line: usize,
        ready: Ready<'_>,
        place: &Place,
        now: Now,
    ) -> Verdict {
        let borrows = self.borrows(queue);
        let (sight, memo, usages) = self.looking(now);
        let mut known = memo.of(ready.shape(), line, &queue.name, sight.views);
        // What made one of a shape wait makes the next one wait, unless a cluster that is kept free is kept for the one, or
        // for one behind it.
        if let Some((then, wait, why)) = &known.permit.waits
            && *then == (sight.period, borrows)
        {
            return Verdict::Waits(*wait, why.clone());
        }
        let candidate = Candidate {
            queue,
            usage: &usages.of(&queue.name),
            borrows,
            place,
            shape: ready.shape(),
        };
        let verdict = sight.judge(&mut known, &candidate);
        if let Verdict::Waits(wait, why) = &verdict
            && !sight.holds.favour(&queue.name, place)
        {
            known.permit.waits = Some(((sight.period, borrows), *wait, why.clone()));
        }
        verdict
    }

    fn lanes<'a>(&self, queues: &'a [QueueSettings], backlog: &'a Backlog, now: Now) -> Vec<Lane<'a>> {
        let lane = |(index, queue): (usize, &'a QueueSettings)| Lane {
            queue,
            index,
            entries: Box::new(backlog.in_order(&queue.name)),
            waiting: 0,
            aside: 0,
            closed: self.is_closed(queue, now),
            done: false,
        };
        let wanted = (0..)
            .zip(queues)
            .filter(|(_, queue)| backlog.count(&queue.name) > 0);
        wanted.map(lane).collect()
    }

    fn is_closed(&self, queue: &QueueSettings, now: Now) -> bool {
        let limit = self.settings.view_limit;
        let mut serving = self.views.iter().filter(|view| {
            let settings = view.settings.as_deref();
            settings.is_some_and(|settings| filter::serves_queue(settings, &queue.name).is_none())
        });
        serving.all(|view| filter::away(view, limit, now.mono).is_some())
    }

    /// The weights of all queues that have something running, or something to run that may go once others have ended.
    fn active_weights(&mut self, backlog: &Backlog, now: Now) -> u64 {
        let settings = self.settings.clone();
        let queues = settings.queues.iter().enumerate();
        queues
            .filter(|(line, queue)| {
                self.usages.is_active(&queue.name) || self.wants_something(queue, *line, backlog, now)
            })
            .map(|(_, queue)| u64::from(queue.weight.max(1)))
            .sum()
    }

    /// Whether one of the first might go, or so many wait that they aren't all looked at. Nothing of the queue is live.
    fn wants_something(&mut self, queue: &QueueSettings, line: usize, backlog: &Backlog, now: Now) -> bool {
        if self.is_closed(queue, now) {
            return false;
        }
        let mut waiting = backlog.in_order(&queue.name);
        let mut first = waiting.by_ref().take(LOOKED_AT);
        let found = first.any(|ready| {
            let (sight, memo, _) = self.looking(now);
            let mut known = memo.of(ready.shape(), line, &queue.name, sight.views);
            sight.wants_something(&mut known, queue, ready.shape())
        });
        found || waiting.next().is_some()
    }

    /// What is looked at, and what is remembered of it.
    fn looking(&mut self, now: Now) -> (Sight<'_>, &mut Memo, &Usages) {
        let sight = Sight {
            views: &self.views,
            holds: &self.holds,
            claims: &self.claims,
            view_limit: self.settings.view_limit,
            now: now.mono,
            // Within a period nothing gets easier.
            period: (self.cycles, self.holds.ended),
        };
        (sight, &mut self.memo, &self.usages)
    }
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

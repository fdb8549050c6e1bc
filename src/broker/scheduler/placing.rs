//! From the backlog to intents, and what is told of those that wait.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Done, PLACEMENTS, Scheduler, Slot, record_name};
use crate::broker::attempt::Attempt;
use crate::broker::boards::HEADS;
use crate::broker::health::Verdict;
use crate::lifecycle::{Event, Happening, Step};
use crate::model::{ClusterName, QueueName, SubmissionId};
use crate::routing::{Cycle, Decision, Now};
use crate::submission::Record;

/// How often the records of those that wait in front are looked at, and of how many.
const HEADS_EVERY: Duration = Duration::from_secs(10);
const HEADS_AT_ONCE: usize = 100;
/// Between cycles that time alone brings about: tokens of a fast pace are spent several at once.
const APART: Duration = Duration::from_millis(25);

impl Scheduler {
    /// Tells every pod, and whoever reads the figures, how queues and clusters stand.
    pub(super) fn write_boards(&mut self, now: Duration) {
        // One after the other, so that an older board never lands on a newer one.
        if !self.boards.is_due(now) || !self.writing.is_empty() {
            return;
        }
        let named = self
            .term
            .routing
            .queues
            .iter()
            .map(|queue| (queue.name.clone(), (0, 0)));
        let mut queues: HashMap<QueueName, (u64, u64)> = named.collect();
        for (queue, waiting) in self.backlog.queues() {
            queues.entry(queue.clone()).or_default().0 = waiting as u64;
        }
        let mut clusters: HashMap<ClusterName, u64> = HashMap::new();
        let records = self.live.values().map(|slot| &slot.attempt.record);
        for record in records.filter(|record| record.state.is_live()) {
            queues.entry(record.queue.clone()).or_default().1 += 1;
            record
                .cluster
                .iter()
                .for_each(|name| *clusters.entry(name.clone()).or_default() += 1);
        }
        let brakes = self.brakes();
        self.tell_figures(&queues, &clusters, now);
        self.boards.first(self.first_of_each_queue());
        let sheets = self
            .boards
            .sheets(now, &queues, &clusters, &self.health, &self.wishes, &brakes);
        let term = Arc::clone(&self.term);
        self.writing.spawn(async move { sheets.write(&term).await });
    }

    /// Those that are live already are in the backlog only until the store shows it.
    fn first_of_each_queue(&self) -> HashMap<QueueName, Vec<SubmissionId>> {
        let of = |queue: &QueueName| {
            let ids = self.backlog.in_order(queue).map(|ready| ready.id());
            let waiting = ids.filter(|id| !self.live.contains_key(*id));
            waiting.take(HEADS).cloned().collect()
        };
        let queues = self.backlog.queues();
        queues.map(|(queue, _)| (queue.clone(), of(queue))).collect()
    }

    fn tell_figures(
        &self,
        queues: &HashMap<QueueName, (u64, u64)>,
        clusters: &HashMap<ClusterName, u64>,
        now: Duration,
    ) {
        for (queue, (waiting, live)) in queues {
            let head = self.backlog.in_order(queue).next();
            let age = head.map(|head| self.wall().duration_since(head.accepted_at()).unsigned_abs());
            self.term
                .metrics
                .queue(queue.as_str(), *waiting, *live, age.unwrap_or_default());
        }
        for (name, health) in &self.health {
            let takes_jobs = !matches!(health.verdict(now), Verdict::Closed(_));
            let live = clusters.get(name).copied().unwrap_or(0);
            self.term.metrics.cluster(name.as_str(), live, takes_jobs);
        }
    }

    /// Submissions that have waited too long.
    pub(super) fn time_out(&mut self) {
        for entry in self.backlog.timed_out(self.wall(), PLACEMENTS) {
            let mut outline = entry.outline(&self.term.domain);
            outline.abandoned = self.abandoned.of(&entry.id);
            let why = self
                .boards
                .reason_of(&entry.id)
                .unwrap_or_else(|| "it waited for its turn".into());
            let happening = Happening::QueueTimedOut {
                message: format!("waited longer than its queue time-out: {why}"),
            };
            if let Step::Next(mut next) = self.term.rules.step(
                &outline,
                &Event {
                    at: self.wall(),
                    happening,
                },
            ) {
                next.epoch = Some(self.term.epoch);
                self.write_outline(outline, *next);
            }
        }
    }

    /// Looks whether those that have waited in front since the last look still do: another pod may have cancelled one,
    /// which is told to nobody and which no write of ours meets while it can't be placed.
    pub(super) fn check_heads(&mut self, now: Duration) {
        if now < self.heads_due {
            return;
        }
        self.heads_due = now + HEADS_EVERY;
        let now_in_front = self.boards.in_front(HEADS_AT_ONCE);
        let before = std::mem::replace(&mut self.in_front, now_in_front.iter().cloned().collect());
        let stayed = now_in_front.into_iter().filter(|id| before.contains(id));
        let ids: Vec<_> = stayed.collect();
        let Some(first) = ids.first().cloned() else {
            return;
        };
        let hands = self.term.hands.clone();
        self.acts
            .spawn(async move { (first, Done::Heads(hands.records(&ids).await)) });
    }

    /// Starts the write of a transition out of QUEUED.
    pub(super) fn write_outline(&mut self, outline: Record, next: Record) {
        let id = next.id.clone();
        let hands = self.term.hands.clone();
        self.backlog.remove(&id);
        let mut attempt = Attempt::intended(next.clone());
        self.claim(&mut attempt);
        self.live.insert(
            id.clone(),
            Slot {
                attempt,
                busy: true,
                unconfirmed: Some(Box::new(outline.clone())),
                wake: None,
            },
        );
        self.acts
            .spawn(async move { (id, Done::Act(Box::new(hands.intend(&outline, &next).await))) });
    }

    pub(super) fn place(&mut self) {
        if !self.cycle_due || self.term.hands.rest().is_none() {
            return;
        }
        self.cycle_due = false;
        let now = Now {
            wall: self.wall(),
            mono: self.now(),
        };
        for _ in 0..PLACEMENTS {
            // A cluster that is probed after a fault gets one job: each decision is acted on before the next is made.
            let probing = self.health.iter().any(|(name, health)| {
                !self.removed.contains(name) && health.verdict(now.mono) == Verdict::Probing
            });
            let most = if probing { 1 } else { PLACEMENTS };
            let cycle = self.cycle(now, most);
            self.term.metrics.cycle(self.now().saturating_sub(now.mono));
            // A token of a pace, the end of a head's patience: nobody tells of these.
            let waits = !cycle.waiting.is_empty();
            let change = self.router.next_change(now.mono).filter(|_| waits);
            self.cycle_at = change.map(|at| at.max(now.mono + APART));
            let decided = cycle.placements.len();
            self.boards.waiting(cycle.waiting);
            for decision in cycle.placements {
                self.intend(decision, now);
            }
            if decided < most {
                return;
            }
        }
        self.cycle_due = true;
    }

    fn cycle(&mut self, now: Now, most: usize) -> Cycle {
        let Some(record) = &self.term.record_cycle else {
            return self.router.cycle(&self.backlog, now, most);
        };
        let (cycle, recorded) = self.router.recorded_cycle(&self.backlog, now, most);
        record(&recorded);
        cycle
    }

    pub(super) fn intend(&mut self, decision: Decision, at: Now) {
        let Decision {
            entry,
            cluster,
            placement,
        } = decision;
        let outline = entry.outline(&self.term.domain);
        let namespace = self
            .term
            .hands
            .clusters
            .get(&cluster)
            .map(|c| c.namespace().to_owned())
            .unwrap_or_default();
        let (epoch, placement) = (self.term.epoch, Box::new(placement));
        let happening = Happening::Placed {
            cluster: cluster.clone(),
            namespace,
            epoch,
            placement,
        };
        let Step::Next(next) = self.term.rules.step(
            &outline,
            &Event {
                at: at.wall,
                happening,
            },
        ) else {
            self.router.released(&entry.id);
            return;
        };
        if let Some(health) = self.health.get_mut(&cluster) {
            health.sent(&entry.id, at.mono);
        }
        self.update_health(&cluster);
        let waited = at.wall.duration_since(entry.accepted_at).unsigned_abs();
        self.term
            .metrics
            .placement(entry.queue.as_str(), cluster.as_str(), waited);
        self.by_object.insert((cluster, record_name(&next)), entry.id);
        self.write_outline(outline, *next);
    }
}

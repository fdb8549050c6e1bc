//! From the backlog to intents, and what is told of those that wait.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Done, PLACEMENTS, Scheduler, Slot, record_name};
use crate::broker::attempt::Attempt;
use crate::lifecycle::{Event, Happening, Step};
use crate::model::{ClusterName, QueueName};
use crate::routing::{Decision, Now};
use crate::submission::Record;

impl Scheduler {
    pub(super) fn write_boards(&mut self, now: Duration) {
        let mut queues: HashMap<QueueName, (u64, u64)> = HashMap::new();
        for (queue, waiting) in self.backlog.queues() {
            queues.entry(queue.clone()).or_default().0 = waiting as u64;
        }
        let mut clusters: HashMap<ClusterName, u64> = HashMap::new();
        for record in self
            .live
            .values()
            .map(|slot| &slot.attempt.record)
            .filter(|r| r.state.is_live())
        {
            queues.entry(record.queue.clone()).or_default().1 += 1;
            record
                .cluster
                .iter()
                .for_each(|name| *clusters.entry(name.clone()).or_default() += 1);
        }
        if let Some(sheets) = self.boards.due(now, &queues, &clusters, &self.health) {
            let term = Arc::clone(&self.term);
            self.chores.spawn(async move { sheets.write(&term).await });
        }
    }

    /// Submissions that have waited too long.
    pub(super) fn time_out(&mut self) {
        for entry in self.backlog.timed_out(self.wall(), PLACEMENTS) {
            let outline = entry.outline(&self.term.domain);
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

    /// Starts the write of a transition out of QUEUED.
    pub(super) fn write_outline(&mut self, outline: Record, next: Record) {
        let id = next.id.clone();
        let hands = self.term.hands.clone();
        self.backlog
            .known_gone(&id, &outline.incarnation, outline.version, self.now());
        self.live.insert(
            id.clone(),
            Slot {
                attempt: Attempt::intended(next.clone()),
                busy: true,
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
        let cycle = self.router.cycle(&self.backlog, now, PLACEMENTS);
        self.cycle_due = cycle.placements.len() >= PLACEMENTS;
        self.boards.waiting(cycle.waiting);
        for decision in cycle.placements {
            self.intend(decision);
        }
    }

    pub(super) fn intend(&mut self, decision: Decision) {
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
                at: self.wall(),
                happening,
            },
        ) else {
            self.router.released(&entry.id);
            return;
        };
        let waited = self.wall().duration_since(entry.accepted_at).unsigned_abs();
        self.term
            .metrics
            .placement(entry.queue.as_str(), cluster.as_str(), waited);
        self.by_object.insert((cluster, record_name(&next)), entry.id);
        self.write_outline(outline, *next);
    }
}

//! Wishes of people carried out: clusters closed and emptied, losses confirmed.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Scheduler, Slot};
use crate::broker::health::Health;
use crate::broker::plan::is_taken_away;
use crate::broker::wishes::Missing;
use crate::model::{ClusterName, SubmissionId};
use crate::ports::store::{ClusterWishes, WishKind};
use crate::submission::Reason;
use crate::watch::Driver;

impl Scheduler {
    /// The wishes of a cluster were read.
    pub fn wished(&mut self, name: &ClusterName, wishes: ClusterWishes) {
        let said_at = wishes.lost_confirmed.as_ref().map(|wish| wish.at);
        let meant = |slot: &Slot| slot.is_on(name) && slot.was_sent_before(said_at);
        let there = self.live.iter().filter(|(_, slot)| meant(slot));
        let there: Vec<_> = there.map(|(id, _)| id.clone()).collect();
        self.wishes.read(name, wishes, there.into_iter());
        let again: Vec<_> = self
            .wishes
            .left_over()
            .filter(|(of, _)| *of == name)
            .map(|(_, at)| at)
            .collect();
        again.into_iter().for_each(|at| self.take_wish_away(name, at));
        self.tend_wishes();
    }

    /// What time has made of wishes, and what of them is done.
    pub(super) fn tend_wishes(&mut self) {
        let (wall, now, term) = (self.wall(), self.now(), Arc::clone(&self.term));
        for (name, told) in self.wishes.news(wall, now, &term.settling) {
            tracing::info!(cluster.name = %name, closed = told.closed, "wishes of the cluster have changed");
            self.router.set_cordon(&name, told.closed);
            self.cycle_due = true;
            let there = self.live.iter().filter(|(_, slot)| slot.is_on(&name));
            self.dirty.extend(there.map(|(id, _)| id.clone()));
        }
        for name in self.losses_carried_out() {
            if let Some(wish) = self.wishes.carried_out(&name) {
                tracing::warn!(cluster.name = %name, reason = wish.reason, "a confirmed loss is carried out");
                self.take_wish_away(&name, wish.at);
            }
        }
    }

    /// Clusters of which everything that was confirmed as lost has been decided.
    fn losses_carried_out(&self) -> Vec<ClusterName> {
        let done = self.wishes.confirmed().filter(|(name, confirmed)| {
            if confirmed.gone {
                let lives = |slot: &Slot| slot.is_on(name) && slot.attempt.record.state.is_live();
                let there = |id: &SubmissionId| self.live.get(id).is_some_and(lives);
                return !self.abandoned.stands_on(name) && !confirmed.covers.iter().any(there);
            }
            let missing = |id: &SubmissionId| {
                let slot = self.live.get(id).filter(|slot| slot.is_on(name));
                slot.is_some_and(|slot| is_taken_away(&slot.attempt) || slot.lacks_all())
            };
            let in_sight = self.health.get(*name).is_some_and(Health::is_in_sight);
            in_sight && !confirmed.covers.iter().any(missing)
        });
        done.map(|(name, _)| name.clone()).collect()
    }

    fn take_wish_away(&mut self, name: &ClusterName, at: Timestamp) {
        let (term, name) = (Arc::clone(&self.term), name.clone());
        self.chores.spawn(async move {
            let kind = WishKind::LostConfirmed;
            let removed = term
                .coordination
                .remove_cluster_wish(&term.domain, &name, kind, Some(at));
            if let Err(error) = removed.await {
                tracing::warn!(%error, cluster.name = %name, "a wish that was carried out can't be taken away yet");
            }
        });
    }

    /// Counts what is missing where one of those about which something is new lacks its object.
    pub(super) fn count_missing(&mut self) {
        let lacking = |id: &SubmissionId| self.live.get(id).is_some_and(Slot::lacks_object);
        if self.dirty.iter().any(lacking) {
            self.recount_missing();
        }
    }

    /// Clusters on which the brake holds submissions, and its word for people.
    pub(super) fn brakes(&mut self) -> HashMap<ClusterName, String> {
        self.recount_missing();
        let mut brakes = HashMap::new();
        for slot in self.live.values() {
            let record = &slot.attempt.record;
            if record.verdict.reason == Some(Reason::LostUnconfirmed)
                && let Some(name) = &record.cluster
                && let Some(why) = self.wishes.brake(name)
            {
                brakes.insert(name.clone(), why);
            }
        }
        brakes
    }

    fn recount_missing(&mut self) {
        let mut counts: HashMap<ClusterName, Missing> = HashMap::new();
        for slot in self.live.values() {
            let record = &slot.attempt.record;
            let Some(name) = record.cluster.as_ref().filter(|_| record.state.is_followed()) else {
                continue;
            };
            let count = counts.entry(name.clone()).or_default();
            count.of += 1;
            let in_sight = self.health.get(name).is_some_and(Health::is_in_sight);
            count.missing += usize::from(in_sight && slot.lacks_object());
        }
        self.wishes.counted(counts);
    }
}

impl Slot {
    pub(super) fn is_on(&self, name: &ClusterName) -> bool {
        self.attempt.record.cluster.as_ref() == Some(name)
    }

    /// Whether its attempt was sent before a person spoke: nobody can mean what comes later.
    fn was_sent_before(&self, said_at: Option<Timestamp>) -> bool {
        let record = &self.attempt.record;
        let sent = record.submitted_at.or(record.history.last().map(|last| last.at));
        said_at.is_none_or(|said| sent.is_none_or(|sent| sent <= said))
    }

    /// Whether it lacks its object and shows no driver that goes on without.
    fn lacks_all(&self) -> bool {
        let sight = &self.attempt.sight;
        let driver = sight.driver.as_ref().filter(|_| !sight.driver_gone);
        self.lacks_object() && driver.is_none_or(Driver::has_ended)
    }

    /// Whether its object should be there, and isn't in sight or on its way out.
    pub(super) fn lacks_object(&self) -> bool {
        self.attempt.record.state.is_followed() && self.attempt.sight.lacks_object()
    }
}

//! What the clusters' watches show, laid to the attempts that it concerns.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Done, Scheduler, Slot, record_name};
use crate::broker::abandoned::{Cleared, Clearing};
use crate::broker::attempt::{Attempt, Second};
use crate::broker::health::Health;
use crate::model::{ClusterName, SubmissionId};
use crate::ports::cluster::ClusterEvent;
use crate::submission::Record;
use crate::watch::{Driver, ObjectState};

impl Scheduler {
    pub(super) fn cluster_said(&mut self, name: &ClusterName, event: ClusterEvent) {
        let now = self.now();
        match event {
            ClusterEvent::Listed { objects, drivers } => self.listed(name, objects, drivers),
            ClusterEvent::Object(object) => match self.slot_of(name, &object.name) {
                Some(id) => self.see(&id, |attempt| attempt.saw_object(*object, now)),
                None => self.strangers.object(name, *object),
            },
            ClusterEvent::ObjectGone(object) => match self.slot_of(name, &object.name) {
                Some(id) => self.see(&id, |attempt| attempt.object_went(Some(*object), now)),
                None => self.strangers.object_gone(name, &object.name),
            },
            ClusterEvent::Driver(driver) => {
                match driver.object_name.as_ref().and_then(|o| self.slot_of(name, o)) {
                    Some(id) => self.see(&id, |attempt| attempt.saw_driver(*driver, now)),
                    None => self.strangers.driver(name, *driver),
                }
            }
            ClusterEvent::DriverGone(driver) => {
                match driver.object_name.as_ref().and_then(|o| self.slot_of(name, o)) {
                    Some(id) => self.see(&id, |attempt| attempt.driver_went(&driver)),
                    None => self.strangers.driver_gone(name, &driver),
                }
            }
            ClusterEvent::Capacity(view) => {
                self.router.set_capacity(name, &view.nodes, &view.bound, now);
                self.cycle_due = true;
            }
            ClusterEvent::Pools(view) => {
                self.router
                    .set_pools(name, view.source, &view.pools, &view.counted, now);
                self.cycle_due = true;
            }
            ClusterEvent::Unread(source, why) => {
                self.router.set_unread(name, source, &why);
                // Who waits is told why, and a view grows too old without a word.
                self.cycle_due = true;
            }
            ClusterEvent::Unreachable(why) => {
                self.router.out_of_sight(name);
                if let Some(health) = self.health.get_mut(name) {
                    health.out_of_sight(&why);
                }
                self.wishes.out_of_sight(name, now);
                let wall = self.wall();
                let on_cluster = |slot: &&mut Slot| slot.attempt.record.cluster.as_ref() == Some(name);
                let slots = self.live.values_mut().filter(on_cluster);
                slots.for_each(|slot| slot.attempt.out_of_sight(wall));
                self.update_health(name);
            }
        }
    }

    /// A full list: what isn't in it doesn't exist.
    pub(super) fn listed(&mut self, name: &ClusterName, objects: Vec<ObjectState>, drivers: Vec<Driver>) {
        let (now, wall) = (self.now(), self.wall());
        let objects_by_name: HashSet<String> = objects.iter().map(|o| o.name.clone()).collect();
        let driver_uids: HashSet<_> = drivers.iter().map(|d| d.uid.clone()).collect();
        self.strangers.relisted(name);
        self.wishes.in_sight(name);
        let on_cluster = |slot: &&mut Slot| slot.attempt.record.cluster.as_ref() == Some(name);
        for slot in self.live.values_mut().filter(on_cluster) {
            slot.attempt.in_sight(wall);
            slot.attempt.sight.second = Second::default();
            if !objects_by_name.contains(&record_name(&slot.attempt.record))
                && slot.attempt.sight.object.is_some()
            {
                slot.attempt.object_went(None, now);
            }
            if let Some(driver) = slot
                .attempt
                .sight
                .driver
                .clone()
                .filter(|d| !driver_uids.contains(&d.uid))
            {
                slot.attempt.driver_went(&driver);
            }
            self.dirty.insert(slot.attempt.record.id.clone());
        }
        for object in objects {
            self.cluster_said(name, ClusterEvent::Object(Box::new(object)));
        }
        for driver in drivers {
            self.cluster_said(name, ClusterEvent::Driver(Box::new(driver)));
        }
        if let Some(health) = self.health.get_mut(name) {
            health.in_sight();
        }
        self.update_health(name);
    }

    pub(super) fn slot_of(&self, cluster: &ClusterName, object: &str) -> Option<SubmissionId> {
        self.by_object.get(&(cluster.clone(), object.to_owned())).cloned()
    }

    pub(super) fn see(&mut self, id: &SubmissionId, look: impl FnOnce(&mut Attempt)) {
        let Some(slot) = self.live.get_mut(id) else { return };
        look(&mut slot.attempt);
        let sight = &slot.attempt.sight;
        let (picked_up, never_ran) = (sight.is_picked_up(), sight.failed_before_start());
        if picked_up {
            self.picked_up(id, never_ran);
            self.cycle_due = true;
        }
        self.dirty.insert(id.clone());
    }

    /// Notes what a record says of attempts that were given up.
    pub(super) fn given_up(&mut self, record: &Record) {
        if self.abandoned.note(record) {
            self.close_what_is_cleared();
        }
    }

    /// Removes what attempts that were given up have left, on clusters that are back.
    pub(super) fn clear_abandoned(&mut self) {
        let (now, settling) = (self.now(), &self.term.settling);
        let settle = settling.submit.max(settling.create);
        let in_sight = self.health.iter().filter(|(_, health)| health.is_in_sight());
        let mut due: Vec<Clearing> = in_sight
            .flat_map(|(name, _)| self.abandoned.due(name, now, settle))
            .collect();
        for (name, _) in self.wishes.confirmed().filter(|(_, confirmed)| confirmed.gone) {
            due.extend(self.abandoned.gone(name, now));
        }
        for clearing in due {
            let term = Arc::clone(&self.term);
            self.acts.spawn(async move {
                let cleared = clearing.carry_out(&term).await;
                (clearing.id(), Done::Cleared(Box::new(clearing), cleared))
            });
        }
    }

    pub(super) fn cleared(&mut self, clearing: &Clearing, cleared: Cleared) {
        self.abandoned.came_to(clearing, &cleared, self.now());
        match cleared {
            Cleared::Record(record) => self.found(*record),
            Cleared::NotYet | Cleared::Absent | Cleared::Vanished => self.close_what_is_cleared(),
        }
    }

    /// A cluster takes nothing new before what was given up there is removed.
    fn close_what_is_cleared(&mut self) {
        let names: Vec<ClusterName> = self.health.keys().cloned().collect();
        for name in names {
            let blocked = self.abandoned.blocks(&name);
            if self
                .health
                .get_mut(&name)
                .is_some_and(|health| health.set_clearing(blocked))
            {
                self.update_health(&name);
            }
        }
    }

    pub(super) fn update_health(&mut self, name: &ClusterName) {
        if let Some(health) = self.health.get(name) {
            self.router.set_health(name, health.verdict(self.now()).into());
            self.cycle_due = true;
        }
    }

    /// Where `id` was sent as a probe, its cluster may be sent another job: it has come to something, or to nothing.
    pub(super) fn probe_is_over(&mut self, id: &SubmissionId) {
        // Its record may name no cluster any more.
        let over =
            |(name, health): (&ClusterName, &mut Health)| health.probe_is_over(id).then(|| name.clone());
        if let Some(name) = self.health.iter_mut().find_map(over) {
            self.update_health(&name);
        }
    }
}

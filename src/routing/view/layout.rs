//! The rooms of a view, laid out from its nodes and what is kept on them.

use super::View;
use crate::model::{Resources, SubmissionId};
use crate::routing::Node;
use crate::routing::nodes::{addable, allocatable};
use crate::routing::rooms::{Places, Room, Rooms};

impl View {
    /// Lays the rooms out anew and keeps places for every pod not yet seen, the largest pods first.
    pub(super) fn rebuild(&mut self) {
        let (mut rooms, empty, cleared) = self.laid_out();
        self.bare = rooms.clone();
        let before = self.unbound.pods();
        self.keep_places(&mut rooms);
        // Where fewer are to come, what they might have taken is sure.
        if rooms.grew_since(&self.rooms) || self.unbound.pods() < before {
            self.grown += 1;
        }
        let reshaped = !empty.same_as(&self.empty);
        self.reshaped += u64::from(reshaped);
        let alike = match (&cleared, &self.cleared) {
            (Some(now), Some(before)) => now.same_as(before),
            (None, None) => !reshaped,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !alike {
            self.cleared_anew += 1;
            // What was waited for may be hoped for.
            self.grown += 1;
        }
        self.rooms = rooms;
        self.empty = empty;
        self.cleared = cleared;
        self.unbound.measure(&self.bare, self.empty.whole());
        self.measure();
    }

    /// What is free now, on empty nodes, and where nothing of ours runs if strangers' pods do.
    fn laid_out(&self) -> (Rooms, Rooms, Option<Rooms>) {
        let grown = self
            .least
            .as_ref()
            .map_or_else(Resources::default, |least| allocatable(&self.nodes).minus(least));
        let provisionable = self
            .settings
            .as_ref()
            .and_then(|settings| settings.provisionable.as_ref());
        let addable = provisionable.map_or_else(Vec::new, |provisionable| addable(provisionable, &grown));
        let traits = provisionable.and_then(|provisionable| provisionable.traits.clone());
        let added = |free: &Resources| Room {
            free: free.clone(),
            real: false,
            traits: traits.clone(),
        };
        let laid_out = |free: fn(&Node) -> Resources| {
            let real = self.nodes.iter().map(|node| Room {
                free: free(node),
                real: true,
                traits: Some(node.traits.clone()),
            });
            Rooms::new(real.chain(addable.iter().map(added)))
        };
        let mut nodes = self.nodes.iter();
        let shared = nodes.any(|node| node.strangers != Resources::default());
        (
            laid_out(|node| node.allocatable.minus(&node.requested)),
            laid_out(|node| node.allocatable.clone()),
            shared.then(|| laid_out(|node| node.allocatable.minus(&node.strangers))),
        )
    }

    fn keep_places(&mut self, rooms: &mut Rooms) {
        let mut pods: Vec<(u64, u64, SubmissionId, bool, u32)> = Vec::new();
        self.unbound.clear();
        for (id, reservation) in &mut self.reservations {
            reservation.places = Places::default();
            let (driver, executors) = reservation.missing();
            let demand = &reservation.demand;
            let awaited = reservation.awaited();
            self.unbound.add(demand, awaited.0, awaited.1);
            if driver {
                pods.push((demand.driver.cpu.0, demand.driver.memory.0, id.clone(), true, 1));
            }
            if executors > 0 {
                let pod = &demand.executor;
                pods.push((pod.cpu.0, pod.memory.0, id.clone(), false, executors));
            }
        }
        pods.sort_by(|a, b| {
            (b.0, b.1)
                .cmp(&(a.0, a.1))
                .then_with(|| a.2.cmp(&b.2))
                .then(b.3.cmp(&a.3))
        });
        for (_, _, id, driver, count) in pods {
            if let Some(reservation) = self.reservations.get_mut(&id) {
                match driver {
                    true => rooms.spread_driver(&reservation.demand, &mut reservation.places),
                    false => rooms.spread_executors(&reservation.demand, count, &mut reservation.places),
                }
            }
        }
    }
}

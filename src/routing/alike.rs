//! Rooms in a form that can be written down: by how many are alike.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::rooms::{Room, Rooms};
use crate::model::{NodeTraits, Resources};

/// Rooms that are alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Alike {
    real: bool,
    free: Resources,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traits: Option<Arc<NodeTraits>>,
    count: u64,
}

impl Rooms {
    /// Rooms as they were written down.
    pub(super) fn restored(alike: &[Alike], owed: Resources) -> Self {
        let of = |wanted: bool| {
            let alike = alike.iter().filter(move |alike| alike.real == wanted);
            alike.flat_map(|alike| {
                (0..alike.count).map(|_| Room {
                    free: alike.free.clone(),
                    real: alike.real,
                    traits: alike.traits.clone(),
                })
            })
        };
        Self::new(of(true).chain(of(false))).owing(owed)
    }

    /// The rooms, alike ones together.
    pub(super) fn alike(&self) -> Vec<Alike> {
        type Key<'a> = (
            bool,
            u64,
            u64,
            u64,
            &'a BTreeMap<String, u64>,
            &'a Option<Arc<NodeTraits>>,
        );
        let mut found: BTreeMap<Key<'_>, (&Room, u64)> = Default::default();
        for room in &self.rooms {
            let Room { free, real, traits } = room;
            let key = (
                *real,
                free.cpu.0,
                free.memory.0,
                free.pods,
                &free.extended,
                traits,
            );
            found.entry(key).or_insert((room, 0)).1 += 1;
        }
        let rooms = found.into_values();
        rooms
            .map(|(room, count)| Alike {
                real: room.real,
                free: room.free.clone(),
                traits: room.traits.clone(),
                count,
            })
            .collect()
    }

    /// The rooms one by one, in order.
    pub(super) fn one_by_one(&self) -> Vec<Alike> {
        let one = |room: &Room| Alike {
            real: room.real,
            free: room.free.clone(),
            traits: room.traits.clone(),
            count: 1,
        };
        self.rooms.iter().map(one).collect()
    }
}

//! From what the watches show to what is told.

use k8s_openapi::api::core::v1::Pod;
use kube::api::DynamicObject;
use kube::runtime::watcher::Event;

use super::super::measures::Measures;
use super::streams::Seen;
use crate::ports::cluster::ClusterEvent;
use crate::watch::{Driver, ObjectState, read_driver, read_object};

/// What the watches have shown in this session, and what of it is still to be told.
pub(super) struct View {
    objects: Vec<ObjectState>,
    drivers: Vec<Driver>,
    /// Lists of objects and drivers that aren't complete.
    listing: u8,
    /// Single events that came before both lists were complete.
    early: Vec<ClusterEvent>,
    pub(super) measures: Measures,
}

impl View {
    pub(super) fn new(measures: Measures) -> Self {
        Self {
            objects: Vec::new(),
            drivers: Vec::new(),
            listing: 2,
            early: Vec::new(),
            measures,
        }
    }

    /// Takes in what a watch says; what is to be told for it. Something unreadable ends the session: to leave it out
    /// would say that it doesn't exist.
    pub(super) fn take(&mut self, seen: Seen) -> Result<Vec<ClusterEvent>, String> {
        match seen {
            Seen::Object(event) => self.take_object(*event),
            Seen::Driver(event) => self.take_driver(*event),
            Seen::Capacity(event) => {
                self.measures.take(event);
                Ok(Vec::new())
            }
        }
    }

    /// Whether every list is complete.
    pub(super) fn is_complete(&self) -> bool {
        self.listing == 0 && self.measures.is_complete()
    }

    fn take_object(&mut self, event: Event<DynamicObject>) -> Result<Vec<ClusterEvent>, String> {
        Ok(match event {
            Event::Init => Vec::new(),
            Event::InitApply(object) => {
                self.objects.push(object_state(object)?);
                Vec::new()
            }
            Event::InitDone => self.list_done(),
            Event::Apply(object) => self.or_later(ClusterEvent::Object(Box::new(object_state(object)?))),
            Event::Delete(object) => self.or_later(ClusterEvent::ObjectGone(Box::new(object_state(object)?))),
        })
    }

    fn take_driver(&mut self, event: Event<Pod>) -> Result<Vec<ClusterEvent>, String> {
        Ok(match event {
            Event::Init => Vec::new(),
            Event::InitApply(pod) => {
                self.drivers.push(driver(&pod)?);
                Vec::new()
            }
            Event::InitDone => self.list_done(),
            Event::Apply(pod) => self.or_later(ClusterEvent::Driver(Box::new(driver(&pod)?))),
            Event::Delete(pod) => self.or_later(ClusterEvent::DriverGone(Box::new(driver(&pod)?))),
        })
    }

    fn list_done(&mut self) -> Vec<ClusterEvent> {
        self.listing = self.listing.saturating_sub(1);
        if self.listing > 0 {
            return Vec::new();
        }
        let objects = std::mem::take(&mut self.objects);
        let drivers = std::mem::take(&mut self.drivers);
        let mut out = vec![ClusterEvent::Listed { objects, drivers }];
        out.append(&mut self.early);
        out
    }

    fn or_later(&mut self, event: ClusterEvent) -> Vec<ClusterEvent> {
        if self.listing == 0 {
            return vec![event];
        }
        self.early.push(event);
        Vec::new()
    }

    pub(super) fn capacity_if_changed(&mut self) -> Vec<ClusterEvent> {
        if self.is_complete() {
            self.measures.changed()
        } else {
            Vec::new()
        }
    }
}

fn object_state(object: DynamicObject) -> Result<ObjectState, String> {
    let name = object.metadata.name.clone().unwrap_or_default();
    let value = serde_json::to_value(object).map_err(|error| format!("{name}: {error}"))?;
    read_object(&value).map_err(|error| format!("{name}: {error}"))
}

fn driver(pod: &Pod) -> Result<Driver, String> {
    read_driver(pod).ok_or_else(|| "a driver pod without name or UID".to_owned())
}

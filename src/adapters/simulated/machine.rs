//! The state machine of a simulated cluster: an API server's objects, an operator and a scheduler, moved by the time
//! that it is told. Pure: the same calls with the same times make the same cluster, so that one loaded from an older
//! state catches up by itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::application::{Application, End, Stage};
use super::behaviour::Failure;
use super::nodes::{NodeGroup, Nodes, as_pod};
use crate::model::{Demand, ObjectUid};
use crate::ports::cluster::{CapacityView, ClusterEvent, Deleted, PodSight};
use crate::watch::{ObjectState, marks};

/// Why a create is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// The name is taken.
    AlreadyExists,
    /// It can't be an object here.
    Invalid(String),
}

/// One simulated cluster.
#[derive(Debug, Default)]
pub(super) struct Machine {
    applications: BTreeMap<String, Application>,
    nodes: Nodes,
    /// When which application moves by itself.
    due: BTreeSet<(Timestamp, String)>,
    /// Drivers without a place, the oldest first.
    waiting: BTreeSet<(Timestamp, String)>,
    /// Applications whose pods have their place.
    placed: BTreeSet<String>,
    changes: Vec<ClusterEvent>,
}

impl Machine {
    /// A cluster of `groups` with what it held before.
    pub(super) fn new(groups: &[NodeGroup], applications: Vec<Application>) -> Self {
        let mut machine = Self {
            nodes: Nodes::new(groups),
            ..Self::default()
        };
        for application in applications {
            machine.put(application);
        }
        machine
    }

    /// What must be kept to go on later.
    pub(super) fn applications(&self) -> Vec<&Application> {
        self.applications.values().collect()
    }

    /// What changed since the last call, in order.
    pub(super) fn take_changes(&mut self) -> Vec<ClusterEvent> {
        std::mem::take(&mut self.changes)
    }

    pub(super) fn create(
        &mut self,
        object: &Value,
        demand: Demand,
        now: Timestamp,
    ) -> Result<ObjectState, Refused> {
        self.advance(now);
        let application = Application::new(object, demand, now).map_err(Refused::Invalid)?;
        if self.applications.contains_key(&application.name) {
            return Err(Refused::AlreadyExists);
        }
        let state = application.object();
        self.changes.push(ClusterEvent::Object(Box::new(state.clone())));
        self.put(application);
        Ok(state)
    }

    pub(super) fn get(&self, name: &str) -> Option<ObjectState> {
        self.applications.get(name).map(Application::object)
    }

    /// A suspended object is taken up as if it were new.
    pub(super) fn release(&mut self, name: &str, uid: &ObjectUid, now: Timestamp) {
        self.advance(now);
        let Some(application) = self.applications.get(name).filter(|a| a.uid == *uid) else {
            return;
        };
        if application.stage == Stage::Suspended {
            let submit_at = application.behaviour.submits_at(now);
            self.enter(name, Stage::New { submit_at });
        }
    }

    /// The object goes, and its pods with it.
    pub(super) fn delete(&mut self, name: &str, uid: &ObjectUid, now: Timestamp) -> Deleted {
        self.advance(now);
        if self.applications.get(name).is_none_or(|a| a.uid != *uid) {
            return Deleted::Absent;
        }
        self.remove(name);
        self.place_waiting(now);
        Deleted::Done
    }

    pub(super) fn pods(&self, submission: &str) -> Vec<PodSight> {
        let all = self.applications.values();
        let of = all.filter(|a| a.label(marks::SUBMISSION) == Some(submission));
        of.flat_map(|a| a.pods(self.nodes.count())).collect()
    }

    /// A driver's pod goes, and the operator fails its object; an executor's comes again at once, so nothing changes.
    pub(super) fn delete_pod(&mut self, name: &str, uid: &ObjectUid, now: Timestamp) -> Deleted {
        self.advance(now);
        let nodes = self.nodes.count();
        let found = self.applications.values().find_map(|application| {
            let pod = application
                .pods(nodes)
                .into_iter()
                .find(|p| p.name == name && p.uid == *uid)?;
            Some((application.clone(), pod))
        });
        let Some((application, pod)) = found else {
            return Deleted::Absent;
        };
        let Some(driver) = pod.driver else {
            return Deleted::Done;
        };
        self.changes.push(ClusterEvent::DriverGone(Box::new(driver)));
        let (at, end) = match application.stage {
            Stage::Ended { at, end } => (at, End { pod: false, ..end }),
            Stage::Running { since, .. } => (now, pod_not_found(Some(since))),
            Stage::New { .. } | Stage::Suspended | Stage::Pending { .. } | Stage::Starting { .. } => {
                (now, pod_not_found(None))
            }
        };
        self.enter(&application.name, Stage::Ended { at, end });
        self.place_waiting(now);
        Deleted::Done
    }

    /// Lets happen what is due by `now`, in the order of its times; when something is due next.
    pub(super) fn advance(&mut self, now: Timestamp) -> Option<Timestamp> {
        while let Some((at, name)) = self.due.first().cloned() {
            if at > now {
                return Some(at);
            }
            self.move_on(&name, at);
        }
        None
    }

    /// Objects and driver pods with this installation's label.
    pub(super) fn listed(&self, installation: &str) -> ClusterEvent {
        let ours = || {
            let all = self.applications.values();
            all.filter(|a| a.label(marks::INSTALLATION) == Some(installation))
        };
        ClusterEvent::Listed {
            objects: ours().map(Application::object).collect(),
            drivers: ours().filter_map(|a| a.driver(self.nodes.count())).collect(),
        }
    }

    pub(super) fn capacity(&self) -> CapacityView {
        let requested = |name: &String| {
            let application = self.applications.get(name)?;
            let executors = u64::from(application.places()?.executors());
            let demand = &application.demand;
            Some((
                name.clone(),
                as_pod(&demand.driver).plus(&as_pod(&demand.executor).times(executors)),
            ))
        };
        CapacityView {
            nodes: self.nodes.views(),
            bound: self.placed.iter().filter_map(requested).collect(),
        }
    }

    /// The step of one application whose time has come.
    fn move_on(&mut self, name: &str, at: Timestamp) {
        let Some(application) = self.applications.get(name) else {
            return;
        };
        let behaviour = &application.behaviour;
        let next = match &application.stage {
            Stage::New { .. } if behaviour.failure == Some(Failure::SubmissionFailed) => {
                let end = End {
                    started_at: None,
                    pod: false,
                    error: application.error(),
                };
                Stage::Ended { at, end }
            }
            Stage::New { .. } => Stage::Pending { since: at },
            Stage::Starting { places, .. } => Stage::Running {
                since: at,
                ends_at: at.saturating_add(behaviour.run_time).unwrap_or(Timestamp::MAX),
                places: places.clone(),
            },
            Stage::Running { since, .. } => {
                let end = End {
                    started_at: Some(*since),
                    pod: true,
                    error: application.error(),
                };
                Stage::Ended { at, end }
            }
            Stage::Ended { .. } => return self.remove(name),
            Stage::Suspended | Stage::Pending { .. } => return,
        };
        self.enter(name, next);
        self.place_waiting(at);
    }

    /// Gives each waiting application its places, if it has room for all its pods now.
    fn place_waiting(&mut self, at: Timestamp) {
        for (_, name) in self.waiting.clone() {
            let Some(application) = self.applications.get(&name) else {
                continue;
            };
            let Some(places) = self.nodes.place(&application.demand) else {
                continue;
            };
            let runs_at = at
                .saturating_add(application.behaviour.start_delay)
                .unwrap_or(Timestamp::MAX);
            self.enter(&name, Stage::Starting { runs_at, places });
        }
    }

    /// Moves an application to `stage` and tells of it.
    fn enter(&mut self, name: &str, stage: Stage) {
        let Some(mut application) = self.take(name) else {
            return;
        };
        application.stage = stage;
        self.changes
            .push(ClusterEvent::Object(Box::new(application.object())));
        if let Some(driver) = application.driver(self.nodes.count()) {
            self.changes.push(ClusterEvent::Driver(Box::new(driver)));
        }
        self.put(application);
    }

    fn remove(&mut self, name: &str) {
        let Some(application) = self.take(name) else {
            return;
        };
        self.changes
            .push(ClusterEvent::ObjectGone(Box::new(application.object())));
        if let Some(driver) = application.driver(self.nodes.count()) {
            self.changes.push(ClusterEvent::DriverGone(Box::new(driver)));
        }
    }

    /// Takes an application in, with all that follows from its stage.
    fn put(&mut self, application: Application) {
        let name = application.name.clone();
        if let Some(at) = application.due() {
            self.due.insert((at, name.clone()));
        }
        if let Stage::Pending { since } = application.stage {
            self.waiting.insert((since, name.clone()));
        }
        if let Some(places) = application.places() {
            self.nodes.take(places, &application.demand);
            self.placed.insert(name.clone());
        }
        self.applications.insert(name, application);
    }

    /// Takes an application out, with all that follows from its stage.
    fn take(&mut self, name: &str) -> Option<Application> {
        let application = self.applications.remove(name)?;
        if let Some(at) = application.due() {
            self.due.remove(&(at, name.to_owned()));
        }
        if let Stage::Pending { since } = application.stage {
            self.waiting.remove(&(since, name.to_owned()));
        }
        if let Some(places) = application.places() {
            self.nodes.give(places, &application.demand);
            self.placed.remove(name);
        }
        Some(application)
    }
}

fn pod_not_found(started_at: Option<Timestamp>) -> End {
    End {
        started_at,
        pod: false,
        error: Some("driver pod not found".to_owned()),
    }
}

#[cfg(test)]
mod tests;

//! The life of an object and of a driver, by its UID.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::DynamicObject;

use super::ruler::Moment;
use crate::spark::raw;

/// Whose it is, by its labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    pub installation: String,
    pub submission: String,
    pub incarnation: String,
    pub attempt: u64,
}

impl Owner {
    fn of(object: &impl ResourceExt) -> Self {
        let label = |name: &str| object.labels().get(name).cloned().unwrap_or_default();
        Self {
            installation: label("spark-broker/installation"),
            submission: label("spark-broker/submission"),
            incarnation: label("spark-broker/incarnation"),
            attempt: label("spark-broker/attempt").parse().unwrap_or(0),
        }
    }
}

/// A `SparkApplication`, from its creation on.
#[derive(Debug, Clone)]
pub struct Object {
    pub cluster: usize,
    pub name: String,
    pub owner: Owner,
    pub created: Moment,
    /// First seen with `spec.suspend` not true: an operator may start it.
    pub released: Option<Moment>,
    /// First seen COMPLETED or FAILED.
    pub terminal: Option<Moment>,
    pub gone: Option<Moment>,
    /// The operator's last word.
    pub raw: String,
}

impl Object {
    pub(super) fn new(object: &DynamicObject, cluster: usize, at: Moment) -> Self {
        Self {
            cluster,
            name: object.name_any(),
            owner: Owner::of(object),
            created: at,
            released: None,
            terminal: None,
            gone: None,
            raw: String::new(),
        }
    }

    pub(super) fn see(&mut self, object: &DynamicObject, at: Moment) {
        if object.data["spec"]["suspend"] != true {
            self.released.get_or_insert(at);
        }
        raw(object).clone_into(&mut self.raw);
        if ["COMPLETED", "FAILED"].contains(&self.raw.as_str()) {
            self.terminal.get_or_insert(at);
        }
    }
}

/// A driver pod.
#[derive(Debug, Clone)]
pub struct Driver {
    pub cluster: usize,
    pub name: String,
    pub owner: Owner,
    /// The UID of its object.
    pub object: String,
    /// Its container was first seen to run, or to have run.
    pub started: Option<Moment>,
    pub ended: Option<(Moment, i32)>,
    pub gone: Option<Moment>,
}

impl Driver {
    pub(super) fn new(pod: &Pod, cluster: usize) -> Self {
        let object = pod.owner_references().first().map(|owner| owner.uid.clone());
        Self {
            cluster,
            name: pod.name_any(),
            owner: Owner::of(pod),
            object: object.unwrap_or_default(),
            started: None,
            ended: None,
            gone: None,
        }
    }

    pub(super) fn see(&mut self, pod: &Pod, at: Moment) {
        let containers = pod
            .status
            .iter()
            .flat_map(|s| s.container_statuses.iter().flatten());
        for state in containers.filter_map(|container| container.state.as_ref()) {
            if state.running.is_some() {
                self.started.get_or_insert(at);
            }
            if let Some(end) = &state.terminated {
                self.started.get_or_insert(at);
                self.ended.get_or_insert((at, end.exit_code));
            }
        }
    }
}

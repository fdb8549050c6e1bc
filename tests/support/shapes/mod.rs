//! What a cluster may show of a driver, and what the record says of it: one table for the pure rules and for `serve` on a
//! real API server.
//!
//! Each shape is shown twice: with an object that says what the operator would, and with one whose operator has not
//! come to it (`lags`). The record is the same.

mod rows;

use serde_json::{Value, json};

pub use rows::shapes;

/// When each driver starts and ends.
pub const STARTED: &str = "2026-11-23T05:30:00Z";
/// See [`STARTED`].
pub const FINISHED: &str = "2026-11-23T05:31:00Z";
/// When a second driver of the same attempt starts.
pub const STARTED_AGAIN: &str = "2026-11-23T05:30:40Z";

/// What the driver's pod is at one moment.
#[derive(Debug, Clone)]
pub enum PodIs {
    /// As before.
    AsBefore,
    /// There, with this spec and status.
    There(Value),
    /// The same, and being deleted.
    Deleting(Value),
    /// Gone.
    Gone,
}

/// What the object is at one moment.
#[derive(Debug, Clone)]
pub enum ObjectIs {
    /// As before.
    AsBefore,
    /// In this state, with this message.
    In(&'static str, &'static str),
    /// In this state, with `spec.suspend` set so by another party.
    Suspended(&'static str, bool),
    /// Gone.
    Gone,
}

/// One shape.
#[derive(Debug, Clone)]
pub struct Shape {
    /// In words.
    pub name: &'static str,
    /// `restartPolicy` of the job's spec.
    pub restart: Value,
    /// What is shown, one after the other, and the state that the record is in then.
    pub shown: Vec<(PodIs, ObjectIs, &'static str)>,
    /// The record's reason at the last of them.
    pub reason: Option<&'static str>,
    /// Its exit code at the end.
    pub exit_code: Option<i32>,
    /// Its start and end at the end; `None`: not looked at.
    pub times: Option<(&'static str, &'static str)>,
    /// Whether it holds with an object that says nothing, too.
    pub lags: bool,
}

fn shape(name: &'static str, shown: Vec<(PodIs, ObjectIs, &'static str)>) -> Shape {
    Shape {
        name,
        restart: json!({"type": "Never"}),
        shown,
        reason: None,
        exit_code: None,
        times: None,
        lags: true,
    }
}

impl Shape {
    fn because(self, reason: &'static str) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }

    fn code(self, code: i32) -> Self {
        Self {
            exit_code: Some(code),
            times: Some((STARTED, FINISHED)),
            ..self
        }
    }

    fn times(self, started: &'static str, finished: &'static str) -> Self {
        Self {
            times: Some((started, finished)),
            ..self
        }
    }

    fn by_the_object(self) -> Self {
        Self { lags: false, ..self }
    }
}

/// The driver's container in `state`, as its status tells.
fn container(name: &str, state: &Value) -> Value {
    json!({
        "name": name, "image": "spark", "imageID": "", "restartCount": 0,
        "ready": !state["running"].is_null(), "state": state,
    })
}

const DRIVER: &str = "spark-kubernetes-driver";

fn pod(phase: &str, containers: &[(&str, Value)]) -> Value {
    let specs: Vec<Value> = match containers {
        [] => vec![json!({"name": DRIVER, "image": "spark"})],
        some => some
            .iter()
            .map(|(name, _)| json!({"name": name, "image": "spark"}))
            .collect(),
    };
    let statuses: Vec<Value> = containers.iter().map(|(n, s)| container(n, s)).collect();
    json!({
        "spec": {"containers": specs},
        "status": {"phase": phase, "containerStatuses": statuses, "conditions": [], "reason": null},
    })
}

fn running() -> Value {
    json!({"running": {"startedAt": STARTED}})
}

fn waiting(why: &str) -> Value {
    json!({"waiting": {"reason": why}})
}

fn ended(code: i32, reason: &str) -> Value {
    json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": STARTED, "finishedAt": FINISHED}})
}

fn alone(phase: &str, state: Value) -> Value {
    pod(phase, &[(DRIVER, state)])
}

/// A driver that runs.
pub fn runs() -> PodIs {
    PodIs::There(alone("Running", running()))
}

/// A driver that was told to go, and went.
pub fn told_to_go() -> PodIs {
    PodIs::Deleting(alone("Failed", ended(143, "Error")))
}

/// A driver that has ended with 0.
pub fn succeeded() -> Value {
    alone("Succeeded", ended(0, "Completed"))
}

/// The pod disrupted for `why`, and with the kubelet's or the scheduler's `reason` where there is one.
fn disrupted(mut pod: Value, why: &str, reason: Option<&str>) -> Value {
    pod["status"]["conditions"] = json!([{
        "type": "DisruptionTarget", "status": "True", "reason": why, "lastTransitionTime": FINISHED,
    }]);
    pod["status"]["reason"] = json!(reason);
    pod
}

/// Ended as the pod's phase alone tells.
fn by_phase(mut pod: Value, reason: Option<&str>) -> Value {
    pod["status"]["conditions"] =
        json!([{"type": "Ready", "status": "False", "reason": "PodFailed", "lastTransitionTime": FINISHED}]);
    pod["status"]["reason"] = json!(reason);
    pod
}

//! A driver pod, read by its driver container: a pod's phase tells of its sidecars too, the container of Spark alone.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use super::marks;
use super::object::Ownership;
use crate::model::{ObjectUid, SubmissionId};
use crate::submission::Reason;

/// The name that Spark gives the driver's container.
const DRIVER_CONTAINER: &str = "spark-kubernetes-driver";

/// One driver pod, pruned to what decisions need.
#[derive(Debug, Clone, PartialEq)]
pub struct Driver {
    /// The pod's name.
    pub pod: String,
    /// The pod's UID.
    pub uid: ObjectUid,
    /// Who made it.
    pub owner: Ownership,
    /// The submission ID of its annotation, where it carries one.
    pub submission_id: Option<SubmissionId>,
    /// The name of the object it belongs to, by the operator's label.
    pub object_name: Option<String>,
    /// The UID of the object that owns it; absent where it has no owner (operators before 2.4 without their webhook).
    pub object_uid: Option<ObjectUid>,
    /// Spark's own application ID, by the label `spark-app-selector`.
    pub spark_application_id: Option<String>,
    /// What its driver container does.
    pub phase: DriverPhase,
    /// Why it is being stopped from outside, if it is.
    pub stop: Option<DriverStop>,
    /// When the pod was made, by its API server's clock.
    pub created_at: Option<Timestamp>,
}

impl Driver {
    /// Whether its container has ended.
    pub fn has_ended(&self) -> bool {
        match &self.phase {
            DriverPhase::Ended(_) => true,
            DriverPhase::Waiting { .. } | DriverPhase::Running { .. } | DriverPhase::Unknown => false,
        }
    }
}

/// What the driver's container does.
#[derive(Debug, Clone, PartialEq)]
pub enum DriverPhase {
    /// Not started; with the scheduler's or the kubelet's word on why.
    Waiting {
        /// Such as `Unschedulable: 0/3 nodes are available` or `ImagePullBackOff: Back-off pulling image "spark:3.5.0"`.
        why: Option<String>,
    },
    /// Running.
    Running {
        /// Since when.
        since: Option<Timestamp>,
    },
    /// Ended.
    Ended(DriverEnd),
    /// Nobody who could know says what it does: the pod's phase is Unknown, or Failed by hearsay.
    Unknown,
}

/// How a driver ended.
#[derive(Debug, Clone, PartialEq)]
pub struct DriverEnd {
    /// The container's exit code; absent where the pod ended without the container's word.
    pub exit_code: Option<i32>,
    /// The container's or pod's reason, such as `OOMKilled`, `Error`, `Evicted`.
    pub word: Option<String>,
    /// The cause in our words, for an end that isn't success.
    pub cause: Reason,
    /// Whether the pod ended well.
    pub success: bool,
    /// Whether its status shows that the container ran, or may have.
    pub ran: bool,
    /// When the container started; absent where it never did.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// A pod that somebody stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriverStop {
    /// It has a deletion time stamp.
    Deleting {
        /// When its grace is over, by its API server's clock: it should be gone by then.
        due: Timestamp,
    },
    /// It carries the condition `DisruptionTarget`.
    Disrupted,
}

/// Reads a driver pod.
pub fn read_driver(pod: &Pod) -> Option<Driver> {
    let meta = &pod.metadata;
    let labels = meta.labels.clone().unwrap_or_default();
    let annotation = meta
        .annotations
        .as_ref()
        .and_then(|a| a.get(marks::SUBMISSION_ID));
    Some(Driver {
        pod: meta.name.clone()?,
        uid: meta.uid.as_deref()?.parse().ok()?,
        owner: Ownership::from_labels(&labels),
        submission_id: annotation.and_then(|id| id.parse().ok()),
        object_name: labels.get("sparkoperator.k8s.io/app-name").cloned(),
        object_uid: owning_object(pod),
        spark_application_id: labels.get("spark-app-selector").cloned(),
        phase: phase(pod),
        stop: stop(pod),
        created_at: meta.creation_timestamp.as_ref().map(|time| time.0),
    })
}

fn owning_object(pod: &Pod) -> Option<ObjectUid> {
    let owners = pod.metadata.owner_references.as_ref()?;
    let owner = owners.iter().find(|owner| owner.kind == "SparkApplication")?;
    owner.uid.parse().ok()
}

fn stop(pod: &Pod) -> Option<DriverStop> {
    if let Some(due) = &pod.metadata.deletion_timestamp {
        return Some(DriverStop::Deleting { due: due.0 });
    }
    disruption(pod).map(|_| DriverStop::Disrupted)
}

/// The reason of the condition `DisruptionTarget`, where it is true.
fn disruption(pod: &Pod) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let condition = conditions
        .iter()
        .find(|c| c.type_ == "DisruptionTarget" && c.status == "True")?;
    Some(condition.reason.clone().unwrap_or_default())
}

fn phase(pod: &Pod) -> DriverPhase {
    let Some(status) = &pod.status else {
        return DriverPhase::Waiting { why: None };
    };
    let container = driver_container(pod);
    let terminated = container.and_then(|c| c.state.as_ref()?.terminated.as_ref());
    if let Some(end) = terminated.filter(|t| t.reason.as_deref() != Some("ContainerStatusUnknown")) {
        return DriverPhase::Ended(DriverEnd {
            exit_code: Some(end.exit_code),
            word: end.reason.clone(),
            cause: container_cause(pod, end.reason.as_deref(), end.exit_code),
            success: end.exit_code == 0,
            ran: true,
            started_at: end.started_at.as_ref().map(|t| t.0),
            finished_at: end.finished_at.as_ref().map(|t| t.0),
        });
    }
    match status.phase.as_deref() {
        Some("Succeeded") => DriverPhase::Ended(pod_end(pod, container, true)),
        Some("Failed") if is_hearsay(pod, container) => DriverPhase::Unknown,
        Some("Failed") => DriverPhase::Ended(pod_end(pod, container, false)),
        Some("Unknown") => DriverPhase::Unknown,
        _ => match container.and_then(|c| c.state.as_ref()?.running.as_ref()) {
            Some(running) => DriverPhase::Running {
                since: running.started_at.as_ref().map(|t| t.0),
            },
            None => DriverPhase::Waiting {
                why: waiting_for(pod, container),
            },
        },
    }
}

/// Whether the pod is called failed for the loss of its node by somebody who can't know that its driver doesn't run: the
/// kubelet hasn't told so, and the garbage collector, which acts once the node is deleted or carries the taint
/// `node.kubernetes.io/out-of-service`, leaves its condition or deletes what was to be deleted already.
fn is_hearsay(pod: &Pod, container: Option<&ContainerStatus>) -> bool {
    let runs = container.is_some_and(|c| c.state.as_ref().is_some_and(|state| state.running.is_some()));
    let collected =
        disruption(pod).as_deref() == Some("DeletionByPodGC") || pod.metadata.deletion_timestamp.is_some();
    let by_kubelet = pod_reason(pod).is_some_and(|word| word != "NodeLost");
    runs && !collected && !by_kubelet && pod_cause(pod) == Reason::NodeLost
}

/// The status of the driver's container: the one with Spark's name, else the one whose first argument is `driver`.
fn driver_container(pod: &Pod) -> Option<&ContainerStatus> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let by_name = |name: &str| statuses.iter().find(|c| c.name == name);
    by_name(DRIVER_CONTAINER).or_else(|| {
        let containers = &pod.spec.as_ref()?.containers;
        let is_driver = |args: &Vec<String>| args.first().is_some_and(|a| a == "driver");
        by_name(
            &containers
                .iter()
                .find(|c| c.args.as_ref().is_some_and(is_driver))?
                .name,
        )
    })
}

/// An end that only the pod tells: there is no exit code.
fn pod_end(pod: &Pod, container: Option<&ContainerStatus>, success: bool) -> DriverEnd {
    let state = container.and_then(|c| c.state.as_ref());
    let running = state
        .and_then(|s| s.running.as_ref()?.started_at.as_ref())
        .map(|t| t.0);
    let unknown = state.and_then(|s| s.terminated.as_ref());
    let terminated = unknown.and_then(|t| t.started_at.as_ref()).map(|t| t.0);
    let word = pod
        .status
        .as_ref()
        .and_then(|s| s.reason.clone())
        .or_else(|| disruption(pod))
        .or_else(|| unknown.and_then(|t| t.reason.clone()))
        .or_else(|| failed_init(pod));
    DriverEnd {
        exit_code: None,
        cause: pod_cause(pod),
        word,
        success,
        // `ContainerStatusUnknown` stands for a container that ran as well as for one that the kubelet never came to.
        ran: success || state.is_some_and(|s| s.running.is_some()) || unknown.is_some(),
        started_at: running.or(terminated),
        finished_at: last_turn(pod),
    }
}

/// An init container that failed, in words: the driver's own never started.
fn failed_init(pod: &Pod) -> Option<String> {
    let inits = pod.status.as_ref()?.init_container_statuses.as_ref()?;
    inits.iter().find_map(|init| {
        let end = init.state.as_ref()?.terminated.as_ref()?;
        let failed = end.exit_code != 0;
        failed.then(|| {
            format!(
                "init container {} ended with exit code {}",
                init.name, end.exit_code
            )
        })
    })
}

/// When the last of the pod's conditions turned: the nearest thing to an end's time where the container told none.
fn last_turn(pod: &Pod) -> Option<Timestamp> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions
        .iter()
        .filter_map(|c| c.last_transition_time.as_ref().map(|t| t.0))
        .max()
}

fn container_cause(pod: &Pod, word: Option<&str>, code: i32) -> Reason {
    match word {
        Some("OOMKilled") => Reason::OutOfMemory,
        _ if code != 0 && (disruption(pod).is_some() || pod_reason(pod).is_some()) => pod_cause(pod),
        _ => Reason::ApplicationFailed,
    }
}

fn pod_reason(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.reason.as_deref()
}

/// The cause by the pod's `reason` and its condition DisruptionTarget (kubernetes.io, "Pod disruption conditions").
fn pod_cause(pod: &Pod) -> Reason {
    match (pod_reason(pod), disruption(pod).as_deref()) {
        (Some("NodeLost" | "NodeShutdown" | "Shutdown" | "Terminated"), _)
        | (_, Some("DeletionByPodGC" | "DeletionByTaintManager")) => Reason::NodeLost,
        (Some("Evicted" | "Preempting"), _) | (_, Some(_)) => Reason::DriverEvicted,
        (Some(word), None) if word.starts_with("OutOf") || word.contains("Affinity") => Reason::DriverEvicted,
        (Some(_) | None, None) => Reason::ApplicationFailed,
    }
}

fn waiting_for(pod: &Pod, container: Option<&ContainerStatus>) -> Option<String> {
    let inits = pod
        .status
        .as_ref()
        .and_then(|status| status.init_container_statuses.as_ref());
    let mut containers = container.into_iter().chain(inits.into_iter().flatten());
    containers.find_map(kept_from_starting).or_else(|| {
        let conditions = pod.status.as_ref()?.conditions.as_ref()?;
        let unscheduled = conditions
            .iter()
            .find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
        Some(format!(
            "{}: {}",
            unscheduled.reason.as_deref().unwrap_or("Unschedulable"),
            unscheduled.message.as_deref().unwrap_or("no message")
        ))
    })
}

/// What keeps a container from starting, in the kubelet's words; nothing where it is only being made.
fn kept_from_starting(container: &ContainerStatus) -> Option<String> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let word = waiting.reason.as_deref()?;
    if ["ContainerCreating", "PodInitializing"].contains(&word) {
        return None;
    }
    // One line: what stands in several is a container runtime's, and they belong together.
    let message: Vec<&str> = waiting
        .message
        .iter()
        .flat_map(|text| text.split_whitespace())
        .collect();
    Some(match message.as_slice() {
        [] => word.to_owned(),
        words => format!("{word}: {}", words.join(" ")),
    })
}

#[cfg(test)]
mod tests;

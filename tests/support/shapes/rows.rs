//! The table itself, group by group.

mod unsure;

use serde_json::{Value, json};

use super::*;
use unsure::{lies, unseen, without_its_object};

const RUNS: ObjectIs = ObjectIs::In("RUNNING", "");
const DONE: ObjectIs = ObjectIs::In("COMPLETED", "");
const FAILS: ObjectIs = ObjectIs::In("FAILING", "");
const TOLD: ObjectIs = ObjectIs::In("SUBMITTED", "");
const SAME: ObjectIs = ObjectIs::AsBefore;
const EXISTS: ObjectIs = ObjectIs::In(
    "FAILED",
    "failed to submit spark application: failed to run spark-submit: driver pod already exist",
);
const NOT_FOUND: ObjectIs = ObjectIs::In("FAILED", "driver pod not found");

/// All shapes.
pub fn shapes() -> Vec<Shape> {
    let mut all = containers();
    all.extend(killed());
    all.extend(never_started());
    all.extend(stopped());
    all.extend(unseen());
    all.extend(without_its_object());
    all.extend(lies());
    all
}

/// The driver is a container, not a phase.
#[expect(clippy::too_many_lines, reason = "a table")]
fn containers() -> Vec<Shape> {
    let beside = |driver: Value, phase: &str, sidecar: Value| {
        PodIs::There(pod(phase, &[(DRIVER, driver), ("sidecar", sidecar)]))
    };
    let log_and_main = |main: Value| {
        let mut pod = pod("Running", &[("log", running()), ("main", main)]);
        pod["spec"]["containers"][1]["args"] = json!(["driver", "--class", "Main"]);
        PodIs::There(pod)
    };
    vec![
        shape(
            "a sidecar still pulls its image while the driver runs",
            vec![
                (
                    beside(running(), "Pending", waiting("ImagePullBackOff")),
                    TOLD,
                    "RUNNING",
                ),
                (
                    beside(ended(0, "Completed"), "Pending", waiting("ImagePullBackOff")),
                    SAME,
                    "SUCCEEDED",
                ),
            ],
        )
        .code(0),
        shape(
            "a sidecar runs on after the driver's end",
            vec![
                (beside(running(), "Running", running()), RUNS, "RUNNING"),
                (
                    beside(ended(0, "Completed"), "Running", running()),
                    SAME,
                    "SUCCEEDED",
                ),
            ],
        )
        .code(0),
        shape(
            "a sidecar runs on after the driver's failure",
            vec![(beside(ended(4, "Error"), "Running", running()), RUNS, "FAILED")],
        )
        .because("ApplicationFailed")
        .code(4),
        shape(
            "the driver is the second of two containers and has a name of its own",
            vec![
                (log_and_main(running()), RUNS, "RUNNING"),
                (log_and_main(ended(3, "Error")), FAILS, "FAILED"),
            ],
        )
        .because("ApplicationFailed")
        .code(3),
        shape(
            "phase Succeeded without the container's word",
            vec![
                (runs(), RUNS, "RUNNING"),
                (
                    PodIs::There(by_phase(pod("Succeeded", &[]), None)),
                    DONE,
                    "SUCCEEDED",
                ),
            ],
        )
        .times(STARTED, FINISHED),
        shape(
            "phase Unknown says nothing",
            vec![
                (runs(), RUNS, "RUNNING"),
                (
                    PodIs::There(alone("Unknown", running())),
                    ObjectIs::In("UNKNOWN", ""),
                    "RUNNING",
                ),
                (PodIs::There(succeeded()), DONE, "SUCCEEDED"),
            ],
        )
        .code(0),
    ]
}

/// Killed while it ran.
#[expect(clippy::too_many_lines, reason = "a table")]
fn killed() -> Vec<Shape> {
    let dies = |name, pod: Value, object: ObjectIs| {
        shape(
            name,
            vec![(runs(), RUNS, "RUNNING"), (PodIs::There(pod), object, "FAILED")],
        )
    };
    let lost = json!({"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown"}});
    vec![
        dies(
            "killed for want of memory",
            alone("Failed", ended(137, "OOMKilled")),
            FAILS,
        )
        .because("OutOfMemory")
        .code(137),
        dies(
            "killed, and not for want of memory",
            alone("Failed", ended(137, "Error")),
            FAILS,
        )
        .because("ApplicationFailed")
        .code(137),
        dies(
            "137 ContainerStatusUnknown",
            by_phase(alone("Failed", lost.clone()), None),
            FAILS,
        )
        .because("ApplicationFailed")
        .times(STARTED, FINISHED),
        shape(
            "137 ContainerStatusUnknown, first seen then: it may have run",
            vec![(
                PodIs::There(by_phase(alone("Failed", lost), None)),
                FAILS,
                "FAILED",
            )],
        )
        .because("ApplicationFailed"),
        dies(
            "evicted after the start",
            disrupted(
                alone("Failed", ended(137, "Error")),
                "TerminationByKubelet",
                Some("Evicted"),
            ),
            NOT_FOUND,
        )
        .because("DriverEvicted")
        .code(137),
        dies(
            "evicted after the start, its container not told of any more",
            disrupted(pod("Failed", &[]), "TerminationByKubelet", Some("Evicted")),
            NOT_FOUND,
        )
        .because("DriverEvicted")
        .times(STARTED, FINISHED),
        shape(
            "its node object deleted: phase Failed with the container still running",
            vec![
                (runs(), RUNS, "RUNNING"),
                (
                    PodIs::There(disrupted(alone("Failed", running()), "DeletionByPodGC", None)),
                    SAME,
                    "FAILED",
                ),
                (PodIs::Gone, NOT_FOUND, "FAILED"),
            ],
        )
        .because("NodeLost")
        .times(STARTED, FINISHED),
    ]
}

/// Ended before the driver started: tried again.
fn never_started() -> Vec<Shape> {
    let ends = |name, pod: Value| {
        let waits = PodIs::There(alone("Pending", waiting("ContainerCreating")));
        shape(
            name,
            vec![(waits, TOLD, "SUBMITTED"), (PodIs::There(pod), FAILS, "RETRYING")],
        )
    };
    let mut init = alone("Failed", waiting("PodInitializing"));
    init["spec"]["initContainers"] = json!([{"name": "fetch", "image": "fetch"}]);
    init["status"]["initContainerStatuses"] = json!([container("fetch", &ended(1, "Error"))]);
    let mut waits = alone("Pending", waiting("PodInitializing"));
    waits["spec"]["initContainers"] = init["spec"]["initContainers"].clone();
    vec![
        ends(
            "evicted before the start",
            by_phase(pod("Failed", &[]), Some("Evicted")),
        )
        .because("DriverEvicted"),
        ends("OutOfcpu", by_phase(pod("Failed", &[]), Some("OutOfcpu"))).because("DriverEvicted"),
        shape(
            "an init container failed",
            vec![
                (PodIs::There(waits), TOLD, "SUBMITTED"),
                (PodIs::There(init), FAILS, "RETRYING"),
            ],
        )
        .because("ApplicationFailed"),
    ]
}

/// Stopped from outside.
fn stopped() -> Vec<Shape> {
    let again = json!({"running": {"startedAt": STARTED_AGAIN}});
    let mut end = ended(0, "Completed");
    end["terminated"]["startedAt"] = json!(STARTED_AGAIN);
    let drained = disrupted(
        alone("Failed", ended(143, "Error")),
        "EvictionByEvictionAPI",
        None,
    );
    let preempted = disrupted(
        alone("Failed", ended(143, "Error")),
        "PreemptionByScheduler",
        None,
    );
    let ends = |name, pod| shape(name, vec![(runs(), RUNS, "RUNNING"), (pod, FAILS, "FAILED")]).code(143);
    vec![
        ends("143 with a deletion time stamp", told_to_go()).because("ApplicationFailed"),
        ends("143 as its node was drained", PodIs::Deleting(drained)).because("DriverEvicted"),
        ends("143 as the scheduler preempted it", PodIs::Deleting(preempted)).because("DriverEvicted"),
        shape(
            "0 although it was being deleted",
            vec![
                (runs(), RUNS, "RUNNING"),
                (PodIs::Deleting(succeeded()), FAILS, "SUCCEEDED"),
            ],
        )
        .code(0),
        shape(
            "suspended and resumed by another party",
            vec![
                (runs(), RUNS, "RUNNING"),
                (
                    PodIs::AsBefore,
                    ObjectIs::Suspended("SUSPENDING", true),
                    "RUNNING",
                ),
                (told_to_go(), SAME, "HELD"),
                (PodIs::Gone, ObjectIs::Suspended("SUSPENDED", true), "HELD"),
                (PodIs::AsBefore, ObjectIs::Suspended("RESUMING", false), "HELD"),
                (PodIs::AsBefore, ObjectIs::In("SUBMITTED", ""), "SUBMITTED"),
                (PodIs::There(alone("Running", again)), RUNS, "RUNNING"),
                (PodIs::There(alone("Succeeded", end)), DONE, "SUCCEEDED"),
            ],
        )
        .code(0)
        .times(STARTED_AGAIN, FINISHED)
        .by_the_object(),
    ]
}

//! What isn't seen, or is seen of one alone of driver and object.

use super::*;

/// Seen late, or never.
pub(super) fn unseen() -> Vec<Shape> {
    vec![
        shape(
            "first seen after its end",
            vec![(PodIs::There(succeeded()), DONE, "SUCCEEDED")],
        )
        .code(0),
        shape(
            "first seen after its failure",
            vec![(PodIs::There(alone("Failed", ended(1, "Error"))), FAILS, "FAILED")],
        )
        .because("ApplicationFailed")
        .code(1),
        shape(
            "gone before it was seen, and the operator tells that it was there",
            vec![(PodIs::AsBefore, EXISTS, "FAILED")],
        )
        .because("Lost")
        .by_the_object(),
        shape(
            "gone before it was seen, and the operator misses it",
            vec![(PodIs::AsBefore, NOT_FOUND, "FAILED")],
        )
        .because("Lost")
        .by_the_object(),
        shape(
            "never made, for want of a service account",
            vec![(
                PodIs::AsBefore,
                ObjectIs::In("FAILED", "failed to submit: serviceaccount \"nobody\" not found"),
                "RETRYING",
            )],
        )
        .because("SubmissionFailed")
        .by_the_object(),
        shape(
            "never made, for want of quota",
            vec![(
                PodIs::AsBefore,
                ObjectIs::In(
                    "FAILED",
                    "failed to submit: pods \"x\" is forbidden: exceeded quota: none",
                ),
                "RETRYING",
            )],
        )
        .because("NoCapacity")
        .by_the_object(),
    ]
}

/// Its object gone, it is followed alone.
pub(super) fn without_its_object() -> Vec<Shape> {
    vec![
        shape(
            "the object deleted by hand while the driver runs, which is stopped",
            vec![
                (runs(), RUNS, "RUNNING"),
                (PodIs::AsBefore, ObjectIs::Gone, "RUNNING"),
                (told_to_go(), SAME, "FAILED"),
            ],
        )
        .because("ApplicationFailed")
        .code(143),
        shape(
            "the object deleted by hand while a driver without owner runs on",
            vec![
                (runs(), RUNS, "RUNNING"),
                (PodIs::AsBefore, ObjectIs::Gone, "RUNNING"),
                (PodIs::There(succeeded()), SAME, "SUCCEEDED"),
            ],
        )
        .code(0),
        shape(
            "the object's time to live took a running driver",
            vec![
                (runs(), EXISTS, "RUNNING"),
                (PodIs::AsBefore, ObjectIs::Gone, "RUNNING"),
                (told_to_go(), SAME, "FAILED"),
                (PodIs::Gone, SAME, "FAILED"),
            ],
        )
        .because("ApplicationFailed")
        .code(143),
        shape(
            "object and driver gone, and nobody saw the end",
            vec![
                (runs(), RUNS, "RUNNING"),
                (PodIs::AsBefore, ObjectIs::Gone, "RUNNING"),
                (PodIs::Gone, SAME, "FAILED"),
            ],
        )
        .because("Lost"),
    ]
}

/// The operator says something else, or runs it again itself.
pub(super) fn lies() -> Vec<Shape> {
    let waits = || PodIs::There(alone("Pending", waiting("ContainerCreating")));
    let mut again = alone("Succeeded", ended(0, "Completed"));
    again["status"]["containerStatuses"][0]["state"]["terminated"]["startedAt"] = json!(STARTED_AGAIN);
    // Without a time it has ended when it is seen: the operator is given its time to run it again.
    let just_ended = json!({"terminated": {"exitCode": 1, "reason": "Error"}});
    let rerun = vec![
        (runs(), RUNS, "RUNNING"),
        (PodIs::There(alone("Failed", just_ended)), FAILS, "RUNNING"),
        (PodIs::Gone, ObjectIs::In("PENDING_RERUN", ""), "RUNNING"),
        (PodIs::There(again), DONE, "SUCCEEDED"),
    ];
    vec![
        shape(
            "FAILED while its driver waits and then runs on to success",
            vec![
                (waits(), EXISTS, "SUBMITTED"),
                (runs(), SAME, "RUNNING"),
                (PodIs::There(succeeded()), SAME, "SUCCEEDED"),
            ],
        )
        .code(0),
        shape(
            "SUBMISSION_FAILED while its driver runs on to success",
            vec![
                (
                    runs(),
                    ObjectIs::In("SUBMISSION_FAILED", "driver pod already exist"),
                    "RUNNING",
                ),
                (PodIs::There(succeeded()), SAME, "SUCCEEDED"),
            ],
        )
        .code(0),
        Shape {
            restart: json!({"type": "OnFailure", "onFailureRetries": 2, "onFailureRetryInterval": 1}),
            ..shape("run again by the operator after a failure", rerun)
        }
        .code(0)
        .times(STARTED_AGAIN, FINISHED),
    ]
}

//! What a pod says of its driver.

use serde_json::{Value, json};

use super::*;

fn why(status: Value) -> Option<String> {
    let pod = json!({"metadata": {"name": "d", "uid": "u"}, "status": status});
    let driver = read_driver(&serde_json::from_value(pod).unwrap()).unwrap();
    let DriverPhase::Waiting { why } = driver.phase else {
        panic!("{:?}", driver.phase);
    };
    why
}

#[test]
fn why_a_driver_waits_is_told_with_the_image_and_the_nodes() {
    let pulling =
        json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"no:1\""}});
    let making = json!({"waiting": {"reason": "PodInitializing"}});
    let told = "ImagePullBackOff: Back-off pulling image \"no:1\"";
    let own = json!([{"name": "spark-kubernetes-driver", "state": pulling}]);
    assert_eq!(why(json!({"containerStatuses": own})).as_deref(), Some(told));
    let lines = json!({"waiting": {"reason": "ErrImagePull", "message": "[one,\n two]\n"}});
    let own = json!([{"name": "spark-kubernetes-driver", "state": lines}]);
    let told_of_lines = why(json!({"containerStatuses": own}));
    assert_eq!(told_of_lines.as_deref(), Some("ErrImagePull: [one, two]"));
    let own = json!([{"name": "spark-kubernetes-driver", "state": making}]);
    let init = json!([{"name": "init", "state": pulling}]);
    let both = json!({"containerStatuses": own, "initContainerStatuses": init});
    assert_eq!(why(both).as_deref(), Some(told));
    assert_eq!(
        why(json!({"containerStatuses": own})),
        None,
        "it is only being made"
    );
    let bare = json!([{"name": "spark-kubernetes-driver", "state": {"waiting": {"reason": "ErrImagePull"}}}]);
    assert_eq!(
        why(json!({"containerStatuses": bare})).as_deref(),
        Some("ErrImagePull")
    );
    let unscheduled = json!([{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/3 nodes are available: 3 Insufficient cpu."
    }]);
    assert_eq!(
        why(json!({"conditions": unscheduled})).as_deref(),
        Some("Unschedulable: 0/3 nodes are available: 3 Insufficient cpu.")
    );
}

/// A driver that ran when its pod was called failed for the reason `word`.
fn failed(word: Option<&str>, disrupted: Option<&str>, deleting: bool) -> DriverPhase {
    let own = json!([{"name": "spark-kubernetes-driver", "state": {"running": {}}}]);
    let mut status = json!({"phase": "Failed", "reason": word, "containerStatuses": own});
    if let Some(by) = disrupted {
        status["conditions"] = json!([{"type": "DisruptionTarget", "status": "True", "reason": by}]);
    }
    let mut pod = json!({"metadata": {"name": "d", "uid": "u"}, "status": status});
    if deleting {
        pod["metadata"]["deletionTimestamp"] = json!("2026-11-23T12:00:00Z");
    }
    read_driver(&serde_json::from_value(pod).unwrap()).unwrap().phase
}

#[test]
fn a_node_is_called_lost_by_those_alone_who_can_know_that_the_driver_does_not_run() {
    let proven = [
        // Of a node that was deleted; of one that carries the taint out-of-service.
        failed(None, Some("DeletionByPodGC"), false),
        failed(None, Some("DeletionByTaintManager"), true),
        failed(Some("NodeLost"), None, true),
        // The kubelet, as its node is shut down.
        failed(Some("NodeShutdown"), None, false),
    ];
    for phase in proven {
        let DriverPhase::Ended(end) = phase else {
            panic!("{phase:?}")
        };
        assert_eq!((end.cause, end.ran), (Reason::NodeLost, true));
    }
    for told in [
        failed(Some("NodeLost"), None, false),
        failed(None, Some("DeletionByTaintManager"), false),
    ] {
        assert_eq!(told, DriverPhase::Unknown);
    }
}

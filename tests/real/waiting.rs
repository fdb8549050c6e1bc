//! A driver that can't start: its record says why, and goes on waiting unless a time-out was given.

use serde_json::{Value, json};

use crate::bed::{Bed, spark_pi};
use crate::by_hand::ByHand;
use crate::cluster::{ControlPlane, Node, Options, User, eventually};
use crate::clusters::{namespace_for, real};
use crate::table::PodIs;

/// A driver pod whose container is in this state, and that asks for so many cores of a scheduler, if for any.
fn driver(state: &Value, cores: Option<&str>) -> PodIs {
    let mut container = json!({"name": "spark-kubernetes-driver", "image": "no-such-image:1"});
    let mut spec = json!({});
    if let Some(cores) = cores {
        container["resources"] = json!({"requests": {"cpu": cores}});
        spec["schedulerName"] = json!("default-scheduler");
    }
    spec["containers"] = json!([container]);
    let phase = if state["running"].is_object() {
        "Running"
    } else {
        "Pending"
    };
    let mut status = json!({"phase": phase});
    if !state.is_null() {
        status["containerStatuses"] = json!([{
            "name": "spark-kubernetes-driver", "image": "no-such-image:1", "imageID": "", "ready": false,
            "restartCount": 0, "state": state,
        }]);
    }
    PodIs::There(json!({"spec": spec, "status": status}))
}

/// Two jobs with this driver: the one of which nothing was asked says `words` and waits, the other has two seconds.
async fn both(bed: &Bed<'_>, driver: &PodIs, words: &str) -> ByHand {
    let mut hasty = spark_pi();
    hasty["timeouts"] = json!({"start": "2s"});
    hasty["retry"] = json!({"maxAttempts": 1});
    let (id, hasty) = (bed.send(&spark_pi()).await, bed.send(&hasty).await);
    let (hand, of_hasty) = (ByHand::of(bed, &id).await, ByHand::of(bed, &hasty).await);
    hand.pod_is(driver).await;
    of_hasty.pod_is(driver).await;

    eventually("the driver's time is up", async || {
        let pod = of_hasty.pod().await;
        pod.is_none_or(|pod| pod.metadata.deletion_timestamp.is_some())
    })
    .await;
    of_hasty.pod_is(&PodIs::Gone).await;
    let end = bed.in_state(&hasty, "FAILED").await;
    assert_eq!(end["reason"], "StartTimeout", "{end:#}");
    assert!(end["message"].as_str().unwrap().contains(words), "{end:#}");

    let told = bed
        .until(&id, "its driver waits", |status| {
            status["reason"] == "DriverWaiting"
        })
        .await;
    assert!(told["message"].as_str().unwrap().contains(words), "{told:#}");
    assert!(
        told["message"].as_str().unwrap().contains(&hand.driver),
        "{told:#}"
    );
    bed.fence().await;
    let status = bed.status(&id).await;
    assert_eq!(
        (&status["state"], &status["attempt"]),
        (&json!("SUBMITTED"), &json!(1))
    );
    assert_eq!(status["version"], told["version"], "told once");
    assert_eq!(bed.walk(&id).await, ["QUEUED", "DISPATCHING", "SUBMITTED"]);
    hand
}

#[tokio::test]
async fn a_driver_whose_image_cannot_be_pulled_is_told_of_with_the_image() {
    let bed = Bed::shared().await;
    let message = "Back-off pulling image \"no-such-image:1\"";
    let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": message}});
    let hand = both(
        &bed,
        &driver(&waiting, None),
        &format!("ImagePullBackOff: {message}"),
    )
    .await;
    // It is there after all.
    let running = json!({"running": {"startedAt": "2026-11-23T05:30:00Z"}});
    hand.pod_is(&driver(&running, None)).await;
    let id = hand
        .object
        .rsplit_once("-a")
        .unwrap()
        .0
        .strip_prefix("sb-")
        .unwrap();
    let runs = bed.in_state(id, "RUNNING").await;
    assert!(runs["reason"].is_null() && runs["message"].is_null(), "{runs:#}");
}

#[tokio::test]
async fn a_driver_that_no_node_has_room_for_is_told_of_in_the_schedulers_words() {
    let plane = ControlPlane::start(Options::whole()).await;
    plane.apply_spark_crd().await;
    let namespace = namespace_for(&plane, User::Broker).await;
    let cluster = real(&plane, "real", &namespace, User::Broker);
    let mut bed = Bed::prepare(&plane, &namespace, &[cluster]).await;
    plane.add_node(&Node::new("small", "1", "2Gi")).await;
    bed.start();
    both(&bed, &driver(&Value::Null, Some("64")), "0/1 nodes are available").await;
}

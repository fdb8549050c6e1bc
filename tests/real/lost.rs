//! Objects that are missing: a few are lost, many are in doubt until a person confirms it.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};

use crate::bed::{Bed, spark_pi};
use crate::by_hand::ByHand;
use crate::cluster::{ControlPlane, Options, User, eventually};
use crate::clusters::{namespace_for, real};
use crate::table::{ObjectIs, PodIs, runs, told_to_go};

/// One on the shared API server that calls an object lost after two seconds.
pub async fn hasty() -> Bed<'static> {
    settling(2).await
}

/// One on the shared API server that calls an object lost after `seconds`.
async fn settling(seconds: u32) -> Bed<'static> {
    let plane = ControlPlane::shared().await;
    let namespace = namespace_for(plane, User::Broker).await;
    let cluster = real(plane, "real", &namespace, User::Broker);
    let mut bed = Bed::prepare(plane, &namespace, &[cluster]).await;
    bed.timing("lostSettle", &format!("{seconds}s"));
    bed.start();
    bed
}

/// Sends `count` jobs and says of all that they run: their IDs and their objects' names.
pub async fn running(bed: &Bed<'_>, spec: &Value, count: usize) -> Vec<(String, String)> {
    let mut jobs = Vec::new();
    for _ in 0..count {
        jobs.push(bed.send(spec).await);
    }
    let mut all = Vec::new();
    for id in jobs {
        let status = bed.in_state(&id, "SUBMITTED").await;
        let name = status["objectName"].as_str().unwrap().to_owned();
        bed.operator_says(&name, "RUNNING", "").await;
        all.push((id, name));
    }
    for (id, _) in &all {
        bed.in_state(id, "RUNNING").await;
    }
    all
}

#[tokio::test]
async fn where_a_namespace_is_emptied_nothing_ends_until_a_person_confirms_it() {
    let bed = hasty().await;
    let mut jobs = running(&bed, &spark_pi(), 2).await;
    // Of two the drivers are seen to end, as the garbage collector stops them.
    let mut hands = Vec::new();
    for _ in 0..2 {
        let (id, hand) = with_a_driver(&bed).await;
        jobs.push((id, hand.object.clone()));
        hands.push(hand);
    }
    let mut again = spark_pi();
    again["retry"] = json!({"maxAttempts": 2, "on": ["Lost"]});
    jobs.extend(running(&bed, &again, 1).await);

    let (every, none) = (ListParams::default(), DeleteParams::default());
    bed.objects().delete_collection(&none, &every).await.unwrap();
    for hand in &hands {
        hand.pod_is(&told_to_go()).await;
        hand.pod_is(&PodIs::Gone).await;
    }
    for (id, _) in &jobs {
        let status = bed
            .until(id, "in doubt", |status| status["reason"] == "LostUnconfirmed")
            .await;
        assert_eq!(status["state"], "RUNNING", "{status:#}");
        let message = status["message"].as_str().unwrap();
        assert!(message.contains("5 of the 5"), "{message}");
        assert!(message.contains("confirm-lost real"), "{message}");
    }
    bed.cluster("real", "the brake is told", |line| line["brake"].is_string())
        .await;
    bed.fence().await;
    for (id, _) in &jobs {
        assert_eq!(bed.status(id).await["state"], "RUNNING");
        assert_eq!(bed.walk(id).await.last().unwrap(), "RUNNING");
    }

    let reason = ["--reason", "emptied by mistake", "--author", "ann"];
    let printed = bed
        .command(&[&["clusters", "confirm-lost", "real"], &reason[..]].concat())
        .await;
    assert!(printed.contains("emptied by mistake (ann)"), "{printed}");
    for (n, (id, _)) in jobs[..4].iter().enumerate() {
        let end = bed.in_state(id, "FAILED").await;
        let (reason, code) = match n {
            2 | 3 => ("ApplicationFailed", json!(143)),
            _ => ("Lost", Value::Null),
        };
        let told = (&end["reason"], &end["exitCode"], &end["attempts"]);
        assert_eq!(told, (&json!(reason), &code, &json!(1)));
    }
    let retried = bed
        .until(&jobs[4].0, "sent again", |status| {
            status["attempt"] == 2 && status["state"] == "SUBMITTED"
        })
        .await;
    assert_eq!(retried["attempts"], 2);
    let line = bed
        .cluster("real", "the word is carried out", |line| {
            line["lostConfirmed"].is_null() && line["brake"].is_null()
        })
        .await;
    assert_eq!(line["healthy"], true);
}

/// One whose driver runs, and whose pods the test makes: its ID and the hand that does.
async fn with_a_driver(bed: &Bed<'_>) -> (String, ByHand) {
    let id = bed.send(&spark_pi()).await;
    let hand = ByHand::of(bed, &id).await;
    hand.pod_is(&runs()).await;
    bed.in_state(&id, "RUNNING").await;
    (id, hand)
}

/// Their objects stand: two drivers go with their end in sight, the others by force, and the operator tells of it.
async fn pods_go_first(jobs: &[(String, ByHand)]) {
    for (n, (_, hand)) in jobs.iter().enumerate() {
        if n < 2 {
            hand.pod_is(&told_to_go()).await;
        }
        hand.pod_is(&PodIs::Gone).await;
        hand.object_is(&ObjectIs::In("FAILED", "driver pod not found"))
            .await;
    }
}

#[tokio::test]
async fn where_pods_go_before_their_objects_nothing_ends_either() {
    let bed = settling(20).await;
    let mut jobs = Vec::new();
    for _ in 0..4 {
        jobs.push(with_a_driver(&bed).await);
    }
    pods_go_first(&jobs).await;
    bed.fence().await;
    for (id, hand) in &jobs {
        assert_eq!(bed.status(id).await["state"], "RUNNING");
        hand.object_is(&ObjectIs::Gone).await;
    }
    for (id, _) in &jobs {
        let in_doubt = |status: &Value| status["reason"] == "LostUnconfirmed";
        let status = bed.until(id, "in doubt", in_doubt).await;
        assert_eq!(status["state"], "RUNNING", "{status:#}");
    }
    let word = ["clusters", "confirm-lost", "real", "--reason", "emptied"];
    bed.command(&word).await;
    for (n, (id, _)) in jobs.iter().enumerate() {
        let end = bed.in_state(id, "FAILED").await;
        let expected = if n < 2 { "ApplicationFailed" } else { "Lost" };
        assert_eq!(end["reason"], expected, "{end:#}");
    }
}

/// Kubernetes deletes a namespace's pods first, and its objects once the pods' grace is over, however long that is.
#[tokio::test]
async fn where_the_namespace_itself_is_deleted_nothing_ends_either() {
    let bed = settling(25).await;
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(with_a_driver(&bed).await);
    }
    let namespaces: Api<Namespace> = Api::all(bed.plane.admin().await);
    // Nothing on this control plane empties it: it stays as it is, being deleted.
    let asked = namespaces.delete(&bed.namespace, &DeleteParams::default()).await;
    asked.expect("it is deleted");
    // Before anybody has seen that.
    pods_go_first(&jobs).await;
    bed.cluster_is("real", false, "is being deleted").await;
    bed.cancel(&jobs[0].0).await;
    bed.in_state(&jobs[0].0, "CANCELLING").await;
    // Longer than an end waits for its object, which stands all the time.
    tokio::time::sleep(Duration::from_secs(30)).await;
    for (id, hand) in &jobs[1..] {
        let status = bed.status(id).await;
        let told = [&status["state"], &status["reason"]];
        assert_eq!(told, ["RUNNING", "ClusterUnhealthy"], "{status:#}");
        let message = status["message"].as_str().unwrap();
        assert!(message.contains("is being deleted"), "{message}");
        hand.object_is(&ObjectIs::Gone).await;
    }
    assert_eq!(bed.status(&jobs[0].0).await["state"], "CANCELLING");
    let word = ["clusters", "confirm-lost", "real", "--reason", "it is gone"];
    bed.command(&word).await;
    bed.in_state(&jobs[0].0, "CANCELLED").await;
    for (n, (id, _)) in jobs.iter().enumerate().skip(1) {
        let end = bed.in_state(id, "FAILED").await;
        let expected = if n < 2 { "ApplicationFailed" } else { "Lost" };
        assert_eq!(end["reason"], expected, "{end:#}");
    }
}

#[tokio::test]
async fn a_few_missing_objects_of_many_are_lost_without_a_word() {
    let bed = hasty().await;
    let jobs = running(&bed, &spark_pi(), 40).await;
    for (_, name) in &jobs[..2] {
        let gone = bed.objects().delete(name, &DeleteParams::default()).await;
        gone.expect("the object is deleted");
    }
    for (id, _) in &jobs[..2] {
        let end = bed.in_state(id, "FAILED").await;
        assert_eq!(end["reason"], "Lost", "{end:#}");
    }
    for (id, _) in &jobs[2..] {
        assert_eq!(bed.status(id).await["state"], "RUNNING");
    }
}

#[tokio::test]
async fn a_cluster_that_is_gone_for_good_is_closed_by_a_persons_word() {
    let gone = ControlPlane::start(Options::default()).await;
    gone.apply_spark_crd().await;
    let other = ControlPlane::shared().await;
    let namespaces = [
        namespace_for(&gone, User::Broker).await,
        namespace_for(other, User::Broker).await,
    ];
    let clusters = [
        real(&gone, "gone", &namespaces[0], User::Broker),
        real(other, "other", &namespaces[1], User::Broker),
    ];
    let mut bed = Bed::prepare(&gone, &namespaces[0], &clusters).await;
    bed.timing("lostSettle", "2s");
    bed.start();
    bed.cluster_is("gone", true, "").await;
    bed.cluster_is("other", true, "").await;
    let cordon = ["clusters", "cordon", "other", "--reason", "later"];
    bed.command(&cordon).await;
    bed.cluster("other", "closed", |line| line["closed"] == "cordoned: later")
        .await;
    let mut waits = spark_pi();
    waits["clusters"] = json!(["other"]);
    let waiting = bed.send(&waits).await;
    bed.until(&waiting, "the cordon is the reason", |status| {
        status["message"]
            .as_str()
            .is_some_and(|text| text.contains("cordoned: later"))
    })
    .await;

    let lost = running(&bed, &spark_pi(), 2).await;
    let mut again = spark_pi();
    again["retry"] = json!({"maxAttempts": 2, "on": ["Lost"]});
    let retried = running(&bed, &again, 1).await.remove(0).0;
    bed.command(&["clusters", "uncordon", "other"]).await;
    bed.in_state(&waiting, "SUBMITTED").await;

    gone.stop_api_server();
    bed.cluster_is("gone", false, "").await;
    bed.cancel(&lost[1].0).await;
    // Longer than it takes to call an object lost: only a person's word ends these.
    tokio::time::sleep(Duration::from_secs(5)).await;
    for id in [&lost[0].0, &retried] {
        assert_eq!(bed.status(id).await["state"], "RUNNING");
    }
    bed.command(&["clusters", "confirm-lost", "gone", "--reason", "torn down"])
        .await;
    let end = bed.in_state(&lost[0].0, "FAILED").await;
    assert_eq!(end["reason"], "Lost");
    assert!(end["message"].as_str().unwrap().contains("torn down"), "{end:#}");
    bed.in_state(&lost[1].0, "CANCELLED").await;
    let moved = bed
        .until(&retried, "sent elsewhere", |status| {
            status["attempt"] == 2 && status["state"] == "SUBMITTED"
        })
        .await;
    assert_eq!(moved["cluster"], "other");
    bed.cluster("gone", "carried out", |line| {
        line["lostConfirmed"].is_null() && line["live"] == 0
    })
    .await;

    // It comes back after all: what still stands there is removed.
    gone.start_api_server().await;
    eventually("nothing is left there", async || {
        gone.list_applications(&namespaces[0]).await.is_empty()
    })
    .await;
    assert_eq!(bed.status(&lost[0].0).await["state"], "FAILED");
    assert_eq!(bed.status(&retried).await["attempt"], 2);
}

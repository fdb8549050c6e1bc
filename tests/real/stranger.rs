//! Two installations in one namespace, and one submission after another under the same ID: what isn't a submission's own
//! is neither adopted nor removed.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};

use crate::bed::{Bed, spark_pi};
use crate::cancel::{make_driver, pods, set_driver};
use crate::cluster::{ControlPlane, User, eventually};
use crate::clusters::{namespace_for, real};

fn named(id: &str) -> Value {
    let mut spec = spark_pi();
    spec["submissionId"] = json!(id);
    spec
}

/// The job `id`, once its object stands.
async fn sent(bed: &Bed<'_>, id: &str) -> DynamicObject {
    bed.send(&named(id)).await;
    let status = bed.in_state(id, "SUBMITTED").await;
    let object = bed.object(status["objectName"].as_str().unwrap()).await;
    object.unwrap()
}

/// A job that runs, by its driver's word: its object and its driver.
async fn running(bed: &Bed<'_>, id: &str) -> (DynamicObject, String) {
    let object = sent(bed, id).await;
    let driver = make_driver(bed, &object).await;
    bed.in_state(id, "RUNNING").await;
    (object, driver)
}

/// Every object and every pod of the namespace, by UID.
async fn standing(bed: &Bed<'_>) -> BTreeMap<String, String> {
    let objects = bed.plane.list_applications(&bed.namespace).await;
    let pods = bed.plane.pods(&bed.namespace).await;
    let of_objects = objects.into_iter().map(|object| object.metadata);
    let all = of_objects.chain(pods.into_iter().map(|pod| pod.metadata));
    all.map(|metadata| (metadata.uid.unwrap(), metadata.name.unwrap()))
        .collect()
}

/// Ends a driver with exit code 0.
async fn succeeds(bed: &Bed<'_>, driver: &str) {
    let ended = json!({"terminated": {"exitCode": 0, "reason": "Completed"}});
    set_driver(bed, driver, "Succeeded", ended, json!([])).await;
}

/// An object of the installation of `like`, of a submission that its table doesn't know.
async fn unknown(bed: &Bed<'_>, like: &DynamicObject) -> String {
    let mut object = like.clone();
    let was = std::mem::take(&mut object.metadata);
    let name = "sb-unknown-to-its-table-a1";
    object.metadata.name = Some(name.to_owned());
    object.metadata.labels = was.labels;
    object.metadata.annotations = was.annotations;
    let (labels, annotations) = (&mut object.metadata.labels, &mut object.metadata.annotations);
    let mark = |marks: &mut Option<BTreeMap<String, String>>, key: &str| {
        let marks = marks.as_mut().unwrap();
        marks.insert(key.to_owned(), "unknown-to-its-table".to_owned());
    };
    mark(labels, "spark-broker/submission");
    mark(annotations, "spark-broker/submission-id");
    object.data.as_object_mut().unwrap().remove("status");
    bed.objects()
        .create(&PostParams::default(), &object)
        .await
        .unwrap();
    name.to_owned()
}

#[tokio::test]
async fn a_broker_with_an_empty_table_removes_nothing_and_adopts_nothing() {
    let plane = ControlPlane::shared().await;
    let namespace = namespace_for(plane, User::Broker).await;
    let cluster = real(plane, "real", &namespace, User::Broker);
    let mut first = Bed::prepare(plane, &namespace, std::slice::from_ref(&cluster)).await;
    first.start();
    let waits = sent(&first, "waits").await;
    let (_, driver) = running(&first, "runs").await;
    let done = sent(&first, "done").await;
    let (waits, done) = (waits.metadata.name.unwrap(), done.metadata.name.unwrap());
    first.operator_says(&done, "COMPLETED", "").await;
    first.in_state("done", "SUCCEEDED").await;
    let ids = ["waits", "runs", "done"];
    let mut before = Vec::new();
    for id in ids {
        before.push(first.status(id).await);
    }
    let theirs = standing(&first).await;
    assert_eq!(theirs.len(), 4, "three objects and a driver: {theirs:?}");

    let mut second = Bed::prepare(plane, &namespace, &[cluster]).await;
    for id in ids {
        second.send(&named(id)).await;
    }
    second.start();
    for id in ids {
        let end = second.in_state(id, "FAILED").await;
        assert_eq!(
            (&end["reason"], &end["attempts"]),
            (&json!("NameTaken"), &json!(1))
        );
        let message = end["message"].as_str().unwrap();
        assert!(message.contains("isn't this submission's"), "{message}");
        for of_a_run in [
            "submittedAt",
            "startedAt",
            "driverPod",
            "sparkApplicationId",
            "rawState",
        ] {
            assert!(end[of_a_run].is_null(), "{of_a_run} is the other's: {end:#}");
        }
    }
    // What has no record is told once its check has come to nothing, and all that it sees was checked with it.
    let own = sent(&second, "second-of-all").await;
    let name = unknown(&second, &own).await;
    eventually("strangers were checked", async || {
        let log = second.log();
        log.lines()
            .any(|line| line.contains("it has no record here") && line.contains(&name))
    })
    .await;

    let now = standing(&first).await;
    assert!(
        theirs.iter().all(|(uid, _)| now.contains_key(uid)),
        "{theirs:?}\n{now:?}"
    );
    assert_eq!(
        now.len(),
        theirs.len() + 2,
        "and two objects of the second's own: {now:?}"
    );
    for (id, was) in ids.iter().zip(&before) {
        assert_eq!(first.status(id).await, *was);
    }
    succeeds(&first, &driver).await;
    first.operator_says(&waits, "COMPLETED", "").await;
    for id in ["waits", "runs"] {
        let end = first.in_state(id, "SUCCEEDED").await;
        assert_eq!(end["attempts"], 1);
    }
}

/// From here on the table says that it is a copy of another.
async fn copied(bed: &Bed<'_>) {
    let other = AttributeValue::S("11111111-2222-3333-4444-555555555555".to_owned());
    bed.write("installation", "tableId", other).await;
}

#[tokio::test]
async fn a_copied_table_keeps_its_jobs_or_leaves_them_alone_as_it_is_told() {
    let mut bed = Bed::shared().await;
    bed.timing("lostSettle", "2s");
    let kept = sent(&bed, "kept").await;
    let (runs, driver) = running(&bed, "runs-on").await;
    let (wished, its_driver) = running(&bed, "wished-away").await;
    bed.kill();
    copied(&bed).await;
    bed.start_with(&["--installation", "keep"]);
    bed.operator_says(kept.metadata.name.as_ref().unwrap(), "COMPLETED", "")
        .await;
    bed.in_state("kept", "SUCCEEDED").await;
    assert_eq!(bed.status("runs-on").await["state"], "RUNNING");
    bed.kill();

    copied(&bed).await;
    let theirs = standing(&bed).await;
    bed.start_with(&["--installation", "new"]);
    bed.status("wished-away").await;
    bed.cancel("wished-away").await;
    // Nothing of theirs is an installation's own that is a new one: not to be stopped, nor to be followed.
    bed.in_state("wished-away", "CANCELLED").await;
    let end = bed.in_state("runs-on", "FAILED").await;
    assert_eq!(end["reason"], "Lost", "{end:#}");
    let own = sent(&bed, "of-the-new-one").await;
    let installation =
        |object: &DynamicObject| object.metadata.labels.clone().unwrap()["spark-broker/installation"].clone();
    assert_ne!(installation(&own), installation(&runs));
    bed.cancel("of-the-new-one").await;
    bed.in_state("of-the-new-one", "CANCELLED").await;
    assert_eq!(standing(&bed).await, theirs);
    for pod in [driver, its_driver] {
        let pod = pods(&bed).await.get(&pod).await.unwrap();
        assert!(pod.metadata.deletion_timestamp.is_none(), "{pod:?}");
    }
    let object = bed.object(wished.metadata.name.as_ref().unwrap()).await.unwrap();
    assert!(object.metadata.deletion_timestamp.is_none(), "{object:?}");
}

#[tokio::test]
async fn an_expired_id_that_is_sent_again_runs_and_never_adopts_the_earlier_object() {
    let bed = Bed::shared().await;
    let (earlier, driver) = running(&bed, "again").await;
    succeeds(&bed, &driver).await;
    let end = bed.in_state("again", "SUCCEEDED").await;
    let first = earlier.metadata.name.clone().unwrap();
    bed.operator_says(&first, "COMPLETED", "").await;
    bed.fence().await;
    let past = AttributeValue::N("1000000000".to_owned());
    bed.write("submission#again", "expiresAt", past).await;
    assert!(
        bed.get("/v1/submissions/again").await.is_none(),
        "it counts as absent"
    );

    bed.send(&named("again")).await;
    let status = bed.in_state("again", "SUBMITTED").await;
    let second = status["objectName"].as_str().unwrap();
    assert_ne!(second, first, "the earlier object has that name still");
    let object = bed.object(second).await.unwrap();
    assert_ne!(object.metadata.uid, earlier.metadata.uid);
    let incarnation =
        |object: &DynamicObject| object.metadata.labels.clone().unwrap()["spark-broker/incarnation"].clone();
    assert_ne!(incarnation(&object), incarnation(&earlier));
    assert!(
        status["startedAt"].is_null() && status["exitCode"].is_null(),
        "{status:#}"
    );

    let its_driver = make_driver(&bed, &object).await;
    bed.in_state("again", "RUNNING").await;
    let failed = json!({"terminated": {"exitCode": 3, "reason": "Error"}});
    set_driver(&bed, &its_driver, "Failed", failed, json!([])).await;
    let own = bed.in_state("again", "FAILED").await;
    assert_eq!((&own["exitCode"], &own["attempt"]), (&json!(3), &json!(2)));
    assert!(own["acceptedAt"].as_str() > end["acceptedAt"].as_str(), "{own:#}");
    let still = bed.object(&first).await.unwrap();
    assert_eq!(
        still.metadata.uid, earlier.metadata.uid,
        "it is left to its time to live"
    );
}

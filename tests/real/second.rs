//! A job that has ended is begun again by somebody: what turns up is removed, the object first, counted and told, and the
//! record stands.

use serde_json::Value;

use crate::bed::{Bed, spark_pi};
use crate::by_hand::ByHand;
use crate::cluster::eventually;
use crate::table::{ObjectIs, PodIs, runs, succeeded};

/// A job whose driver has ended with 0: its ID, its parts and its status. Object and pod stand as they ended.
async fn ended(bed: &Bed<'_>) -> (String, ByHand, Value) {
    let id = bed.send(&spark_pi()).await;
    let hand = ByHand::of(bed, &id).await;
    hand.pod_is(&runs()).await;
    hand.object_is(&ObjectIs::In("RUNNING", "")).await;
    bed.in_state(&id, "RUNNING").await;
    hand.pod_is(&PodIs::There(succeeded())).await;
    let status = bed.in_state(&id, "SUCCEEDED").await;
    hand.object_is(&ObjectIs::In("COMPLETED", "")).await;
    bed.fence().await;
    (id, hand, status)
}

async fn removed(bed: &Bed<'_>, what: &str) -> f64 {
    let line = format!("spark_broker_second_runs_removed_total{{cluster=\"real\",what=\"{what}\"}}");
    bed.figure(&line).await
}

fn version(metadata: &kube::api::ObjectMeta) -> u64 {
    metadata.resource_version.as_ref().unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_object_made_anew_after_the_end_goes_and_the_record_stands() {
    let bed = Bed::shared().await;
    let (id, hand, status) = ended(&bed).await;
    hand.make_object_anew(&[]).await;
    eventually("the second object is gone", async || {
        bed.object(&hand.object).await.is_none()
    })
    .await;
    eventually("it is counted", async || removed(&bed, "object").await >= 1.0).await;
    assert!(
        bed.log()
            .contains("a second run of an ended submission was removed")
    );
    assert_eq!(bed.status(&id).await, status);
}

#[tokio::test]
async fn a_driver_that_begins_after_the_end_goes_and_the_record_stands() {
    let bed = Bed::shared().await;
    let (id, hand, status) = ended(&bed).await;
    hand.pod_is(&PodIs::Gone).await;
    hand.pod_is(&runs()).await;
    let deleted = |pod: &k8s_openapi::api::core::v1::Pod| pod.metadata.deletion_timestamp.is_some();
    eventually("the second driver goes", async || {
        hand.pod().await.is_none_or(|pod| deleted(&pod))
    })
    .await;
    eventually("it is counted", async || removed(&bed, "driver").await >= 1.0).await;
    assert_eq!(bed.status(&id).await, status);
}

#[tokio::test]
async fn a_second_run_that_began_while_no_broker_was_there_goes_object_first() {
    let mut bed = Bed::shared().await;
    let (id, hand, status) = ended(&bed).await;
    bed.kill();
    // It stays while it is deleted, so that both deletions can be seen in their order.
    hand.make_object_anew(&["test.spark-broker/stays"]).await;
    hand.pod_is(&PodIs::Gone).await;
    hand.pod_is(&runs()).await;
    bed.start();
    eventually("both are being deleted", async || {
        let object = bed.object(&hand.object).await.unwrap();
        let pod = hand.pod().await.unwrap();
        object.metadata.deletion_timestamp.is_some() && pod.metadata.deletion_timestamp.is_some()
    })
    .await;
    let object = bed.object(&hand.object).await.unwrap();
    let pod = hand.pod().await.unwrap();
    assert!(
        version(&object.metadata) < version(&pod.metadata),
        "the object first, or its operator would run it again"
    );
    for what in ["object", "driver"] {
        eventually("each is counted", async || removed(&bed, what).await >= 1.0).await;
    }
    assert_eq!(bed.status(&id).await, status);
}

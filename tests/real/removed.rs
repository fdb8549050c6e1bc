//! A cluster leaves the configuration while jobs run there: it is reached as before, by what the broker kept of it.

use kube::api::DynamicObject;
use serde_json::json;

use crate::bed::{Bed, spark_pi};
use crate::cluster::{ControlPlane, User};
use crate::clusters::{namespace_for, real};

#[tokio::test]
async fn jobs_on_a_removed_cluster_are_followed_and_cancelled_after_a_restart_too() {
    let plane = ControlPlane::shared().await;
    let (gone, kept) = (
        namespace_for(plane, User::Broker).await,
        namespace_for(plane, User::Broker).await,
    );
    let clusters = [
        real(plane, "gone", &gone, User::Broker),
        real(plane, "kept", &kept, User::Broker),
    ];
    let mut bed = Bed::prepare(plane, &gone, &clusters).await;
    bed.start();
    let mut there = spark_pi();
    there["clusters"] = json!(["gone"]);
    let name = |object: &DynamicObject| object.metadata.name.clone().unwrap();
    let (ends, object) = bed.submitted(&there).await;
    let (cancelled, other) = bed.submitted(&there).await;
    for (id, object) in [(&ends, &object), (&cancelled, &other)] {
        bed.operator_says(&name(object), "RUNNING", "").await;
        bed.in_state(id, "RUNNING").await;
    }

    bed.remove_cluster("gone");
    bed.cluster("gone", "removed and in sight", |line| {
        line["removed"] == true && line["healthy"] == true && line["live"] == 2
    })
    .await;
    for _ in 0..3 {
        let elsewhere = bed.send(&spark_pi()).await;
        assert_eq!(bed.in_state(&elsewhere, "SUBMITTED").await["cluster"], "kept");
    }

    bed.kill();
    bed.start();
    bed.cluster("gone", "in sight again", |line| line["healthy"] == true)
        .await;
    bed.cancel(&cancelled).await;
    bed.in_state(&cancelled, "CANCELLED").await;
    assert!(bed.object(&name(&other)).await.is_none());
    bed.operator_says(&name(&object), "COMPLETED", "").await;
    let ended = bed.in_state(&ends, "SUCCEEDED").await;
    assert_eq!(
        (&ended["cluster"], &ended["attempt"]),
        (&json!("gone"), &json!(1))
    );
}

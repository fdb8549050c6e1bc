//! `onUnreachable: move` with `commit: two-phase`: a cluster that falls silent in the middle of a dispatch.

use kube::api::ListParams;
use serde_json::json;

use crate::bed::{Bed, spark_pi};
use crate::cluster::{ControlPlane, Options, User, eventually};
use crate::clusters::{namespace_for, real};

#[tokio::test]
async fn a_job_on_its_way_to_a_silent_cluster_moves_and_what_lands_there_late_is_never_released() {
    let silent = ControlPlane::start(Options::default()).await;
    silent.apply_spark_crd().await;
    let other = ControlPlane::shared().await;
    let namespaces = [
        namespace_for(&silent, User::Broker).await,
        namespace_for(other, User::Broker).await,
    ];
    let mut clusters = [
        real(&silent, "silent", &namespaces[0], User::Broker),
        real(other, "other", &namespaces[1], User::Broker),
    ];
    clusters[0]["weight"] = json!(100);
    for cluster in &mut clusters {
        cluster["onUnreachable"] = json!("move");
        cluster["commit"] = json!("two-phase");
    }
    let mut bed = Bed::prepare(&silent, &namespaces[0], &clusters).await;
    bed.start();
    bed.cluster_is("silent", true, "").await;
    bed.cluster_is("other", true, "").await;

    silent.pause_api_server();
    let id = bed.send(&spark_pi()).await;
    let dispatching = bed.in_state(&id, "DISPATCHING").await;
    assert_eq!(dispatching["cluster"], "silent", "by weight");
    let moved = bed.in_state(&id, "SUBMITTED").await;
    assert_eq!(
        (&moved["cluster"], &moved["attempt"]),
        (&json!("other"), &json!(2))
    );

    // The create that was under way may land now; nothing new is sent before it is removed.
    silent.resume_api_server();
    let mut there = spark_pi();
    there["clusters"] = json!(["silent"]);
    let next = bed.submitted(&there).await;
    let objects = bed.objects();
    let of_the_first = || async {
        let list = objects.list(&ListParams::default()).await.unwrap();
        let mut of_it = list.items;
        of_it.retain(|object| object.metadata.name != next.1.metadata.name);
        of_it
    };
    eventually("nothing of the first attempt is left", async || {
        let left = of_the_first().await;
        assert!(
            left.iter().all(|object| object.data["spec"]["suspend"] == true),
            "{left:?}"
        );
        left.is_empty()
    })
    .await;
    let status = bed.status(&id).await;
    assert_eq!(
        (&status["state"], &status["attempt"]),
        (&json!("SUBMITTED"), &json!(2))
    );
    assert_eq!(other.list_applications(&namespaces[1]).await.len(), 1);
}

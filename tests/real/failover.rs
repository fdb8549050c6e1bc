//! `onUnreachable: move`: a cluster that falls silent in the middle of a dispatch, and comes back.

use std::net::{Ipv4Addr, SocketAddr};

use jiff::{SignedDuration, Timestamp};
use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};
use spark_broker::model::{Clock, SystemClock};

use crate::bed::{Bed, spark_pi};
use crate::cluster::{ControlPlane, Options, User, eventually};
use crate::clusters::{namespace_for, real, through};
use crate::network::{Network, Proxy};
use crate::seen::Seen;

/// `timing.failoverAfter` of a bed.
const FAILOVER_AFTER: SignedDuration = SignedDuration::from_secs(3);

/// A job for the cluster that falls silent, and no other.
fn there_alone() -> Value {
    let mut spec = spark_pi();
    spec["clusters"] = json!(["silent"]);
    spec
}

async fn cordon(bed: &Bed<'_>, names: &[&str]) {
    for name in names {
        bed.command(&["clusters", "cordon", name, "--reason", "later"])
            .await;
        bed.cluster(name, "closed", |line| line["closed"].is_string())
            .await;
    }
}

async fn sent(bed: &Bed<'_>, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(bed.send(&spark_pi()).await);
    }
    ids
}

/// Of a job that runs on the other cluster: when it was sent there, and the dispatches that were given up for it, each
/// with the time until that.
async fn moves(bed: &Bed<'_>, id: &str) -> (Timestamp, Vec<SignedDuration>) {
    let moved = bed.in_state(id, "SUBMITTED").await;
    assert_eq!(moved["cluster"], "other", "{moved:#}");
    let history = bed.get(&format!("/v1/submissions/{id}/history")).await.unwrap();
    let transitions = history["transitions"].as_array().unwrap();
    let at = |transition: &Value| -> Timestamp { transition["at"].as_str().unwrap().parse().unwrap() };
    let dispatches = transitions.windows(2).filter(|two| two[0]["to"] == "DISPATCHING");
    let (mut sent, mut given_up) = (None, Vec::new());
    for two in dispatches {
        if two[0]["cluster"] == "other" {
            sent = Some(at(&two[0]));
            continue;
        }
        let why = (&two[1]["to"], &two[1]["reason"]);
        assert_eq!(why, (&json!("QUEUED"), &json!("ClusterUnhealthy")), "{history:#}");
        given_up.push(at(&two[1]).duration_since(at(&two[0])));
    }
    assert_eq!(moved["attempt"], json!(given_up.len() + 1), "{history:#}");
    (sent.unwrap(), given_up)
}

#[tokio::test]
async fn jobs_on_their_way_to_a_silent_cluster_move_and_what_lands_there_late_is_never_released() {
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
    // One that is committed, and two more on their way: the rest isn't dispatched when the cluster dies.
    clusters[0]["pacing"] = json!({"maxPending": 3});
    for cluster in &mut clusters {
        cluster["onUnreachable"] = json!("move");
        cluster["commit"] = json!("two-phase");
    }
    let mut bed = Bed::prepare(&silent, &namespaces[0], &clusters).await;
    bed.start();
    bed.cluster_is("silent", true, "").await;
    bed.cluster_is("other", true, "").await;
    let (committed, _) = bed.submitted(&there_alone()).await;

    cordon(&bed, &["silent", "other"]).await;
    let mut jobs = sent(&bed, 3).await;
    for id in &jobs {
        bed.until(id, "it waits", |status| status["reason"].is_string())
            .await;
    }
    silent.pause_api_server();
    let died = SystemClock.now();
    // Before the silence can be noticed, which takes five seconds at least. Both at once could be read one after the other.
    bed.delete("/v1/clusters/silent/cordon").await;
    bed.in_state(&jobs[0], "DISPATCHING").await;
    bed.delete("/v1/clusters/other/cordon").await;
    jobs.extend(sent(&bed, 3).await);

    let (mut ambiguous, mut undispatched) = (0, 0);
    for id in &jobs {
        let (sent, given_up) = moves(&bed, id).await;
        if given_up.is_empty() {
            undispatched += 1;
            // The time of the promise itself.
            let after = sent.duration_since(died);
            let told = || {
                bed.log()
                    .lines()
                    .filter(|line| line.contains("cluster"))
                    .collect::<Vec<_>>()
                    .join("\n")
            };
            assert!(
                after <= SignedDuration::from_secs(60),
                "{id} after {after}, died at {died}:\n{}",
                told()
            );
        } else {
            ambiguous += 1;
            assert!(
                given_up.iter().all(|time| *time >= FAILOVER_AFTER),
                "{given_up:?}"
            );
        }
    }
    assert!(ambiguous > 0 && undispatched > 0, "{ambiguous}, {undispatched}");
    let stays = bed.status(&committed).await;
    assert_eq!(
        (&stays["state"], &stays["cluster"]),
        (&json!("SUBMITTED"), &json!("silent"))
    );

    // The creates that were under way may land now; nothing new is sent before they are removed.
    silent.resume_api_server();
    let next = bed.submitted(&there_alone()).await;
    let known = [bed.status(&committed).await, bed.status(&next.0).await];
    let objects = bed.objects();
    let of_others = || async {
        let mut left = objects.list(&ListParams::default()).await.unwrap().items;
        let name = |object: &DynamicObject| json!(object.metadata.name);
        left.retain(|object| known.iter().all(|job| job["objectName"] != name(object)));
        left
    };
    eventually("nothing of the attempts given up is left", async || {
        let left = of_others().await;
        let suspended = |object: &DynamicObject| object.data["spec"]["suspend"] == true;
        assert!(left.iter().all(suspended), "{left:?}");
        left.is_empty()
    })
    .await;
    for id in &jobs {
        let status = bed.status(id).await;
        assert_eq!(
            (&status["state"], &status["cluster"]),
            (&json!("SUBMITTED"), &json!("other"))
        );
    }
    let there = other.list_applications(&namespaces[1]).await;
    assert_eq!(there.len(), jobs.len());
    assert_eq!(bed.status(&committed).await["attempt"], 1);
}

#[tokio::test]
async fn what_was_given_up_on_a_cluster_goes_before_anything_new_is_sent_there() {
    let plane = ControlPlane::shared().await;
    let proxy = Proxy::to(SocketAddr::from((Ipv4Addr::LOCALHOST, plane.port()))).await;
    let namespaces = [
        namespace_for(plane, User::Broker).await,
        namespace_for(plane, User::Broker).await,
    ];
    let mut clusters = [
        real(plane, "silent", &namespaces[0], User::Broker),
        real(plane, "other", &namespaces[1], User::Broker),
    ];
    through(proxy.address, plane, &clusters[0]);
    clusters[0]["weight"] = json!(100);
    for cluster in &mut clusters {
        cluster["onUnreachable"] = json!("move");
    }
    let mut bed = Bed::prepare(plane, &namespaces[0], &clusters).await;
    bed.start();
    bed.cluster_is("silent", true, "").await;
    bed.cluster_is("other", true, "").await;

    let seen = Seen::from_now(bed.objects()).await;
    // Requests arrive, answers don't: what was sent has landed, and nobody knows.
    proxy.set(Network::NoAnswers);
    let jobs = sent(&bed, 3).await;
    for id in &jobs {
        moves(&bed, id).await;
    }
    let landed = plane.list_applications(&namespaces[0]).await;
    let landed: Vec<String> = landed.into_iter().map(|o| o.metadata.name.unwrap()).collect();
    assert!(!landed.is_empty(), "something is to be removed");
    let next = bed.send(&there_alone()).await;
    bed.until(&next, "it waits", |status| status["reason"].is_string())
        .await;

    proxy.set(Network::Open);
    let status = bed.in_state(&next, "SUBMITTED").await;
    let name = status["objectName"].as_str().unwrap();
    eventually("all of it was seen", async || {
        seen.created(name).is_some() && landed.iter().all(|name| seen.deleted(name).is_some())
    })
    .await;
    for earlier in &landed {
        assert!(
            seen.deleted(earlier) < seen.created(name),
            "{earlier} was there when {name} was created"
        );
    }
    let removed = bed
        .figure("spark_broker_leftovers_removed_total{cluster=\"silent\"}")
        .await;
    assert!(removed >= 1.0, "{removed}");
    let left = plane.list_applications(&namespaces[0]).await;
    assert_eq!(left.len(), 1, "{left:?}");
    let there = plane.list_applications(&namespaces[1]).await;
    assert_eq!(there.len(), jobs.len());
}

//! The broker is stopped, or cut off from its cluster, over the whole time in which a driver starts, ends and goes: a job
//! that may have run isn't run again.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};

use crate::bed::{Bed, spark_pi};
use crate::by_hand::ByHand;
use crate::cluster::{ControlPlane, User};
use crate::clusters::{namespace_for, real, through};
use crate::network::{Network, Proxy};
use crate::table::{ObjectIs, PodIs, runs, succeeded};

/// Longer than a gap in the watch of pods that still proves something: not a wait for something to happen.
const GAP: Duration = Duration::from_secs(62);

/// What is left of the driver, what the object says, and the reason and words of the end.
type Left = (PodIs, ObjectIs, &'static str, &'static str, &'static str);

fn left() -> Vec<Left> {
    let evicted = json!({
        "spec": {"containers": [{"name": "spark-kubernetes-driver", "image": "spark"}]},
        "status": {"phase": "Failed", "reason": "Evicted", "containerStatuses": [], "conditions": []},
    });
    let says = |message| ObjectIs::In("FAILED", message);
    let (unseen, none) = ("a driver may have run unseen", "");
    vec![
        (
            PodIs::Gone,
            says("failed to submit spark application: timeout"),
            "FAILED",
            "SubmissionFailed",
            unseen,
        ),
        (
            PodIs::Gone,
            says("pods \"x\" is forbidden: exceeded quota: q"),
            "FAILED",
            "NoCapacity",
            unseen,
        ),
        (PodIs::Gone, says("driver pod not found"), "FAILED", "Lost", none),
        (
            PodIs::Gone,
            ObjectIs::Gone,
            "FAILED",
            "Lost",
            "nobody saw how the driver ended",
        ),
        (
            PodIs::There(evicted),
            ObjectIs::In("FAILING", ""),
            "FAILED",
            "DriverEvicted",
            unseen,
        ),
        (PodIs::Gone, ObjectIs::In("COMPLETED", ""), "SUCCEEDED", "", none),
    ]
}

async fn sent(bed: &Bed<'_>) -> Vec<(String, ByHand, Left)> {
    let mut jobs = Vec::new();
    for left in left() {
        let id = bed.send(&spark_pi()).await;
        jobs.push((id.clone(), ByHand::of(bed, &id).await, left));
    }
    bed.fence().await;
    jobs
}

/// Nobody sees the drivers run and end.
async fn run_unseen(jobs: &[(String, ByHand, Left)]) {
    for (_, hand, (pod, object, ..)) in jobs {
        if !matches!(pod, PodIs::There(_)) {
            hand.pod_is(&runs()).await;
            hand.pod_is(&PodIs::There(succeeded())).await;
        }
        hand.pod_is(pod).await;
        hand.object_is(object).await;
    }
    tokio::time::sleep(GAP).await;
}

async fn none_runs_again(bed: &Bed<'_>, jobs: &[(String, ByHand, Left)]) {
    for (id, _, (_, object, state, reason, words)) in jobs {
        let end = bed.in_state(id, state).await;
        let told: Value = if reason.is_empty() {
            Value::Null
        } else {
            json!(reason)
        };
        assert_eq!(
            (&end["reason"], &end["attempts"]),
            (&told, &json!(1)),
            "{object:?}: {end:#}"
        );
        let message = end["message"].as_str().unwrap_or_default();
        assert!(message.contains(words), "{object:?}: {end:#}");
    }
}

async fn stopped() {
    let mut bed = Bed::shared().await;
    let jobs = sent(&bed).await;
    bed.kill();
    run_unseen(&jobs).await;
    bed.start();
    none_runs_again(&bed, &jobs).await;
}

async fn cut_off() {
    let plane = ControlPlane::shared().await;
    let proxy = Proxy::to(SocketAddr::from((Ipv4Addr::LOCALHOST, plane.port()))).await;
    let namespace = namespace_for(plane, User::Broker).await;
    let cluster = real(plane, "real", &namespace, User::Broker);
    through(proxy.address, plane, &cluster);
    let mut bed = Bed::prepare(plane, &namespace, &[cluster]).await;
    bed.start();
    let jobs = sent(&bed).await;
    proxy.set(Network::Cut);
    bed.cluster_is("real", false, "").await;
    run_unseen(&jobs).await;
    proxy.set(Network::Open);
    none_runs_again(&bed, &jobs).await;
}

#[tokio::test]
async fn what_may_have_run_while_the_broker_was_stopped_or_cut_off_is_not_run_again() {
    tokio::join!(stopped(), cut_off());
}

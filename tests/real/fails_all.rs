//! A cluster that fails each job before its driver starts; the test is its operator.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::bed::{Bed, spark_pi};
use crate::cluster::{ControlPlane, User};
use crate::clusters::{namespace_for, real};

const JOBS: usize = 16;
const MAX_PENDING: usize = 3;
/// As many failures in a row tell that it isn't the jobs.
const IN_A_ROW: usize = 5;
const WHY: &str = "failed to run spark-submit: no such account";

/// The objects that the operator hasn't looked at yet.
async fn untouched(bed: &Bed<'_>) -> Vec<String> {
    let all = bed.plane.list_applications(&bed.namespace).await;
    let new = all.into_iter().filter(|object| {
        object.data["status"]["applicationState"]["state"].is_null()
            && object.metadata.deletion_timestamp.is_none()
    });
    new.filter_map(|object| object.metadata.name).collect()
}

/// The submission of an object: its name without the attempt.
fn id_of(object: &str) -> &str {
    object.rsplit_once("-a").unwrap().0.strip_prefix("sb-").unwrap()
}

async fn why_closed(bed: &Bed<'_>) -> Option<String> {
    let clusters = bed.get("/v1/clusters").await?;
    let line = &clusters["clusters"][0];
    (line["healthy"] == false).then(|| line["message"].to_string())
}

/// Fails what it finds until the cluster is said to fail all: the submissions that it was sent by then.
async fn fail_until_told(bed: &Bed<'_>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for _ in 0..2_400 {
        for name in untouched(bed).await {
            seen.insert(id_of(&name).to_owned());
            bed.operator_says(&name, "FAILED", WHY).await;
        }
        if why_closed(bed).await.is_some_and(|why| why.contains("in a row")) {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it is never told; {} were sent", seen.len());
}

/// Fails the next `count` probes, which come one at a time.
async fn fail_probes(bed: &Bed<'_>, count: usize) {
    let mut failed = 0;
    for _ in 0..2_400 {
        let there = untouched(bed).await;
        assert!(there.len() <= 1, "one probe at a time: {there:?}");
        for name in there {
            bed.operator_says(&name, "FAILED", WHY).await;
            failed += 1;
        }
        if failed == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{failed} probes came");
}

#[tokio::test]
async fn a_cluster_that_fails_every_job_gets_few_and_then_one_at_a_time_until_a_driver_starts() {
    let plane = ControlPlane::shared().await;
    let namespace = namespace_for(plane, User::Broker).await;
    let mut cluster = real(plane, "real", &namespace, User::Broker);
    cluster["pacing"] = json!({"maxPending": MAX_PENDING});
    let mut bed = Bed::prepare(plane, &namespace, &[cluster]).await;
    bed.start();
    let mut jobs = Vec::new();
    for _ in 0..JOBS {
        jobs.push(bed.send(&spark_pi()).await);
    }
    let sent = fail_until_told(&bed).await;
    // Four failures had freed their places when the fifth was written; it is told within five seconds of that, and may
    // have been probed once by then.
    let most = MAX_PENDING + IN_A_ROW;
    assert!(sent.len() >= IN_A_ROW && sent.len() <= most, "{sent:?}");
    // What was on its way by then.
    for name in untouched(&bed).await {
        bed.operator_says(&name, "FAILED", WHY).await;
    }
    fail_probes(&bed, 2).await;
    let waiting = bed.until(&jobs[JOBS - 1], "it says why it waits", |status| {
        status["message"]
            .as_str()
            .is_some_and(|text| text.contains("in a row"))
    });
    assert_eq!(waiting.await["reason"], "ClusterUnhealthy");

    for _ in 0..2_400 {
        for name in untouched(&bed).await {
            bed.operator_says(&name, "RUNNING", "").await;
            bed.in_state(id_of(&name), "RUNNING").await;
            bed.operator_says(&name, "COMPLETED", "").await;
        }
        let mut open = 0;
        for id in &jobs {
            open += usize::from(bed.status(id).await["terminal"] != true);
        }
        if open == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for id in &jobs {
        bed.in_state(id, "SUCCEEDED").await;
    }
    // The board is written every five seconds: 14 quick jobs may be over before.
    for _ in 0..2_400 {
        if why_closed(&bed).await.is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it is still said to be closed: {:?}", why_closed(&bed).await);
}

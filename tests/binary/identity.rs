//! One ID, one submission: however often it is delivered, and to however many brokers.

use serde_json::json;

use crate::harness::{Account, job, serve};

const WALK: [&str; 5] = ["QUEUED", "DISPATCHING", "SUBMITTED", "RUNNING", "SUCCEEDED"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_delivered_eight_times_at_once_to_two_brokers_is_one_submission() {
    let account = Account::new().await;
    let (one, other) = (serve(&account, "").await, serve(&account, "").await);
    let ids: Vec<String> = (0..5).map(|n| format!("eightfold-{n}")).collect();
    for id in &ids {
        let spec = job(id, "1s").to_string();
        futures::future::join_all((0..8).map(|_| account.send(&spec))).await;
    }
    account.drained().await;
    for id in &ids {
        let ended = one.ended(id).await;
        assert_eq!(ended["state"], "SUCCEEDED", "{ended:#}");
        assert_eq!(ended["attempts"], 1, "{ended:#}");
        assert_eq!(one.walk(id), WALK);
        assert_eq!(other.status(id), Some(ended));
    }
    let listed = one.get("/v1/submissions?queue=dev");
    assert_eq!(listed.body["submissions"].as_array().unwrap().len(), ids.len());
    assert!(account.parked().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_id_with_another_spec_leaves_the_first_untouched() {
    let account = Account::new().await;
    let broker = serve(&account, "").await;
    let spec = job("taken", "1s");
    assert_eq!(broker.submit(spec.to_string()).status, 202);
    assert_eq!(broker.submit(spec.to_string()).status, 200, "the same spec again");

    let mut other = spec.clone();
    other["executor"]["instances"] = json!(2);
    let refused = broker.submit(other.to_string());
    assert_eq!(
        (refused.status, &refused.body["reason"]),
        (409, &json!("Conflict"))
    );
    account.send(&other.to_string()).await;
    let parked = account.parked_as("taken").await;
    assert_eq!(parked.attribute("reason"), "Conflict");
    assert_eq!(parked.body, other.to_string());

    // What came of each is counted, however it came.
    other["executor"]["instances"] = json!(-1);
    assert_eq!(broker.submit(other.to_string()).status, 400);
    let counted = [
        (r#"{queue="dev",outcome="accepted"}"#, 1),
        (r#"{queue="dev",outcome="duplicate"}"#, 1),
        (r#"{queue="",outcome="conflict"}"#, 2),
        (r#"{queue="",outcome="rejected"}"#, 1),
    ];
    for (labels, times) in counted {
        assert_eq!(
            broker.figure(&format!("submissions_total{labels}")),
            Some(times),
            "{labels}"
        );
    }

    assert_eq!(broker.ended("taken").await["state"], "SUCCEEDED");
    assert_eq!(broker.walk("taken"), WALK);
    let kept = account.attribute("submission#taken", "spec").await.unwrap();
    assert!(kept.contains("\"instances\":1"), "{kept}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_id_runs_once_its_spec_is_mended() {
    let account = Account::new().await;
    let broker = serve(&account, "").await;
    let mut spec = job("mended", "500ms");
    spec["driver"]["memory"] = json!("1.5g");
    account.send(&spec.to_string()).await;
    let rejected = broker.ended("mended").await;
    assert_eq!(
        (&rejected["state"], &rejected["reason"]),
        (&json!("REJECTED"), &json!("InvalidSpec"))
    );

    spec["driver"]["memory"] = json!("1536m");
    account.send(&spec.to_string()).await;
    broker.reaches("mended", "SUCCEEDED").await;
    let walk = broker.walk("mended");
    assert_eq!(walk.first().unwrap(), "REJECTED", "its history is kept: {walk:?}");
    assert_eq!(walk[1..], WALK);
    assert_eq!(broker.submit(spec.to_string()).status, 200, "now it holds its ID");
}

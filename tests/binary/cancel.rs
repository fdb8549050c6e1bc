//! Many submissions are cancelled at once, over HTTP and the command line; and those that nobody knows yet.

use serde_json::{Value, json};
use spark_broker::model::{Clock, SystemClock};

use crate::harness::{Account, Broker, Dev, eventually, job, serve};

/// A job with a label, submitted once it has reached `state`.
async fn submitted(broker: &Broker, mut spec: Value, team: &str, state: &str) {
    spec["labels"] = json!({"team": team});
    assert_eq!(broker.submit(spec.to_string()).status, 202);
    broker
        .reaches(spec["submissionId"].as_str().unwrap(), state)
        .await;
}

/// Two that run, one that waits for room and one that waits with a spec that doesn't fit into its record.
async fn busy(broker: &Broker) {
    submitted(broker, job("run-data", "10m"), "data", "RUNNING").await;
    let mut other = job("run-web", "10m");
    other["queue"] = json!("prod");
    submitted(broker, other, "web", "RUNNING").await;
    let mut waits = job("wait-web", "10m");
    waits["executor"]["instances"] = json!(2000);
    waits["applicationName"] = json!("Nightly");
    submitted(broker, waits.clone(), "web", "QUEUED").await;
    waits["submissionId"] = json!("wait-large");
    waits["arguments"] = json!(vec!["x".repeat(100); 100]);
    submitted(broker, waits, "large", "QUEUED").await;
}

/// What `cancel` with these arguments tells as JSON: the IDs, sorted, and everything.
fn told(broker: &Broker, arguments: &[&str]) -> (Vec<String>, Value) {
    let (code, printed) = broker.command(&[&["cancel", "--output", "json"], arguments].concat());
    assert_eq!(code, Some(0), "{printed}");
    let told: Value = serde_json::from_str(&printed).unwrap();
    let submissions = told["submissions"].as_array().unwrap().iter();
    let mut ids: Vec<_> = submissions
        .map(|one| one["submissionId"].as_str().unwrap().to_owned())
        .collect();
    ids.sort_unstable();
    (ids, told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_cancelled_by_queue_label_and_name_and_a_dry_run_changes_nothing() {
    let dev = Dev::start(&[]).await;
    let broker = &dev.broker;
    busy(broker).await;
    let all = ["run-data", "run-web", "wait-web", "wait-large"];
    let versions = || all.map(|id| broker.status(id).unwrap()["version"].clone());
    let before = versions();

    // Nothing of this does anything: no selector, nobody to be asked, nothing that matches, a dry run.
    assert_eq!(broker.command(&["cancel"]).0, Some(2));
    let refused = broker.cancel_many(r#"{"dryRun": false}"#);
    assert_eq!(refused.status, 400);
    let found = refused.body["violations"][0]["expected"].as_str().unwrap();
    assert!(found.contains("queue, applicationName, labels"), "{found}");
    assert_eq!(broker.command(&["cancel", "--queue", "dev"]).0, Some(2));
    let (ids, nothing) = told(broker, &["--label", "team=nobody", "--yes"]);
    assert_eq!((ids.len(), &nothing["matched"]), (0, &json!(0)));
    let (ids, dry) = told(broker, &["--queue", "dev", "--dry-run"]);
    assert_eq!(ids, ["run-data", "wait-large", "wait-web"]);
    assert_eq!((&dry["dryRun"], &dry["cancelled"]), (&json!(true), &json!(0)));
    let (code, printed) = broker.command(&["cancel", "--label", "team=data", "--dry-run"]);
    assert_eq!(code, Some(0));
    assert!(
        printed.contains("run-data") && printed.contains("RUNNING"),
        "{printed}"
    );
    assert!(
        printed.ends_with("1 submission matches. Nothing was done.\n"),
        "{printed}"
    );
    assert_eq!(versions(), before);

    let (ids, by_name) = told(
        broker,
        &["--application-name", "Nightly", "--label", "team=large", "--yes"],
    );
    assert_eq!(
        (ids, &by_name["cancelled"]),
        (vec!["wait-large".to_owned()], &json!(1))
    );
    let (ids, by_label) = told(broker, &["--label", "team=web", "--yes"]);
    assert_eq!(ids, ["run-web", "wait-web"]);
    assert_eq!(
        (&by_label["cancelled"], &by_label["cancelling"]),
        (&json!(1), &json!(1))
    );
    for id in ["wait-large", "wait-web", "run-web"] {
        assert_eq!(broker.ended(id).await["state"], "CANCELLED", "{id}");
    }
    assert_eq!(broker.status("run-data").unwrap()["state"], "RUNNING");
    let (code, printed) = broker.command(&["cancel", "--queue", "dev", "--yes"]);
    assert_eq!(code, Some(0));
    assert!(
        printed.contains("1 submission matches. 1 being cancelled."),
        "{printed}"
    );
    assert_eq!(broker.ended("run-data").await["state"], "CANCELLED");
    assert_eq!(broker.walk("run-data").last().unwrap(), "CANCELLED");
}

/// How many objects were made.
fn created(broker: &Broker) -> u64 {
    let of = |cluster: &str| format!("creates_total{{cluster=\"{cluster}\",outcome=\"created\"}}");
    let clusters = ["spark-cluster-a", "spark-cluster-b"];
    clusters
        .iter()
        .filter_map(|cluster| broker.figure(&of(cluster)))
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_that_comes_before_its_submission_is_honoured_whatever_way_it_came() {
    let account = Account::new().await;
    let broker = serve(&account, "").await;
    account.send(r#"{"cancel": "by-message"}"#).await;
    account.drained().await;
    let unknown = broker.cancel("by-http");
    assert_eq!(unknown.status, 404);
    let detail = unknown.body["detail"].as_str().unwrap();
    assert!(
        detail.contains("no submission has the ID by-http") && detail.contains("is CANCELLED at once"),
        "{detail}"
    );
    assert_eq!(broker.command(&["cancel", "by-command"]).0, Some(3));

    let ids = ["by-message", "by-http", "by-command"];
    for id in ids {
        assert!(broker.status(id).is_none(), "nobody knows {id}");
        account.send(&job(id, "500ms").to_string()).await;
        let end = broker.ended(id).await;
        assert_eq!(
            (&end["state"], &end["reason"], &end["attempts"]),
            (&json!("CANCELLED"), &json!("Cancelled"), &json!(0)),
            "{end:#}"
        );
        assert_eq!(broker.walk(id), ["QUEUED", "CANCELLED"]);
    }
    assert_eq!(created(&broker), 0, "no object ever");
    account.send(&job("uncancelled", "500ms").to_string()).await;
    broker.reaches("uncancelled", "SUCCEEDED").await;
    assert_eq!(created(&broker), 1);
    for id in ids {
        assert_eq!(broker.status(id).unwrap()["state"], "CANCELLED");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_that_came_first_is_forgotten_after_its_memory() {
    let account = Account::new().await;
    let broker = serve(&account, "timing: {cancelMemory: 1s}").await;
    account.send(r#"{"cancel": "late"}"#).await;
    account.drained().await;
    let until = account.attribute("submission#late", "expiresAt").await.unwrap();
    let until = jiff::Timestamp::from_second(until.parse().unwrap()).unwrap();
    eventually("its memory is over", async || {
        (SystemClock.now() > until).then_some(())
    })
    .await;
    account.send(&job("late", "500ms").to_string()).await;
    broker.reaches("late", "SUCCEEDED").await;
}

//! Where a job spec would go, asked without submitting it.

use serde_json::{Value, json};

use crate::harness::{Account, Broker, Dev, Folder, eventually, job, serve};

/// The answer of the pod that is the active scheduler; of two, the other says that it isn't.
async fn explained(brokers: &[Broker; 2], spec: &Value) -> Value {
    let look = async || {
        let answers = brokers.each_ref().map(|broker| broker.explain(spec.to_string()));
        let [one, other] = &answers;
        let (knows, knows_not) = if one.status == 200 {
            (one, other)
        } else {
            (other, one)
        };
        if knows.status != 200 {
            return None;
        }
        assert_eq!(knows_not.status, 503, "{}", knows_not.text);
        assert!(
            knows_not.text.contains("isn't the active scheduler"),
            "{}",
            knows_not.text
        );
        Some(knows.body.clone())
    };
    eventually("an answer of the active scheduler", look).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explain_says_where_a_job_would_go_and_submits_nothing() {
    let account = Account::new().await;
    let brokers = [serve(&account, "").await, serve(&account, "").await];
    let spec = job("asked", "1s");
    let look = async || Some(explained(&brokers, &spec).await).filter(|told| told["cluster"].is_string());
    let told = eventually("a cluster that takes it", look).await;
    assert_eq!((&told["queue"], &told["waiting"]), (&json!("dev"), &json!(0)));
    assert_eq!(told["policy"], "weighted");
    let others = told["others"].as_object().unwrap();
    assert_eq!(others.len(), 1, "{told:#}");
    assert!(
        others
            .values()
            .all(|why| why.as_str().unwrap().contains("has room")),
        "{told:#}"
    );
    assert_eq!(told["demand"]["executors"], 1, "{told:#}");

    let mut wrong = spec.clone();
    wrong["driver"]["memory"] = json!("2 gigs");
    let answer = brokers[1].explain(wrong.to_string());
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(answer.body["violations"][0]["path"], "driver.memory");

    assert_eq!(brokers[0].status("asked"), None);
    let listed = brokers[0].get("/v1/submissions?queue=dev");
    assert_eq!(listed.body["submissions"], json!([]));

    // What was told is what is done.
    let told = explained(&brokers, &spec).await;
    assert_eq!(brokers[0].submit(spec.to_string()).status, 202);
    let ended = brokers[0].ended("asked").await;
    assert_eq!(ended["cluster"], told["cluster"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explain_on_the_command_line_tells_the_figures() {
    let dev = Dev::start(&[]).await;
    let folder = Folder::new();
    let spec = job("asked", "1s");
    let file = folder.file("job.json", &spec.to_string());
    let look = async || Some(dev.broker.command(&["explain", &file])).filter(|(code, _)| *code == Some(0));
    let (_, printed) = eventually("a cluster that takes it", look).await;
    assert!(printed.contains("would go to spark-cluster-"), "{printed}");
    assert!(printed.contains("not spark-cluster-"), "{printed}");

    let mut large = spec;
    large["driver"]["cores"] = json!(1000);
    let file = folder.file("large.json", &large.to_string());
    let (code, printed) = dev.broker.command(&["explain", &file]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("would wait: NeverFits"), "{printed}");
    assert!(
        printed.contains("not spark-cluster-a: ") && printed.contains("1001000m"),
        "{printed}"
    );
    assert_eq!(dev.broker.status("asked"), None);
}

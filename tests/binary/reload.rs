//! The configuration changed under a running broker: what is wrong changes nothing and says why, what is right takes
//! effect, and whoever calls meanwhile is answered.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::harness::{Account, Broker, Dev, Folder, configuration, eventually, job, serve};

const NIGHT: &str = "  - {name: night, weight: 5}\nclusters:";
const CLUSTER_C: &str =
    "  - {name: spark-cluster-c, type: simulated, namespace: spark-jobs, sparkVersions: [\"3.5.0\"]}\n";

fn names(broker: &Broker, path: &str) -> Vec<String> {
    let body = broker.get(&format!("/v1/{path}")).body;
    let lines = body[path].as_array().unwrap().iter();
    lines
        .map(|line| line["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn said(broker: &Broker, words: &str) {
    let look = async || {
        broker
            .process
            .err()
            .iter()
            .any(|line| line.contains(words))
            .then_some(())
    };
    eventually(&format!("the words {words:?}"), look).await;
}

fn to(id: &str, queue: &str, cluster: &str) -> Value {
    let mut job = job(id, "1s");
    job["queue"] = json!(queue);
    job["clusters"] = json!([cluster]);
    job
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_with_a_fault_changes_nothing_and_says_why() {
    let account = Account::new().await;
    let broker = serve(&account, "").await;
    let right = broker.configuration();
    let wrong = right
        .replace("name: prod, weight: 70", "name: night, weight: 0")
        .replace("shutdownGrace", "x");
    broker.configure(&format!("{wrong}\nshutdownGrce: 3s\n"));
    broker.reloads("refused", 1).await;
    said(&broker, "queues[0].weight").await;
    said(&broker, "shutdownGrce").await;
    assert_eq!(broker.figure("config_refused"), Some(1));

    // What only a restart can change, asked for by a signal.
    let moved = right
        .replace(
            "store: {table: spark-broker}",
            "store: {table: another}\ndomain: another",
        )
        .replace("name: prod, weight: 70", "name: night, weight: 70");
    broker.configure(&moved);
    broker.process.signal("HUP");
    broker.reloads("refused", 2).await;
    said(
        &broker,
        "store.table: found another, expected spark-broker as at the start",
    )
    .await;
    said(&broker, "domain: found another, expected default as at the start").await;

    assert_eq!(names(&broker, "queues"), ["prod", "dev"]);
    assert_eq!(
        broker
            .submit(to("at-night", "night", "spark-cluster-a").to_string())
            .status,
        400
    );
    broker.submit(to("as-before", "prod", "spark-cluster-a").to_string());
    broker.reaches("as-before", "SUCCEEDED").await;
    assert_eq!(broker.figure("config_reloads_total{outcome=\"applied\"}"), None);
    broker.configure(&right);
    broker.reloads("applied", 1).await;
    assert_eq!(broker.figure("config_refused"), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_file_takes_effect_without_a_restart_and_nobody_is_turned_away() {
    let account = Account::new().await;
    let broker = serve(&account, "").await;
    broker.submit(job("runs-on", "8s").to_string());
    broker.reaches("runs-on", "RUNNING").await;
    let text = broker.configuration().replace("clusters:", NIGHT) + CLUSTER_C;
    broker.configure(&text);

    let done = AtomicBool::new(false);
    let calls = async {
        while !done.load(Ordering::Relaxed) {
            assert_eq!(broker.health().unwrap().status, 200);
            assert_eq!(broker.get("/v1/submissions/runs-on").status, 200);
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let reload = async {
        broker.reloads("applied", 1).await;
        eventually("the new queue", async || {
            (names(&broker, "queues") == ["prod", "dev", "night"]).then_some(())
        })
        .await;
        account
            .send(&to("at-night", "night", "spark-cluster-c").to_string())
            .await;
        broker.reaches("at-night", "SUCCEEDED").await;
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(calls, reload);
    assert_eq!(broker.ended("runs-on").await["state"], "SUCCEEDED");
    assert_eq!(broker.ended("runs-on").await["attempt"], 1);
    assert_eq!(
        broker.walk("runs-on"),
        ["QUEUED", "DISPATCHING", "SUBMITTED", "RUNNING", "SUCCEEDED"]
    );
    assert_eq!(broker.figure("lease_held"), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_queue_with_a_backlog_stays() {
    let account = Account::new().await;
    let small = CLUSTER_C.replace("spark-jobs,", "spark-jobs, limits: {maxLive: 1},");
    let broker = serve(&account, &small).await;
    let right = broker.configuration();
    let mut occupies = to("occupies", "dev", "spark-cluster-c");
    occupies["annotations"] = json!({"simulated.spark-broker/run-time": "10m"});
    broker.submit(occupies.to_string());
    broker.reaches("occupies", "RUNNING").await;
    for id in ["first", "second"] {
        assert_eq!(
            broker
                .submit(to(id, "prod", "spark-cluster-c").to_string())
                .status,
            202
        );
    }
    let without = right.replace("  - {name: prod, weight: 70}\n", "");
    broker.configure(&without);
    broker.reloads("refused", 1).await;
    said(
        &broker,
        "queues: prod is left out while 2 of its submissions wait",
    )
    .await;
    assert_eq!(names(&broker, "queues"), ["prod", "dev"]);

    for id in ["first", "second"] {
        assert_eq!(broker.command(&["cancel", id]).0, Some(0));
        broker.reaches(id, "CANCELLED").await;
    }
    broker.process.signal("HUP");
    broker.reloads("applied", 1).await;
    eventually("its end", async || {
        (names(&broker, "queues") == ["dev"]).then_some(())
    })
    .await;
    assert_eq!(
        broker
            .submit(to("late", "prod", "spark-cluster-a").to_string())
            .status,
        400
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_cluster_takes_no_new_jobs_and_its_running_one_is_followed_to_its_end() {
    let folder = Folder::new();
    let both = configuration(0, 0, "lease: {duration: 2s}");
    let file = folder.file("config.yaml", &both);
    let data = folder.path().join("data");
    let arguments = [
        &format!("--config={file}"),
        &format!("--data-dir={}", data.display()),
    ];
    let arguments = arguments.map(String::as_str);
    let mut dev = Dev::start(&arguments).await;
    let mut stays = to("stays", "dev", "spark-cluster-a");
    stays["annotations"] = json!({"simulated.spark-broker/run-time": "25s"});
    dev.account.send(&stays.to_string()).await;
    dev.broker.reaches("stays", "RUNNING").await;

    let a = both
        .lines()
        .find(|line| line.contains("spark-cluster-a"))
        .unwrap();
    folder.file("config.yaml", &both.replace(&format!("{a}\n"), ""));
    dev.broker.reloads("applied", 1).await;
    only_on_b(&dev, "after-the-reload").await;
    let told = dev.broker.command(&["clusters"]).1;
    let line = told.lines().find(|line| line.contains("spark-cluster-a"));
    assert!(
        line.unwrap_or_default().contains("not in the configuration"),
        "{told}"
    );
    assert_eq!(
        dev.broker
            .submit(to("late", "dev", "spark-cluster-a").to_string())
            .status,
        400
    );

    dev.broker.process.kill();
    dev = Dev::start(&arguments).await;
    only_on_b(&dev, "after-the-restart").await;
    let ended = dev.broker.ended("stays").await;
    assert_eq!(ended["state"], "SUCCEEDED", "{ended}");
    assert_eq!(
        (&ended["cluster"], &ended["attempt"]),
        (&json!("spark-cluster-a"), &json!(1))
    );
}

/// Some jobs that may run anywhere run on the other cluster.
async fn only_on_b(dev: &Dev, name: &str) {
    for n in 0..4 {
        dev.account
            .send(&job(&format!("{name}-{n}"), "500ms").to_string())
            .await;
    }
    for n in 0..4 {
        let status = dev.broker.reaches(&format!("{name}-{n}"), "SUCCEEDED").await;
        assert_eq!(status["cluster"], "spark-cluster-b", "{status}");
    }
}

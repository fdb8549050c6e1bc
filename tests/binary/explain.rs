//! Where a spec would go, asked of the pod that schedules and of one that doesn't, by HTTP and on the command line.

use serde_json::{Value, json};

use crate::harness::{Account, Broker, eventually, job, run_with, serve};

/// Beside two clusters that serve another version and whose room isn't measured.
const THIRD: &str = "  - {name: spark-cluster-c, weight: 20, type: simulated, namespace: spark-jobs, \
                     simulated: {nodes: 2, cores: 4, memory: 8Gi}, capacity: {sources: [nodes]}, \
                     limits: {maxLive: 1}}";

/// A job that only the third cluster takes.
fn spec(id: &str) -> Value {
    let mut spec = job(id, "10m");
    spec["sparkVersion"] = json!("3.4.1");
    spec
}

fn explained(broker: &Broker, spec: &Value) -> Value {
    let answer = broker.explain(spec.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

/// What the pod answers once it says so of the third cluster.
async fn once(broker: &Broker, spec: &Value, answer: &str) -> Value {
    let look = async || {
        let told = broker.explain(spec.to_string()).body;
        (told["clusters"][2]["answer"] == answer).then_some(told)
    };
    eventually(&format!("spark-cluster-c {answer}"), look).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_pod_tells_where_a_spec_would_go_and_nothing_changes() {
    let account = Account::new().await;
    let pods = [serve(&account, THIRD).await, serve(&account, THIRD).await];
    let mut sources = Vec::new();
    let mut placements = Vec::new();
    for pod in &pods {
        let told = once(pod, &spec("asked"), "chosen").await;
        assert_eq!(told["placement"]["cluster"], "spark-cluster-c");
        for (n, name) in [(0, "spark-cluster-a"), (1, "spark-cluster-b")] {
            let other = &told["clusters"][n];
            assert_eq!(
                (&other["name"], &other["answer"]),
                (&json!(name), &json!("refuses"))
            );
            assert_eq!(other["why"], "serves Spark 3.5.0");
            assert_eq!(
                other["figures"].get("room"),
                None,
                "what isn't measured isn't told"
            );
        }
        let figures = &told["clusters"][2]["figures"];
        assert_eq!((&figures["live"], &figures["maxLive"]), (&json!(0), &json!(1)));
        assert_eq!(figures["room"]["nodes"], 2);
        assert_eq!(figures["room"]["capacity"]["cpu"], 8000);
        assert!(
            figures["room"]["ageMs"].is_u64() && told["ageMs"].is_u64(),
            "{told:#}"
        );
        assert_eq!(told["demand"]["executors"], 1);
        sources.push(told["source"].as_str().unwrap().to_owned());
        placements.push(told["placement"]["others"].clone());
        assert_eq!(pod.status("asked"), None);
    }
    sources.sort();
    assert_eq!(sources, ["scheduler", "store"], "one schedules, the other reads");
    assert!(account.item("submission#asked").await.is_none());

    // What was foretold happens, and is kept with its figures.
    assert_eq!(pods[0].submit(spec("first").to_string()).status, 202);
    pods[1].reaches("first", "RUNNING").await;
    let kept = pods[1].get("/v1/submissions/first/placement").body;
    assert_eq!(kept["demand"]["executors"], 1, "{kept:#}");
    let kept = &kept["placement"];
    assert_eq!(placements, [kept["others"].clone(), kept["others"].clone()]);
    assert!(kept["viewAgeMs"].is_u64(), "{kept:#}");
    let [candidate] = kept["candidates"].as_array().unwrap().as_slice() else {
        panic!("{kept:#}");
    };
    assert_eq!(
        (&candidate["cluster"], &candidate["weight"]),
        (&json!("spark-cluster-c"), &json!(20))
    );
    assert_eq!(
        (&candidate["live"], &candidate["free"]["cpu"]),
        (&json!(0), &json!(8000))
    );

    // The next ones wait, and every pod tells why, and which of them is the next.
    for id in ["second", "third"] {
        assert_eq!(pods[0].submit(spec(id).to_string()).status, 202);
    }
    for pod in &pods {
        for (id, position) in [("second", 1), ("third", 2)] {
            let look = async || pod.status(id).filter(|status| status["position"] == position);
            let status = eventually(&format!("{id} at {position}"), look).await;
            assert_eq!(status["reason"], "NoCapacity", "{status:#}");
            let message = status["message"].as_str().unwrap();
            assert!(
                message.contains("spark-cluster-c: 1 live of at most 1"),
                "{message}"
            );
        }
        let told = once(pod, &spec("asked"), "refuses").await;
        assert_eq!(told["clusters"][2]["why"], "1 live of at most 1");
        assert_eq!(
            (told.get("placement"), &told["reason"]),
            (None, &json!("NoCapacity"))
        );
        assert_eq!(told["queueFigures"]["live"], 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_tells_it_of_files_and_standard_input_and_faults_are_those_of_submit() {
    let account = Account::new().await;
    let broker = serve(&account, THIRD).await;
    once(&broker, &spec("asked"), "chosen").await;
    let explain = |arguments: &[&str], input: &str| {
        run_with(
            &[&["explain", "-", "--api", &broker.api], arguments].concat(),
            input,
        )
    };
    let output = explain(&["--output", "json"], &spec("asked").to_string());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let asked = explained(&broker, &spec("asked"));
    assert_eq!(
        (&told["message"], &told["placement"]["others"]),
        (&asked["message"], &asked["placement"]["others"])
    );

    // Manifests in YAML, several of them, for people.
    let manifest = "kind: SparkApplication\napiVersion: sparkoperator.k8s.io/v1beta2\nmetadata: {name: pi}\nspec:\n  \
                    type: Python\n  mainApplicationFile: local:///pi.py\n  image: spark:3.4.1\n  sparkVersion: 3.4.1\n  \
                    driver: {cores: 1, memory: 512m}\n  executor: {instances: 9, cores: 1, memory: 512m}\n";
    let output = explain(&["--queue", "dev"], &format!("{manifest}---\n{manifest}"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(text.matches("would wait: ").count(), 2, "{text}");
    assert!(
        text.contains("too small even when empty: needs 10000m of cpu, 8000m free"),
        "{text}"
    );
    assert!(text.contains("s old, from the active scheduler"), "{text}");

    let mut bad = spec("bad");
    bad["driver"]["memory"] = json!("2 gigs");
    bad["colour"] = json!("red");
    let refused = broker.explain(bad.to_string());
    let submitted = broker.submit(bad.to_string());
    assert_eq!((refused.status, submitted.status), (400, 400));
    assert_eq!(refused.body, submitted.body);
    assert_eq!(
        refused.body["violations"].as_array().unwrap().len(),
        2,
        "{}",
        refused.text
    );
    let output = explain(&[], &bad.to_string());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("driver.memory")
    );
}

//! A bad configuration is refused with all that is wrong with it, by `check-config` and by `serve` alike.

use crate::harness::{Folder, Process, configuration, run};

const BAD: &str = "
intake:
  - {queueName: jobs.fifo, defaultQueue: nope}
store: {table: spark-broker, retention: 30 fortnights}
shutdownGrce: 25s
queues:
  - {name: dev, weight: 0}
  - {name: dev, weight: 1}
  - {name: prod, policy: wieghted}
clusters:
  - {name: a, type: simulated, namespace: spark-jobs, queues: [staging]}
  - {name: b, weight: 1, type: spark-operator, namespace: spark-jobs, onUnreachable: run}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_bad_file_is_told_at_once_with_path_and_expectation() {
    let folder = Folder::new();
    let file = folder.file("bad.yaml", BAD);
    let checked = run(&["check-config", "--config", &file]);
    assert_eq!(checked.status.code(), Some(78));
    let told = String::from_utf8(checked.stderr).unwrap();
    for path in [
        "intake[0].queueName",
        "intake[0].defaultQueue",
        "store.retention",
        "shutdownGrce",
        "queues[0].weight",
        "queues[1].name",
        "queues[2].policy",
        "clusters[0].queues[0]",
        "clusters[1].connect",
        "clusters[1].onUnreachable",
    ] {
        let line = told.lines().find(|line| line.trim_start().starts_with(path));
        let line = line.unwrap_or_else(|| panic!("nothing on {path}:\n{told}"));
        assert!(line.contains("expected"), "{line}");
    }

    let mut serve = Process::start(&["serve", "--config", &file], &[]);
    assert_eq!(serve.exit_code().await, Some(78));
    let said = crate::harness::eventually("its words", async || {
        Some(serve.err().join("\n")).filter(|said| said.lines().count() >= told.lines().count())
    });
    assert_eq!(said.await.trim(), told.trim(), "serve says the same");
}

#[test]
fn an_api_beyond_loopback_needs_a_word_on_who_may_call() {
    let folder = Folder::new();
    let check = |listen: &str| {
        let text =
            configuration(0, 0, "").replace("api: {listen: \"127.0.0.1:0\"}", &format!("api: {listen}"));
        let output = run(&["check-config", "--config", &folder.file("config.yaml", &text)]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, told) = check("{listen: \"0.0.0.0:8080\"}");
    assert_eq!(code, Some(78));
    assert!(told.contains("api.listen") && told.contains("loopback"), "{told}");
    for right in [
        "{listen: \"0.0.0.0:8080\", auth: none}",
        "{listen: \"0.0.0.0:8080\", auth: {tokenFile: /run/secrets/token}}",
        "{listen: \"127.0.0.1:8080\"}",
    ] {
        assert_eq!(check(right).0, Some(0), "{right}: {}", check(right).1);
    }
}

#[test]
fn every_example_is_right() {
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/config")).unwrap() {
        let path = entry.unwrap().path();
        let output = run(&["check-config", "--config", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", path.display());
    }
}

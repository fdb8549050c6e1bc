//! The command line's exit codes: 0 done, 1 ended otherwise or refused, 2 wrong usage, 3 unknown ID, 69 unavailable,
//! 78 bad configuration.

use crate::harness::{Dev, Folder, job, run, run_with};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_end_of_a_command_has_its_exit_code() {
    let dev = Dev::start(&[]).await;
    let broker = &dev.broker;
    let folder = Folder::new();
    let file = |id: &str, code: &str| {
        let mut spec = job(id, "300ms");
        spec["annotations"]["simulated.spark-broker/exit-code"] = code.into();
        folder.file(&format!("{id}.json"), &spec.to_string())
    };

    let (good, bad) = (file("good", "0"), file("bad", "7"));
    let (code, printed) = broker.command(&["submit", "--file", &good, "--wait"]);
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("SUCCEEDED"), "{printed}");
    let (code, printed) = broker.command(&["submit", "--file", &bad, "--wait", "--output", "json"]);
    assert_eq!(code, Some(1));
    assert!(printed.contains("\"exitCode\": 7"), "{printed}");
    assert_eq!(broker.command(&["status", "bad"]).0, Some(1));
    assert_eq!(broker.command(&["status", "good", "--wait"]).0, Some(0));
    assert_eq!(broker.command(&["status", "nobody"]).0, Some(3));
    assert_eq!(broker.command(&["cancel", "nobody"]).0, Some(3));
    assert_eq!(broker.command(&["status", "a/b"]).0, Some(2));
    assert_eq!(broker.command(&["list", "--state", "NONSENSE"]).0, Some(2));
    let (code, printed) = broker.command(&["list", "--output", "json"]);
    assert_eq!(code, Some(0));
    assert!(
        printed.contains("\"good\"") && printed.contains("\"bad\""),
        "{printed}"
    );

    let refused = run_with(
        &["submit", "--file", "-", "--api", &broker.api],
        "{\"queue\": \"nope\"}",
    );
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("queue") && told.contains("dev, prod"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_job_ends_cancelled_and_one_that_had_ended_cannot_be() {
    let dev = Dev::start(&[]).await;
    let broker = &dev.broker;
    assert_eq!(broker.submit(job("long", "10m").to_string()).status, 202);
    broker.reaches("long", "RUNNING").await;
    assert_eq!(broker.command(&["cancel", "long"]).0, Some(0));
    assert_eq!(broker.ended("long").await["state"], "CANCELLED");
    assert_eq!(broker.submit(job("short", "100ms").to_string()).status, 202);
    broker.reaches("short", "SUCCEEDED").await;
    assert_eq!(broker.command(&["cancel", "short"]).0, Some(1));
    assert_eq!(broker.walk("long").last().unwrap(), "CANCELLED");
}

#[test]
fn usage_and_a_service_away_have_their_own_codes() {
    assert_eq!(run(&["status"]).status.code(), Some(2));
    assert_eq!(run(&["nonsense"]).status.code(), Some(2));
    assert_eq!(run(&["--help"]).status.code(), Some(0));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let away = run(&["status", "x", "--api", &format!("http://{nobody}")]);
    assert_eq!(away.status.code(), Some(69));
    assert_eq!(run(&["submit", "--file", "/no/such/file"]).status.code(), Some(2));
}

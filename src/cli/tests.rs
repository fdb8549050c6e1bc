//! The command line against an API that answers as it is told to.

mod cancel;
mod wishes;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread::JoinHandle;

use clap::{CommandFactory, Parser};
use serde_json::{Value, json};

use super::client::Failure;
use super::{Cli, Command, Exit, commands, offline, submit};

/// An API that gives each request the next answer, then tells what it was asked.
struct Told {
    url: String,
    server: JoinHandle<Vec<(String, String)>>,
}

impl Told {
    fn to(answers: Vec<(u16, Value)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = move |(status, body): (u16, Value)| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut first = String::new();
            reader.read_line(&mut first).unwrap();
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut sent = vec![0; length];
            reader.read_exact(&mut sent).unwrap();
            let body = body.to_string();
            let size = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n{body}"
            )
            .unwrap();
            let asked = first.rsplit_once(' ').unwrap().0.to_owned();
            (asked, String::from_utf8(sent).unwrap())
        };
        Self {
            url,
            server: std::thread::spawn(move || answers.into_iter().map(answer).collect()),
        }
    }

    fn asked(self) -> Vec<(String, String)> {
        self.server.join().unwrap()
    }
}

/// Runs a command line; what it wrote, and how it ended.
fn run(arguments: &[&str]) -> (String, Result<Exit, Failure>) {
    let cli = Cli::try_parse_from(["spark-broker"].iter().chain(arguments)).unwrap();
    let mut out = Vec::new();
    let result = match cli.command {
        Command::Submit(arguments) => submit::submit(&arguments, &mut out),
        Command::Status(status) => commands::status(&status, &mut out),
        Command::List(list) => commands::list(&list, &mut out),
        Command::Explain(arguments) => super::explain::explain(&arguments, &mut out),
        Command::Cancel(cancel) => super::cancel::cancel(&cancel, &mut out),
        Command::ConfirmLost(lost) => commands::confirm_lost(&lost, &mut out),
        Command::Clusters(wished) => super::clusters::clusters(&wished, &mut out),
        Command::Queues(queues) => super::clusters::queues(&queues, &mut out),
        Command::CheckConfig { config } => offline::check_config(&config, &mut out),
        Command::Openapi => offline::openapi(&mut out),
        Command::ConfigSchema => offline::config_schema(&mut out),
        Command::Serve(_) | Command::Dev(_) => panic!("not here"),
    };
    (String::from_utf8(out).unwrap(), result)
}

fn code(result: &Result<Exit, Failure>) -> u8 {
    match result {
        Ok(exit) => exit.code(),
        Err(failure) => failure.exit().code(),
    }
}

fn status(state: &str) -> Value {
    let terminal = ["SUCCEEDED", "FAILED", "CANCELLED", "REJECTED"].contains(&state);
    json!({
        "submissionId": "job-1", "state": state, "terminal": terminal, "queue": "dev", "attempt": 1, "attempts": 1,
        "version": 3, "acceptedAt": "2026-11-23T12:00:00.000Z", "updatedAt": "2026-11-23T12:00:00.000Z",
        "links": {"self": "/a", "history": "/b", "placement": "/c"},
    })
}

fn problem(kind: &str, detail: &str) -> Value {
    json!({
        "type": format!("urn:spark-broker:problem:{kind}"), "title": "", "status": 0, "detail": detail,
        "violations": [{"path": "driver.memory", "found": "2 gigs", "expected": "2g"}],
    })
}

/// A file that is gone with this value.
struct TextFile(PathBuf);

impl TextFile {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("spark-broker-cli-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TextFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
    for wrong in [
        &["status"][..],
        &["status", "a/b"],
        &["status", "a", "--watch", "--wait"],
        &["list", "--limit", "0"],
        &["submit"],
        &["launch"],
    ] {
        let error = Cli::try_parse_from(["spark-broker"].iter().chain(wrong)).unwrap_err();
        assert_eq!(error.exit_code(), i32::from(Exit::Usage.code()), "{wrong:?}");
    }
}

#[test]
fn dev_listens_where_the_readme_says() {
    let Command::Dev(dev) = Cli::try_parse_from([
        "spark-broker",
        "dev",
        "--kube-context",
        "a",
        "--kube-context",
        "b",
    ])
    .unwrap()
    .command
    else {
        panic!("not dev");
    };
    assert_eq!(
        (dev.sqs_port, dev.dynamodb_port, dev.api_port, dev.health_port),
        (9324, 8000, 8080, 8081)
    );
    assert_eq!(dev.kube_contexts, ["a", "b"]);
}

#[test]
fn the_exit_code_of_status_tells_how_the_submission_stands() {
    for (answer, expected) in [
        ((200, status("SUCCEEDED")), 0),
        ((200, status("RUNNING")), 0),
        ((200, status("FAILED")), 1),
        ((200, status("CANCELLED")), 1),
        ((404, problem("unknown-submission", "no submission")), 3),
        ((404, problem("unknown-path", "nothing there")), 69),
        ((401, problem("unauthorized", "send the token")), 2),
        ((503, problem("unavailable", "the store is away")), 69),
        ((200, json!("something else")), 69),
    ] {
        let api = Told::to(vec![answer.clone()]);
        let (_, result) = run(&["status", "job-1", "--api", &api.url]);
        assert_eq!(code(&result), expected, "{answer:?}");
        assert_eq!(api.asked()[0].0, "GET /v1/submissions/job-1");
    }
}

#[test]
fn an_api_that_isnt_there_is_unavailable() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_, result) = run(&["status", "job-1", "--api", &format!("http://{gone}")]);
    assert_eq!(code(&result), 69);
    let (_, result) = run(&["status", "job-1", "--api", "localhost"]);
    assert_eq!(code(&result), 2);
}

#[test]
fn submit_sends_the_file_as_it_is_and_shows_every_violation() {
    let file = TextFile::new("spec.json", "{\"a\":\n1}");
    let spec = file.path();
    let api = Told::to(vec![
        (202, status("QUEUED")),
        (400, problem("invalid-request", "not accepted")),
    ]);
    let (out, result) = run(&["submit", "-f", spec, "-o", "json", "--api", &api.url]);
    assert_eq!(code(&result), 0);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), status("QUEUED"));
    let (_, refused) = run(&["submit", "-f", spec, "--api", &api.url]);
    assert_eq!(code(&refused), 1);
    let text = refused.unwrap_err().to_string();
    assert_eq!(text, "not accepted\n  driver.memory: found 2 gigs, expected 2g");
    assert_eq!(
        api.asked()[0],
        ("POST /v1/submissions".to_owned(), "{\"a\":\n1}".to_owned())
    );
    let (_, nothing) = run(&["submit", "-f", "/nowhere/spec.json"]);
    assert_eq!(code(&nothing), 2);
}

#[test]
fn several_documents_are_sent_in_order_until_one_is_refused() {
    let jobs = TextFile::new(
        "jobs.yaml",
        "mainApplicationFile: a\n---\nmainApplicationFile: b\n---\nmainApplicationFile: c\n",
    );
    let one = TextFile::new("one.json", "{\"mainApplicationFile\": \"d\"}");
    let (jobs, one) = (jobs.path(), one.path());
    let accepted = (202, status("QUEUED"));
    let api = Told::to(vec![
        accepted.clone(),
        accepted.clone(),
        accepted.clone(),
        accepted.clone(),
    ]);
    let (out, result) = run(&["submit", "-f", jobs, "-f", one, "-o", "json", "--api", &api.url]);
    assert_eq!(code(&result), 0);
    let listed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(listed["submissions"].as_array().unwrap().len(), 4);
    let sent: Vec<_> = api
        .asked()
        .into_iter()
        .map(|(_, body)| serde_json::from_str::<Value>(&body).unwrap())
        .collect();
    let files: Vec<_> = sent
        .iter()
        .map(|body| body["mainApplicationFile"].as_str().unwrap())
        .collect();
    assert_eq!(files, ["a", "b", "c", "d"]);

    let api = Told::to(vec![accepted, (400, problem("invalid-request", "not accepted"))]);
    let (out, result) = run(&["submit", "-f", jobs, "-o", "json", "--api", &api.url]);
    assert_eq!(code(&result), 1);
    assert_eq!(
        serde_json::from_str::<Value>(&out).unwrap()["submissions"][0],
        status("QUEUED")
    );
    let told = result.unwrap_err().to_string();
    assert!(
        told.contains(
            "document 2; 1 before it were accepted, 1 after it weren't sent: not accepted\n  driver.memory"
        ),
        "{told}"
    );
    assert_eq!(api.asked().len(), 2);
}

#[test]
fn watch_shows_each_change_until_the_end() {
    let answers = ["QUEUED", "QUEUED", "RUNNING", "FAILED"].map(|state| (200, status(state)));
    let api = Told::to(answers.to_vec());
    let (out, result) = run(&["status", "job-1", "--watch", "-o", "json", "--api", &api.url]);
    assert_eq!(code(&result), 1);
    let states: Vec<_> = out
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap()["state"].clone())
        .collect();
    assert_eq!(states, ["QUEUED", "RUNNING", "FAILED"]);
    assert_eq!(
        api.asked()[1].0,
        "GET /v1/submissions/job-1?wait=2000ms&until=change"
    );
}

#[test]
fn wait_asks_until_the_end() {
    let api = Told::to(vec![(200, status("RUNNING")), (200, status("SUCCEEDED"))]);
    let (out, result) = run(&["status", "job-1", "--wait", "--api", &api.url]);
    assert_eq!(code(&result), 0);
    assert!(out.contains("SUCCEEDED") && !out.contains("RUNNING"), "{out}");
    assert_eq!(
        api.asked()[0].0,
        "GET /v1/submissions/job-1?wait=30000ms&until=end"
    );
}

#[test]
fn a_list_turns_pages_until_it_has_enough() {
    let page = |cursor: Option<&str>| {
        (
            200,
            json!({"submissions": [status("RUNNING")], "nextCursor": cursor}),
        )
    };
    let api = Told::to(vec![page(Some("c1")), page(None)]);
    let (out, result) = run(&[
        "list",
        "--state",
        "RUNNING,HELD",
        "--limit",
        "3",
        "--api",
        &api.url,
    ]);
    assert_eq!(code(&result), 0);
    assert_eq!(out.matches("job-1").count(), 2, "{out}");
    let asked = api.asked();
    assert_eq!(asked[0].0, "GET /v1/submissions?state=RUNNING%2CHELD&limit=3");
    assert_eq!(
        asked[1].0,
        "GET /v1/submissions?state=RUNNING%2CHELD&cursor=c1&limit=2"
    );
    let api = Told::to(vec![(400, problem("invalid-request", "a parameter is wrong"))]);
    let (_, result) = run(&["list", "--state", "DONE", "--api", &api.url]);
    assert_eq!(code(&result), 2);
}

#[test]
fn check_config_tells_every_fault_on_a_line_of_its_own() {
    let faulty = TextFile::new("faulty.yaml", "queues: [{name: dev, weight: 0}]\nclusters: []\n");
    let (_, result) = run(&["check-config", "--config", faulty.path()]);
    assert_eq!(code(&result), 78);
    let text = result.unwrap_err().to_string();
    let paths: Vec<_> = text.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(paths, ["queues[0].weight", "clusters"]);
    let right = TextFile::new(
        "right.yaml",
        "queues: [{name: dev}]\nclusters: [{name: a, type: simulated}]\n",
    );
    let (out, result) = run(&["check-config", "--config", right.path()]);
    assert_eq!((code(&result), out.ends_with("is right\n")), (0, true));
}

#[test]
fn documents_are_json() {
    for command in ["openapi", "config-schema"] {
        let (out, result) = run(&[command]);
        assert_eq!(code(&result), 0);
        assert!(
            serde_json::from_str::<Value>(&out).unwrap().is_object(),
            "{command}"
        );
    }
}

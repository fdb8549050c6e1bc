//! Bad input: each has a precise answer and nothing is lost. Every case goes through SQS and through HTTP.

use serde_json::{Value, json};

use crate::harness::{Account, Broker, job, serve};

/// One bad body and what is said of it: the violation's path and words of what was found or is expected.
struct Case {
    name: &'static str,
    body: String,
    /// The reason, for machines.
    reason: &'static str,
    /// Of each violation: its path, and words in what was found and what was expected.
    faults: &'static [(&'static str, &'static str)],
    /// The ID under which it is rejected; `None`: the message's own.
    id: Option<String>,
}

fn message(
    name: &'static str,
    body: impl Into<String>,
    faults: &'static [(&'static str, &'static str)],
) -> Case {
    Case {
        name,
        body: body.into(),
        reason: "InvalidMessage",
        faults,
        id: None,
    }
}

/// A job spec with one pointer set to something else.
fn spec(
    name: &'static str,
    pointer: &str,
    value: Value,
    faults: &'static [(&'static str, &'static str)],
) -> Case {
    let mut spec = job(name, "1s");
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    spec.pointer_mut(parent).unwrap()[key] = value;
    Case {
        name,
        body: spec.to_string(),
        reason: "InvalidSpec",
        faults,
        id: Some(name.to_owned()),
    }
}

fn nested(levels: usize) -> String {
    format!("{{\"a\":{}1{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1))
}

fn messages() -> Vec<Case> {
    vec![
        message("not JSON", "run my job please", &[("", "well-formed JSON")]),
        message("one byte", "x", &[("", "well-formed JSON")]),
        message("a digit", "7", &[("", "a JSON object")]),
        message("an array", "[{\"queue\":\"dev\"}]", &[("", "a JSON object")]),
        message("5,000 levels", nested(5000), &[("", "levels")]),
        message(
            "a key twice",
            r#"{"queue":"dev","queue":"prod"}"#,
            &[("", "\"queue\" stands twice")],
        ),
        message("cut short", r#"{"queue":"dev""#, &[("", "well-formed JSON")]),
        Case {
            id: Some("e-1".into()),
            ..message(
                "an event without detail",
                r#"{"id":"e-1","detail-type":"Job","source":"s"}"#,
                &[("detail", "the job spec")],
            )
        },
    ]
}

fn wrong_fields() -> Vec<Case> {
    vec![
        spec(
            "unknown-field",
            "/sparkVersoin",
            json!("3.5.0"),
            &[("sparkVersoin", "sparkVersion")],
        ),
        spec(
            "unknown-nested",
            "/driver/memoryOverheads",
            json!("1g"),
            &[("driver.memoryOverheads", "memoryOverhead")],
        ),
        spec(
            "two-gigs",
            "/driver/memory",
            json!("2 gigs"),
            &[("driver.memory", "2g")],
        ),
        spec(
            "fraction",
            "/driver/memory",
            json!("1.5g"),
            &[("driver.memory", "1536m")],
        ),
        spec(
            "gibi",
            "/executor/memory",
            json!("2Gi"),
            &[("executor.memory", "2g")],
        ),
        spec(
            "fewer-than-none",
            "/executor/instances",
            json!(-1),
            &[("executor.instances", "-1")],
        ),
        spec(
            "far-too-many",
            "/executor/instances",
            json!(1_000_000_000_000_u64),
            &[("executor.instances", "1000000000000")],
        ),
    ]
}

fn wrong_choices() -> Vec<Case> {
    vec![
        spec(
            "no-such-queue",
            "/queue",
            json!("nope"),
            &[("queue", "dev, prod")],
        ),
        spec(
            "nobody-serves",
            "/sparkVersion",
            json!("1.6.3"),
            &[("sparkVersion", "3.5.0")],
        ),
        spec("wrong-kind", "/driver", json!("big"), &[("driver", "object")]),
        spec(
            "wrong-arguments",
            "/arguments",
            json!({"a": 1}),
            &[("arguments", "list")],
        ),
    ]
}

fn specs() -> Vec<Case> {
    let mut cases = wrong_fields();
    cases.extend(wrong_choices());
    for (name, bad) in [("long-id", "x".repeat(300)), ("slash-id", "a/b".to_owned())] {
        let mut case = spec(
            name,
            "/submissionId",
            json!(bad),
            &[("submissionId", "128 characters")],
        );
        case.id = None;
        cases.push(case);
    }
    let mut several: Value = job("several", "1s");
    several["driver"]["memory"] = json!("lots");
    several["executor"]["instances"] = json!(-1);
    several["queue"] = json!("nope");
    several["colour"] = json!("red");
    cases.push(Case {
        name: "several",
        body: several.to_string(),
        reason: "InvalidSpec",
        faults: &[
            ("driver.memory", "2g"),
            ("executor.instances", "-1"),
            ("queue", "dev, prod"),
            ("colour", ""),
        ],
        id: Some("several".into()),
    });
    cases
}

/// Every expected fault is there, and no other.
fn assert_told(case: &Case, violations: &Value) {
    let told = violations
        .as_array()
        .unwrap_or_else(|| panic!("{}: {violations}", case.name));
    assert_eq!(told.len(), case.faults.len(), "{}: {violations:#}", case.name);
    for (path, words) in case.faults {
        let one = told.iter().find(|v| v["path"] == *path);
        let one = one.unwrap_or_else(|| panic!("{}: nothing on {path:?}: {violations:#}", case.name));
        let text = format!(
            "{} {}",
            one["found"].as_str().unwrap(),
            one["expected"].as_str().unwrap()
        );
        assert!(text.contains(words), "{}: {text:?} lacks {words:?}", case.name);
    }
}

async fn assert_parked(account: &Account, broker: &Broker, case: &Case, attributes: &[(&str, &str)]) {
    let message_id = account.send_with(&case.body, attributes).await;
    let id = case.id.as_deref().unwrap_or(&message_id);
    let parked = account.parked_as(id).await;
    assert_eq!(parked.body, case.body, "{}", case.name);
    assert_eq!(parked.attribute("reason"), case.reason, "{}", case.name);
    let detail = parked.attribute("detail");
    assert!(detail.len() <= 1024);
    for (path, _) in case.faults {
        assert!(detail.contains(path), "{}: {detail:?} lacks {path}", case.name);
    }
    let record = broker.ended(id).await;
    assert_eq!(
        (&record["state"], &record["reason"]),
        (&json!("REJECTED"), &json!(case.reason)),
        "{}",
        case.name
    );
    assert_told(case, &record["violations"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_used_is_parked_from_sqs_with_every_violation_in_its_record() {
    let account = Account::new().await;
    let broker = serve(&account, "").await;
    for case in messages().iter().chain(&specs()) {
        assert_parked(&account, &broker, case, &[]).await;
    }
    account.drained().await;
    let cases = messages().len() + specs().len();
    assert_eq!(account.parked().await.len(), cases, "each is parked once");
    // Whatever was sent, the broker goes on.
    account.send(&job("healthy", "100ms").to_string()).await;
    assert_eq!(broker.ended("healthy").await["state"], "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parking_works_with_ten_attributes_on_the_message() {
    let account = Account::new().await;
    let broker = serve(&account, "").await;
    let names: Vec<String> = (0..10).map(|n| format!("sender-{n}")).collect();
    let attributes: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
    for case in [&messages()[0], &specs()[0]] {
        assert_parked(&account, &broker, case, &attributes).await;
    }
    let parked = account.parked().await;
    let folded: Value = serde_json::from_str(parked[0].attribute("senderAttributes")).unwrap();
    assert_eq!(folded.as_object().unwrap().len(), 10, "{folded}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_body_is_rejected_and_never_lost() {
    let account = Account::new().await;
    let broker = serve(&account, "").await;
    // This one leaves room for what stands beside a parked message,
    let large = account.send(&"x".repeat(1_000_000)).await;
    assert_eq!(account.parked_as(&large).await.body.len(), 1_000_000);
    account.drained().await;
    // this one not a byte: it stays where it is until the queue's own redrive takes it.
    let largest = account.send(&"x".repeat(1_048_576)).await;
    for id in [&large, &largest] {
        let record = broker.ended(id).await;
        assert_eq!(record["state"], "REJECTED", "{record}");
        assert_eq!(record["violations"].as_array().unwrap().len(), 1);
    }
    assert_eq!(account.waiting().await, (0, 1));
    assert_eq!(broker.readiness().unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_it_is_answered_with_every_violation_and_leaves_no_record() {
    let account = Account::new().await;
    let broker = serve(&account, "").await;
    for case in messages().iter().chain(&specs()) {
        let answer = broker.submit(&case.body);
        assert_eq!(answer.status, 400, "{}: {}", case.name, answer.body);
        assert_eq!(answer.body["reason"], case.reason, "{}", case.name);
        assert_told(case, &answer.body["violations"]);
        if let Some(id) = &case.id {
            assert_eq!(broker.status(id), None, "{}", case.name);
        }
    }
    let invalid = [b"{\"applicationName\":\"".as_slice(), b"\xff\xfe", b"\"}"].concat();
    let answer = broker.submit(invalid);
    assert_eq!(answer.status, 400);
    assert!(
        answer.body["violations"][0]["expected"]
            .as_str()
            .unwrap()
            .contains("UTF-8")
    );
    let mut large = job("large", "1s");
    large["arguments"] = json!(["x".repeat(1_048_576)]);
    assert_eq!(broker.submit(large.to_string()).status, 413);
    assert_eq!(broker.submit("x".repeat(1_048_576)).status, 400);
    assert_eq!(broker.submit("").status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_reader_of_a_field_accepts_is_accepted() {
    let account = Account::new().await;
    let broker = serve(&account, "").await;
    let accepted = [
        ("/executor/coreLimit", json!("1200m")),
        ("/driver/coreLimit", json!("1.5")),
        ("/executor/coreRequest", json!("0.5")),
        ("/driver/coreRequest", json!("500m")),
        ("/driver/memory", json!("1024m")),
        ("/driver/memory", json!("2gb")),
        ("/executor/memory", json!("1024")),
        ("/executor/memoryLimit", json!("2Gi")),
        ("/executor/instances", json!(1)),
    ];
    for (n, (pointer, value)) in accepted.into_iter().enumerate() {
        let id = format!("accepted-{n}");
        let mut spec = job(&id, "100ms");
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        spec.pointer_mut(parent).unwrap()[key] = value.clone();
        let answer = broker.submit(spec.to_string());
        assert_eq!(answer.status, 202, "{pointer} {value}: {:#}", answer.body);
        assert_eq!(broker.ended(&id).await["state"], "SUCCEEDED", "{pointer} {value}");
    }
}

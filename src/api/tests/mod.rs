//! The API by its requests and answers.

mod cancellations;
mod edges;
mod explain;
mod fake;
mod followed;
mod list;
mod waiting;
mod wishes;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use self::fake::{Fake, record, shared};
use super::*;
use crate::error::Violation;
use crate::model::{FixedClock, Version};
use crate::ports::Error;
use crate::ports::service::{Cancelled, Submitted};
use crate::submission::{Reason, State};

const NOW: &str = "2026-11-23T12:00:00Z";

fn api(fake: &Arc<Fake>) -> Api {
    Api {
        store: fake.clone(),
        coordination: fake.clone(),
        service: fake.clone(),
        clock: Arc::new(FixedClock::at(NOW.parse().unwrap())),
        domain: "default".parse().unwrap(),
        queues: vec!["dev".parse().unwrap(), "prod".parse().unwrap()],
        clusters: vec!["a".parse().unwrap(), "b".parse().unwrap()],
        auth: Auth::None,
        stopping: CancellationToken::new(),
    }
}

struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

async fn ask(router: axum::Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into()),
    }
}

fn request(method: &str, path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .body(body.into())
        .unwrap()
}

async fn call(fake: &Arc<Fake>, method: &str, path: &str, body: impl Into<Body>) -> Answer {
    ask(router(api(fake)), request(method, path, body)).await
}

async fn get(fake: &Arc<Fake>, path: &str) -> Answer {
    call(fake, "GET", path, "").await
}

#[tokio::test]
async fn an_accepted_submission_is_202_with_its_place_and_status() {
    let fake = shared();
    *fake.submitted.lock().unwrap() = Some(Submitted::Accepted(Box::new(record("job-1", NOW))));
    let answer = call(&fake, "POST", "/v1/submissions", "{}").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.header(header::LOCATION), "/v1/submissions/job-1");
    let expected = json!({
        "submissionId": "job-1", "state": "QUEUED", "terminal": false, "queue": "dev", "attempt": 1, "attempts": 0,
        "version": 1, "acceptedAt": "2026-11-23T12:00:00.000Z", "updatedAt": "2026-11-23T12:00:00.000Z",
        "links": {
            "self": "/v1/submissions/job-1", "history": "/v1/submissions/job-1/history",
            "placement": "/v1/submissions/job-1/placement",
        },
    });
    assert_eq!(answer.body, expected);
    *fake.submitted.lock().unwrap() = Some(Submitted::Duplicate(Box::new(record("job-1", NOW))));
    let answer = call(&fake, "POST", "/v1/submissions", "{}").await;
    assert_eq!(
        (answer.status, answer.header(header::LOCATION)),
        (StatusCode::OK, "/v1/submissions/job-1")
    );
}

#[tokio::test]
async fn a_refused_submission_is_a_problem_with_every_violation() {
    let fake = shared();
    let violations = vec![
        Violation::new("driver.memory", "2 gigs", "2g"),
        Violation::new("queue", "nope", "one of dev, prod"),
    ];
    *fake.submitted.lock().unwrap() = Some(Submitted::Rejected {
        reason: Reason::InvalidSpec,
        id: None,
        violations,
    });
    let answer = call(&fake, "POST", "/v1/submissions", "{}").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/problem+json");
    assert_eq!(answer.body["reason"], "InvalidSpec");
    assert_eq!(answer.body["status"], 400);
    assert_eq!(
        answer.body["violations"][0],
        json!({"path": "driver.memory", "found": "2 gigs", "expected": "2g"})
    );
    assert_eq!(answer.body["violations"][1]["path"], "queue");

    *fake.submitted.lock().unwrap() = Some(Submitted::Conflict(Box::new(record("job-1", NOW))));
    let answer = call(&fake, "POST", "/v1/submissions", "{}").await;
    assert_eq!(
        (answer.status, &answer.body["reason"]),
        (StatusCode::CONFLICT, &json!("Conflict"))
    );
    assert_eq!(answer.body["submissionId"], "job-1");
}

#[tokio::test]
async fn a_body_that_isnt_utf8_or_is_too_large_never_reaches_the_broker() {
    let fake = shared();
    *fake.submitted.lock().unwrap() = Some(Submitted::Accepted(Box::new(record("job-1", NOW))));
    let answer = call(&fake, "POST", "/v1/submissions", b"{\"a\": \"\xff\"}".to_vec()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.body["violations"][0]["found"], "byte 0xff at offset 7");
    let whole = call(&fake, "POST", "/v1/submissions", vec![b' '; BODY_MAX]).await;
    assert_eq!(whole.status, StatusCode::ACCEPTED);
    let larger = call(&fake, "POST", "/v1/submissions", vec![b' '; BODY_MAX + 1]).await;
    assert_eq!(larger.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        larger.body["violations"][0]["expected"],
        "a body of at most 1048576 bytes"
    );
}

#[tokio::test]
async fn a_status_tells_all_that_the_record_knows() {
    let fake = shared();
    let mut ended = record("job-1", "2026-11-23T11:59:00.123456Z");
    ended.state = State::Failed;
    ended.verdict.reason = Some(Reason::ApplicationFailed);
    ended.cluster = Some("a".parse().unwrap());
    ended.object_name = Some("sb-job-1-a1".into());
    ended.exit_code = Some(3);
    ended.finished_at = Some(NOW.parse().unwrap());
    ended.version = Version(5);
    fake.put(ended);
    let answer = get(&fake, "/v1/submissions/job-1").await;
    assert_eq!(answer.status, StatusCode::OK);
    let body = &answer.body;
    assert_eq!(
        (&body["terminal"], &body["exitCode"], &body["attempts"]),
        (&json!(true), &json!(3), &json!(1))
    );
    assert_eq!(body["acceptedAt"], "2026-11-23T11:59:00.123Z");
    assert_eq!(body.get("startedAt"), None);
    let status: crate::lookup::Status = serde_json::from_value(body.clone()).unwrap();
    assert_eq!(serde_json::to_value(&status).unwrap(), *body);

    let history = get(&fake, "/v1/submissions/job-1/history").await;
    let first = json!({"at": "2026-11-23T11:59:00.123Z", "to": "QUEUED", "attempt": 1});
    assert_eq!(
        history.body,
        json!({"submissionId": "job-1", "transitions": [first]})
    );
    let placement = get(&fake, "/v1/submissions/job-1/placement").await;
    let nothing = json!({"cpu": 0, "memory": 0, "pods": 0});
    assert_eq!(
        placement.body,
        json!({
            "submissionId": "job-1", "attempt": 1,
            "demand": {"driver": nothing, "executor": nothing, "executors": 0},
        })
    );
}

#[tokio::test]
async fn what_nobody_knows_is_404_and_what_cant_be_an_id_400() {
    let fake = shared();
    let mut expired = record("old", NOW);
    expired.expires_at = Some(1);
    fake.put(expired);
    let cancelled_before = (
        "early".parse().unwrap(),
        "default".parse().unwrap(),
        NOW.parse().unwrap(),
    );
    let (id, domain, at) = cancelled_before;
    fake.put(crate::submission::Record::tombstone(id, domain, at, 3600));
    for path in [
        "/v1/submissions/nope",
        "/v1/submissions/old",
        "/v1/submissions/early",
        "/v1/submissions/nope/history",
        "/v1/nothing",
        "/v1/submissions/a/logs",
    ] {
        let answer = get(&fake, path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(
            answer.header(header::CONTENT_TYPE),
            "application/problem+json",
            "{path}"
        );
    }
    assert!(
        get(&fake, "/v1/submissions/a/logs").await.body["detail"]
            .as_str()
            .unwrap()
            .contains("isn't built")
    );
    let long = format!("/v1/submissions/{}", "x".repeat(300));
    for path in ["/v1/submissions/a%2Fb", &long] {
        let answer = get(&fake, path).await;
        assert_eq!(
            (answer.status, &answer.body["violations"][0]["path"]),
            (StatusCode::BAD_REQUEST, &json!("submissionId"))
        );
    }
    let answer = call(&fake, "PUT", "/v1/submissions/a", "").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/problem+json");
}

#[tokio::test]
async fn a_cancel_tells_whether_it_is_done_or_asked_for() {
    let fake = shared();
    let record = || Box::new(record("job-1", NOW));
    for (outcome, status) in [
        (Cancelled::Done(record()), StatusCode::OK),
        (Cancelled::Ended(record()), StatusCode::OK),
        (Cancelled::Requested(record()), StatusCode::ACCEPTED),
    ] {
        *fake.cancelled.lock().unwrap() = Some(outcome);
        assert_eq!(
            call(&fake, "DELETE", "/v1/submissions/job-1", "").await.status,
            status
        );
    }
}

#[tokio::test]
async fn while_the_store_is_away_every_answer_is_503_with_a_time_to_come_back() {
    let fake = shared();
    *fake.down.lock().unwrap() = Some(Error::throttled("throttled", Some(Duration::from_secs(7))));
    for (method, path) in [
        ("POST", "/v1/submissions"),
        ("GET", "/v1/submissions"),
        ("GET", "/v1/submissions/a"),
        ("GET", "/v1/submissions/a?wait=1s"),
        ("DELETE", "/v1/submissions/a"),
        ("GET", "/v1/queues"),
        ("GET", "/v1/clusters"),
    ] {
        let answer = call(&fake, method, path, "{}").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{method} {path}");
        assert_eq!(answer.header(header::RETRY_AFTER), "7", "{method} {path}");
    }
    *fake.down.lock().unwrap() = Some(Error::permanent("secret detail"));
    let answer = get(&fake, "/v1/submissions/a").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!answer.body.to_string().contains("secret"));
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_appearance_a_change_the_end_or_the_time() {
    let fake = shared();
    let later = |delay: u64, change: fn() -> crate::submission::Record| {
        let fake = fake.clone();
        async move {
            tokio::time::sleep(Duration::from_secs(delay)).await;
            fake.put(change());
        }
    };
    let (appeared, ()) = tokio::join!(
        get(&fake, "/v1/submissions/job-1?wait=30s"),
        later(5, || record("job-1", NOW))
    );
    assert_eq!(appeared.body["state"], "QUEUED");
    let (changed, ()) = tokio::join!(
        get(&fake, "/v1/submissions/job-1?wait=30s"),
        later(5, || {
            let mut running = record("job-1", NOW);
            (running.state, running.version) = (State::Running, Version(4));
            running
        })
    );
    assert_eq!(changed.body["state"], "RUNNING");
    let before = tokio::time::Instant::now();
    let same = get(&fake, "/v1/submissions/job-1?wait=30s&until=end").await;
    assert_eq!(
        (same.status, &same.body["state"]),
        (StatusCode::OK, &json!("RUNNING"))
    );
    assert_eq!(before.elapsed().as_secs(), 30);
    let before = tokio::time::Instant::now();
    let (ended, ()) = tokio::join!(
        get(&fake, "/v1/submissions/job-1?wait=30s&until=end"),
        later(5, || {
            let mut ended = record("job-1", NOW);
            (ended.state, ended.version) = (State::Succeeded, Version(5));
            ended
        })
    );
    assert_eq!(ended.body["terminal"], true);
    assert!(before.elapsed() < Duration::from_secs(6));
    let nobody = get(&fake, "/v1/submissions/nope?wait=2s").await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_request_is_answered_when_the_process_stops() {
    let fake = shared();
    fake.put(record("job-1", NOW));
    let api = api(&fake);
    let stopping = api.stopping.clone();
    let before = tokio::time::Instant::now();
    let (answer, ()) = tokio::join!(
        ask(router(api), request("GET", "/v1/submissions/job-1?wait=300s", "")),
        async { stopping.cancel() }
    );
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(before.elapsed(), Duration::ZERO);
}

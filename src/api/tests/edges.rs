//! Who may call, boards, the document and health.

use super::*;
use crate::telemetry::Metrics;

#[tokio::test]
async fn only_the_token_opens_the_api() {
    let fake = shared();
    *fake.submitted.lock().unwrap() = Some(Submitted::Accepted(Box::new(record("job-1", NOW))));
    let guarded = Api {
        auth: Auth::bearer("s3cret\n"),
        ..api(&fake)
    };
    for header in [
        None,
        Some("Bearer wrong"),
        Some("Basic s3cret"),
        Some("s3cret"),
        Some("Bearer "),
    ] {
        let mut asked = request("POST", "/v1/submissions", "{}");
        if let Some(text) = header {
            asked
                .headers_mut()
                .insert(header::AUTHORIZATION, text.parse().unwrap());
        }
        let answer = ask(router(guarded.clone()), asked).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{header:?}");
        assert_eq!(answer.header(header::WWW_AUTHENTICATE), "Bearer");
    }
    let mut asked = request("POST", "/v1/submissions", "{}");
    asked
        .headers_mut()
        .insert(header::AUTHORIZATION, "bearer s3cret".parse().unwrap());
    assert_eq!(
        ask(router(guarded.clone()), asked).await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(fake.sender.lock().unwrap().as_deref(), Some("api"));
    let document = ask(router(guarded), request("GET", "/openapi.json", "")).await;
    assert_eq!(document.status, StatusCode::OK);
}

#[tokio::test]
async fn a_cancel_for_an_id_that_nobody_knows_says_until_when_it_is_remembered() {
    let fake = shared();
    let until = NOW.parse().unwrap();
    *fake.cancelled.lock().unwrap() = Some(Cancelled::Unknown { until });
    let answer = call(&fake, "DELETE", "/v1/submissions/job-1", "").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.body["submissionId"], "job-1");
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains("no submission has the ID job-1"), "{detail}");
    assert!(detail.contains(NOW), "{detail}");
}

#[tokio::test]
async fn boards_are_shown_as_far_as_they_are_known() {
    let fake = shared();
    let clusters = get(&fake, "/v1/clusters").await.body;
    assert_eq!(
        clusters,
        json!({"clusters": [
            {"name": "a", "healthy": false, "message": "401", "live": 3},
            {"name": "b", "live": 0},
        ]})
    );
    let queues = get(&fake, "/v1/queues").await.body;
    assert_eq!(
        queues["queues"][1],
        json!({"name": "prod", "waiting": 0, "live": 0, "heads": []})
    );
}

#[tokio::test]
async fn the_document_names_every_route() {
    let document = serde_json::to_value(openapi()).unwrap();
    for (path, methods) in [
        ("/v1/submissions", vec!["get", "post"]),
        ("/v1/submissions/{id}", vec!["delete", "get"]),
        ("/v1/submissions/{id}/history", vec!["get"]),
        ("/v1/submissions/{id}/placement", vec!["get"]),
        ("/v1/cancellations", vec!["post"]),
        ("/v1/queues", vec!["get"]),
        ("/v1/clusters", vec!["get"]),
    ] {
        let mut found: Vec<_> = document["paths"][path].as_object().unwrap().keys().collect();
        found.sort();
        assert_eq!(found, methods, "{path}");
    }
    assert!(document["components"]["schemas"]["Status"]["properties"]["submissionId"].is_object());
    let wrong = document.to_string().contains("\"Record\"");
    assert!(!wrong, "the document shows the record's own shape");
}

#[tokio::test]
async fn health_tells_of_the_process_its_readiness_and_its_figures() {
    let fake = shared();
    let health = Health {
        service: fake.clone(),
        metrics: Arc::new(Metrics::new()),
    };
    let router = health_router(health);
    let ask = |path: &'static str| ask(router.clone(), request("GET", path, ""));
    assert_eq!(ask("/readyz").await.status, StatusCode::OK);
    *fake.missing.lock().unwrap() = vec!["the store can't be written".into(), "no lease seen".into()];
    let missing = ask("/readyz").await;
    assert_eq!(missing.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        missing.body["missing"],
        json!(["the store can't be written", "no lease seen"])
    );
    assert_eq!(ask("/healthz").await.status, StatusCode::OK);
    let figures = ask("/metrics").await;
    assert!(
        figures
            .body
            .as_str()
            .unwrap()
            .contains("# TYPE spark_broker_lease_held gauge")
    );
}

#[tokio::test]
async fn an_id_that_is_not_utf8_is_told_as_a_problem() {
    let answer = get(&shared(), "/v1/submissions/%ff").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/problem+json");
}

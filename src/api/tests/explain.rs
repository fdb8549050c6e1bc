//! What the API makes of the broker's word on where a spec would go.

use super::*;
use crate::ports::service::Answered;

#[tokio::test]
async fn where_nothing_is_known_yet_it_says_so_and_a_bad_spec_has_every_violation() {
    let fake = shared();
    *fake.answered_with.lock().unwrap() = Some(Answered::Unknown);
    let answer = call(&fake, "POST", "/v1/explain", "{}").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.body["type"], "urn:spark-broker:problem:nothing-known");
    assert_eq!(answer.header(header::RETRY_AFTER), "5");

    *fake.answered_with.lock().unwrap() = Some(Answered::Rejected {
        reason: Reason::InvalidSpec,
        id: None,
        violations: vec![Violation::new("driver.memory", "2 gigs", "2g")],
    });
    let answer = call(&fake, "POST", "/v1/explain", "{}").await;
    assert_eq!(
        (answer.status, &answer.body["reason"]),
        (StatusCode::BAD_REQUEST, &json!("InvalidSpec"))
    );
    assert_eq!(answer.body["violations"][0]["path"], "driver.memory");

    let answer = call(&fake, "POST", "/v1/explain", vec![b'"', 0xff, b'"']).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = get(&fake, "/v1/explain").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_guard_rail_on_senders_is_asked_of_whoever_asks() {
    let fake = shared();
    *fake.answered_with.lock().unwrap() = Some(Answered::Unknown);
    let guarded = router(Api {
        auth: Auth::bearer("secret"),
        ..api(&fake)
    });
    let mut asked = request("POST", "/v1/explain", "{}");
    asked
        .headers_mut()
        .insert(header::AUTHORIZATION, "Bearer secret".parse().unwrap());
    ask(guarded, asked).await;
    assert_eq!(fake.sender.lock().unwrap().as_deref(), Some("api"));
}

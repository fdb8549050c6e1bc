//! What people wish of clusters, and of submissions whose driver doesn't go.

use super::*;

async fn put(fake: &Arc<Fake>, path: &str, body: Value) -> Answer {
    call(fake, "PUT", path, body.to_string()).await
}

#[tokio::test]
async fn a_cordon_stands_with_reason_author_and_end_until_it_is_taken_back() {
    let fake = shared();
    let wish = json!({"reason": "upgrade", "author": "ann", "until": "2h"});
    let answer = put(&fake, "/v1/clusters/a/cordon", wish).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let cordon = json!({
        "reason": "upgrade", "author": "ann", "at": "2026-11-23T12:00:00.000Z", "until": "2026-11-23T14:00:00.000Z",
    });
    assert_eq!(answer.body["cordon"], cordon);
    let told = get(&fake, "/v1/clusters").await;
    assert_eq!(told.body["clusters"][0]["cordon"], cordon);
    assert_eq!(told.body["clusters"][1]["cordon"], Value::Null, "b is open");
    let answer = call(&fake, "DELETE", "/v1/clusters/a/cordon", "").await;
    assert_eq!(
        (answer.status, &answer.body["cordon"]),
        (StatusCode::OK, &Value::Null)
    );
    let again = call(&fake, "DELETE", "/v1/clusters/a/cordon", "").await;
    assert_eq!(again.status, StatusCode::OK, "it is open already");
}

#[tokio::test]
async fn a_drain_has_a_deadline_and_says_what_becomes_of_the_rest() {
    let fake = shared();
    let wish = json!({"reason": "to be rebuilt", "deadline": "2026-11-23T13:00:00+01:00"});
    let answer = put(&fake, "/v1/clusters/b/drain", wish).await;
    let drain = json!({
        "reason": "to be rebuilt", "at": "2026-11-23T12:00:00.000Z", "deadline": "2026-11-23T12:00:00.000Z",
        "then": "leave",
    });
    assert_eq!(answer.body["drain"], drain);
    let wish = json!({"reason": "to be rebuilt", "deadline": "10m", "then": "cancel"});
    let answer = put(&fake, "/v1/clusters/b/drain", wish).await;
    assert_eq!(answer.body["drain"]["deadline"], "2026-11-23T12:10:00.000Z");
    assert_eq!(answer.body["drain"]["then"], "cancel");
    let answer = call(&fake, "DELETE", "/v1/clusters/b/drain", "").await;
    assert_eq!(answer.body["drain"], Value::Null);
}

#[tokio::test]
async fn a_confirmed_loss_is_taken_in() {
    let fake = shared();
    let wish = json!({"reason": "burnt down"}).to_string();
    let answer = call(&fake, "POST", "/v1/clusters/a/confirm-lost", wish).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.body["lostConfirmed"]["reason"], "burnt down");
}

#[tokio::test]
async fn every_fault_of_a_wish_is_told_at_once() {
    let fake = shared();
    let wish = json!({"deadline": "soon", "then": "kill", "force": true});
    let answer = put(&fake, "/v1/clusters/a/drain", wish).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let violations = answer.body["violations"].as_array().unwrap();
    let paths: Vec<_> = violations.iter().map(|v| v["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["reason", "deadline", "then", "force"]);
    for (path, wish) in [
        ("/v1/clusters/a/drain", json!({"reason": "r"})),
        (
            "/v1/clusters/a/drain",
            json!({"reason": "r", "deadline": "2026-11-23T11:59:59Z"}),
        ),
        ("/v1/clusters/a/cordon", json!({"reason": " "})),
        (
            "/v1/clusters/a/cordon",
            json!({"reason": "r", "until": "2026-11-23T11:00:00Z"}),
        ),
        ("/v1/clusters/a/cordon", json!([])),
    ] {
        assert_eq!(
            put(&fake, path, wish.clone()).await.status,
            StatusCode::BAD_REQUEST,
            "{wish}"
        );
    }
    assert!(fake.wishes.lock().unwrap().is_empty());
    let unknown = put(&fake, "/v1/clusters/c/cordon", json!({"reason": "r"})).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert!(
        unknown.body["type"]
            .as_str()
            .unwrap()
            .ends_with(":unknown-cluster")
    );
}

#[tokio::test]
async fn a_submission_is_given_up_only_where_its_driver_is_in_doubt() {
    let fake = shared();
    let mut stuck = record("stuck", "2026-11-23T11:00:00Z");
    stuck.state = crate::submission::State::Running;
    stuck.overdue = Some(crate::submission::Overdue {
        driver: "pod-1".parse().unwrap(),
        message: "its driver doesn't go".into(),
        lost: None,
    });
    let mut stops = stuck.clone();
    stops.id = "stops".parse().unwrap();
    stops.state = crate::submission::State::Cancelling;
    stops.verdict.message = Some("cancelled on request".into());
    let mut runs = record("runs", "2026-11-23T11:00:00Z");
    runs.state = crate::submission::State::Running;
    let records = [stuck, stops, runs].map(|record| (record.id.clone(), record));
    fake.records.lock().unwrap().extend(records);
    let say = async |id: &str, body: Value| {
        let path = format!("/v1/submissions/{id}/confirm-lost");
        call(&fake, "POST", &path, body.to_string()).await
    };
    let told = get(&fake, "/v1/submissions/stops").await;
    assert_eq!(
        told.body["message"],
        "cancelled on request; its driver doesn't go"
    );
    let word = json!({"reason": "burnt", "author": "ann"});
    let taken = say("stuck", word.clone()).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED, "{}", taken.body);
    let id = "stuck".parse().unwrap();
    let said = fake.records.lock().unwrap()[&id].overdue.clone().unwrap();
    assert_eq!(said.lost.as_deref(), Some("burnt (ann)"));
    let refused = say("runs", word.clone()).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.starts_with("it is RUNNING"), "{detail}");
    assert_eq!(say("nobody", word).await.status, StatusCode::NOT_FOUND);
    let wrong = say("stuck", json!({"why": "burnt"})).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert_eq!(wrong.body["violations"].as_array().unwrap().len(), 2);
}

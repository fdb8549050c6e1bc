//! Cancelling many at once.

use super::*;
use crate::model::SubmissionId;
use crate::submission::{BacklogEntry, Record};

const PATH: &str = "/v1/cancellations";

async fn cancel(fake: &Arc<Fake>, body: Value) -> Answer {
    call(fake, "POST", PATH, body.to_string()).await
}

/// A record with a label, QUEUED or live on a cluster.
fn of(id: &str, queue: &str, state: State, cluster: Option<&str>, team: &str) -> Record {
    let mut record = record(id, NOW);
    record.queue = queue.parse().unwrap();
    record.application_name = Some(format!("{team} report"));
    record.state = state;
    record.cluster = cluster.map(|name| name.parse().unwrap());
    record.spec.effective = Some(json!({"labels": {"team": team, "tier": "1"}}).to_string());
    record
}

/// Five that haven't ended, one that has.
fn busy() -> Arc<Fake> {
    let fake = shared();
    for record in [
        of("q-1", "dev", State::Queued, None, "data"),
        of("q-2", "prod", State::Queued, None, "web"),
        of("r-1", "dev", State::Running, Some("a"), "data"),
        of("r-2", "dev", State::Submitted, Some("b"), "web"),
        of("r-3", "prod", State::Dispatching, Some("b"), "data"),
        of("e-1", "dev", State::Succeeded, Some("a"), "data"),
    ] {
        fake.put(record);
    }
    fake
}

fn ids(answer: &Answer) -> Vec<&str> {
    let told = answer.body["submissions"].as_array().unwrap();
    let mut ids: Vec<_> = told
        .iter()
        .map(|one| one["submissionId"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    ids
}

/// The IDs of those whose end was asked for.
fn asked(fake: &Fake) -> Vec<String> {
    let records = fake.records.lock().unwrap();
    let asked = records.values().filter(|r| r.cancel_requested);
    asked.map(|r| r.id.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn everything_given_must_be_true_of_what_is_cancelled() {
    for (selector, expected) in [
        (json!({"queue": "dev"}), &["q-1", "r-1", "r-2"][..]),
        (json!({"applicationName": "data report"}), &["q-1", "r-1", "r-3"]),
        (json!({"applicationName": "data"}), &[]),
        (json!({"labels": {"team": "web"}}), &["q-2", "r-2"]),
        (json!({"labels": {"team": "web", "tier": "2"}}), &[]),
        (json!({"cluster": "b"}), &["r-2", "r-3"]),
        (json!({"state": "QUEUED"}), &["q-1", "q-2"]),
        (json!({"state": "RUNNING, DISPATCHING"}), &["r-1", "r-3"]),
        (
            json!({"queue": "dev", "labels": {"team": "data"}}),
            &["q-1", "r-1"],
        ),
        (
            json!({"queue": "dev", "cluster": "a", "state": "QUEUED,RUNNING"}),
            &["r-1"],
        ),
        (json!({"queue": "nobody"}), &[]),
        (json!({"cluster": "nowhere"}), &[]),
    ] {
        let fake = busy();
        let answer = cancel(&fake, selector.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{selector} {}", answer.body);
        assert_eq!(ids(&answer), expected, "{selector}");
        assert_eq!(asked(&fake), expected, "{selector}");
        assert_eq!(answer.body["matched"], expected.len());
    }
}

#[tokio::test(start_paused = true)]
async fn what_waited_is_cancelled_and_what_is_live_is_being_cancelled() {
    let fake = busy();
    let answer = cancel(&fake, json!({"queue": "dev"})).await;
    let expected = json!({
        "dryRun": false, "matched": 3, "cancelled": 1, "cancelling": 2, "ended": 0, "failed": 0, "askedBefore": 0,
        "truncated": false,
        "submissions": [
            {"submissionId": "q-1", "state": "CANCELLED", "queue": "dev", "applicationName": "data report", "outcome": "cancelled"},
            {"submissionId": "r-1", "state": "RUNNING", "queue": "dev", "applicationName": "data report", "cluster": "a", "outcome": "cancelling"},
            {"submissionId": "r-2", "state": "SUBMITTED", "queue": "dev", "applicationName": "web report", "cluster": "b", "outcome": "cancelling"},
        ],
    });
    assert_eq!(answer.body, expected);
    let again = cancel(&fake, json!({"queue": "dev"})).await;
    assert_eq!(
        (&again.body["matched"], &again.body["askedBefore"]),
        (&json!(0), &json!(2))
    );
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_tells_what_would_be_cancelled_and_does_nothing() {
    let fake = busy();
    let before = fake.records.lock().unwrap().clone();
    let answer = cancel(&fake, json!({"labels": {"team": "data"}, "dryRun": true})).await;
    assert_eq!(
        (&answer.body["dryRun"], &answer.body["matched"]),
        (&json!(true), &json!(3))
    );
    assert_eq!(
        answer.body["submissions"][0],
        json!({"submissionId": "q-1", "state": "QUEUED", "queue": "dev", "applicationName": "data report"})
    );
    assert_eq!(ids(&answer), ["q-1", "r-1", "r-3"]);
    assert_eq!(*fake.records.lock().unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn labels_are_read_where_the_spec_stands_beside_its_record() {
    let fake = shared();
    for (id, team) in [("large-1", "data"), ("large-2", "web")] {
        let mut record = of(id, "dev", State::Queued, None, team);
        let specs = std::mem::take(&mut record.spec);
        fake.specs.lock().unwrap().insert(record.id.clone(), specs);
        fake.put(record);
    }
    let answer = cancel(&fake, json!({"labels": {"team": "web"}})).await;
    assert_eq!(ids(&answer), ["large-2"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_index_shows_late_or_twice_is_decided_by_its_record() {
    let fake = busy();
    let entry =
        |id: &str| BacklogEntry::from(&fake.records.lock().unwrap()[&id.parse::<SubmissionId>().unwrap()]);
    let stale = [entry("q-1"), entry("r-1"), entry("e-1")];
    *fake.stale.lock().unwrap() = stale.to_vec();
    let answer = cancel(&fake, json!({"queue": "dev", "dryRun": true})).await;
    assert_eq!(ids(&answer), ["q-1", "r-1", "r-2"]);
    let answer = cancel(&fake, json!({"state": "QUEUED"})).await;
    assert_eq!(ids(&answer), ["q-1", "q-2"]);
}

#[tokio::test]
async fn every_fault_is_told_and_without_a_selector_nothing_is_done() {
    let fake = busy();
    for (body, paths) in [
        (json!({}), &[""][..]),
        (json!({"dryRun": true}), &[""]),
        (json!({"labels": {}}), &["labels"]),
        (json!({"labels": {"team": 1}}), &["labels.team"]),
        (json!({"queue": ""}), &["queue"]),
        (json!({"queue": "no such name!"}), &["queue"]),
        (json!({"queue": null}), &["queue"]),
        (
            json!({"applicationName": 7, "cluster": "B/"}),
            &["applicationName", "cluster"],
        ),
        (json!({"state": "SUCCEEDED"}), &["state"]),
        (json!({"state": "QUEUED,NONSENSE"}), &["state"]),
        (json!({"state": "QUEUED", "cluster": "a"}), &["state"]),
        (json!({"queue": "dev", "dryRun": "yes"}), &["dryRun"]),
        (json!({"queue": "dev", "cursor": "x"}), &["cursor"]),
        (json!({"queue": "dev", "que": "prod"}), &["que"]),
        (json!(["dev"]), &[""]),
    ] {
        let answer = cancel(&fake, body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        let violations = answer.body["violations"].as_array().unwrap();
        let told: Vec<_> = violations.iter().map(|v| v["path"].as_str().unwrap()).collect();
        assert_eq!(told, paths, "{body} {violations:?}");
    }
    let answer = call(&fake, "POST", &format!("{PATH}?queue=dev"), r#"{"queue": "dev"}"#).await;
    assert_eq!(
        answer.status,
        StatusCode::BAD_REQUEST,
        "a selector in the query string"
    );
    assert!(asked(&fake).is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_meanwhile_keeps_its_end_and_one_that_cannot_be_written_is_told() {
    let fake = busy();
    let broken = [("q-1".parse().unwrap(), Error::permanent("secret detail"))];
    fake.refused.lock().unwrap().extend(broken);
    let answer = cancel(&fake, json!({"queue": "dev"})).await;
    let told = &answer.body["submissions"];
    assert_eq!(
        (&told[0]["outcome"], &told[0]["state"]),
        (&json!("failed"), &json!("QUEUED"))
    );
    assert!(told[0]["why"].as_str().unwrap().contains("log"), "{told}");
    assert_eq!(
        (&answer.body["failed"], &answer.body["cancelling"]),
        (&json!(1), &json!(2))
    );
    assert!(!answer.body.to_string().contains("secret"));

    let fake = busy();
    let mut ended = of("r-1", "dev", State::Succeeded, Some("a"), "data");
    ended.exit_code = Some(0);
    *fake.cancelled.lock().unwrap() = Some(Cancelled::Ended(Box::new(ended)));
    let answer = cancel(&fake, json!({"cluster": "a"})).await;
    assert_eq!(answer.body["submissions"][0]["outcome"], "ended");
    assert_eq!(answer.body["submissions"][0]["state"], "SUCCEEDED");
    assert_eq!(
        (&answer.body["ended"], &answer.body["matched"]),
        (&json!(1), &json!(1))
    );
}

/// Many that wait and many that are live.
fn crowd(each: usize) -> Arc<Fake> {
    let fake = shared();
    for n in 0..each {
        fake.put(of(&format!("q-{n:04}"), "dev", State::Queued, None, "data"));
        fake.put(of(&format!("r-{n:04}"), "dev", State::Running, Some("a"), "data"));
    }
    fake
}

/// Calls until there is no cursor any more: how many matched, and how many calls it took.
async fn cancel_all(fake: &Arc<Fake>, mut body: Value) -> (u64, u32) {
    let (mut matched, mut calls) = (0, 0);
    loop {
        let begun = tokio::time::Instant::now();
        let answer = cancel(fake, body.clone()).await.body;
        assert!(begun.elapsed() < Duration::from_secs(17), "{:?}", begun.elapsed());
        let here = answer["matched"].as_u64().unwrap();
        assert!(here <= 10_100, "{here}");
        assert_eq!(answer["truncated"], here > 1000);
        let listed = answer["submissions"].as_array().unwrap().len() as u64;
        assert_eq!(listed, here.min(1000));
        matched += here;
        calls += 1;
        match answer.get("nextCursor") {
            Some(cursor) => body["cursor"] = cursor.clone(),
            None => return (matched, calls),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_bounded_and_its_cursor_goes_on_until_every_one_is_met_once() {
    let fake = crowd(2000);
    *fake.page.lock().unwrap() = Some(700);
    let (matched, calls) = cancel_all(&fake, json!({"queue": "dev"})).await;
    assert_eq!((matched, asked(&fake).len()), (4000, 4000));
    assert!(calls > 1, "by its time");

    let fake = crowd(5500);
    *fake.page.lock().unwrap() = Some(700);
    let (matched, calls) = cancel_all(&fake, json!({"queue": "dev", "dryRun": true})).await;
    assert_eq!((matched, asked(&fake).len()), (11_000, 0));
    assert!(calls > 1, "by the number of matches");
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_nothing_is_begun_and_what_was_done_is_told() {
    let fake = busy();
    let away = Error::throttled("throttled", Some(Duration::from_secs(7)));
    *fake.down.lock().unwrap() = Some(away.clone());
    let answer = cancel(&fake, json!({"queue": "dev"})).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header(header::RETRY_AFTER), "7");

    *fake.down.lock().unwrap() = None;
    fake.refused.lock().unwrap().insert("r-1".parse().unwrap(), away);
    let answer = cancel(&fake, json!({"queue": "dev"})).await;
    assert_eq!((answer.status, ids(&answer)), (StatusCode::OK, vec!["q-1"]));
    assert!(
        answer.body["interrupted"].as_str().unwrap().contains("the store"),
        "{}",
        answer.body
    );
    fake.refused.lock().unwrap().clear();
    let rest = json!({"queue": "dev", "cursor": answer.body["nextCursor"]});
    let answer = cancel(&fake, rest).await;
    assert_eq!(ids(&answer), ["r-1", "r-2"]);
    assert_eq!(answer.body.get("interrupted"), None);
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_beside_one_that_fails_is_told() {
    let fake = busy();
    let away = Error::throttled("throttled", None);
    fake.refused.lock().unwrap().insert("r-2".parse().unwrap(), away);
    let answer = cancel(&fake, json!({"cluster": "b"})).await;
    assert_eq!((answer.status, ids(&answer)), (StatusCode::OK, vec!["r-3"]));
    assert!(answer.body["interrupted"].is_string());
    fake.refused.lock().unwrap().clear();
    let rest = json!({"cluster": "b", "cursor": answer.body["nextCursor"]});
    let answer = cancel(&fake, rest).await;
    assert_eq!(
        (ids(&answer), &answer.body["askedBefore"]),
        (vec!["r-2"], &json!(1))
    );
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stops_answers_with_what_it_has() {
    let fake = crowd(500);
    let api = api(&fake);
    api.stopping.cancel();
    let body = r#"{"queue": "dev"}"#;
    let answer = ask(router(api), request("POST", PATH, body)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body["interrupted"], "the process stops");
    assert!(answer.body["nextCursor"].is_string());
    assert!(asked(&fake).len() < 1000);
}

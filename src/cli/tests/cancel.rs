//! Cancelling one or many.

use super::*;

fn one(id: &str, outcome: Option<&str>) -> Value {
    let mut one = json!({"submissionId": id, "state": "QUEUED", "queue": "dev"});
    if let Some(outcome) = outcome {
        one["outcome"] = json!(outcome);
    }
    one
}

fn told(submissions: &[Value]) -> Value {
    let count = |word: &str| submissions.iter().filter(|one| one["outcome"] == word).count();
    json!({
        "dryRun": submissions.iter().any(|one| one.get("outcome").is_none()), "matched": submissions.len(),
        "cancelled": count("cancelled"), "cancelling": count("cancelling"), "ended": count("ended"),
        "failed": count("failed"), "askedBefore": 0, "truncated": false, "submissions": submissions,
    })
}

fn sent(asked: &[(String, String)], n: usize) -> Value {
    serde_json::from_str(&asked[n].1).unwrap()
}

#[test]
fn a_cancel_that_came_too_late_ends_otherwise() {
    for (state, expected) in [("CANCELLED", 0), ("CANCELLING", 0), ("SUCCEEDED", 1)] {
        let api = Told::to(vec![(200, status(state))]);
        let (_, result) = run(&["cancel", "job-1", "--api", &api.url]);
        assert_eq!(code(&result), expected, "{state}");
        assert_eq!(api.asked()[0].0, "DELETE /v1/submissions/job-1");
    }
}

#[test]
fn selectors_go_into_one_call_and_its_answer_is_told() {
    let answer = told(&[one("job-1", Some("cancelled")), one("job-2", Some("cancelling"))]);
    let api = Told::to(vec![(200, answer.clone()), (200, answer.clone())]);
    let words = "cancel --queue dev --application-name Report --label team=data -l tier=1 --cluster a --state RUNNING -y";
    let arguments: Vec<_> = words.split(' ').chain(["--api", &api.url]).collect();
    let (out, result) = run(&arguments);
    assert_eq!(code(&result), 0);
    assert!(out.contains("job-1") && out.contains("cancelling"), "{out}");
    assert!(out.contains("2 submissions match"), "{out}");
    let (out, _) = run(&[&arguments[..], &["-o", "json"]].concat());
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), answer);
    let asked = api.asked();
    assert_eq!(asked[0].0, "POST /v1/cancellations");
    let body = json!({
        "queue": "dev", "applicationName": "Report", "labels": {"team": "data", "tier": "1"}, "cluster": "a",
        "state": "RUNNING", "dryRun": false,
    });
    assert_eq!(sent(&asked, 0), body);
}

#[test]
fn calls_go_on_by_their_cursor_and_are_told_as_one() {
    let mut first = told(&[one("job-1", None)]);
    first["nextCursor"] = json!("on");
    let api = Told::to(vec![(200, first), (200, told(&[one("job-2", None)]))]);
    let (out, result) = run(&[
        "cancel",
        "--queue",
        "dev",
        "--dry-run",
        "-o",
        "json",
        "--api",
        &api.url,
    ]);
    assert_eq!(code(&result), 0);
    let out: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&out["matched"], &out["submissions"][1]["submissionId"]),
        (&json!(2), &json!("job-2"))
    );
    let asked = api.asked();
    assert_eq!(sent(&asked, 0), json!({"queue": "dev", "dryRun": true}));
    assert_eq!(
        sent(&asked, 1),
        json!({"queue": "dev", "dryRun": true, "cursor": "on"})
    );
}

#[test]
fn what_cannot_be_cancelled_and_what_cannot_be_reached_have_their_codes() {
    let mut failed = one("job-1", Some("failed"));
    failed["why"] = json!("its record can't be written");
    let mut interrupted = told(&[one("job-1", Some("cancelled"))]);
    interrupted["interrupted"] = json!("the store can't be reached");
    interrupted["nextCursor"] = json!("on");
    let mut first = told(&[one("job-1", Some("cancelled"))]);
    first["nextCursor"] = json!("on");
    let away = (503, problem("unavailable", "the store can't be reached"));
    for (answers, expected, words) in [
        (vec![(200, told(&[failed]))], 1, "its record can't be written"),
        (vec![(200, interrupted)], 69, "job-1"),
        (vec![(200, first), away.clone()], 69, "job-1"),
        (vec![away], 69, ""),
        (vec![(200, told(&[]))], 0, "no submission matches"),
        (vec![(400, problem("invalid-request", "faults"))], 2, ""),
    ] {
        let api = Told::to(answers);
        let (out, result) = run(&["cancel", "--state", "QUEUED", "--yes", "--api", &api.url]);
        assert_eq!(code(&result), expected, "{out} {result:?}");
        assert!(out.contains(words), "{out}");
        api.asked();
    }
}

#[test]
fn an_id_or_selectors_are_needed_but_not_both() {
    for wrong in [
        &["cancel"][..],
        &["cancel", "job-1", "--queue", "dev"],
        &["cancel", "job-1", "--yes"],
        &["cancel", "job-1", "--dry-run"],
        &["cancel", "--yes"],
        &["cancel", "--dry-run"],
        &["cancel", "--queue", "dev", "--dry-run", "--yes"],
        &["cancel", "--label", "team"],
    ] {
        let error = Cli::try_parse_from(["spark-broker"].iter().chain(wrong)).unwrap_err();
        assert_eq!(error.exit_code(), i32::from(Exit::Usage.code()), "{wrong:?}");
    }
    let (_, result) = run(&["cancel", "-l", "team=data", "-l", "team=web", "--yes"]);
    assert_eq!(code(&result), 2);
}

//! What is told and wished of clusters and job queues.

use super::*;

fn cordoned() -> (u16, Value) {
    let cordon = json!({"reason": "upgrade", "author": "ann", "at": "2026-11-23T12:00:00.000Z"});
    (
        200,
        json!({"name": "a", "healthy": true, "live": 2, "cordon": cordon}),
    )
}

#[test]
fn wishes_of_a_cluster_go_to_its_place_with_their_reason() {
    let unknown = (404, problem("unknown-cluster", "there is no such cluster"));
    let mut answers = vec![cordoned(); 5];
    answers.push(unknown);
    let api = Told::to(answers);
    let why = ["--reason", "upgrade", "--author", "ann", "--api", &api.url];
    let with = |first: &[&'static str]| [first, &why[..]].concat();
    let (out, result) = run(&with(&["clusters", "cordon", "a", "--until", "2h"]));
    assert_eq!(code(&result), 0);
    assert!(
        out.contains("no") && out.contains("cordoned: upgrade (ann)"),
        "{out}"
    );
    run(&["clusters", "uncordon", "a", "--api", &api.url]).1.unwrap();
    let drain = "clusters drain a --deadline 10m --then cancel".split(' ');
    run(&with(&drain.collect::<Vec<_>>())).1.unwrap();
    run(&["clusters", "undrain", "a", "--api", &api.url]).1.unwrap();
    run(&with(&["clusters", "confirm-lost", "a"])).1.unwrap();
    let (_, result) = run(&["clusters", "uncordon", "b", "--api", &api.url]);
    assert_eq!(code(&result), 3);
    let asked = api.asked();
    let places: Vec<_> = asked.iter().map(|(place, _)| place.as_str()).collect();
    let expected = [
        "PUT /v1/clusters/a/cordon",
        "DELETE /v1/clusters/a/cordon",
        "PUT /v1/clusters/a/drain",
        "DELETE /v1/clusters/a/drain",
        "POST /v1/clusters/a/confirm-lost",
        "DELETE /v1/clusters/b/cordon",
    ];
    assert_eq!(places, expected);
    let sent = |n: usize| serde_json::from_str::<Value>(&asked[n].1).unwrap();
    assert_eq!(
        sent(0),
        json!({"reason": "upgrade", "author": "ann", "until": "2h"})
    );
    let drain = json!({"reason": "upgrade", "author": "ann", "deadline": "10m", "then": "cancel"});
    assert_eq!(sent(2), drain);
    assert_eq!(
        (asked[1].1.as_str(), sent(4)),
        ("", json!({"reason": "upgrade", "author": "ann"}))
    );
}

#[test]
fn a_wish_without_a_reason_is_wrong_usage() {
    for wrong in [
        &["clusters", "cordon", "a"][..],
        &["clusters", "confirm-lost", "a"],
        &["confirm-lost", "job-1"],
        &["clusters", "drain", "a", "--reason", "r"],
        &[
            "clusters",
            "drain",
            "a",
            "--reason",
            "r",
            "--deadline",
            "10m",
            "--then",
            "kill",
        ],
    ] {
        let error = Cli::try_parse_from(["spark-broker"].iter().chain(wrong)).unwrap_err();
        assert_eq!(error.exit_code(), i32::from(Exit::Usage.code()), "{wrong:?}");
    }
}

#[test]
fn clusters_and_queues_are_listed() {
    let clusters = json!({"clusters": [{"name": "a", "healthy": false, "message": "401", "live": 0}]});
    let head = json!({"id": "job-1", "reason": "NoCapacity", "message": "a: full"});
    let queues = json!({"queues": [{"name": "dev", "waiting": 1, "live": 2, "heads": [head]}]});
    let api = Told::to(vec![
        (200, clusters.clone()),
        (200, clusters.clone()),
        (200, queues),
    ]);
    let (out, _) = run(&["clusters", "--api", &api.url]);
    assert!(out.contains("401"), "{out}");
    let (out, _) = run(&["clusters", "list", "-o", "json", "--api", &api.url]);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), clusters);
    let (out, _) = run(&["queues", "--api", &api.url]);
    assert!(
        out.contains("job-1") && out.contains("NoCapacity: a: full"),
        "{out}"
    );
    let asked = api.asked();
    assert_eq!(
        (asked[0].0.as_str(), asked[2].0.as_str()),
        ("GET /v1/clusters", "GET /v1/queues")
    );
}

#[test]
fn a_word_on_a_driver_that_does_not_go_is_sent_or_refused_with_the_reason() {
    let refused = (409, problem("not-in-doubt", "it is RUNNING"));
    let api = Told::to(vec![(202, status("RUNNING")), refused]);
    let line = [
        "confirm-lost",
        "job-1",
        "--reason",
        "burnt",
        "--author",
        "ann",
        "--api",
        &api.url,
    ];
    let (out, result) = run(&line);
    assert_eq!(code(&result), 0);
    assert!(out.contains("RUNNING"), "{out}");
    let (_, result) = run(&line);
    assert_eq!(code(&result), 1);
    assert!(result.unwrap_err().to_string().contains("it is RUNNING"));
    let sent = r#"{"reason":"burnt","author":"ann"}"#;
    let place = "POST /v1/submissions/job-1/confirm-lost";
    assert_eq!(api.asked(), vec![(place.to_owned(), sent.to_owned()); 2]);
}

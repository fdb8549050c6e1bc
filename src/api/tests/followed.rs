//! What is told of submissions on clusters that this pod's configuration doesn't name.

use serde_json::{Value, json};

use super::fake::{record, shared};
use super::{NOW, get};
use crate::model::ClusterName;
use crate::submission::{Reason, State};

#[tokio::test]
async fn a_submission_on_a_cluster_that_is_not_configured_says_that_nobody_follows_it() {
    let fake = shared();
    for (id, cluster, state) in [
        ("followed", "a", State::Running),
        ("left", "gone", State::Running),
        ("newer", "elsewhere", State::Running),
        ("ended", "gone", State::Succeeded),
    ] {
        let mut record = record(id, NOW);
        record.state = state;
        record.cluster = Some(cluster.parse().unwrap());
        fake.put(record);
    }
    let left = get(&fake, "/v1/submissions/left").await.body;
    assert_eq!(left["reason"], "ClusterUnhealthy");
    let message = left["message"].as_str().unwrap();
    assert!(
        message.contains("cluster gone isn't in the configuration"),
        "{message}"
    );
    // "newer" is on a cluster that the active scheduler's configuration names already, and this pod's doesn't yet.
    for id in ["followed", "ended", "newer"] {
        let status = get(&fake, &format!("/v1/submissions/{id}")).await.body;
        assert_eq!(status.get("reason"), None, "{status}");
    }
    let listed = get(&fake, "/v1/submissions").await.body;
    let reasons: Vec<_> = listed["submissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| &s["reason"])
        .collect();
    assert_eq!(
        reasons.iter().filter(|reason| reason.is_string()).count(),
        1,
        "{listed}"
    );
}

#[tokio::test]
async fn one_that_left_the_configuration_and_is_followed_is_told_as_any_other() {
    let fake = shared();
    // The active scheduler follows it by the section that it had.
    let out: ClusterName = "out".parse().unwrap();
    let mut removed = record("removed", NOW);
    (removed.state, removed.cluster) = (State::Running, Some(out.clone()));
    fake.put(removed);
    fake.sections.lock().unwrap().insert(out, "{}".into());
    let status = get(&fake, "/v1/submissions/removed").await.body;
    assert_eq!(status.get("reason"), None, "{status}");
    let clusters = get(&fake, "/v1/clusters").await.body["clusters"].clone();
    let removed: Vec<_> = clusters
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (&c["name"], &c["removed"]))
        .collect();
    assert_eq!(removed.last(), Some(&(&json!("out"), &json!(true))), "{clusters}");
    assert_eq!(removed[0].1, &Value::Null, "{clusters}");
}

#[tokio::test]
async fn one_that_left_the_configuration_and_does_not_answer_is_told_of_as_such() {
    let fake = shared();
    let silent: ClusterName = "silent".parse().unwrap();
    let mut unreached = record("unreached", NOW);
    (unreached.state, unreached.cluster) = (State::Running, Some(silent.clone()));
    fake.put(unreached);
    fake.sections.lock().unwrap().insert(silent, "{}".into());
    let status = get(&fake, "/v1/submissions/unreached").await.body;
    let message = status["message"].as_str().unwrap();
    assert!(
        message.contains("401") && message.contains("clusters confirm-lost silent"),
        "{message}"
    );
}

#[tokio::test]
async fn one_on_a_cluster_out_of_sight_says_so_beside_what_was_known() {
    let fake = shared();
    let b: ClusterName = "b".parse().unwrap();
    fake.sections.lock().unwrap().insert(b.clone(), "silent".into());
    for (id, state, known) in [
        ("runs", State::Running, None),
        ("retries", State::Retrying, Some(Reason::NodeLost)),
        ("ended", State::Succeeded, None),
    ] {
        let mut record = record(id, NOW);
        (record.state, record.cluster) = (state, Some(b.clone()));
        record.verdict.reason = known;
        record.verdict.message = known.map(|_| "the node was lost".into());
        fake.put(record);
    }
    for (id, reason, words) in [
        ("runs", "ClusterUnhealthy", "connection refused"),
        ("retries", "NodeLost", "before: the node was lost"),
    ] {
        let status = get(&fake, &format!("/v1/submissions/{id}")).await.body;
        assert_eq!(status["reason"], reason, "{status}");
        let message = status["message"].as_str().unwrap();
        assert!(message.starts_with("cluster b is out of sight"), "{message}");
        assert!(
            message.contains(words) && message.contains("confirm-lost b"),
            "{message}"
        );
    }
    let ended = get(&fake, "/v1/submissions/ended").await.body;
    assert_eq!(ended.get("reason"), None, "{ended}");
    let listed = get(&fake, "/v1/submissions").await.body;
    let told = listed["submissions"].as_array().unwrap().iter();
    assert_eq!(told.filter(|s| s["reason"].is_string()).count(), 2, "{listed}");
}

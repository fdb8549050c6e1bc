//! Legal walks through the lifecycle, written down here anew: the broker isn't its own judge.

use serde_json::Value;

/// From each state, where a record may go.
const WALKS: &[(&str, &[&str])] = &[
    ("", &["QUEUED", "REJECTED"]),
    ("REJECTED", &["QUEUED", "REJECTED"]),
    ("QUEUED", &["DISPATCHING", "FAILED", "CANCELLED"]),
    ("DISPATCHING", &["SUBMITTED", "QUEUED", "FAILED", "CANCELLING"]),
    (
        "SUBMITTED",
        &["HELD", "RUNNING", "SUCCEEDED", "FAILED", "RETRYING", "CANCELLING"],
    ),
    (
        "HELD",
        &[
            "SUBMITTED",
            "RUNNING",
            "SUCCEEDED",
            "FAILED",
            "RETRYING",
            "CANCELLING",
        ],
    ),
    (
        "RUNNING",
        &["HELD", "SUCCEEDED", "FAILED", "RETRYING", "CANCELLING"],
    ),
    ("RETRYING", &["QUEUED", "SUCCEEDED", "CANCELLING"]),
    ("CANCELLING", &["CANCELLED", "SUCCEEDED", "FAILED"]),
];

/// Fails unless the transitions hang together, each is legal, attempts only grow, and the last is an end; returns the
/// states.
pub(crate) fn assert_legal(history: &Value) -> Vec<String> {
    let (mut state, mut attempt) = (String::new(), 0);
    let mut states = Vec::new();
    for transition in history["transitions"].as_array().unwrap() {
        let to = transition["to"].as_str().unwrap();
        // A REJECTED record is replaced by a new one, which comes from nowhere.
        let from = transition["from"]
            .as_str()
            .unwrap_or(if state == "REJECTED" { &state } else { "" });
        assert_eq!(from, state, "{history:#}");
        let legal = WALKS.iter().find(|(from, _)| *from == state);
        let legal = legal.is_some_and(|(_, next)| next.contains(&to));
        assert!(legal, "{state} → {to}: {history:#}");
        let this = transition["attempt"].as_u64().unwrap();
        assert!(this >= attempt, "{history:#}");
        (state, attempt) = (to.to_owned(), this);
        states.push(state.clone());
    }
    let ended = ["SUCCEEDED", "FAILED", "CANCELLED", "REJECTED"].contains(&state.as_str());
    assert!(ended, "no end: {history:#}");
    states
}

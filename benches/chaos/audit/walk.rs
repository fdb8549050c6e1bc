//! Legal walks through the lifecycle, written down here anew: the program isn't its own judge.

use serde_json::Value;

/// From each state, where a record may go. A record begins in QUEUED, and in CANCELLED where a cancel came first.
const EDGES: &[(&str, &[&str])] = &[
    ("", &["QUEUED", "CANCELLED"]),
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

/// What is wrong with the history of a record that is in `state`, in `attempt`.
pub fn fault(record: &Value) -> Option<String> {
    let (mut state, mut attempt) = ("", 1);
    for transition in record["history"].as_array().into_iter().flatten() {
        let from = transition["from"].as_str().unwrap_or_default();
        let to = transition["to"].as_str().unwrap_or_default();
        if from != state {
            return Some(format!("goes on from {from:?} after it came to {state:?}"));
        }
        let legal = EDGES
            .iter()
            .any(|(known, ends)| *known == from && ends.contains(&to));
        if !legal {
            return Some(format!("{from:?} → {to} isn't an edge"));
        }
        if transition["attempt"] != attempt {
            return Some(format!("{from:?} → {to} isn't in attempt {attempt}"));
        }
        // What comes after a return belongs to the next attempt, and there is no other way to it.
        attempt += u64::from(to == "QUEUED" && !from.is_empty());
        state = to;
    }
    if record["state"] != state || record["attempt"] != attempt {
        let told = (&record["state"], &record["attempt"]);
        return Some(format!(
            "ends in {state}, attempt {attempt}, but it says {told:?}"
        ));
    }
    None
}

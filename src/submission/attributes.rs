//! A record as the table's attributes, and the difference between two of them as one conditional write.

use serde_json::{Map, Value, json};

use super::record::Record;
use super::state::State;
use crate::model::{Incarnation, SubmissionId, Version, timestamp_text};

/// An item that isn't a record of ours, or not of this version.
#[derive(Debug, thiserror::Error)]
#[error("the item isn't a submission record: {0}")]
pub struct Unreadable(#[from] serde_json::Error);

/// Which stored record a write is meant for. The write is refused where any of the three differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordKey {
    /// The submission ID.
    pub id: SubmissionId,
    /// The incarnation that must stand there.
    pub incarnation: Incarnation,
    /// The version that must stand there.
    pub version: Version,
}

impl From<&Record> for RecordKey {
    fn from(record: &Record) -> Self {
        Self {
            id: record.id.clone(),
            incarnation: record.incarnation.clone(),
            version: record.version,
        }
    }
}

/// The keys of the sparse indexes: each present only while the record belongs into its index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexKeys(Vec<(&'static str, String)>);

impl IndexKeys {
    /// The keys that `record` has in a table of `shards` shards.
    pub fn of(record: &Record, shards: u32) -> Self {
        if record.is_tombstone() {
            return Self(Vec::new());
        }
        let shard = record.id.shard(shards);
        let accepted = timestamp_text(record.accepted_at);
        let order = format!("{accepted}#{}", record.id);
        let mut keys = vec![
            (
                "recentPartition",
                format!("{}#{}#{shard}", record.queue, &accepted[..10]),
            ),
            ("recentOrder", order.clone()),
        ];
        if record.state == State::Queued {
            keys.push(("backlogPartition", format!("{}#{shard}", record.domain)));
            keys.push(("backlogOrder", order));
        }
        if let (true, Some(cluster)) = (record.state.is_live(), &record.cluster) {
            keys.push(("livePartition", format!("{}/{cluster}", record.domain)));
        }
        if Self::has_wish(record) {
            keys.push(("wishesPartition", record.domain.to_string()));
        }
        Self(keys)
    }

    fn has_wish(record: &Record) -> bool {
        let is_lost = record
            .overdue
            .as_ref()
            .is_some_and(|overdue| overdue.lost.is_some());
        let is_asked = record.cancel_requested || is_lost;
        is_asked && !record.state.is_terminal() || !record.abandoned.is_empty()
    }
}

/// The attributes of `record` in a table of `shards` shards, `pk` included.
pub fn to_attributes(record: &Record, shards: u32) -> Map<String, Value> {
    let mut attributes = match serde_json::to_value(record) {
        Ok(Value::Object(map)) => map,
        // A struct with string keys always serialises to an object.
        Ok(_) | Err(_) => Map::new(),
    };
    for name in [
        "acceptedAt",
        "submittedAt",
        "startedAt",
        "finishedAt",
        "updatedAt",
        "notBefore",
        "queueTimeoutAt",
    ] {
        normalise_time(&mut attributes, name);
    }
    normalise_time(&mut attributes, "reasonAt");
    if let Some(Value::Array(history)) = attributes.get_mut("history") {
        history
            .iter_mut()
            .filter_map(Value::as_object_mut)
            .for_each(|t| normalise_time(t, "at"));
    }
    if record.is_tombstone() {
        attributes.remove("state");
    }
    attributes.insert("pk".into(), json!(partition_key(&record.id)));
    for (name, key) in IndexKeys::of(record, shards).0 {
        attributes.insert(name.into(), json!(key));
    }
    attributes
}

/// The record that `attributes` hold; keys of indexes are passed over.
pub fn from_attributes(mut attributes: Map<String, Value>) -> Result<Record, Unreadable> {
    attributes
        .entry("state")
        .or_insert_with(|| json!(State::Cancelled));
    Ok(serde_json::from_value(Value::Object(attributes))?)
}

/// The partition key of the item that holds the record of `id`.
pub fn partition_key(id: &SubmissionId) -> String {
    format!("submission#{id}")
}

/// Times in records have exactly three digits of milliseconds, so that their texts sort.
fn normalise_time(map: &mut Map<String, Value>, name: &str) {
    if let Some(Value::String(text)) = map.get_mut(name)
        && let Ok(time) = text.parse()
    {
        *text = timestamp_text(time);
    }
}

/// What one write changes in a stored record.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Attributes that get a value.
    pub set: Map<String, Value>,
    /// Attributes that go.
    pub remove: Vec<String>,
    /// Transitions appended to `history`; empty where `set` holds the whole list.
    pub append: Vec<Value>,
}

impl Change {
    /// What turns `old` into `new`. Fields equal in both are left alone, so `old` may be an outline of what is stored.
    pub fn between(old: &Record, new: &Record, shards: u32) -> Self {
        let old_map = to_attributes(old, shards);
        let mut set = to_attributes(new, shards);
        let remove = old_map
            .keys()
            .filter(|name| !set.contains_key(*name))
            .cloned()
            .collect();
        let append = appended(&old_map, &set);
        if append.is_some() {
            set.remove("history");
        }
        set.retain(|name, value| old_map.get(name) != Some(value));
        Self {
            set,
            remove,
            append: append.unwrap_or_default(),
        }
    }
}

fn appended(old: &Map<String, Value>, new: &Map<String, Value>) -> Option<Vec<Value>> {
    let (old, new) = (old.get("history")?.as_array()?, new.get("history")?.as_array()?);
    new.strip_prefix(old.as_slice()).map(<[Value]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::submission::{BacklogEntry, NewRecord, Reason, Transition};

    fn record() -> Record {
        Record::queued(NewRecord {
            id: "job-1".parse().unwrap(),
            domain: "default".parse().unwrap(),
            queue: "dev".parse().unwrap(),
            fingerprint: "f".into(),
            at: "2026-11-23T05:31:50.1Z".parse().unwrap(),
        })
    }

    #[test]
    fn a_record_survives_the_way_through_attributes() {
        let mut record = record();
        record.verdict.reason = Some(Reason::NoCapacity);
        record.spec.user = Some("{}".into());
        let attributes = to_attributes(&record, 8);
        assert_eq!(attributes["acceptedAt"], "2026-11-23T05:31:50.100Z");
        assert_eq!(attributes["reason"], "NoCapacity");
        assert_eq!(from_attributes(attributes).unwrap(), record);
    }

    #[test]
    fn a_tombstone_is_stored_without_a_state_and_in_no_index() {
        let tombstone = Record::tombstone(
            "x".parse().unwrap(),
            "default".parse().unwrap(),
            record().accepted_at,
            60,
        );
        let attributes = to_attributes(&tombstone, 8);
        assert!(!attributes.contains_key("state") && !attributes.contains_key("recentPartition"));
        assert!(from_attributes(attributes).unwrap().is_tombstone());
    }

    #[test]
    fn a_queued_record_is_in_the_backlog_and_a_live_one_on_its_cluster() {
        let mut record = record();
        assert!(to_attributes(&record, 8).contains_key("backlogPartition"));
        record.state = State::Running;
        record.cluster = Some("a".parse().unwrap());
        let attributes = to_attributes(&record, 8);
        assert_eq!(attributes["livePartition"], "default/a");
        assert!(!attributes.contains_key("backlogPartition"));
    }

    #[test]
    fn a_change_from_an_outline_appends_history_and_clears_the_reason_unseen() {
        let stored = record();
        let outline = BacklogEntry::from(&stored).outline(&stored.domain);
        let mut next = outline.clone();
        next.state = State::Dispatching;
        next.cluster = Some("a".parse().unwrap());
        next.verdict = Default::default();
        next.history.push(Transition {
            at: stored.accepted_at,
            from: Some(State::Queued),
            to: State::Dispatching,
            reason: None,
            message: None,
            cluster: None,
            attempt: stored.attempt,
        });
        let change = Change::between(&outline, &next, 8);
        assert_eq!(change.append.len(), 1);
        assert!(change.remove.contains(&"reason".to_owned()));
        assert!(change.remove.contains(&"backlogPartition".to_owned()));
        assert!(!change.set.contains_key("fingerprint") && !change.set.contains_key("history"));
    }
}

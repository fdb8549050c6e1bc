//! Items of the store in memory, in all their versions, and what a conditional write makes of one.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use serde_json::{Map, Value, json};
use spark_broker::model::{Epoch, SubmissionId};
use spark_broker::submission::{Change, Record, RecordKey, SpecTexts, from_attributes};
use tokio::time::Instant;

pub type Item = Map<String, Value>;

/// Every version that an item has had.
pub type Versions = Vec<Stored>;

/// One version of an item.
#[derive(Debug)]
pub struct Stored {
    pub since: Instant,
    pub item: Item,
    /// The same, read.
    pub record: Record,
}

impl Stored {
    pub fn now(item: Item) -> Self {
        Self {
            since: Instant::now(),
            record: from_attributes(item.clone()).expect("an item is a record"),
            item,
        }
    }

    pub fn boxed(&self) -> Box<Record> {
        Box::new(self.record.clone())
    }
}

/// Another lag for each item every ten seconds, so that an index may go back to what it showed before.
pub fn lag(id: &SubmissionId, since: Duration, most: u64) -> Duration {
    let mut hasher = DefaultHasher::new();
    (id.as_str(), since.as_secs() / 10).hash(&mut hasher);
    Duration::from_secs(hasher.finish() % (most + 1))
}

pub fn latest(versions: &Versions) -> &Stored {
    versions.last().expect("an item has a version")
}

pub fn stands(item: &Item, key: &RecordKey) -> bool {
    item["version"] == json!(key.version) && item["incarnation"] == json!(key.incarnation)
}

/// `change` applied; the reply-lost rule compares with it too.
pub fn changed(item: &Item, key: &RecordKey, change: &Change, epoch: Option<Epoch>) -> Item {
    let mut next = item.clone();
    for name in &change.remove {
        next.remove(name);
    }
    next.extend(change.set.clone());
    next.insert("version".into(), json!(key.version.next()));
    if let Some(epoch) = epoch {
        next.insert("epoch".into(), json!(epoch));
    }
    if let Some(Value::Array(history)) = next.get_mut("history") {
        history.extend(change.append.iter().cloned());
    }
    next
}

/// Whether `stored` shows what `change` would have made of it: the write happened, and its reply was lost.
pub fn shows(stored: &Item, key: &RecordKey, change: &Change, epoch: Option<Epoch>) -> bool {
    let later = stored["version"].as_u64() > Some(key.version.0);
    let same_epoch = epoch.is_none_or(|epoch| stored.get("epoch") == Some(&json!(epoch)));
    let set = change
        .set
        .iter()
        .filter(|(name, _)| !["version", "updatedAt"].contains(&name.as_str()));
    later
        && same_epoch
        && stored["incarnation"] == json!(key.incarnation)
        && set.clone().count() > 0
        && set
            .into_iter()
            .all(|(name, value)| stored.get(name) == Some(value))
        && change
            .remove
            .iter()
            .all(|name| name == "epoch" || !stored.contains_key(name))
}

/// The bytes of both texts.
pub fn size(spec: &SpecTexts) -> usize {
    let texts = [&spec.user, &spec.effective];
    texts.into_iter().flatten().map(String::len).sum()
}

pub fn without_specs(record: &Record) -> Record {
    Record {
        spec: SpecTexts::default(),
        ..record.clone()
    }
}

//! A store in memory: conditional writes as DynamoDB's, indexes that lag behind by up to a minute and repeat.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use spark_broker::model::{ClusterName, Domain, Epoch, InstallationId, QueueName, SubmissionId};
use spark_broker::ports::Error;
use spark_broker::ports::store::{Create, Lease, Page, Store, Write};
use spark_broker::submission::{
    BacklogEntry, Change, Record, RecordKey, SpecTexts, from_attributes, to_attributes,
};
use tokio::time::Instant;

use crate::fault::Faults;

const SHARDS: u32 = 2;
/// The most by which an index lags.
const LAG: u64 = 60;

type Item = Map<String, Value>;

/// Every version that an item has had, and since when.
type Versions = Vec<(Instant, Item)>;

#[derive(Debug, Default)]
pub(crate) struct Inner {
    items: BTreeMap<SubmissionId, Versions>,
    pub(crate) lease: Option<Lease>,
    pub(crate) boards: BTreeSet<String>,
    pub(crate) identities: BTreeMap<ClusterName, String>,
}

/// The table.
#[derive(Debug)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
    begun: Instant,
    pub(crate) installation: InstallationId,
    pub(crate) faults: Faults,
}

impl MemoryStore {
    pub fn new(installation: InstallationId, faults: Faults) -> Self {
        Self {
            inner: Mutex::default(),
            begun: Instant::now(),
            installation,
            faults,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// All records as they stand.
    pub fn records(&self) -> Vec<Record> {
        let inner = self.lock();
        inner
            .items
            .values()
            .map(|versions| record(latest(versions)))
            .collect()
    }

    /// What an index shows of each item now.
    fn shown(&self) -> Vec<Item> {
        let inner = self.lock();
        let now = Instant::now();
        let seen = |(id, versions): (&SubmissionId, &Versions)| {
            let lag = lag(id, now - self.begun);
            let old_enough = |(at, _): &&(Instant, Item)| *at + lag <= now;
            versions
                .iter()
                .rev()
                .find(old_enough)
                .map(|(_, item)| item.clone())
        };
        inner.items.iter().filter_map(seen).collect()
    }

    fn shown_under(&self, key: &str, partition: &str) -> Vec<Item> {
        let mut items = self.shown();
        items.retain(|item| item.get(key).and_then(Value::as_str) == Some(partition));
        items
    }
}

/// Another lag for each item every ten seconds, so that an index may go back to what it showed before.
fn lag(id: &SubmissionId, since: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    (id.as_str(), since.as_secs() / 10).hash(&mut hasher);
    Duration::from_secs(hasher.finish() % (LAG + 1))
}

fn latest(versions: &Versions) -> &Item {
    &versions.last().expect("an item has a version").1
}

fn record(item: &Item) -> Record {
    from_attributes(item.clone()).expect("an item is a record")
}

fn stands(item: &Item, key: &RecordKey) -> bool {
    item["version"] == json!(key.version) && item["incarnation"] == json!(key.incarnation)
}

/// `change` applied; the reply-lost rule compares with it too.
fn changed(item: &Item, key: &RecordKey, change: &Change, epoch: Option<Epoch>) -> Item {
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
fn shows(stored: &Item, key: &RecordKey, change: &Change, epoch: Option<Epoch>) -> bool {
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

#[async_trait]
impl Store for MemoryStore {
    async fn create(&self, record_: &Record) -> Result<Create, Error> {
        self.faults
            .around("store.create", async {
                let mut inner = self.lock();
                let item = to_attributes(record_, SHARDS);
                match inner.items.get(&record_.id) {
                    Some(versions) if latest(versions)["incarnation"] == item["incarnation"] => {
                        Ok(Create::Created)
                    }
                    Some(versions) => Ok(Create::Exists(Box::new(record(latest(versions))))),
                    None => {
                        inner
                            .items
                            .insert(record_.id.clone(), vec![(Instant::now(), item)]);
                        Ok(Create::Created)
                    }
                }
            })
            .await
    }

    async fn replace(&self, old: &RecordKey, next: &Record) -> Result<Write, Error> {
        self.faults
            .around("store.replace", async {
                let mut inner = self.lock();
                let Some(versions) = inner.items.get_mut(&next.id) else {
                    return Ok(Write::Stale(None));
                };
                let stored = latest(versions).clone();
                if stored["incarnation"] == json!(next.incarnation) {
                    return Ok(Write::Done(Box::new(record(&stored))));
                }
                if !stands(&stored, old) {
                    return Ok(Write::Stale(Some(Box::new(record(&stored)))));
                }
                versions.push((Instant::now(), to_attributes(next, SHARDS)));
                Ok(Write::Done(Box::new(next.clone())))
            })
            .await
    }

    async fn update(&self, key: &RecordKey, change: &Change, epoch: Option<Epoch>) -> Result<Write, Error> {
        self.faults
            .around("store.update", async {
                let mut inner = self.lock();
                let Some(versions) = inner.items.get_mut(&key.id) else {
                    return Ok(Write::Stale(None));
                };
                let stored = latest(versions).clone();
                let fenced =
                    epoch.is_some_and(|epoch| stored.get("epoch").and_then(Value::as_u64) > Some(epoch.0));
                if stands(&stored, key) && !fenced {
                    let next = changed(&stored, key, change, epoch);
                    versions.push((Instant::now(), next.clone()));
                    return Ok(Write::Done(Box::new(record(&next))));
                }
                let stands_now = Box::new(record(&stored));
                if shows(&stored, key, change, epoch) {
                    return Ok(Write::Done(stands_now));
                }
                Ok(Write::Stale(Some(stands_now)))
            })
            .await
    }

    async fn get(&self, id: &SubmissionId) -> Result<Option<Record>, Error> {
        let read = async { Ok(self.lock().items.get(id).map(|versions| record(latest(versions)))) };
        self.faults.around("store.get", read).await
    }

    async fn get_many(&self, ids: &[SubmissionId]) -> Result<Vec<Record>, Error> {
        let read = async {
            let inner = self.lock();
            Ok(ids
                .iter()
                .filter_map(|id| inner.items.get(id))
                .map(|v| record(latest(v)))
                .collect())
        };
        self.faults.around("store.get_many", read).await
    }

    async fn specs(&self, record: &Record) -> Result<SpecTexts, Error> {
        Ok(record.spec.clone())
    }

    async fn backlog(
        &self,
        domain: &Domain,
        shard: u32,
        from: Option<Timestamp>,
        _: Option<String>,
    ) -> Result<Page<BacklogEntry>, Error> {
        let read = async {
            let items = self.shown_under("backlogPartition", &format!("{domain}#{shard}"));
            let entries = items.iter().map(|item| BacklogEntry::from(&record(item)));
            let since = entries.filter(|entry| from.is_none_or(|from| entry.accepted_at >= from));
            Ok(Page {
                items: since.collect(),
                next: None,
            })
        };
        self.faults.around("store.backlog", read).await
    }

    async fn live(
        &self,
        domain: &Domain,
        cluster: &ClusterName,
        _: Option<String>,
    ) -> Result<Page<Record>, Error> {
        let read = async {
            Ok(page(
                &self.shown_under("livePartition", &format!("{domain}/{cluster}")),
            ))
        };
        self.faults.around("store.live", read).await
    }

    async fn wishes(&self, domain: &Domain, _: Option<String>) -> Result<Page<Record>, Error> {
        let read = async { Ok(page(&self.shown_under("wishesPartition", domain.as_str()))) };
        self.faults.around("store.wishes", read).await
    }

    async fn recent(
        &self,
        _: &QueueName,
        _: &str,
        _: u32,
        _: Option<String>,
    ) -> Result<Page<SubmissionId>, Error> {
        Ok(Page {
            items: Vec::new(),
            next: None,
        })
    }

    fn shards(&self) -> u32 {
        SHARDS
    }

    async fn probe(&self) -> Result<(), Error> {
        self.faults.around("store.probe", async { Ok(()) }).await
    }
}

fn page(items: &[Item]) -> Page<Record> {
    Page {
        items: items.iter().map(record).collect(),
        next: None,
    }
}

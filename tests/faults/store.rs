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
use spark_broker::ports::store::{Create, Lease, LostConfirmed, Page, Store, Write};
use spark_broker::submission::{
    BacklogEntry, Change, Record, RecordKey, SpecTexts, State, from_attributes, to_attributes,
};
use tokio::time::Instant;

use crate::fault::Faults;

const SHARDS: u32 = 2;
/// The most by which an index lags.
const LAG: u64 = 60;

type Item = Map<String, Value>;

/// Every version that an item has had.
type Versions = Vec<Stored>;

/// One version of an item.
#[derive(Debug)]
struct Stored {
    since: Instant,
    item: Item,
    /// The same, read.
    record: Record,
}

impl Stored {
    fn now(item: Item) -> Self {
        Self {
            since: Instant::now(),
            record: from_attributes(item.clone()).expect("an item is a record"),
            item,
        }
    }

    fn boxed(&self) -> Box<Record> {
        Box::new(self.record.clone())
    }
}

#[derive(Debug, Default)]
pub(crate) struct Inner {
    items: BTreeMap<SubmissionId, Versions>,
    pub(crate) lease: Option<Lease>,
    pub(crate) boards: BTreeSet<String>,
    pub(crate) identities: BTreeMap<ClusterName, String>,
    pub(crate) sections: BTreeMap<ClusterName, String>,
    pub(crate) confirmed_lost: BTreeMap<ClusterName, LostConfirmed>,
}

/// The table.
#[derive(Debug)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
    begun: Instant,
    lag: u64,
    pub(crate) installation: InstallationId,
    pub(crate) faults: Faults,
}

impl MemoryStore {
    pub fn new(installation: InstallationId, faults: Faults) -> Self {
        Self {
            inner: Mutex::default(),
            begun: Instant::now(),
            lag: LAG,
            installation,
            faults,
        }
    }

    /// The same, with indexes that show what stands: their scans are quick then, whatever the number of items.
    pub fn prompt(installation: InstallationId, faults: Faults) -> Self {
        Self {
            lag: 0,
            ..Self::new(installation, faults)
        }
    }

    /// How many records stand.
    pub fn count(&self) -> usize {
        self.lock().items.len()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// All records as they stand.
    pub fn records(&self) -> Vec<Record> {
        let inner = self.lock();
        let stand = inner
            .items
            .values()
            .map(|versions| latest(versions).record.clone());
        stand.collect()
    }

    /// What `read` makes of each record that an index shows now in one of its partitions; looking at the record goes
    /// before looking for the key, which is slow.
    fn shown_under<T>(
        &self,
        (key, partition): (&str, &str),
        may_be: impl Fn(&Record) -> bool,
        read: impl Fn(&Record) -> T,
    ) -> Page<T> {
        let inner = self.lock();
        let now = Instant::now();
        let seen = |(id, versions)| self.seen(id, versions, now);
        let shown = inner.items.iter().filter_map(seen);
        let under = shown.filter(|stored| {
            may_be(&stored.record) && stored.item.get(key).and_then(Value::as_str) == Some(partition)
        });
        Page {
            items: under.map(|stored| read(&stored.record)).collect(),
            next: None,
        }
    }

    /// What an index shows of an item.
    fn seen<'a>(&self, id: &SubmissionId, versions: &'a Versions, now: Instant) -> Option<&'a Stored> {
        if self.lag == 0 {
            return Some(latest(versions));
        }
        let lag = lag(id, now - self.begun, self.lag);
        versions.iter().rev().find(|stored| stored.since + lag <= now)
    }
}

/// Another lag for each item every ten seconds, so that an index may go back to what it showed before.
fn lag(id: &SubmissionId, since: Duration, most: u64) -> Duration {
    let mut hasher = DefaultHasher::new();
    (id.as_str(), since.as_secs() / 10).hash(&mut hasher);
    Duration::from_secs(hasher.finish() % (most + 1))
}

fn latest(versions: &Versions) -> &Stored {
    versions.last().expect("an item has a version")
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
    async fn create(&self, record: &Record) -> Result<Create, Error> {
        self.faults
            .around("store.create", async {
                let mut inner = self.lock();
                let item = to_attributes(record, SHARDS);
                match inner.items.get(&record.id) {
                    Some(versions) if latest(versions).item["incarnation"] == item["incarnation"] => {
                        Ok(Create::Created)
                    }
                    Some(versions) => Ok(Create::Exists(latest(versions).boxed())),
                    None => {
                        inner.items.insert(record.id.clone(), vec![Stored::now(item)]);
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
                let stored = latest(versions);
                if stored.item["incarnation"] == json!(next.incarnation) {
                    return Ok(Write::Done(stored.boxed()));
                }
                if !stands(&stored.item, old) {
                    return Ok(Write::Stale(Some(stored.boxed())));
                }
                versions.push(Stored::now(to_attributes(next, SHARDS)));
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
                let stored = latest(versions);
                let written = stored.item.get("epoch").and_then(Value::as_u64);
                let fenced = epoch.is_some_and(|epoch| written > Some(epoch.0));
                if stands(&stored.item, key) && !fenced {
                    let next = Stored::now(changed(&stored.item, key, change, epoch));
                    let done = next.boxed();
                    versions.push(next);
                    return Ok(Write::Done(done));
                }
                if shows(&stored.item, key, change, epoch) {
                    return Ok(Write::Done(stored.boxed()));
                }
                Ok(Write::Stale(Some(stored.boxed())))
            })
            .await
    }

    async fn get(&self, id: &SubmissionId) -> Result<Option<Record>, Error> {
        let read = async {
            Ok(self
                .lock()
                .items
                .get(id)
                .map(|versions| latest(versions).record.clone()))
        };
        self.faults.around("store.get", read).await
    }

    async fn get_many(&self, ids: &[SubmissionId]) -> Result<Vec<Record>, Error> {
        let read = async {
            let inner = self.lock();
            Ok(ids
                .iter()
                .filter_map(|id| inner.items.get(id))
                .map(|versions| latest(versions).record.clone())
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
            let since = |record: &Record| {
                record.state == State::Queued && from.is_none_or(|from| record.accepted_at >= from)
            };
            let partition = format!("{domain}#{shard}");
            Ok(
                self.shown_under(("backlogPartition", &partition), since, |record| {
                    BacklogEntry::from(record)
                }),
            )
        };
        self.faults.around("store.backlog", read).await
    }

    async fn live(
        &self,
        domain: &Domain,
        cluster: &ClusterName,
        _: Option<String>,
    ) -> Result<Page<Record>, Error> {
        let partition = format!("{domain}/{cluster}");
        let live = |record: &Record| record.state.is_live();
        let read = async { Ok(self.shown_under(("livePartition", &partition), live, Record::clone)) };
        self.faults.around("store.live", read).await
    }

    async fn wishes(&self, domain: &Domain, _: Option<String>) -> Result<Page<Record>, Error> {
        let read = async {
            let key = ("wishesPartition", domain.as_str());
            Ok(self.shown_under(key, |_| true, Record::clone))
        };
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

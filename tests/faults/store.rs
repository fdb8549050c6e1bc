//! A store in memory: conditional writes as DynamoDB's, indexes that lag behind by up to a minute and repeat.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use spark_broker::model::{ClusterName, Domain, Epoch, InstallationId, QueueName, SubmissionId};
use spark_broker::ports::Error;
use spark_broker::ports::store::{
    ClusterBoard, ClusterWishes, Create, Lease, Page, QueueBoard, Store, Write,
};
use spark_broker::submission::{BacklogEntry, Change, Record, RecordKey, SpecTexts, State, to_attributes};
use tokio::time::Instant;

use crate::fault::Faults;
use crate::items::{Stored, Versions, changed, lag, latest, shows, size, stands, without_specs};

const SHARDS: u32 = 2;
/// The most by which an index lags.
const LAG: u64 = 60;
/// The most bytes of specs in a record, as of DynamoDB's.
const INLINE_MAX: usize = 8 * 1024;

/// What a scheduler wrote, and in which epoch.
pub(crate) type Fenced<T> = BTreeMap<String, (Epoch, T)>;

#[derive(Debug, Default)]
pub(crate) struct Inner {
    items: BTreeMap<SubmissionId, Versions>,
    /// Specs that are too large for their records, by incarnation.
    specs: BTreeMap<String, SpecTexts>,
    pub(crate) lease: Option<Lease>,
    pub(crate) clusters: Fenced<ClusterBoard>,
    pub(crate) queues: Fenced<QueueBoard>,
    pub(crate) outlooks: Fenced<String>,
    pub(crate) identities: Fenced<String>,
    pub(crate) sections: BTreeMap<ClusterName, String>,
    pub(crate) wishes: BTreeMap<ClusterName, ClusterWishes>,
}

/// A scheduler's write of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fencing {
    pub epoch: Epoch,
    /// The state that it gives the record, where it gives one.
    pub state: String,
    /// Whether another had written before.
    pub stale: bool,
}

/// The table, as one pod sees it.
#[derive(Debug)]
pub struct MemoryStore {
    inner: Arc<Mutex<Inner>>,
    begun: Instant,
    lag: u64,
    /// Until when it takes no new records.
    full_until: Instant,
    pub(crate) installation: InstallationId,
    pub(crate) faults: Faults,
    /// The writes of this pod's scheduler, in order.
    writes: Mutex<Vec<Fencing>>,
    /// Records that have left this state are shown by the index of wishes as they were in it; how often that was.
    again: Mutex<(Option<State>, usize)>,
    slow: Mutex<(State, Duration)>, // how long a write that leads to that state takes
}

impl MemoryStore {
    pub fn new(installation: InstallationId, faults: Faults) -> Self {
        Self {
            inner: Arc::default(),
            begun: Instant::now(),
            lag: LAG,
            full_until: Instant::now(),
            installation,
            faults,
            writes: Mutex::default(),
            again: Mutex::default(),
            slow: Mutex::new((State::Succeeded, Duration::ZERO)),
        }
    }

    /// The same table as another pod sees it.
    pub fn seen_by_another(&self, faults: Faults) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            installation: self.installation.clone(),
            faults,
            writes: Mutex::default(),
            again: Mutex::default(),
            slow: Mutex::new((State::Succeeded, Duration::ZERO)),
            ..*self
        }
    }

    /// From now on a write that leads to `state` takes so long.
    pub fn slows(&self, state: State, long: Duration) {
        *self.slow.lock().unwrap() = (state, long);
    }

    /// From now on the index of wishes shows records as they were in `state`.
    pub fn show_again(&self, state: State) {
        self.again.lock().unwrap().0 = Some(state);
    }

    /// How many it has shown so.
    pub fn shown_again(&self) -> usize {
        self.again.lock().unwrap().1
    }

    fn earlier(&self) -> Vec<Record> {
        let mut again = self.again.lock().unwrap();
        let Some(state) = again.0 else {
            return Vec::new();
        };
        let inner = self.lock();
        let was =
            |versions: &Versions| Some(versions.iter().find(|v| v.record.state == state)?.record.clone());
        let earlier: Vec<Record> = inner.items.values().filter_map(was).collect();
        again.1 += earlier.len();
        earlier
    }

    /// What this pod's scheduler has written of records, in order.
    pub fn writes(&self) -> Vec<Fencing> {
        self.writes.lock().unwrap().clone()
    }

    /// The same, with indexes that show what stands: their scans are quick then, whatever the number of items.
    pub fn prompt(installation: InstallationId, faults: Faults) -> Self {
        Self {
            lag: 0,
            ..Self::new(installation, faults)
        }
    }

    /// The same, but it takes no new records at first, for so long.
    pub fn full_for(self, long: Duration) -> Self {
        Self {
            full_until: self.begun + long,
            ..self
        }
    }

    fn takes_records(&self) -> Result<(), Error> {
        if Instant::now() < self.full_until {
            return Err(Error::throttled("the table is throttled", None));
        }
        Ok(())
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

impl Inner {
    /// The record as it is kept: specs that are too large for it are put apart.
    fn apart(&mut self, record: &Record) -> Record {
        if size(&record.spec) <= INLINE_MAX {
            return record.clone();
        }
        let of = record.incarnation.as_str().to_owned();
        self.specs.insert(of, record.spec.clone());
        without_specs(record)
    }

    fn written(&mut self, key: &RecordKey, change: &Change, epoch: Option<Epoch>) -> Write {
        let Some(versions) = self.items.get_mut(&key.id) else {
            return Write::Stale(None);
        };
        let stored = latest(versions);
        let written = stored.item.get("epoch").and_then(Value::as_u64);
        let fenced = epoch.is_some_and(|epoch| written > Some(epoch.0));
        if stands(&stored.item, key) && !fenced {
            let next = Stored::now(changed(&stored.item, key, change, epoch));
            let done = next.boxed();
            versions.push(next);
            return Write::Done(done);
        }
        if shows(&stored.item, key, change, epoch) {
            return Write::Done(stored.boxed());
        }
        Write::Stale(Some(stored.boxed()))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn create(&self, record: &Record) -> Result<Create, Error> {
        let creation = async {
            self.takes_records()?;
            let mut inner = self.lock();
            let record = &inner.apart(record);
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
        };
        self.faults.around("store.create", creation).await
    }

    async fn replace(&self, old: &RecordKey, next: &Record) -> Result<Write, Error> {
        let replacement = async {
            let mut inner = self.lock();
            let next = inner.apart(next);
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
            versions.push(Stored::now(to_attributes(&next, SHARDS)));
            Ok(Write::Done(Box::new(next)))
        };
        self.faults.around("store.replace", replacement).await
    }

    async fn update(&self, key: &RecordKey, change: &Change, epoch: Option<Epoch>) -> Result<Write, Error> {
        let state = change.set.get("state").and_then(Value::as_str);
        let state = state.unwrap_or_default();
        let slow = *self.slow.lock().unwrap();
        let update = async {
            if state == slow.0.as_str() {
                tokio::time::sleep(slow.1).await;
            }
            let written = self.lock().written(key, change, epoch);
            if let Some(epoch) = epoch {
                let (state, stale) = (state.to_owned(), matches!(written, Write::Stale(_)));
                self.writes.lock().unwrap().push(Fencing { epoch, state, stale });
            }
            Ok(written)
        };
        let update = self.faults.step(state, update);
        self.faults.around("store.update", update).await
    }

    async fn get(&self, id: &SubmissionId) -> Result<Option<Record>, Error> {
        let read = async {
            let inner = self.lock();
            Ok(inner
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
        let read = async {
            let apart = self.lock().specs.get(record.incarnation.as_str()).cloned();
            Ok(apart.unwrap_or_else(|| record.spec.clone()))
        };
        self.faults.around("store.specs", read).await
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
            let mut shown = self.shown_under(key, |_| true, Record::clone);
            shown.items.extend(self.earlier());
            Ok(shown)
        };
        self.faults.around("store.wishes", read).await
    }

    async fn recent(
        &self,
        queue: &QueueName,
        day: &str,
        shard: u32,
        _: Option<String>,
    ) -> Result<Page<SubmissionId>, Error> {
        let partition = format!("{queue}#{day}#{shard}");
        let read = async {
            let key = ("recentPartition", partition.as_str());
            let mut shown = self.shown_under(key, |_| true, |record| (record.accepted_at, record.id.clone()));
            shown.items.sort_unstable_by(|one, other| other.cmp(one));
            Ok(Page {
                items: shown.items.into_iter().map(|(_, id)| id).collect(),
                next: None,
            })
        };
        self.faults.around("store.recent", read).await
    }

    fn shards(&self) -> u32 {
        SHARDS
    }

    async fn probe(&self) -> Result<(), Error> {
        self.faults
            .around("store.probe", async { self.takes_records() })
            .await
    }
}

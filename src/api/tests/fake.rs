//! The ports as the API needs them, in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::model::{ClusterName, Domain, Epoch, InstallationId, QueueName, SubmissionId, Version};
use crate::ports::Error;
use crate::ports::service::{Answered, Cancelled, Confirmed, Readiness, Service, Submitted};
use crate::ports::store::{
    ClusterBoard, ClusterWish, ClusterWishes, Coordination, Create, Lease, LeaseWrite, OutlookOf, Page,
    QueueBoard, Store, WishKind, Write,
};
use crate::submission::{BacklogEntry, Change, NewRecord, Record, RecordKey, SpecTexts, State};

/// Entries of a page of the index: few, so that tests turn pages.
const PAGE: usize = 3;

#[derive(Default)]
pub(super) struct Fake {
    pub(super) records: Mutex<BTreeMap<SubmissionId, Record>>,
    pub(super) down: Mutex<Option<Error>>,
    pub(super) submitted: Mutex<Option<Submitted>>,
    pub(super) answered_with: Mutex<Option<Answered>>,
    pub(super) cancelled: Mutex<Option<Cancelled>>,
    pub(super) board: Mutex<Option<QueueBoard>>,
    pub(super) wishes: Mutex<BTreeMap<ClusterName, ClusterWishes>>,
    pub(super) sections: Mutex<BTreeMap<ClusterName, String>>,
    pub(super) missing: Mutex<Vec<String>>,
    pub(super) sender: Mutex<Option<String>>,
    /// Specs that stand beside their records.
    pub(super) specs: Mutex<BTreeMap<SubmissionId, SpecTexts>>,
    /// What the index of the backlog still shows of records that have moved on.
    pub(super) stale: Mutex<Vec<BacklogEntry>>,
    /// Entries of a page of the backlog and of what is live; absent: [`PAGE`].
    pub(super) page: Mutex<Option<usize>>,
    /// Cancels that fail, by ID.
    pub(super) refused: Mutex<BTreeMap<SubmissionId, Error>>,
}

pub(super) fn record(id: &str, at: &str) -> Record {
    Record::queued(NewRecord {
        id: id.parse().unwrap(),
        domain: "default".parse().unwrap(),
        queue: "dev".parse().unwrap(),
        fingerprint: "f".into(),
        at: at.parse().unwrap(),
    })
}

impl Fake {
    pub(super) fn put(&self, record: Record) {
        self.records.lock().unwrap().insert(record.id.clone(), record);
    }

    fn page_size(&self) -> usize {
        self.page.lock().unwrap().unwrap_or(PAGE)
    }

    fn up(&self) -> Result<(), Error> {
        self.down.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

/// The page of `all`, which runs by its keys, behind the key `page`.
fn paged<T>(all: impl Iterator<Item = (String, T)>, page: Option<String>, size: usize) -> Page<T> {
    let behind = |(key, _): &(String, T)| page.as_ref().is_some_and(|page| key <= page);
    let mut rest = all.skip_while(behind).peekable();
    let mut items = Vec::new();
    let mut last = None;
    for (key, item) in rest.by_ref().take(size) {
        items.push(item);
        last = Some(key);
    }
    let next = last.filter(|_| rest.peek().is_some());
    Page { items, next }
}

fn unasked<T>() -> Result<T, Error> {
    Err(Error::permanent("the API doesn't ask for this"))
}

#[async_trait]
impl Store for Fake {
    async fn create(&self, _: &Record) -> Result<Create, Error> {
        unasked()
    }
    async fn replace(&self, _: &RecordKey, _: &Record) -> Result<Write, Error> {
        unasked()
    }
    async fn update(&self, _: &RecordKey, _: &Change, _: Option<Epoch>) -> Result<Write, Error> {
        unasked()
    }
    async fn get(&self, id: &SubmissionId) -> Result<Option<Record>, Error> {
        self.up()?;
        Ok(self.records.lock().unwrap().get(id).cloned())
    }
    async fn get_many(&self, ids: &[SubmissionId]) -> Result<Vec<Record>, Error> {
        self.up()?;
        let records = self.records.lock().unwrap();
        Ok(ids
            .iter()
            .rev()
            .filter_map(|id| records.get(id).cloned())
            .collect())
    }
    async fn specs(&self, record: &Record) -> Result<SpecTexts, Error> {
        self.up()?;
        let specs = self.specs.lock().unwrap();
        specs.get(&record.id).cloned().map_or_else(unasked, Ok)
    }
    async fn backlog(
        &self,
        _: &Domain,
        shard: u32,
        from: Option<Timestamp>,
        page: Option<String>,
    ) -> Result<Page<BacklogEntry>, Error> {
        self.up()?;
        let records = self.records.lock().unwrap();
        let waiting = records.values().filter(|r| r.state == State::Queued);
        let mut all: Vec<_> = waiting.map(BacklogEntry::from).collect();
        all.extend(self.stale.lock().unwrap().iter().cloned());
        all.retain(|e| e.id.shard(self.shards()) == shard && from.is_none_or(|from| e.accepted_at >= from));
        let key = |e: &BacklogEntry| format!("{}#{}", crate::model::timestamp_text(e.accepted_at), e.id);
        all.sort_by_key(key);
        Ok(paged(
            all.into_iter().map(|e| (key(&e), e)),
            page,
            self.page_size(),
        ))
    }
    async fn live(
        &self,
        _: &Domain,
        cluster: &ClusterName,
        page: Option<String>,
    ) -> Result<Page<Record>, Error> {
        self.up()?;
        let records = self.records.lock().unwrap();
        let here = |r: &&Record| r.state.is_live() && r.cluster.as_ref() == Some(cluster);
        let all = records.values().filter(here);
        Ok(paged(
            all.map(|r| (r.id.to_string(), r.clone())),
            page,
            self.page_size(),
        ))
    }
    async fn wishes(&self, _: &Domain, _: Option<String>) -> Result<Page<Record>, Error> {
        unasked()
    }
    async fn recent(
        &self,
        queue: &QueueName,
        day: &str,
        shard: u32,
        page: Option<String>,
    ) -> Result<Page<SubmissionId>, Error> {
        self.up()?;
        let from: usize = page.map_or(0, |p| p.parse().unwrap());
        let records = self.records.lock().unwrap();
        let here = |r: &&Record| {
            r.queue == *queue
                && r.id.shard(self.shards()) == shard
                && crate::model::timestamp_text(r.accepted_at).starts_with(day)
        };
        let mut all: Vec<_> = records.values().filter(here).collect();
        all.sort_by_key(|r| std::cmp::Reverse((r.accepted_at, r.id.clone())));
        Ok(Page {
            items: all.iter().skip(from).take(PAGE).map(|r| r.id.clone()).collect(),
            next: (all.len() > from + PAGE).then(|| (from + PAGE).to_string()),
        })
    }
    fn shards(&self) -> u32 {
        2
    }
    async fn probe(&self) -> Result<(), Error> {
        unasked()
    }
}

#[async_trait]
impl Coordination for Fake {
    async fn lease(&self, _: &Domain) -> Result<Option<Lease>, Error> {
        unasked()
    }
    async fn write_lease(&self, _: &Domain, _: Option<Version>, _: &Lease) -> Result<LeaseWrite, Error> {
        unasked()
    }
    async fn write_cluster(
        &self,
        _: &Domain,
        _: &ClusterName,
        _: &ClusterBoard,
        _: Epoch,
    ) -> Result<bool, Error> {
        unasked()
    }
    async fn cluster(&self, _: &Domain, name: &ClusterName) -> Result<Option<ClusterBoard>, Error> {
        self.up()?;
        let removed = self.sections.lock().unwrap().contains_key(name);
        if removed && name.as_str() == "b" {
            return Ok(Some(ClusterBoard {
                message: Some("connection refused".into()),
                silent: true,
                ..ClusterBoard::default()
            }));
        }
        Ok(
            (removed || ["a", "elsewhere"].contains(&name.as_str())).then(|| ClusterBoard {
                healthy: removed && name.as_str() != "silent",
                message: Some("401".into()),
                live: 3,
                removed,
                ..ClusterBoard::default()
            }),
        )
    }
    async fn cluster_identity(&self, _: &Domain, _: &ClusterName) -> Result<Option<String>, Error> {
        unreachable!("the API doesn't ask")
    }

    async fn set_cluster_identity(
        &self,
        _: &Domain,
        _: &ClusterName,
        _: &str,
        _: Epoch,
    ) -> Result<bool, Error> {
        unreachable!("the API doesn't write")
    }

    async fn cluster_sections(&self, _: &Domain) -> Result<BTreeMap<ClusterName, String>, Error> {
        self.up()?;
        Ok(self.sections.lock().unwrap().clone())
    }

    async fn write_cluster_sections(
        &self,
        _: &Domain,
        _: &BTreeMap<ClusterName, String>,
        _: Epoch,
    ) -> Result<bool, Error> {
        unreachable!("the API doesn't write")
    }

    async fn cluster_wishes(&self, _: &Domain, name: &ClusterName) -> Result<ClusterWishes, Error> {
        self.up()?;
        let wishes = self.wishes.lock().unwrap();
        Ok(wishes.get(name).cloned().unwrap_or_default())
    }

    async fn set_cluster_wish(
        &self,
        _: &Domain,
        name: &ClusterName,
        wish: &ClusterWish,
    ) -> Result<(), Error> {
        self.up()?;
        let mut all = self.wishes.lock().unwrap();
        let wishes = all.entry(name.clone()).or_default();
        match wish.clone() {
            ClusterWish::Cordon(cordon) => wishes.cordon = Some(cordon),
            ClusterWish::Drain(drain) => wishes.drain = Some(drain),
            ClusterWish::LostConfirmed(lost) => wishes.lost_confirmed = Some(lost),
        }
        Ok(())
    }

    async fn remove_cluster_wish(
        &self,
        _: &Domain,
        name: &ClusterName,
        kind: WishKind,
        _: Option<Timestamp>,
    ) -> Result<bool, Error> {
        let mut all = self.wishes.lock().unwrap();
        let wishes = all.entry(name.clone()).or_default();
        Ok(match kind {
            WishKind::Cordon => wishes.cordon.take().is_some(),
            WishKind::Drain => wishes.drain.take().is_some(),
            WishKind::LostConfirmed => wishes.lost_confirmed.take().is_some(),
        })
    }

    async fn write_queue(&self, _: &Domain, _: &QueueName, _: &QueueBoard, _: Epoch) -> Result<bool, Error> {
        unasked()
    }
    async fn queue(&self, _: &Domain, _: &QueueName) -> Result<Option<QueueBoard>, Error> {
        self.up()?;
        Ok(self.board.lock().unwrap().clone())
    }
    async fn write_outlook(&self, _: &Domain, _: OutlookOf<'_>, _: &str, _: Epoch) -> Result<bool, Error> {
        unasked()
    }
    async fn outlook(&self, _: &Domain, _: OutlookOf<'_>) -> Result<Option<String>, Error> {
        unasked()
    }
    async fn installation(&self) -> Result<InstallationId, Error> {
        unasked()
    }
}

#[async_trait]
impl Service for Fake {
    async fn submit(&self, _: &[u8], sender: Option<&str>) -> Result<Submitted, Error> {
        self.up()?;
        *self.sender.lock().unwrap() = sender.map(str::to_owned);
        self.submitted.lock().unwrap().clone().map_or_else(unasked, Ok)
    }
    async fn explain(&self, _: &[u8], sender: Option<&str>) -> Result<Answered, Error> {
        self.up()?;
        *self.sender.lock().unwrap() = sender.map(str::to_owned);
        self.answered_with
            .lock()
            .unwrap()
            .clone()
            .map_or_else(unasked, Ok)
    }
    /// Answers as it was told to, else does what a broker does.
    async fn cancel(&self, id: &SubmissionId) -> Result<Cancelled, Error> {
        self.up()?;
        // Others begin meanwhile, as where the answer takes its time.
        tokio::task::yield_now().await;
        if let Some(error) = self.refused.lock().unwrap().get(id) {
            return Err(error.clone());
        }
        if let Some(told) = self.cancelled.lock().unwrap().clone() {
            return Ok(told);
        }
        let mut records = self.records.lock().unwrap();
        let record = records.get_mut(id).unwrap();
        if record.state.is_terminal() {
            return Ok(Cancelled::Ended(Box::new(record.clone())));
        }
        record.cancel_requested = true;
        if record.state == State::Queued {
            record.state = State::Cancelled;
            return Ok(Cancelled::Done(Box::new(record.clone())));
        }
        Ok(Cancelled::Requested(Box::new(record.clone())))
    }
    /// Does what a broker does.
    async fn confirm_lost(&self, id: &SubmissionId, why: &str) -> Result<Confirmed, Error> {
        self.up()?;
        let mut records = self.records.lock().unwrap();
        let Some(record) = records.get_mut(id) else {
            return Ok(Confirmed::Unknown);
        };
        let Some(overdue) = &mut record.overdue else {
            return Ok(Confirmed::NotInDoubt(Box::new(record.clone())));
        };
        overdue.lost = Some(why.to_owned());
        Ok(Confirmed::Taken(Box::new(record.clone())))
    }
    fn readiness(&self) -> Readiness {
        Readiness {
            missing: self.missing.lock().unwrap().clone(),
        }
    }
}

pub(super) fn shared() -> Arc<Fake> {
    Arc::new(Fake::default())
}

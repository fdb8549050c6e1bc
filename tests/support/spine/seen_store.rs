//! A store behind the port, which notes what the scheduler has written and when that stood.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use spark_broker::model::{Clock, ClusterName, Domain, Epoch, QueueName, SubmissionId, SystemClock};
use spark_broker::ports::Error;
use spark_broker::ports::store::{Create, Page, Store, Write};
use spark_broker::submission::{BacklogEntry, Change, Record, RecordKey, SpecTexts, State};

/// Who stood in which state from when on, in the order of the answers.
pub type Written = Arc<Mutex<Vec<(SubmissionId, State, Timestamp)>>>;

/// Notes what passes through `inner`.
pub struct SeenStore {
    inner: Arc<dyn Store>,
    full_reads: bool,
    /// What the store has acknowledged of updates.
    pub written: Written,
}

impl SeenStore {
    /// Wraps `inner`.
    pub fn over(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            full_reads: true,
            written: Written::default(),
        }
    }

    /// Full reads of the backlog find nothing from now on: what is found was found by reading on.
    pub fn without_full_reads(mut self) -> Self {
        self.full_reads = false;
        self
    }
}

#[async_trait]
impl Store for SeenStore {
    async fn create(&self, record: &Record) -> Result<Create, Error> {
        self.inner.create(record).await
    }

    async fn replace(&self, old: &RecordKey, record: &Record) -> Result<Write, Error> {
        self.inner.replace(old, record).await
    }

    async fn update(&self, key: &RecordKey, change: &Change, epoch: Option<Epoch>) -> Result<Write, Error> {
        let write = self.inner.update(key, change, epoch).await?;
        if let Write::Done(record) = &write {
            let mut written = self.written.lock().unwrap();
            written.push((record.id.clone(), record.state, SystemClock.now()));
        }
        Ok(write)
    }

    async fn get(&self, id: &SubmissionId) -> Result<Option<Record>, Error> {
        self.inner.get(id).await
    }

    async fn get_many(&self, ids: &[SubmissionId]) -> Result<Vec<Record>, Error> {
        self.inner.get_many(ids).await
    }

    async fn specs(&self, record: &Record) -> Result<SpecTexts, Error> {
        self.inner.specs(record).await
    }

    async fn backlog(
        &self,
        domain: &Domain,
        shard: u32,
        from: Option<Timestamp>,
        page: Option<String>,
    ) -> Result<Page<BacklogEntry>, Error> {
        if from.is_none() && !self.full_reads {
            return Ok(Page {
                items: Vec::new(),
                next: None,
            });
        }
        self.inner.backlog(domain, shard, from, page).await
    }

    async fn live(
        &self,
        domain: &Domain,
        cluster: &ClusterName,
        page: Option<String>,
    ) -> Result<Page<Record>, Error> {
        self.inner.live(domain, cluster, page).await
    }

    async fn wishes(&self, domain: &Domain, page: Option<String>) -> Result<Page<Record>, Error> {
        self.inner.wishes(domain, page).await
    }

    async fn recent(
        &self,
        queue: &QueueName,
        day: &str,
        shard: u32,
        page: Option<String>,
    ) -> Result<Page<SubmissionId>, Error> {
        self.inner.recent(queue, day, shard, page).await
    }

    fn shards(&self) -> u32 {
        self.inner.shards()
    }

    async fn probe(&self) -> Result<(), Error> {
        self.inner.probe().await
    }
}

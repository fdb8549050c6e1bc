//! What the active scheduler reads from the store on a beat: new submissions, live records, open wishes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::hands::is_transient;
use super::scheduler::Input;
use crate::model::{Clock, ClusterName, Domain};
use crate::ports::Error;
use crate::ports::store::{ClusterWishes, Coordination, Page, Store};
use crate::submission::Record;

/// How often new submissions of other pods are read.
const BACKLOG_EVERY: Duration = Duration::from_millis(500);
/// Of so many failures of one page in a row one is told.
const TOLD_EACH: u32 = 60;
/// The pause after a read that the store refuses for good.
const REFUSED: Duration = Duration::from_secs(10);
/// How far back each read begins: an index is eventually consistent, and clocks differ.
const OVERLAP: SignedDuration = SignedDuration::from_secs(10);
/// How often the backlog is read in full: a pod may have been stopped between stamping and sending.
const FULL_EVERY: Duration = Duration::from_secs(600);
/// And so long after the first time: the index may not have shown what the scheduler before put back just before its end.
const FULL_AGAIN: [Duration; 2] = [Duration::from_secs(15), Duration::from_secs(60)];
/// How often live records are read.
const LIVE_EVERY: Duration = Duration::from_secs(30);
/// How often wishes are read.
const WISHES_EVERY: Duration = Duration::from_secs(1);
/// How often the wishes of clusters are read.
const CLUSTER_WISHES_EVERY: Duration = Duration::from_secs(2);

/// What a reader needs.
#[derive(Clone)]
pub struct Reader {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Where wishes of clusters stand.
    pub coordination: Arc<dyn Coordination>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The domain.
    pub domain: Domain,
    /// Where what was read goes.
    pub inputs: mpsc::Sender<Input>,
}

impl Reader {
    /// Reads the backlog for ever, each shard by itself: one after the other they would take so many times as long, and one
    /// that is throttled holds up no other.
    pub async fn backlog(self) {
        join_all((0..self.store.shards()).map(|shard| self.shard(shard))).await;
    }

    /// Reads a shard for ever: in full at first, soon again and then every 10 minutes, forward in between.
    async fn shard(&self, shard: u32) {
        let mut from: Option<Timestamp> = None;
        let begun = self.clock.monotonic();
        let mut due = FULL_AGAIN
            .iter()
            .map(|after| begun + *after)
            .collect::<VecDeque<_>>();
        while !self.inputs.is_closed() {
            let started = self.clock.now();
            match self.shard_from(shard, from).await {
                Ok(()) => from = started.checked_sub(OVERLAP).ok(),
                Err(error) => {
                    tracing::warn!(%error, shard, "the backlog can't be read");
                    tokio::time::sleep(REFUSED).await;
                }
            }
            tokio::time::sleep(BACKLOG_EVERY).await;
            let now = self.clock.monotonic();
            if due.pop_front_if(|due| *due <= now).is_some() {
                from = None;
            }
            if due.is_empty() {
                due.push_back(now + FULL_EVERY);
            }
        }
    }

    /// A page that the store doesn't give now is asked for again: to begin anew might never come to the end of a million.
    async fn shard_from(&self, shard: u32, from: Option<Timestamp>) -> Result<(), Error> {
        let (mut page, mut tries) = (None, 0_u32);
        loop {
            let read = match self.store.backlog(&self.domain, shard, from, page.clone()).await {
                Err(error) if is_transient(&error) && !self.inputs.is_closed() => {
                    if tries.is_multiple_of(TOLD_EACH) {
                        tracing::warn!(%error, shard, tries, "a page of the backlog is asked for again");
                    }
                    tries += 1;
                    tokio::time::sleep(BACKLOG_EVERY).await;
                    continue;
                }
                read => read?,
            };
            tries = 0;
            if !read.items.is_empty() && self.inputs.send(Input::Backlog(read.items)).await.is_err() {
                return Ok(());
            }
            page = read.next;
            if page.is_none() {
                return Ok(());
            }
        }
    }

    /// A page of the live records of `cluster`.
    pub async fn live_page(
        &self,
        cluster: &ClusterName,
        page: Option<String>,
    ) -> Result<Page<Record>, Error> {
        self.store.live(&self.domain, cluster, page).await
    }

    /// A page of the records with an open wish.
    pub async fn wishes_page(&self, page: Option<String>) -> Result<Page<Record>, Error> {
        self.store.wishes(&self.domain, page).await
    }

    /// Reads the live records of `clusters` for ever.
    pub async fn live(self, clusters: Vec<ClusterName>) {
        while !self.inputs.is_closed() {
            tokio::time::sleep(LIVE_EVERY).await;
            for cluster in &clusters {
                match every_page(|page| self.live_page(cluster, page)).await {
                    Ok(records) => drop(self.inputs.send(Input::Records(records)).await),
                    Err(error) => {
                        tracing::debug!(%error, cluster.name = %cluster, "live records can't be read")
                    }
                }
            }
        }
    }

    /// Reads open wishes for ever.
    pub async fn wishes(self) {
        while !self.inputs.is_closed() {
            match every_page(|page| self.wishes_page(page)).await {
                Ok(records) if records.is_empty() => {}
                Ok(records) => drop(self.inputs.send(Input::Records(records)).await),
                Err(error) => tracing::debug!(%error, "wishes can't be read"),
            }
            tokio::time::sleep(WISHES_EVERY).await;
        }
    }

    /// Reads what people wish of `cluster`.
    pub async fn wishes_of(&self, cluster: &ClusterName) -> Result<ClusterWishes, Error> {
        self.coordination.cluster_wishes(&self.domain, cluster).await
    }

    /// Reads what people wish of `clusters` for ever.
    pub async fn cluster_wishes(self, clusters: Vec<ClusterName>) {
        while !self.inputs.is_closed() {
            tokio::time::sleep(CLUSTER_WISHES_EVERY).await;
            for name in &clusters {
                match self.wishes_of(name).await {
                    Ok(wishes) => drop(self.inputs.send(Input::Wishes(name.clone(), wishes)).await),
                    Err(error) => {
                        tracing::debug!(%error, cluster.name = %name, "wishes of a cluster can't be read");
                    }
                }
            }
        }
    }
}

/// What all pages hold, one page after the other.
pub async fn every_page<T, F>(read: impl Fn(Option<String>) -> F) -> Result<Vec<T>, Error>
where
    F: Future<Output = Result<Page<T>, Error>>,
{
    let (mut items, mut page) = (Vec::new(), None);
    loop {
        let read = read(page).await?;
        items.extend(read.items);
        page = read.next;
        if page.is_none() {
            return Ok(items);
        }
    }
}

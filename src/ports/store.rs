//! The store of records, the lease and the boards on which clusters and queues tell of themselves.
//!
//! Reads by ID are strongly consistent; reads of indexes may lag and repeat by up to a minute. A lost race is an
//! outcome ([`Write::Stale`]), not an error. Where a condition failed but the stored item already shows what the write
//! would have made, the write happened and its reply was lost: the adapter answers [`Write::Done`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Error;
pub use super::wishes::{ClusterWish, ClusterWishes, Cordon, Drain, DrainThen, LostConfirmed, WishKind};
use crate::model::{ClusterName, Domain, Epoch, InstallationId, QueueName, SubmissionId, Version};
use crate::submission::{BacklogEntry, Change, Reason, Record, RecordKey, SpecTexts};

/// What came of creating a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Create {
    /// It stands.
    Created,
    /// Another record stands under that ID.
    Exists(Box<Record>),
}

/// What came of a conditional write.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// It stands; the whole record after it.
    Done(Box<Record>),
    /// Somebody else wrote before: what stands now, if anything does.
    Stale(Option<Box<Record>>),
}

/// A page of an index: what it holds, and where the next one begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The entries, in the index's order.
    pub items: Vec<T>,
    /// Pass it on to read further; absent at the end.
    pub next: Option<String>,
}

/// Records of submissions. Every method is atomic for the one item it writes.
#[async_trait]
pub trait Store: Send + Sync {
    /// Writes a new record where none stands under its ID. Specs over 8 KB go compressed into an item of their own
    /// first. Errors: a spec of more than 390 KB compressed is [`Error::too_large`].
    async fn create(&self, record: &Record) -> Result<Create, Error>;

    /// Puts `record` in the place of `old`, if `old` still stands in its version and incarnation.
    async fn replace(&self, old: &RecordKey, record: &Record) -> Result<Write, Error>;

    /// Applies `change` to the record `key`, if it still stands in that version and incarnation. With `epoch`, also only
    /// if no scheduler of a later epoch has written it.
    async fn update(&self, key: &RecordKey, change: &Change, epoch: Option<Epoch>) -> Result<Write, Error>;

    /// The record of `id`, strongly consistent. An expired one is returned too: the caller knows the time.
    async fn get(&self, id: &SubmissionId) -> Result<Option<Record>, Error>;

    /// The records of `ids` that stand, in any order, strongly consistent.
    async fn get_many(&self, ids: &[SubmissionId]) -> Result<Vec<Record>, Error>;

    /// The specs of `record`, wherever they stand.
    async fn specs(&self, record: &Record) -> Result<SpecTexts, Error>;

    /// QUEUED records of one shard, by accepted time from `from` on (`None`: from the start).
    async fn backlog(
        &self,
        domain: &Domain,
        shard: u32,
        from: Option<Timestamp>,
        page: Option<String>,
    ) -> Result<Page<BacklogEntry>, Error>;

    /// Live records of `cluster`.
    async fn live(
        &self,
        domain: &Domain,
        cluster: &ClusterName,
        page: Option<String>,
    ) -> Result<Page<Record>, Error>;

    /// Records with an open wish.
    async fn wishes(&self, domain: &Domain, page: Option<String>) -> Result<Page<Record>, Error>;

    /// IDs of one queue, day (`2026-11-23`) and shard, newest first.
    async fn recent(
        &self,
        queue: &QueueName,
        day: &str,
        shard: u32,
        page: Option<String>,
    ) -> Result<Page<SubmissionId>, Error>;

    /// The number of shards of the table's indexes.
    fn shards(&self) -> u32;

    /// A write that changes nothing of anybody's: whether the store takes writes now.
    async fn probe(&self) -> Result<(), Error>;
}

/// The lease of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Who holds it; absent after a clean stop.
    pub holder: Option<String>,
    /// Grows at each takeover.
    pub epoch: Epoch,
    /// Grows at each write.
    pub version: Version,
}

/// What came of a write of the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseWrite {
    /// It stands.
    Done,
    /// Another wrote before: what stands now.
    Stale(Option<Lease>),
}

/// What a cluster's item says: for every pod's API, and for a scheduler after a restart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterBoard {
    /// Whether it answers and isn't resting after a fault, `closed` or not.
    pub healthy: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether it is out of sight: of what lives there only what was seen before is known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// Live submissions.
    #[serde(default)]
    pub live: u64,
    /// How and why the active scheduler has closed it for a person's wish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
    /// Why missing objects aren't called lost, where too many are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake: Option<String>,
    /// Whether the configuration names it no longer, while the active scheduler still follows what lives there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
    /// When it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub at: Option<Timestamp>,
}

/// What a queue's item says of its waiting submissions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueBoard {
    /// How many wait.
    pub waiting: u64,
    /// How many are live.
    #[serde(default)]
    pub live: u64,
    /// Why heads wait, at most 50, by submission ID.
    #[serde(default)]
    pub heads: Vec<WaitingHead>,
    /// When it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub at: Option<Timestamp>,
}

/// Which part of a domain an outlook is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutlookOf<'a> {
    /// What isn't of one cluster.
    Domain,
    /// One cluster.
    Cluster(&'a ClusterName),
}

/// Why one submission waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitingHead {
    /// The submission.
    #[schema(value_type = String)]
    pub id: SubmissionId,
    /// Which one it is in its queue's order, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// For machines.
    pub reason: Reason,
    /// For people, with a clause per cluster.
    pub message: String,
}

/// Lease, boards and the installation.
#[async_trait]
pub trait Coordination: Send + Sync {
    /// The lease, strongly consistent; absent before anybody held it.
    async fn lease(&self, domain: &Domain) -> Result<Option<Lease>, Error>;

    /// Writes `next` where the stored lease has version `seen` (`None`: where there is none). A lease that already
    /// shows `next`'s holder and epoch in `next`'s version is [`LeaseWrite::Done`].
    async fn write_lease(
        &self,
        domain: &Domain,
        seen: Option<Version>,
        next: &Lease,
    ) -> Result<LeaseWrite, Error>;

    /// Writes what the scheduler of `epoch` says of a cluster; whether it stands: not where one of a later epoch has
    /// written the cluster's item.
    async fn write_cluster(
        &self,
        domain: &Domain,
        name: &ClusterName,
        board: &ClusterBoard,
        epoch: Epoch,
    ) -> Result<bool, Error>;

    /// What a cluster says of itself.
    async fn cluster(&self, domain: &Domain, name: &ClusterName) -> Result<Option<ClusterBoard>, Error>;

    /// Which cluster stood behind the name last: see [`super::cluster::Cluster::identity`].
    async fn cluster_identity(&self, domain: &Domain, name: &ClusterName) -> Result<Option<String>, Error>;

    /// From now on this cluster stands behind the name. Fenced as [`Self::write_cluster`].
    async fn set_cluster_identity(
        &self,
        domain: &Domain,
        name: &ClusterName,
        identity: &str,
        epoch: Epoch,
    ) -> Result<bool, Error>;

    /// The clusters that schedulers have known, strongly consistent: of each its section of the configuration, as JSON
    /// text. One that has left the configuration stays until nothing lives there.
    async fn cluster_sections(&self, domain: &Domain) -> Result<BTreeMap<ClusterName, String>, Error>;

    /// From now on these are the sections. Fenced as [`Self::write_cluster`]. Errors: more than an item holds is
    /// permanent.
    async fn write_cluster_sections(
        &self,
        domain: &Domain,
        sections: &BTreeMap<ClusterName, String>,
        epoch: Epoch,
    ) -> Result<bool, Error>;

    /// What people wish of a cluster, strongly consistent.
    async fn cluster_wishes(&self, domain: &Domain, name: &ClusterName) -> Result<ClusterWishes, Error>;

    /// Sets one wish of a cluster, in the place of an earlier one of its kind. Board, identity and the other wishes stay.
    async fn set_cluster_wish(
        &self,
        domain: &Domain,
        name: &ClusterName,
        wish: &ClusterWish,
    ) -> Result<(), Error>;

    /// Takes one wish away: with `at` only the one of that time. Whether there was such a one.
    async fn remove_cluster_wish(
        &self,
        domain: &Domain,
        name: &ClusterName,
        kind: WishKind,
        at: Option<Timestamp>,
    ) -> Result<bool, Error>;

    /// Writes what the scheduler of `epoch` says of a queue. Fenced as [`Self::write_cluster`].
    async fn write_queue(
        &self,
        domain: &Domain,
        name: &QueueName,
        board: &QueueBoard,
        epoch: Epoch,
    ) -> Result<bool, Error>;

    /// What a queue says of itself.
    async fn queue(&self, domain: &Domain, name: &QueueName) -> Result<Option<QueueBoard>, Error>;

    /// Writes what the scheduler of `epoch` knows of a part of the domain, a text of its own. Fenced as
    /// [`Self::write_cluster`]. Errors: a text that doesn't fit into an item is [`Error::too_large`].
    async fn write_outlook(
        &self,
        domain: &Domain,
        part: OutlookOf<'_>,
        outlook: &str,
        epoch: Epoch,
    ) -> Result<bool, Error>;

    /// What a scheduler last wrote of a part of the domain.
    async fn outlook(&self, domain: &Domain, part: OutlookOf<'_>) -> Result<Option<String>, Error>;

    /// The installation's UUID, made at the first call. The shard count is kept beside it.
    async fn installation(&self) -> Result<InstallationId, Error>;
}

//! The lease and the boards, in the same memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use spark_broker::model::{ClusterName, Domain, Epoch, InstallationId, QueueName, Version};
use spark_broker::ports::Error;
use spark_broker::ports::store::{
    ClusterBoard, ClusterWish, ClusterWishes, Coordination, Lease, LeaseWrite, OutlookOf, QueueBoard,
    WishKind,
};

use crate::hold::LEASE;
use crate::store::{Fenced, MemoryStore};

#[async_trait]
impl Coordination for MemoryStore {
    async fn lease(&self, _: &Domain) -> Result<Option<Lease>, Error> {
        self.faults
            .around("coordination.lease", async { Ok(self.lock().lease.clone()) })
            .await
    }

    async fn write_lease(
        &self,
        _: &Domain,
        seen: Option<Version>,
        next: &Lease,
    ) -> Result<LeaseWrite, Error> {
        let write = async {
            let mut inner = self.lock();
            if inner.lease.as_ref() == Some(next) {
                return Ok(LeaseWrite::Done);
            }
            if inner.lease.as_ref().map(|lease| lease.version) != seen {
                return Ok(LeaseWrite::Stale(inner.lease.clone()));
            }
            inner.lease = Some(next.clone());
            Ok(LeaseWrite::Done)
        };
        let write = self.faults.step(LEASE, write);
        self.faults.around("coordination.write_lease", write).await
    }

    async fn write_cluster(
        &self,
        _: &Domain,
        name: &ClusterName,
        board: &ClusterBoard,
        epoch: Epoch,
    ) -> Result<bool, Error> {
        let write = async { Ok(put(&mut self.lock().clusters, name.as_str(), board, epoch)) };
        self.faults.around("coordination.write_cluster", write).await
    }

    async fn cluster(&self, _: &Domain, name: &ClusterName) -> Result<Option<ClusterBoard>, Error> {
        let read = async { Ok(found(&self.lock().clusters, name.as_str())) };
        self.faults.around("coordination.cluster", read).await
    }

    async fn cluster_identity(&self, _: &Domain, name: &ClusterName) -> Result<Option<String>, Error> {
        let read = async { Ok(found(&self.lock().identities, name.as_str())) };
        self.faults.around("coordination.cluster_identity", read).await
    }

    async fn set_cluster_identity(
        &self,
        _: &Domain,
        name: &ClusterName,
        identity: &str,
        epoch: Epoch,
    ) -> Result<bool, Error> {
        let identity = identity.to_owned();
        let write = async { Ok(put(&mut self.lock().identities, name.as_str(), &identity, epoch)) };
        self.faults
            .around("coordination.set_cluster_identity", write)
            .await
    }

    async fn cluster_sections(&self, _: &Domain) -> Result<BTreeMap<ClusterName, String>, Error> {
        let read = async { Ok(self.lock().sections.clone()) };
        self.faults.around("coordination.cluster_sections", read).await
    }

    async fn write_cluster_sections(
        &self,
        _: &Domain,
        sections: &BTreeMap<ClusterName, String>,
        _: Epoch,
    ) -> Result<bool, Error> {
        let write = async {
            self.lock().sections.clone_from(sections);
            Ok(true)
        };
        self.faults
            .around("coordination.write_cluster_sections", write)
            .await
    }

    async fn cluster_wishes(&self, _: &Domain, name: &ClusterName) -> Result<ClusterWishes, Error> {
        let read = async { Ok(self.lock().wishes.get(name).cloned().unwrap_or_default()) };
        self.faults.around("coordination.cluster_wishes", read).await
    }

    async fn set_cluster_wish(
        &self,
        _: &Domain,
        name: &ClusterName,
        wish: &ClusterWish,
    ) -> Result<(), Error> {
        let write = async {
            let mut inner = self.lock();
            let wishes = inner.wishes.entry(name.clone()).or_default();
            match wish.clone() {
                ClusterWish::Cordon(wish) => wishes.cordon = Some(wish),
                ClusterWish::Drain(wish) => wishes.drain = Some(wish),
                ClusterWish::LostConfirmed(wish) => wishes.lost_confirmed = Some(wish),
            }
            Ok(())
        };
        self.faults.around("coordination.set_cluster_wish", write).await
    }

    async fn remove_cluster_wish(
        &self,
        _: &Domain,
        name: &ClusterName,
        kind: WishKind,
        at: Option<Timestamp>,
    ) -> Result<bool, Error> {
        let write = async {
            Ok(self
                .lock()
                .wishes
                .get_mut(name)
                .is_some_and(|wishes| remove(wishes, kind, at)))
        };
        self.faults
            .around("coordination.remove_cluster_wish", write)
            .await
    }

    async fn write_queue(
        &self,
        _: &Domain,
        name: &QueueName,
        board: &QueueBoard,
        epoch: Epoch,
    ) -> Result<bool, Error> {
        let write = async { Ok(put(&mut self.lock().queues, name.as_str(), board, epoch)) };
        self.faults.around("coordination.write_queue", write).await
    }

    async fn queue(&self, _: &Domain, name: &QueueName) -> Result<Option<QueueBoard>, Error> {
        let read = async { Ok(found(&self.lock().queues, name.as_str())) };
        self.faults.around("coordination.queue", read).await
    }

    async fn write_outlook(
        &self,
        _: &Domain,
        part: OutlookOf<'_>,
        outlook: &str,
        epoch: Epoch,
    ) -> Result<bool, Error> {
        let outlook = outlook.to_owned();
        let write = async { Ok(put(&mut self.lock().outlooks, part_name(part), &outlook, epoch)) };
        self.faults.around("coordination.write_outlook", write).await
    }

    async fn outlook(&self, _: &Domain, part: OutlookOf<'_>) -> Result<Option<String>, Error> {
        let read = async { Ok(found(&self.lock().outlooks, part_name(part))) };
        self.faults.around("coordination.outlook", read).await
    }

    async fn installation(&self) -> Result<InstallationId, Error> {
        let read = async { Ok(self.installation.clone()) };
        self.faults.around("coordination.installation", read).await
    }
}

/// Writes where no scheduler of a later epoch has; whether it did.
fn put<T: Clone>(kept: &mut Fenced<T>, name: &str, what: &T, epoch: Epoch) -> bool {
    if kept.get(name).is_some_and(|(written, _)| *written > epoch) {
        return false;
    }
    kept.insert(name.to_owned(), (epoch, what.clone()));
    true
}

/// Takes one wish away, with `at` only the one of that time; whether there was one.
fn remove(wishes: &mut ClusterWishes, kind: WishKind, at: Option<Timestamp>) -> bool {
    let is_it = |of: Timestamp| at.is_none_or(|at| at == of);
    match kind {
        WishKind::Cordon => wishes.cordon.take_if(|wish| is_it(wish.at)).is_some(),
        WishKind::Drain => wishes.drain.take_if(|wish| is_it(wish.at)).is_some(),
        WishKind::LostConfirmed => wishes.lost_confirmed.take_if(|wish| is_it(wish.at)).is_some(),
    }
}

fn found<T: Clone>(kept: &Fenced<T>, name: &str) -> Option<T> {
    kept.get(name).map(|(_, what)| what.clone())
}

/// No cluster is called so.
fn part_name(part: OutlookOf<'_>) -> &str {
    match part {
        OutlookOf::Domain => "",
        OutlookOf::Cluster(name) => name.as_str(),
    }
}

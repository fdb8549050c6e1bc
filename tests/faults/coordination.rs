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

use crate::store::MemoryStore;

#[async_trait]
impl Coordination for MemoryStore {
    async fn lease(&self, _: &Domain) -> Result<Option<Lease>, Error> {
        self.faults
            .around("lease.read", async { Ok(self.lock().lease.clone()) })
            .await
    }

    async fn write_lease(
        &self,
        _: &Domain,
        seen: Option<Version>,
        next: &Lease,
    ) -> Result<LeaseWrite, Error> {
        self.faults
            .around("lease.write", async {
                let mut inner = self.lock();
                if inner.lease.as_ref() == Some(next) {
                    return Ok(LeaseWrite::Done);
                }
                if inner.lease.as_ref().map(|lease| lease.version) != seen {
                    return Ok(LeaseWrite::Stale(inner.lease.clone()));
                }
                inner.lease = Some(next.clone());
                Ok(LeaseWrite::Done)
            })
            .await
    }

    async fn write_cluster(
        &self,
        _: &Domain,
        name: &ClusterName,
        _: &ClusterBoard,
        _: Epoch,
    ) -> Result<bool, Error> {
        let write = async {
            self.lock().boards.insert(name.to_string());
            Ok(true)
        };
        self.faults.around("boards.write", write).await
    }

    async fn cluster(&self, _: &Domain, _: &ClusterName) -> Result<Option<ClusterBoard>, Error> {
        Ok(None)
    }

    async fn cluster_identity(&self, _: &Domain, name: &ClusterName) -> Result<Option<String>, Error> {
        let read = async { Ok(self.lock().identities.get(name).cloned()) };
        self.faults.around("identity.read", read).await
    }

    async fn set_cluster_identity(
        &self,
        _: &Domain,
        name: &ClusterName,
        identity: &str,
        _: Epoch,
    ) -> Result<bool, Error> {
        let write = async {
            self.lock().identities.insert(name.clone(), identity.to_owned());
            Ok(true)
        };
        self.faults.around("identity.write", write).await
    }

    async fn cluster_sections(&self, _: &Domain) -> Result<BTreeMap<ClusterName, String>, Error> {
        let read = async { Ok(self.lock().sections.clone()) };
        self.faults.around("sections.read", read).await
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
        self.faults.around("sections.write", write).await
    }

    async fn cluster_wishes(&self, _: &Domain, name: &ClusterName) -> Result<ClusterWishes, Error> {
        let read = async {
            let lost_confirmed = self.lock().confirmed_lost.get(name).cloned();
            Ok(ClusterWishes {
                lost_confirmed,
                ..ClusterWishes::default()
            })
        };
        self.faults.around("wishes.read", read).await
    }

    async fn set_cluster_wish(
        &self,
        _: &Domain,
        name: &ClusterName,
        wish: &ClusterWish,
    ) -> Result<(), Error> {
        let ClusterWish::LostConfirmed(wish) = wish else {
            unreachable!("nobody closes anything here")
        };
        self.lock().confirmed_lost.insert(name.clone(), wish.clone());
        Ok(())
    }

    async fn remove_cluster_wish(
        &self,
        _: &Domain,
        name: &ClusterName,
        _: WishKind,
        _: Option<Timestamp>,
    ) -> Result<bool, Error> {
        Ok(self.lock().confirmed_lost.remove(name).is_some())
    }

    async fn write_queue(
        &self,
        _: &Domain,
        name: &QueueName,
        _: &QueueBoard,
        _: Epoch,
    ) -> Result<bool, Error> {
        let write = async {
            self.lock().boards.insert(name.to_string());
            Ok(true)
        };
        self.faults.around("boards.write", write).await
    }

    async fn queue(&self, _: &Domain, _: &QueueName) -> Result<Option<QueueBoard>, Error> {
        Ok(None)
    }

    async fn write_outlook(&self, _: &Domain, _: OutlookOf<'_>, _: &str, _: Epoch) -> Result<bool, Error> {
        Ok(true)
    }

    async fn outlook(&self, _: &Domain, _: OutlookOf<'_>) -> Result<Option<String>, Error> {
        Ok(None)
    }

    async fn installation(&self) -> Result<InstallationId, Error> {
        Ok(self.installation.clone())
    }
}

//! What a cluster's watch says, once it is known to be the cluster that it was.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::scheduler::Input;
use crate::model::{ClusterName, Domain, Epoch};
use crate::ports::Error;
use crate::ports::cluster::{Cluster, ClusterEvent};
use crate::ports::store::{Coordination, Store};

/// How often a cluster that can't be told, or is another one, is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// The watch of one cluster.
pub struct Watching {
    /// The domain.
    pub domain: Domain,
    /// The epoch of the term that watches.
    pub epoch: Epoch,
    /// The cluster's name.
    pub name: ClusterName,
    /// The cluster.
    pub cluster: Arc<dyn Cluster>,
    /// Where its identity stands.
    pub coordination: Arc<dyn Coordination>,
    /// Where its live records stand.
    pub store: Arc<dyn Store>,
    /// Where what it says goes.
    pub inputs: mpsc::Sender<Input>,
    /// Cancelled when it is to be watched no longer, though the term goes on; absent: never.
    pub over: Option<CancellationToken>,
}

impl Watching {
    /// Watches until the inputs are closed.
    pub async fn run(self) {
        let (events, said) = mpsc::channel(256);
        let over = async {
            match &self.over {
                Some(over) => over.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.cluster.watch(events) => {}
            () = self.forward(said) => {}
            () = over => std::future::pending().await,
        }
    }

    /// A list is passed on only from the right cluster: to another one all live jobs would look lost.
    async fn forward(&self, mut said: mpsc::Receiver<ClusterEvent>) {
        while let Some(event) = said.recv().await {
            if matches!(event, ClusterEvent::Listed { .. }) {
                while let Err(why) = self.is_itself().await {
                    if self
                        .tell(ClusterEvent::Unreachable(why.to_string()))
                        .await
                        .is_err()
                    {
                        return;
                    }
                    tokio::time::sleep(ASK_AGAIN).await;
                }
            }
            if self.tell(event).await.is_err() {
                return;
            }
        }
    }

    async fn tell(&self, event: ClusterEvent) -> Result<(), mpsc::error::SendError<Input>> {
        self.inputs.send(Input::Cluster(self.name.clone(), event)).await
    }

    /// Whether the cluster is the one that its item names. Where no live submission needs the old one, a new one may take
    /// its place.
    async fn is_itself(&self) -> Result<(), Error> {
        let found = self.cluster.identity().await?;
        let known = self
            .coordination
            .cluster_identity(&self.domain, &self.name)
            .await?;
        if known.as_deref() == Some(found.as_str()) {
            return Ok(());
        }
        if let Some(known) = known {
            let live = self.store.live(&self.domain, &self.name, None).await?;
            if !live.items.is_empty() {
                return Err(Error::transient(format!(
                    "another cluster answers: found the UIDs {found} of kube-system and the namespace, expected {known}; \
                     submissions live on the one that was known"
                )));
            }
            tracing::warn!(cluster.name = %self.name, %found, %known, "another cluster stands behind this name now");
        }
        let set = self
            .coordination
            .set_cluster_identity(&self.domain, &self.name, &found, self.epoch);
        if set.await? {
            return Ok(());
        }
        Err(Error::transient("another pod has begun to schedule"))
    }
}

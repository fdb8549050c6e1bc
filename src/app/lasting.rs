//! What a process keeps from one configuration to the next: figures, sockets, the store, and connections to clusters
//! that stay what they were.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;

use super::assembly::StartError;
use crate::adapters::dynamodb::DynamoStore;
use crate::config::{self, Target};
use crate::model::{Clock, ClusterName};
use crate::ports::cluster::Cluster;
use crate::telemetry::Metrics;

/// What outlives a configuration. Clones share it.
#[derive(Clone, Default)]
pub struct Lasting {
    /// Figures of the process.
    pub metrics: Arc<Metrics>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    sockets: HashMap<&'static str, std::net::TcpListener>,
    opened: Option<(Arc<DynamoStore>, Arc<dyn Clock>)>,
    clusters: HashMap<ClusterName, (config::Cluster, Arc<dyn Cluster>)>,
}

impl Lasting {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The socket of `key`: bound at the first call, shared from then on, so that no connection is refused while one pod
    /// takes over from another.
    pub(super) fn listen(&self, address: SocketAddr, key: &'static str) -> Result<TcpListener, StartError> {
        let failed = |error: std::io::Error| {
            StartError::Configuration(format!("{key}: can't listen on {address}: {error}"))
        };
        let mut kept = self.kept();
        if let Some(socket) = kept.sockets.get(key) {
            return socket.try_clone().and_then(TcpListener::from_std).map_err(failed);
        }
        let socket = std::net::TcpListener::bind(address).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let shared = socket.try_clone().map_err(failed)?;
        kept.sockets.insert(key, shared);
        TcpListener::from_std(socket).map_err(failed)
    }

    /// The store, once it was opened, and the clock that it corrects.
    pub(super) fn opened(&self) -> Option<(Arc<DynamoStore>, Arc<dyn Clock>)> {
        self.kept().opened.clone()
    }

    /// From now on these are store and clock.
    pub(super) fn keep(&self, store: &Arc<DynamoStore>, clock: &Arc<dyn Clock>) {
        self.kept().opened = Some((Arc::clone(store), Arc::clone(clock)));
    }

    /// The connection to `cluster`, kept where it would be made the same way, else made by `connect`. A simulated cluster
    /// is its own state, which would be lost: it stays as it is until a restart.
    pub(super) fn cluster(
        &self,
        cluster: &config::Cluster,
        connect: impl FnOnce() -> Result<Arc<dyn Cluster>, StartError>,
    ) -> Result<Arc<dyn Cluster>, StartError> {
        let name = &cluster.settings.name;
        let mut kept = self.kept();
        if let Some((known, port)) = kept.clusters.get(name) {
            if is_reached_alike(known, cluster) {
                return Ok(Arc::clone(port));
            }
            if let Target::Simulated { .. } = known.target {
                let message = format!(
                    "clusters: found another type, namespace, simulated or capacity.sources of {name}, expected what \
                     they were at the start, since it is simulated in this process, or a restart"
                );
                return Err(StartError::Configuration(message));
            }
        }
        let port = connect()?;
        kept.clusters
            .insert(name.clone(), (cluster.clone(), Arc::clone(&port)));
        Ok(port)
    }
}

/// Whether nothing differs that a connection is made of.
fn is_reached_alike(one: &config::Cluster, other: &config::Cluster) -> bool {
    one.target == other.target
        && one.settings.namespace == other.settings.namespace
        && one.settings.sources == other.settings.sources
        && one.yunikorn == other.yunikorn
}

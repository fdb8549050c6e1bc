//! A namespace of a Kubernetes cluster with a Spark operator, through `kube`.
//!
//! A connection is made at the first call that needs one and kept: a cluster that is away at start joins when it is
//! back.

mod capacity;
mod cluster;
mod connect;
mod eks;
mod measures;
mod quantity;
mod quotas;
mod request;
mod requests;
mod token;
mod watch;
mod yunikorn;

pub use connect::{CertificateAuthority, Connect, Error, client};
pub use eks::EksCluster;
pub use yunikorn::{Yunikorn, YunikornAt};

use std::sync::Arc;

use aws_config::SdkConfig;
use tokio::sync::OnceCell;

use crate::model::{Clock, InstallationId};

/// How long the server lets one watch last.
const WATCH_SECONDS: u32 = 25;

/// What else is watched beside our own objects and drivers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources {
    /// Nodes and the pods on them, cluster-wide: capacity by node shape.
    pub nodes: bool,
    /// Resource quotas of the namespace.
    pub quota: bool,
    /// The headroom of a YuniKorn queue, which is asked for again and again.
    pub yunikorn: Option<Yunikorn>,
}

impl Sources {
    /// Whether executors are watched too, to know what of ours the figures have counted.
    fn sees_our_pods(&self) -> bool {
        self.nodes || self.quota || self.yunikorn.is_some()
    }
}

/// How to get a client, where there isn't one yet.
struct Dial {
    connect: Connect,
    sdk: SdkConfig,
    clock: Arc<dyn Clock>,
}

/// One cluster with a Spark operator; fulfils [`crate::ports::cluster::Cluster`].
pub struct SparkOperatorCluster {
    client: OnceCell<kube::Client>,
    dial: Option<Dial>,
    namespace: String,
    installation: InstallationId,
    sources: Sources,
    /// To YuniKorn, where it is reached directly.
    direct: OnceCell<kube::Client>,
    watch_seconds: u32,
}

impl SparkOperatorCluster {
    /// A cluster reached by `client`, which must not retry by itself (see [`client()`]).
    pub fn new(
        client: kube::Client,
        namespace: impl Into<String>,
        installation: InstallationId,
        sources: Sources,
    ) -> Self {
        Self {
            client: OnceCell::new_with(Some(client)),
            dial: None,
            namespace: namespace.into(),
            installation,
            sources,
            direct: OnceCell::new(),
            watch_seconds: WATCH_SECONDS,
        }
    }

    /// A cluster whose client is made at the first call; a call that finds no way to make one fails, the next one tries
    /// again.
    pub fn dialled(
        connect: Connect,
        sdk: SdkConfig,
        clock: Arc<dyn Clock>,
        namespace: impl Into<String>,
        installation: InstallationId,
        sources: Sources,
    ) -> Self {
        Self {
            client: OnceCell::new(),
            dial: Some(Dial { connect, sdk, clock }),
            namespace: namespace.into(),
            installation,
            sources,
            direct: OnceCell::new(),
            watch_seconds: WATCH_SECONDS,
        }
    }

    /// Watches are ended and resumed this often, in seconds from 1 to 55 (25): a connection that died silently shows 5 s
    /// after that.
    #[must_use]
    pub fn with_watch_seconds(self, seconds: u32) -> Self {
        Self {
            watch_seconds: seconds.clamp(1, 55),
            ..self
        }
    }

    async fn client(&self) -> Result<&kube::Client, Error> {
        self.client
            .get_or_try_init(|| async {
                match &self.dial {
                    Some(dial) => client(&dial.connect, &dial.sdk, dial.clock.clone()).await,
                    None => Err(Error::NoClient),
                }
            })
            .await
    }
}

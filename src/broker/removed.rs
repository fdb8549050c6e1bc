//! Clusters that the configuration names no longer. Each scheduler keeps in the store how its clusters are reached, before
//! it places anything there; so the next one can follow what lives on a cluster that was taken out, until nothing does.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::hands::{Hands, MakeObject};
use super::unconnected::Unconnected;
use crate::error::{Class, Classify};
use crate::model::{ClusterName, Domain, Epoch};
use crate::ports::Error;
use crate::ports::cluster::Cluster;
use crate::ports::store::Coordination;

/// How long nothing may be known of a cluster before it is forgotten, on top of the settling time after a job's end: an
/// index may lag by a minute.
const EMPTY_FOR: Duration = Duration::from_secs(120);

/// A cluster by the section that it had.
pub struct Reconnected {
    /// The cluster.
    pub cluster: Arc<dyn Cluster>,
    /// Makes its objects.
    pub make_object: MakeObject,
    /// Whether attempts move away from it while it is silent.
    pub moves: bool,
}

impl Reconnected {
    /// One that can't be connected: it never answers, and nothing is sent there.
    fn never(why: &str) -> Self {
        let message = why.to_owned();
        Self {
            cluster: Arc::new(Unconnected::new(why)),
            make_object: Arc::new(move |_, _| Err(message.clone())),
            moves: false,
        }
    }
}

/// Connects a cluster by the section that it had, or says why that can't be done.
pub type Reconnect = Arc<dyn Fn(&str) -> Result<Reconnected, String> + Send + Sync>;

/// How clusters are reached: those of the configuration, and any by the section that it had.
#[derive(Clone)]
pub struct Sections {
    /// The sections of the configuration's clusters.
    pub configured: BTreeMap<ClusterName, String>,
    /// Connects by a section.
    pub reconnect: Reconnect,
}

/// The removed clusters of a term.
#[derive(Default)]
pub struct Removed {
    /// All sections that are in the store.
    sections: BTreeMap<ClusterName, String>,
    followed: BTreeMap<ClusterName, Followed>,
}

struct Followed {
    cluster: Arc<dyn Cluster>,
    make_object: MakeObject,
    moves: bool,
    /// Cancelled when it is forgotten.
    over: CancellationToken,
    empty_since: Option<Duration>,
}

impl Sections {
    /// What an earlier scheduler left that isn't in the configuration, connected; together with the configuration's own
    /// it is in the store from now on. Waits for the store.
    pub async fn removed(&self, coordination: &dyn Coordination, domain: &Domain, epoch: Epoch) -> Removed {
        let stored = insistently(|| coordination.cluster_sections(domain)).await;
        let mut removed = Removed {
            sections: stored.clone().unwrap_or_default(),
            ..Removed::default()
        };
        for (name, section) in &removed.sections {
            if self.configured.contains_key(name) {
                continue;
            }
            match (self.reconnect)(section) {
                Ok(reconnected) => {
                    tracing::info!(cluster.name = %name, "not in the configuration any more: what lives there is followed to its end");
                    removed.followed.insert(name.clone(), Followed::of(reconnected));
                }
                Err(why) => {
                    tracing::error!(cluster.name = %name, why, "a cluster that left the configuration can't be connected");
                    removed
                        .followed
                        .insert(name.clone(), Followed::of(Reconnected::never(&why)));
                }
            }
        }
        removed.sections.extend(self.configured.clone());
        // What can't be read isn't written over.
        if stored.is_some_and(|stored| stored != removed.sections) {
            let sections = &removed.sections;
            insistently(|| coordination.write_cluster_sections(domain, sections, epoch)).await;
        }
        removed
    }
}

/// What `call` gives, asked for until the store answers; absent where it never will.
async fn insistently<F, R, T>(call: F) -> Option<T>
where
    F: Fn() -> R,
    R: Future<Output = Result<T, Error>>,
{
    loop {
        match call().await {
            Ok(found) => return Some(found),
            Err(error) if matches!(error.class(), Class::Transient { .. } | Class::Conflict) => {
                tracing::warn!(%error, "how clusters are reached can't be read or kept yet");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(error) => {
                tracing::error!(%error, "how clusters are reached can't be kept: one that leaves the configuration won't be followed");
                return None;
            }
        }
    }
}

impl Followed {
    fn of(reconnected: Reconnected) -> Self {
        Self {
            cluster: reconnected.cluster,
            make_object: reconnected.make_object,
            moves: reconnected.moves,
            over: CancellationToken::new(),
            empty_since: None,
        }
    }
}

impl Removed {
    /// Those that are followed, as far as they can be.
    pub fn names(&self) -> impl Iterator<Item = &ClusterName> {
        self.followed.keys()
    }

    /// Whether it isn't in the configuration and still followed.
    pub fn contains(&self, name: &ClusterName) -> bool {
        self.followed.contains_key(name)
    }

    /// Whether attempts move away from it while it is silent; absent where it isn't one of these.
    pub fn moves(&self, name: &ClusterName) -> Option<bool> {
        self.followed.get(name).map(|followed| followed.moves)
    }

    /// Cancelled when the cluster is forgotten; absent where it isn't one of these.
    pub fn over(&self, name: &ClusterName) -> Option<CancellationToken> {
        self.followed.get(name).map(|followed| followed.over.clone())
    }

    /// `hands` that reach these clusters too.
    pub fn hands(&self, hands: &Hands) -> Hands {
        if self.followed.is_empty() {
            return hands.clone();
        }
        let mut clusters = hands.clusters.as_ref().clone();
        let mut makers: HashMap<ClusterName, MakeObject> = HashMap::new();
        for (name, followed) in &self.followed {
            clusters.insert(name.clone(), Arc::clone(&followed.cluster));
            makers.insert(name.clone(), Arc::clone(&followed.make_object));
        }
        let default = Arc::clone(&hands.make_object);
        Hands::new(
            Arc::clone(&hands.store),
            Arc::new(clusters),
            Arc::clone(&hands.clock),
            hands.held.clone(),
            Arc::new(move |record, specs| {
                let own = record.cluster.as_ref().and_then(|name| makers.get(name));
                own.unwrap_or(&default)(record, specs)
            }),
        )
    }

    /// A cluster is empty, or isn't: whether it has been for so long that it is forgotten. `settle`: how long after a
    /// job's end its object may still have to be removed.
    pub fn seen(&mut self, name: &ClusterName, empty: bool, now: Duration, settle: Duration) -> bool {
        let Some(followed) = self.followed.get_mut(name) else {
            return false;
        };
        let since = *followed.empty_since.get_or_insert(now);
        if !empty {
            followed.empty_since = None;
            return false;
        }
        now.saturating_sub(since) >= settle + EMPTY_FOR
    }

    /// Forgets a cluster; the sections that are left.
    pub fn forget(&mut self, name: &ClusterName) -> BTreeMap<ClusterName, String> {
        if let Some(followed) = self.followed.remove(name) {
            followed.over.cancel();
        }
        self.sections.remove(name);
        self.sections.clone()
    }
}

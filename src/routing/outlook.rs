//! What a router knows, as far as explaining needs it, in a form that can be written down: pods that don't schedule
//! answer from it, by the same function.
//!
//! Rooms are told by how many are alike, not by node: where a pod fits doesn't depend on the nodes' names. What is
//! written of each cluster, and of the domain, has its own time; each is laid out here as it was at that time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::alike::Alike;
use super::claim::Claims;
use super::figures::milliseconds;
use super::hold::{Hold, Holds};
use super::pace::Bucket;
use super::pools::{Pools, PoolsOutlook};
use super::rooms::Rooms;
use super::unbound::Unbound;
use super::usage::{Usage, Usages};
use super::view::View;
use super::weights::Counts;
use super::{ClusterSettings, Explanation, Now, QueueSettings, Router, Settings};
use crate::model::{ClusterName, QueueName, Resources, SubmissionId};
use crate::submission::BacklogEntry;

/// When all of it was, by a clock of its own: far enough from zero that ages can be taken off.
pub(super) const THEN: Duration = Duration::from_secs(1 << 40);

/// What is known of the domain as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DomainOutlook {
    view_limit: Duration,
    /// The configured clusters, in order.
    pub clusters: Vec<ClusterName>,
    queues: Vec<QueueOutlook>,
    placed: Vec<(Vec<ClusterName>, Vec<u64>)>,
    /// The weights of all queues that want something.
    #[serde(default)]
    weights: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct QueueOutlook {
    settings: QueueSettings,
    waiting: u64,
    live: u64,
    used: Resources,
}

/// What is known of one cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterOutlook {
    pub(super) settings: ClusterSettings,
    unhealthy: Option<String>,
    cordoned: Option<String>,
    /// The age of what is known of its nodes.
    age_ms: Option<u64>,
    live: u64,
    pending: u64,
    /// The level of its token bucket.
    pace: u64,
    held_for: Option<HoldOutlook>,
    /// The job queue that wants room there back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claimed_by: Option<QueueName>,
    /// Free rooms.
    pub(super) free: Vec<Alike>,
    owed: Resources,
    /// Pods that aren't on nodes yet.
    #[serde(default, skip_serializing_if = "Unbound::is_empty")]
    unbound: Unbound,
    /// Rooms with nothing kept for pods to come; left out where they are the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    bare: Vec<Alike>,
    /// The same as if nothing ran there.
    empty: Vec<Alike>,
    /// The same as if nothing of ours ran there; left out where nobody else's does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cleared: Option<Vec<Alike>>,
    #[serde(default)]
    pools: Vec<PoolsOutlook>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HoldOutlook {
    queue: QueueName,
    priority: i32,
    accepted_at: Timestamp,
    submission_id: SubmissionId,
}

/// A domain as it was told.
#[derive(Debug)]
pub struct Outlook {
    router: Router,
    waiting: BTreeMap<QueueName, u64>,
}

impl Router {
    /// What is known of the domain as a whole; `waiting`: how many wait in a queue.
    pub fn domain_outlook(&self, waiting: impl Fn(&QueueName) -> u64) -> DomainOutlook {
        let queue = |settings: &QueueSettings| {
            let usage = self.usages.of(&settings.name);
            QueueOutlook {
                settings: settings.clone(),
                waiting: waiting(&settings.name),
                live: usage.live,
                used: usage.resources.clone(),
            }
        };
        let named = |places: &[usize]| -> Vec<ClusterName> {
            let views = places.iter().filter_map(|place| self.views.get(*place));
            views.map(|view| view.name.clone()).collect()
        };
        let sets = self.counts.sets();
        DomainOutlook {
            view_limit: self.settings.view_limit,
            clusters: self.settings.clusters.iter().map(|c| c.name.clone()).collect(),
            queues: self.settings.queues.iter().map(queue).collect(),
            placed: sets.map(|(set, counts)| (named(set), counts.to_vec())).collect(),
            weights: self.weights,
        }
    }

    /// What is known of one configured cluster.
    pub fn cluster_outlook(&self, name: &ClusterName, now: Duration) -> Option<ClusterOutlook> {
        let view = self.views.iter().find(|view| view.name == *name)?;
        let settings = view.settings.as_deref()?;
        let held_for = self.holds.on(name).map(|(hold, _)| HoldOutlook::from(hold));
        Some(ClusterOutlook {
            settings: settings.clone(),
            unhealthy: view.unhealthy.as_deref().map(str::to_owned),
            cordoned: view.cordoned.as_deref().map(str::to_owned),
            age_ms: view.at.map(|at| milliseconds(now.saturating_sub(at))),
            live: view.live,
            pending: view.pending,
            pace: view.bucket.level(&settings.pacing, now),
            held_for,
            claimed_by: self.claims.on(name).cloned(),
            free: view.rooms.alike(),
            owed: view.rooms.owed().clone(),
            unbound: view.unbound.clone(),
            bare: if view.unbound.is_empty() && view.bare.same_as(&view.rooms) {
                Vec::new()
            } else {
                view.bare.alike()
            },
            empty: view.empty.alike(),
            cleared: view.cleared.as_ref().map(Rooms::alike),
            pools: view.pools.outlook(now),
        })
    }
}

impl Outlook {
    /// The domain as it was told; a cluster that nothing was told of yet is left out.
    pub fn new(domain: DomainOutlook, mut told: BTreeMap<ClusterName, ClusterOutlook>) -> Self {
        let clusters: Vec<ClusterOutlook> = domain
            .clusters
            .iter()
            .filter_map(|name| told.remove(name))
            .collect();
        let waiting = domain.queues.iter();
        let waiting = waiting
            .map(|queue| (queue.settings.name.clone(), queue.waiting))
            .collect();
        let mut router = Router::new(Settings {
            queues: domain.queues.iter().map(|queue| queue.settings.clone()).collect(),
            clusters: clusters.iter().map(|cluster| cluster.settings.clone()).collect(),
            view_limit: domain.view_limit,
        });
        router.usages = Usages::restored(domain.queues.into_iter().map(|queue| {
            let (live, resources) = (queue.live, queue.used);
            (queue.settings.name, Usage { live, resources })
        }));
        router.usages.configure(&router.settings.queues);
        router.weights = domain.weights;
        router.holds = Holds::restored(clusters.iter().filter_map(ClusterOutlook::hold));
        router.claims = Claims::restored(clusters.iter().filter_map(ClusterOutlook::claim));
        for (view, cluster) in router.views.iter_mut().zip(clusters) {
            view.restore(cluster);
        }
        router.counts = Counts::restored(domain.placed.into_iter().filter_map(|(set, counts)| {
            let place = |name: &ClusterName| router.views.iter().position(|view| view.name == *name);
            Some((set.iter().map(place).collect::<Option<Vec<_>>>()?, counts))
        }));
        router.measure();
        Self { router, waiting }
    }

    pub(super) fn into_router(self) -> Router {
        self.router
    }

    /// [`Router::explain`] as the scheduler would have answered then.
    pub fn explain(&self, entry: &BacklogEntry) -> Explanation {
        let now = Now {
            wall: entry.accepted_at,
            mono: THEN,
        };
        let mut told = self.router.explain(entry, now);
        if let Some(queue) = &mut told.queue {
            queue.waiting = self.waiting.get(&entry.queue).copied();
        }
        told
    }
}

impl ClusterOutlook {
    /// The same without what changes by itself: the age of its view, and how full its bucket is beyond one token.
    #[must_use]
    pub fn steady(&self) -> Self {
        let wait = Bucket::restored(self.pace, THEN).wait(&self.settings.pacing, THEN);
        let mut steady = Self {
            age_ms: None,
            pace: u64::from(wait.is_zero()),
            ..self.clone()
        };
        steady.pools.iter_mut().for_each(|source| source.age_ms = None);
        steady
    }

    fn hold(&self) -> Option<(ClusterName, Hold)> {
        Some((self.settings.name.clone(), self.held_for.as_ref()?.hold()))
    }

    fn claim(&self) -> Option<(ClusterName, QueueName)> {
        Some((self.settings.name.clone(), self.claimed_by.clone()?))
    }
}

impl From<&Hold> for HoldOutlook {
    fn from(hold: &Hold) -> Self {
        Self {
            queue: hold.queue.clone(),
            priority: hold.place.0.0,
            accepted_at: hold.place.1.time(),
            submission_id: hold.place.2.clone(),
        }
    }
}

impl HoldOutlook {
    pub(super) fn hold(&self) -> Hold {
        let place = (
            std::cmp::Reverse(self.priority),
            self.accepted_at.into(),
            self.submission_id.clone(),
        );
        let queue = self.queue.clone();
        Hold { queue, place }
    }
}

impl View {
    fn restore(&mut self, told: ClusterOutlook) {
        self.unhealthy = told.unhealthy.map(Arc::from);
        self.cordoned = told.cordoned.map(Arc::from);
        self.at = told
            .age_ms
            .map(|age| THEN.saturating_sub(Duration::from_millis(age)));
        self.live = told.live;
        self.pending = told.pending;
        self.bucket = Bucket::restored(told.pace, THEN);
        let bare = if told.bare.is_empty() {
            &told.free
        } else {
            &told.bare
        };
        self.bare = Rooms::restored(bare, Resources::default());
        self.unbound = told.unbound;
        self.rooms = Rooms::restored(&told.free, told.owed);
        self.empty = Rooms::restored(&told.empty, Resources::default());
        let cleared = told.cleared.as_deref();
        self.cleared = cleared.map(|cleared| Rooms::restored(cleared, Resources::default()));
        self.pools = Pools::restored(told.pools, THEN);
        self.measure();
    }
}

//! What is known of clusters and live submissions, kept up to date call by call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use foldhash::HashMap;

use super::claim::Claims;
use super::hold::Holds;
use super::memo::Memo;
use super::usage::Usages;
use super::view::View;
use super::weights::Counts;
use super::{CapacitySource, Health, LiveJob, Node, Pool, Settings};
use crate::model::{ClusterName, QueueName, Resources, SubmissionId};

/// Of how many submissions it is remembered where their last attempt came to nothing.
const SHUNNED_MAX: usize = 10_000;

/// The scheduling core of one domain.
#[derive(Debug)]
pub struct Router {
    pub(super) settings: Arc<Settings>,
    /// Those configured, in that order, then those that are gone but not empty.
    pub(super) views: Vec<View>,
    pub(super) lives: HashMap<SubmissionId, Live>,
    /// Object names of live submissions: by them clusters tell what their pods request.
    names: HashMap<String, SubmissionId>,
    /// Where the last attempt of a waiting submission came to nothing.
    pub(super) shunned: HashMap<SubmissionId, ClusterName>,
    pub(super) usages: Usages,
    pub(super) counts: Counts,
    pub(super) holds: Holds,
    pub(super) claims: Claims,
    pub(super) memo: Memo,
    /// What the configured clusters have altogether.
    pub(super) capacity: Resources,
    /// The weights of all queues that want something, as of this cycle.
    pub(super) weights: u64,
    /// Grows with each cycle: within one, nothing gets easier for a shape that waits, unless a hold ends.
    pub(super) cycles: u64,
}

/// A submission that occupies a cluster.
#[derive(Debug)]
pub(super) struct Live {
    queue: QueueName,
    pub(super) cluster: ClusterName,
    demand: Resources,
    /// What its pods request, where the cluster shows them.
    observed: Resources,
    pending: bool,
    object_name: String,
}

impl Live {
    fn usage(&self) -> Resources {
        self.demand.max(&self.observed)
    }
}

impl Router {
    /// A router that knows no live submission and no capacity yet. Every cluster begins unhealthy ("not connected yet").
    pub fn new(settings: Settings) -> Self {
        let mut router = Self {
            settings: Arc::new(Settings {
                queues: Vec::new(),
                clusters: Vec::new(),
                view_limit: settings.view_limit,
            }),
            views: Vec::new(),
            lives: HashMap::default(),
            names: HashMap::default(),
            shunned: HashMap::default(),
            usages: Usages::default(),
            counts: Counts::default(),
            holds: Holds::default(),
            claims: Claims::default(),
            memo: Memo::default(),
            capacity: Resources::default(),
            weights: 0,
            cycles: 0,
        };
        router.configure(settings);
        router
    }

    /// Other settings from the next cycle on. What is known of clusters that stay is kept; live submissions of a
    /// cluster or queue that is gone are kept until they are released.
    pub fn configure(&mut self, settings: Settings) {
        let weights = |settings: &Settings| -> Vec<(ClusterName, u32)> {
            let clusters = settings.clusters.iter();
            clusters
                .map(|cluster| (cluster.name.clone(), cluster.weight))
                .collect()
        };
        if weights(&self.settings) != weights(&settings) {
            self.counts = Counts::default();
        }
        let mut known: BTreeMap<ClusterName, View> = std::mem::take(&mut self.views)
            .into_iter()
            .map(|view| (view.name.clone(), view))
            .collect();
        for cluster in &settings.clusters {
            let mut view = known
                .remove(&cluster.name)
                .unwrap_or_else(|| View::new(cluster.name.clone()));
            view.configure(Some(Arc::new(cluster.clone())));
            self.views.push(view);
        }
        for (_, mut view) in known.into_iter().filter(|(_, view)| view.live > 0) {
            view.configure(None);
            self.views.push(view);
        }
        self.usages.configure(&settings.queues);
        self.settings = Arc::new(settings);
        self.memo.clear();
        self.measure();
    }

    /// What the cluster's watches show. `bound`: what pods of ours that count in `nodes` request, by object name. `at`:
    /// when it was read, monotonic.
    pub fn set_capacity(
        &mut self,
        cluster: &ClusterName,
        nodes: &[Node],
        bound: &[(String, Resources)],
        at: Duration,
    ) {
        let seen = self.pods_of(cluster, bound);
        if let Some(view) = self.view_mut(cluster) {
            view.set_nodes(nodes, &seen, at);
            self.observed(cluster, CapacitySource::Nodes, seen);
            self.measure();
        }
    }

    /// What another source than nodes says of the cluster: everything that it limits. `counted`: what pods of ours that
    /// count in `pools` request, by object name. `at`: when it was read, monotonic.
    pub fn set_pools(
        &mut self,
        cluster: &ClusterName,
        source: CapacitySource,
        pools: &[Pool],
        counted: &[(String, Resources)],
        at: Duration,
    ) {
        let seen = self.pods_of(cluster, counted);
        // Those of submissions that have just ended are no strangers': they go.
        let ours = counted
            .iter()
            .fold(Resources::default(), |sum, (_, pods)| sum.plus(pods));
        if let Some(view) = self.view_mut(cluster) {
            view.set_pools(source, pools, &seen, ours, at);
            self.observed(cluster, source, seen);
            self.measure();
        }
    }

    /// The source can't be read now: what it said last counts until it is too old, and the reason says why.
    pub fn set_unread(&mut self, cluster: &ClusterName, source: CapacitySource, why: &str) {
        if let Some(view) = self.view_mut(cluster) {
            view.pools.unread(source, why);
        }
    }

    /// What is said of pods, by submission of the cluster.
    fn pods_of(
        &self,
        cluster: &ClusterName,
        pods: &[(String, Resources)],
    ) -> BTreeMap<SubmissionId, Resources> {
        let mut seen: BTreeMap<SubmissionId, Resources> = BTreeMap::new();
        for (name, resources) in pods {
            if let Some(id) = self.names.get(name)
                && self.lives.get(id).is_some_and(|live| live.cluster == *cluster)
            {
                let sum = seen.entry(id.clone()).or_default();
                *sum = sum.plus(resources);
            }
        }
        seen
    }

    /// Pods of ours were seen: they count as usage, by the first source that sees pods.
    fn observed(
        &mut self,
        cluster: &ClusterName,
        source: CapacitySource,
        seen: BTreeMap<SubmissionId, Resources>,
    ) {
        let Some(view) = self.view_mut(cluster).filter(|view| view.observes_by(source)) else {
            return;
        };
        let now: BTreeSet<SubmissionId> = seen.keys().cloned().collect();
        let before = std::mem::replace(&mut view.seen, now);
        for id in before.iter().filter(|id| !seen.contains_key(id)) {
            self.observe(id, Resources::default());
        }
        for (id, resources) in seen {
            self.observe(&id, resources);
        }
    }

    /// The watches of the cluster are broken, or have begun anew: what they said of its capacity grows old until they
    /// have said it again.
    pub fn out_of_sight(&mut self, cluster: &ClusterName) {
        if let Some(view) = self.view_mut(cluster) {
            view.out_of_sight();
        }
    }

    /// The watches of the cluster are up: what they have said of its capacity was still so at `at` (monotonic). Told at
    /// least once within `view_limit`, since a watch says nothing while nothing changes. Whether a cycle may decide
    /// otherwise for it: pods that haven't come for long keep others from no node any more.
    pub fn still_current(&mut self, cluster: &ClusterName, at: Duration) -> bool {
        self.view_mut(cluster).is_some_and(|view| view.still_current(at))
    }

    /// Whether it can be given objects.
    pub fn set_health(&mut self, cluster: &ClusterName, health: Health) {
        if let Some(view) = self.view_mut(cluster) {
            view.unhealthy = match health {
                Health::Healthy => None,
                Health::Unhealthy(why) => Some(why.into()),
            };
        }
    }

    /// Closes a cluster to new submissions, saying in what way and why, or opens it.
    pub fn set_cordon(&mut self, cluster: &ClusterName, cordoned: Option<String>) {
        if let Some(view) = self.view_mut(cluster) {
            view.cordoned = cordoned.map(Arc::from);
        }
    }

    /// A submission occupies a cluster that this router didn't place: after a takeover. A second call for an ID
    /// replaces the first.
    pub fn adopt_live(&mut self, job: LiveJob) {
        self.released(&job.id);
        if !self.views.iter().any(|view| view.name == job.cluster) {
            self.views.push(View::new(job.cluster.clone()));
            self.memo.clear();
        }
        let demand = Arc::new(job.demand.clone());
        if let Some(view) = self.view_mut(&job.cluster) {
            view.adopt(&job.id, demand, job.settled);
        }
        self.enter(&job);
    }

    /// Whether the submission stands in the pending window.
    pub fn is_pending(&self, id: &SubmissionId) -> bool {
        self.lives.get(id).is_some_and(|live| live.pending)
    }

    /// The operator has picked the object up: it leaves the pending window. Whether it stood there.
    pub fn picked_up(&mut self, id: &SubmissionId) -> bool {
        let Some(live) = self.lives.get_mut(id).filter(|live| live.pending) else {
            return false;
        };
        live.pending = false;
        let cluster = live.cluster.clone();
        if let Some(view) = self.view_mut(&cluster) {
            view.pending = view.pending.saturating_sub(1);
        }
        true
    }

    /// An attempt came to nothing on `cluster`: the next one of the submission goes to another cluster if one fits. It is
    /// a preference, kept in memory alone, and not for more than some thousands of submissions.
    pub fn prefer_another(&mut self, id: &SubmissionId, cluster: ClusterName) {
        if self.shunned.len() >= SHUNNED_MAX {
            self.shunned.clear();
        }
        self.shunned.insert(id.clone(), cluster);
    }

    /// The submission occupies its cluster no longer: it has ended, or its intent was never written or did nothing.
    pub fn released(&mut self, id: &SubmissionId) {
        let Some(live) = self.lives.remove(id) else {
            return;
        };
        self.names.remove(&live.object_name);
        self.usages.remove(&live.queue, &live.usage());
        if let Some(view) = self.view_mut(&live.cluster) {
            view.live = view.live.saturating_sub(1);
            view.pending = view.pending.saturating_sub(u64::from(live.pending));
            view.seen.remove(id);
            view.release(id);
        }
    }

    /// The configured clusters, in order.
    pub fn clusters(&self) -> impl Iterator<Item = &ClusterName> {
        self.settings.clusters.iter().map(|cluster| &cluster.name)
    }

    /// How many submissions occupy the cluster.
    pub fn live(&self, cluster: &ClusterName) -> u64 {
        self.views
            .iter()
            .find(|view| view.name == *cluster)
            .map_or(0, |view| view.live)
    }

    /// How many submissions of the queue occupy clusters.
    pub fn live_of(&self, queue: &QueueName) -> u64 {
        self.usages.of(queue).live
    }

    /// When, monotonic, a cycle may decide otherwise though nothing is told: the next token of a pace that is used up,
    /// or the end of a head's patience. Absent: only what is told matters.
    pub fn next_change(&self, now: Duration) -> Option<Duration> {
        let tokens = self.views.iter().filter_map(|view| {
            let settings = view.settings.as_ref()?;
            let wait = view.bucket.wait(&settings.pacing, now);
            (!wait.is_zero()).then(|| now.saturating_add(wait))
        });
        let patience = |name: &QueueName| {
            let mut queues = self.settings.queues.iter();
            Some(queues.find(|queue| queue.name == *name)?.max_bypass)
        };
        tokens.chain(self.holds.next_ripe(now, patience)).min()
    }

    /// Whether a hold on the cluster makes sense: it takes submissions, only not now.
    pub(super) fn takes_jobs(&self, cluster: &ClusterName) -> bool {
        self.views.iter().any(|view| {
            view.name == *cluster
                && view.settings.is_some()
                && view.unhealthy.is_none()
                && view.cordoned.is_none()
        })
    }

    /// Counts a submission as live; its room is the caller's business.
    pub(super) fn enter(&mut self, job: &LiveJob) {
        let live = Live {
            queue: job.queue.clone(),
            cluster: job.cluster.clone(),
            demand: job.demand.total(),
            observed: Resources::default(),
            pending: job.pending,
            object_name: job.id.object_name(job.attempt),
        };
        self.usages.add(&live.queue, &live.usage());
        self.names.insert(live.object_name.clone(), job.id.clone());
        if let Some(view) = self.view_mut(&job.cluster) {
            view.live += 1;
            view.pending += u64::from(job.pending);
        }
        self.lives.insert(job.id.clone(), live);
    }

    fn observe(&mut self, id: &SubmissionId, resources: Resources) {
        if let Some(live) = self.lives.get_mut(id) {
            let before = live.usage();
            live.observed = resources;
            self.usages.replace(&live.queue, &before, &live.usage());
        }
    }

    fn view_mut(&mut self, cluster: &ClusterName) -> Option<&mut View> {
        self.views.iter_mut().find(|view| view.name == *cluster)
    }

    pub(super) fn measure(&mut self) {
        self.capacity = self
            .views
            .iter()
            .filter(|view| view.settings.is_some())
            .fold(Resources::default(), |sum, view| sum.plus(&view.capacity));
    }
}

//! Room that a source tells for a cluster as a whole and not node by node: quotas, a queue's headroom, fixed figures.

mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(super) use self::written::PoolsOutlook;
use super::{CapacitySource, Cause, ClusterSettings, Shortage};
use crate::model::{Demand, Resources, SubmissionId};

/// A source may be that far behind the pods: as long as Kubernetes' quota controller takes at most to count many of them anew,
/// and several times YuniKorn's interval.
const LAG: Duration = Duration::from_secs(10);

/// Amounts by the resource's Kubernetes name: CPU in millicores, memory in bytes. What isn't named isn't limited.
pub type Amounts = BTreeMap<String, u64>;

/// One limit on all that runs on a cluster, or in our part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pool {
    /// What its source calls it: a quota's name, a queue's path; empty where the source has one only.
    pub name: String,
    /// What it gives when nobody uses it. Where a source can't tell, the resource isn't named.
    pub total: Amounts,
    /// What is left of it.
    pub free: Amounts,
}

/// What was known of one limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PoolFigures {
    /// Which source told it.
    pub source: CapacitySource,
    /// What the source calls it; empty where it has one only.
    pub name: String,
    /// What is left, less what is kept for pods that the source hasn't counted yet. CPU in millicores, memory in bytes.
    #[schema(value_type = Object)]
    pub free: Amounts,
    /// What it gives when nobody uses it.
    #[schema(value_type = Object)]
    pub total: Amounts,
}

/// Which amounts of a pool are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// What is left, less what is kept.
    Free,
    /// What there is when nothing of ours uses it.
    Cleared,
    /// What there is when nobody uses it.
    Total,
}

/// All sources of one cluster that tell pools.
#[derive(Debug, Default)]
pub(super) struct Pools {
    told: BTreeMap<CapacitySource, Told>,
    /// Every submission that occupies the cluster.
    lives: BTreeMap<SubmissionId, Arc<Demand>>,
}

/// What one source told last.
#[derive(Debug, Default)]
struct Told {
    at: Option<Duration>,
    /// Why it couldn't be read since.
    fault: Option<Arc<str>>,
    pools: Vec<Pool>,
    /// What isn't counted yet of the pods to come, by submission.
    kept: BTreeMap<SubmissionId, Resources>,
    /// The sum of that.
    promised: Resources,
    /// What pods of ours that are counted use, those of submissions that have just ended too.
    ours: Recent,
}

/// The most that our pods used of late: a source may show some time later that they have gone.
#[derive(Debug, Default)]
struct Recent {
    now: Resources,
    /// Since `since`.
    most: Resources,
    /// In the span before that.
    before: Resources,
    since: Duration,
}

impl Recent {
    fn see(&mut self, now: Resources, at: Duration) {
        self.now = now;
        self.go_on(at);
    }

    fn go_on(&mut self, at: Duration) {
        if at.saturating_sub(self.since) >= LAG {
            self.before = std::mem::replace(&mut self.most, self.now.clone());
            self.since = at;
        }
        self.most = self.most.max(&self.now);
    }

    fn get(&self, name: &str) -> u64 {
        self.most.get(name).max(self.before.get(name))
    }
}

/// Whether the driver is still to come, and how many executors are. Spark's driver is the first pod.
pub(super) fn missing(demand: &Demand, seen: &Resources) -> (bool, u32) {
    let mut rest = demand.total().minus(seen);
    rest.pods = 0;
    if rest.named().all(|(_, amount)| amount == 0) && seen.cpu.0 > 0 {
        return (false, 0);
    }
    match seen.pods {
        0 => (true, demand.executors),
        pods => {
            let executors = u32::try_from(pods - 1).unwrap_or(u32::MAX);
            (false, demand.executors.saturating_sub(executors))
        }
    }
}

impl Told {
    fn fixed(amounts: &Amounts) -> Self {
        let pool = Pool {
            name: String::new(),
            total: amounts.clone(),
            free: amounts.clone(),
        };
        Self {
            pools: vec![pool],
            ..Self::default()
        }
    }

    fn keep(&mut self, id: &SubmissionId, amount: Resources) {
        self.give_back(id);
        self.promised = self.promised.plus(&amount);
        self.kept.insert(id.clone(), amount);
    }

    fn give_back(&mut self, id: &SubmissionId) -> bool {
        let Some(amount) = self.kept.remove(id) else {
            return false;
        };
        self.promised = self.promised.minus(&amount);
        true
    }

    fn amounts(&self, pool: &Pool, of: Of) -> Amounts {
        let left = |amount: &dyn Fn(&str, u64) -> u64| -> Amounts {
            let free = pool.free.iter();
            free.map(|(name, free)| (name.clone(), amount(name, *free)))
                .collect()
        };
        match of {
            Of::Total => pool.total.clone(),
            Of::Cleared => left(&|name, free| {
                let total = pool.total.get(name).copied().unwrap_or(u64::MAX);
                free.saturating_add(self.ours.get(name)).min(total)
            }),
            Of::Free => left(&|name, free| free.saturating_sub(self.promised.get(name))),
        }
    }

    /// What is kept for those whose pods were counted: nothing once all were.
    fn count(
        &mut self,
        seen: &BTreeMap<SubmissionId, Resources>,
        lives: &BTreeMap<SubmissionId, Arc<Demand>>,
    ) {
        let ids: Vec<SubmissionId> = self
            .kept
            .keys()
            .filter(|id| seen.contains_key(*id))
            .cloned()
            .collect();
        for id in ids {
            let (Some(demand), Some(seen)) = (lives.get(&id), seen.get(&id)) else {
                continue;
            };
            match missing(demand, seen) {
                (false, 0) => _ = self.give_back(&id),
                (driver, executors) => {
                    let to_come = demand.executor.times(u64::from(executors));
                    let driver = if driver {
                        demand.driver.clone()
                    } else {
                        Resources::default()
                    };
                    self.keep(&id, to_come.plus(&driver));
                }
            }
        }
    }
}

impl Pools {
    /// Other settings. A source that is new begins with everything that is live kept.
    pub(super) fn configure(&mut self, settings: Option<&ClusterSettings>) {
        let wanted: BTreeSet<CapacitySource> = settings
            .into_iter()
            .flat_map(|settings| settings.sources.iter().copied())
            .filter(|source| *source != CapacitySource::Nodes)
            .collect();
        self.told.retain(|source, _| wanted.contains(source));
        for source in wanted {
            let told = self.told.entry(source).or_insert_with(|| {
                let mut told = Told::default();
                for (id, demand) in &self.lives {
                    told.keep(id, demand.total());
                }
                told
            });
            if let (CapacitySource::Static, Some(settings)) = (source, settings) {
                told.pools = Told::fixed(&settings.fixed).pools;
            }
        }
    }

    /// A submission occupies the cluster. Of one that is `settled` all pods were there once: only a source that sees no
    /// pods keeps anything for it.
    pub(super) fn enter(&mut self, id: &SubmissionId, demand: &Arc<Demand>, settled: bool) {
        self.lives.insert(id.clone(), Arc::clone(demand));
        for (source, told) in &mut self.told {
            if !settled || *source == CapacitySource::Static {
                told.keep(id, demand.total());
            }
        }
    }

    /// It occupies it no longer; whether anything was kept for it.
    pub(super) fn release(&mut self, id: &SubmissionId) -> bool {
        self.lives.remove(id);
        let mut any = false;
        for told in self.told.values_mut() {
            any |= told.give_back(id);
        }
        any
    }

    /// What a source says now, and what pods of ours it has counted: by submission that lives, and altogether.
    pub(super) fn tell(
        &mut self,
        source: CapacitySource,
        pools: &[Pool],
        seen: &BTreeMap<SubmissionId, Resources>,
        ours: Resources,
        at: Duration,
    ) {
        if let Some(told) = self.told.get_mut(&source) {
            told.pools = pools.to_vec();
            told.ours.see(ours, at);
            told.at = Some(at);
            told.fault = None;
            told.count(seen, &self.lives);
        }
    }

    /// Whether more of something is free than `before`, or it isn't limited any more.
    pub(super) fn grew_since(&self, before: &Amounts) -> bool {
        let now = self.limits(Of::Free);
        let grown = |(name, before): (&String, &u64)| now.get(name).is_none_or(|now| now > before);
        before.iter().any(grown)
    }

    /// A source can't be read.
    pub(super) fn unread(&mut self, source: CapacitySource, why: &str) {
        if let Some(told) = self.told.get_mut(&source) {
            told.fault = Some(why.into());
        }
    }

    /// What is watched was still so at `at`.
    pub(super) fn still_current(&mut self, at: Duration) {
        for (source, told) in &mut self.told {
            if source.is_watched() && told.at.is_some() {
                told.at = told.at.max(Some(at));
                told.ours.go_on(at);
            }
        }
    }

    /// Why what a source said doesn't count.
    pub(super) fn unfresh(&self, limit: Duration, now: Duration) -> Option<Cause> {
        self.told
            .iter()
            .find_map(|(source, told)| match (source, told.at) {
                (CapacitySource::Static, _) => None,
                (_, None) => Some(Cause::NoView {
                    source: *source,
                    fault: told.fault.clone(),
                }),
                (_, Some(at)) => {
                    let age = now.saturating_sub(at);
                    (age > limit).then(|| Cause::StaleView {
                        source: *source,
                        age,
                        limit,
                        fault: told.fault.clone(),
                    })
                }
            })
    }

    /// When each source that can grow old was read.
    pub(super) fn read_at(&self) -> impl Iterator<Item = Option<Duration>> {
        let told = self.told.iter();
        told.filter(|(source, _)| **source != CapacitySource::Static)
            .map(|(_, told)| told.at)
    }

    /// The first pool that hasn't as much as is needed.
    pub(super) fn shortage(&self, need: &Resources, of: Of) -> Option<Shortage> {
        for (source, told) in &self.told {
            for pool in &told.pools {
                let has = told.amounts(pool, of);
                let short = |(name, need): &(&str, u64)| has.get(*name).is_some_and(|has| need > has);
                if let Some((resource, need)) = need.named().find(short) {
                    return Some(Shortage::Pool {
                        source: *source,
                        name: pool.name.clone(),
                        resource: resource.to_owned(),
                        need,
                        free: has.get(resource).copied().unwrap_or(0),
                    });
                }
            }
        }
        None
    }

    /// The least of all pools, resource by resource.
    pub(super) fn limits(&self, of: Of) -> Amounts {
        let mut least = Amounts::new();
        for told in self.told.values() {
            for pool in &told.pools {
                for (name, amount) in told.amounts(pool, of) {
                    let least = least.entry(name).or_insert(u64::MAX);
                    *least = (*least).min(amount);
                }
            }
        }
        least
    }

    /// The least of the nodes' amounts, where they are measured, and of all pools. A resource that nothing limits is 0.
    pub(super) fn least(&self, nodes: Option<Resources>, of: Of) -> Resources {
        let measured = nodes.is_some();
        let mut least = nodes.unwrap_or_default();
        for (name, limit) in self.limits(of) {
            let before = least.get(&name);
            if !measured || limit < before {
                least.set(&name, limit);
            }
        }
        least
    }

    /// For records and for people.
    pub(super) fn figures(&self) -> Vec<PoolFigures> {
        let told = self.told.iter();
        told.flat_map(|(source, told)| told.figures(*source, |pool| told.amounts(pool, Of::Free)))
            .collect()
    }
}

impl Told {
    fn figures(
        &self,
        source: CapacitySource,
        free: impl Fn(&Pool) -> Amounts,
    ) -> impl Iterator<Item = PoolFigures> {
        self.pools.iter().map(move |pool| PoolFigures {
            source,
            name: pool.name.clone(),
            free: free(pool),
            total: pool.total.clone(),
        })
    }
}

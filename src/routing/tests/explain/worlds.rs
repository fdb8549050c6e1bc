//! Random worlds.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::super::harness::*;
use crate::model::NodeTraits;
use crate::routing::{
    Amounts, CapacitySource, ClusterSettings, Health, Node, Order, Pacing, Policy, Pool, QueueSettings,
};
use crate::submission::BacklogEntry;

pub(in crate::routing::tests) const CLUSTERS: [&str; 4] = ["a", "b", "c", "d"];
pub(in crate::routing::tests) const QUEUES: [&str; 3] = ["dev", "prod", "night"];
/// A job of a random world.
#[derive(Debug, Clone)]
pub(in crate::routing::tests) struct Job {
    pub(in crate::routing::tests) queue: &'static str,
    pub(in crate::routing::tests) executors: u32,
    pub(in crate::routing::tests) cores: u64,
    pub(in crate::routing::tests) priority: i32,
    pub(in crate::routing::tests) selector: Vec<&'static str>,
    pub(in crate::routing::tests) excluded: Option<&'static str>,
    pub(in crate::routing::tests) version: Option<&'static str>,
    pub(in crate::routing::tests) shunned: Option<&'static str>,
    /// Which nodes its executors select.
    pub(in crate::routing::tests) pool: Option<&'static str>,
}

/// What befalls a cluster after it was set up.
#[derive(Debug, Clone, Copy)]
pub(in crate::routing::tests) enum Plight {
    Well,
    Unhealthy,
    Cordoned,
    Unread,
    Stale,
}

#[derive(Debug, Clone)]
pub(in crate::routing::tests) struct Site {
    pub(in crate::routing::tests) settings: ClusterSettings,
    pub(in crate::routing::tests) nodes: Vec<u64>,
    /// Cores that a quota leaves, and those it gives in all.
    pub(in crate::routing::tests) quota: (u64, u64),
    pub(in crate::routing::tests) plight: Plight,
}

pub(in crate::routing::tests) fn any_queue(name: &'static str) -> impl Strategy<Value = QueueSettings> {
    let policies = vec![
        Policy::Weighted,
        Policy::Balanced,
        Policy::LeastUtilized,
        Policy::Binpack,
        Policy::Ordered,
    ];
    let limits = (
        prop::option::weighted(0.2, 0u64..4),
        prop::option::weighted(0.2, 4u64..40),
    );
    (1u32..5, select(policies), any::<bool>(), 1usize..6, limits).prop_map(
        move |(weight, policy, strict, lookahead, (max_live, cores))| {
            let mut settings = queue(name, weight);
            settings.policy = policy;
            settings.order = if strict {
                Order::StrictFifo
            } else {
                Order::BestEffortFifo
            };
            settings.lookahead = lookahead;
            settings.max_bypass = Duration::from_secs(5);
            settings.limits.max_live = max_live;
            settings.limits.resources = cores.map(|cores| {
                let mut limit = pod(cores, 0);
                limit.pods = 0;
                limit
            });
            settings
        },
    )
}

pub(in crate::routing::tests) fn any_plight() -> impl Strategy<Value = Plight> {
    let plights = vec![
        Plight::Well,
        Plight::Well,
        Plight::Well,
        Plight::Well,
        Plight::Unhealthy,
        Plight::Cordoned,
        Plight::Unread,
        Plight::Stale,
    ];
    select(plights)
}

pub(in crate::routing::tests) fn any_site(name: &'static str) -> impl Strategy<Value = Site> {
    let pace = (
        prop::option::weighted(0.3, 1u32..30),
        1u32..4,
        prop::option::weighted(0.3, 0u32..4),
    );
    let rules = (
        prop::option::weighted(0.2, subsequence(QUEUES.to_vec(), 0..3)),
        subsequence(vec!["3.5", "4.0"], 0..2),
        prop::option::weighted(0.2, 0u64..4),
    );
    (
        1u32..9,
        prop::collection::vec(1u64..24, 0..4),
        (0u64..30, 0u64..20),
        any_plight(),
        pace,
        rules,
        any_sources(),
    )
        .prop_map(
            move |(
                weight,
                nodes,
                (left, used),
                plight,
                (rate, burst, max_pending),
                (queues, versions, max_live),
                (sources, fixed),
            )| {
                let mut settings = cluster(name, weight);
                settings.queues = queues.map(|names| names.into_iter().map(queue_name).collect());
                settings.spark_versions = versions.into_iter().map(str::to_owned).collect();
                settings.limits.max_live = max_live;
                settings.sources = sources;
                settings.fixed = fixed;
                settings.pacing = Pacing {
                    submissions_per_minute: rate,
                    burst,
                    max_pending,
                };
                Site {
                    settings,
                    nodes,
                    quota: (left, left + used),
                    plight,
                }
            },
        )
}

/// Sources and the figures of the source `static`.
pub(in crate::routing::tests) fn any_sources() -> impl Strategy<Value = (Vec<CapacitySource>, Amounts)> {
    let named = (
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.3),
        prop::option::weighted(0.3, 1u64..40),
    );
    named.prop_map(|(nodes, quota, fixed)| {
        let sources = [
            nodes.then_some(CapacitySource::Nodes),
            quota.then_some(CapacitySource::Quota),
            fixed.map(|_| CapacitySource::Static),
        ];
        let sources = sources.into_iter().flatten().collect();
        (sources, fixed.map(in_cores).unwrap_or_default())
    })
}

pub(in crate::routing::tests) fn in_cores(cores: u64) -> Amounts {
    Amounts::from([("cpu".to_owned(), cores * 1000)])
}

pub(in crate::routing::tests) fn any_job() -> impl Strategy<Value = Job> {
    let sometimes = |names: &[&'static str]| prop::option::weighted(0.15, select(names.to_vec()));
    let selector = prop_oneof![4 => Just(Vec::new()), 1 => subsequence(CLUSTERS.to_vec(), 1..3)];
    let bounds = (
        selector,
        sometimes(&CLUSTERS),
        sometimes(&["3.5", "4.0"]),
        sometimes(&CLUSTERS),
        sometimes(&["even", "odd", "none"]),
    );
    (select(QUEUES.to_vec()), 0u32..4, 1u64..10, 0i32..2, bounds).prop_map(
        |(queue, executors, cores, priority, (selector, excluded, version, shunned, pool))| Job {
            queue,
            executors,
            cores,
            priority,
            selector,
            excluded,
            version,
            shunned,
            pool,
        },
    )
}

pub(in crate::routing::tests) fn world_of(queues: Vec<QueueSettings>, sites: &[Site]) -> World {
    let mut world = World::new(queues, sites.iter().map(|site| site.settings.clone()).collect());
    world.mono = Duration::from_secs(1000);
    for site in sites {
        let name = site.settings.name.as_str();
        let nodes: Vec<_> = (0..)
            .zip(&site.nodes)
            .map(|(n, cores)| Node {
                traits: pool(["even", "odd"][n % 2]).into(),
                ..node(&format!("n{n}"), *cores, 64)
            })
            .collect();
        let unhealthy = Health::Unhealthy("the API server answers 401".into());
        match site.plight {
            Plight::Unread => continue,
            Plight::Well => {}
            Plight::Stale => world.mono -= Duration::from_secs(61),
            Plight::Unhealthy => world.router.set_health(&site.settings.name, unhealthy),
            Plight::Cordoned => world
                .router
                .set_cordon(&site.settings.name, Some("cordoned: upgrade".into())),
        }
        world.nodes(name, &nodes);
        let (left, total) = site.quota;
        let quota = Pool {
            name: "room".into(),
            total: in_cores(total),
            free: in_cores(left),
        };
        let (source, at) = (CapacitySource::Quota, world.mono);
        world
            .router
            .set_pools(&site.settings.name, source, &[quota], &[], at);
        world.mono = Duration::from_secs(1000);
    }
    world
}

fn pool(name: &str) -> NodeTraits {
    NodeTraits {
        labels: BTreeMap::from([("pool".to_owned(), name.to_owned())]),
        ..NodeTraits::default()
    }
}

pub(in crate::routing::tests) fn enter(world: &mut World, job: &Job, number: usize) -> BacklogEntry {
    let mut demand = super::super::harness::job(job.executors, job.cores);
    demand.executor_constraints.node_selector = job.pool.map(|name| pool(name).labels).unwrap_or_default();
    let mut entry = world.entry(&format!("job-{number}"), job.queue, demand);
    entry.priority = job.priority;
    entry.selector = job.selector.iter().map(|name| cluster_name(name)).collect();
    entry.excluded_clusters = job.excluded.into_iter().map(cluster_name).collect();
    entry.spark_version = job.version.map(str::to_owned);
    if let Some(shunned) = job.shunned {
        world.router.prefer_another(&entry.id, cluster_name(shunned));
    }
    world.backlog.insert(&entry);
    entry
}

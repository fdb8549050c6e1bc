//! Explaining a submission tells what placing it would do, and does nothing; from what was written down, too.

use std::collections::BTreeMap;
use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::harness::*;
use crate::model::{Attempt, ClusterName};
use crate::routing::outlook::Outlook;
use crate::routing::{
    Answer, CapacitySource, Cause, ClusterSettings, DomainOutlook, Explanation, Health, LiveJob, Order,
    Pacing, Policy, QueueSettings, Why,
};
use crate::submission::{BacklogEntry, Placement, Reason};

const CLUSTERS: [&str; 4] = ["a", "b", "c", "d"];
const QUEUES: [&str; 3] = ["dev", "prod", "night"];
/// Worlds, each with at least `JOBS_LEAST` submissions: ten thousand comparisons and more.
const WORLDS: u32 = 2_000;
const JOBS_LEAST: usize = 5;

/// A job of a random world.
#[derive(Debug, Clone)]
struct Job {
    queue: &'static str,
    executors: u32,
    cores: u64,
    priority: i32,
    selector: Vec<&'static str>,
    excluded: Option<&'static str>,
    version: Option<&'static str>,
    shunned: Option<&'static str>,
}

/// What befalls a cluster after it was set up.
#[derive(Debug, Clone, Copy)]
enum Plight {
    Well,
    Unhealthy,
    Cordoned,
    Unread,
    Stale,
}

#[derive(Debug, Clone)]
struct Site {
    settings: ClusterSettings,
    nodes: Vec<u64>,
    plight: Plight,
}

fn any_queue(name: &'static str) -> impl Strategy<Value = QueueSettings> {
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

fn any_plight() -> impl Strategy<Value = Plight> {
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

fn any_site(name: &'static str) -> impl Strategy<Value = Site> {
    let pace = (
        prop::option::weighted(0.3, 1u32..30),
        1u32..4,
        prop::option::weighted(0.3, 0u32..4),
    );
    let rules = (
        prop::option::weighted(0.2, subsequence(QUEUES.to_vec(), 0..3)),
        subsequence(vec!["3.5", "4.0"], 0..2),
        prop::option::weighted(0.2, 0u64..4),
        prop::bool::weighted(0.8),
    );
    (
        1u32..9,
        prop::collection::vec(1u64..24, 0..4),
        any_plight(),
        pace,
        rules,
    )
        .prop_map(
            move |(
                weight,
                nodes,
                plight,
                (rate, burst, max_pending),
                (queues, versions, max_live, measured),
            )| {
                let mut settings = cluster(name, weight);
                settings.queues = queues.map(|names| names.into_iter().map(queue_name).collect());
                settings.spark_versions = versions.into_iter().map(str::to_owned).collect();
                settings.limits.max_live = max_live;
                settings.sources = measured.then_some(CapacitySource::Nodes).into_iter().collect();
                settings.pacing = Pacing {
                    submissions_per_minute: rate,
                    burst,
                    max_pending,
                };
                Site {
                    settings,
                    nodes,
                    plight,
                }
            },
        )
}

fn any_job() -> impl Strategy<Value = Job> {
    let sometimes = |names: &[&'static str]| prop::option::weighted(0.15, select(names.to_vec()));
    let selector = prop_oneof![4 => Just(Vec::new()), 1 => subsequence(CLUSTERS.to_vec(), 1..3)];
    let bounds = (
        selector,
        sometimes(&CLUSTERS),
        sometimes(&["3.5", "4.0"]),
        sometimes(&CLUSTERS),
    );
    (select(QUEUES.to_vec()), 0u32..4, 1u64..10, 0i32..2, bounds).prop_map(
        |(queue, executors, cores, priority, (selector, excluded, version, shunned))| Job {
            queue,
            executors,
            cores,
            priority,
            selector,
            excluded,
            version,
            shunned,
        },
    )
}

fn world_of(queues: Vec<QueueSettings>, sites: &[Site]) -> World {
    let mut world = World::new(queues, sites.iter().map(|site| site.settings.clone()).collect());
    world.mono = Duration::from_secs(1000);
    for site in sites {
        let name = site.settings.name.as_str();
        let nodes: Vec<_> = (0..)
            .zip(&site.nodes)
            .map(|(n, cores)| node(&format!("n{n}"), *cores, 64))
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
        world.mono = Duration::from_secs(1000);
    }
    world
}

fn enter(world: &mut World, job: &Job, number: usize) -> BacklogEntry {
    let demand = super::harness::job(job.executors, job.cores);
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

/// What another pod reads: everything through its written form.
fn written_down(world: &World) -> Outlook {
    let domain = world
        .router
        .domain_outlook(|queue| world.backlog.count(queue) as u64);
    let again = |text: String| serde_json::from_str::<DomainOutlook>(&text).unwrap();
    let domain = again(serde_json::to_string(&domain).unwrap());
    let told = |name: &ClusterName| {
        let text = serde_json::to_string(&world.router.cluster_outlook(name, world.mono).unwrap()).unwrap();
        (name.clone(), serde_json::from_str(&text).unwrap())
    };
    let clusters: BTreeMap<_, _> = domain.clusters.iter().map(told).collect();
    Outlook::new(domain, clusters)
}

/// The answer holds together: one chosen cluster or a reason, and an answer of each cluster.
fn is_whole(told: &Explanation, clusters: usize) {
    let chosen: Vec<&str> = told
        .clusters
        .iter()
        .filter(|asked| asked.answer == Answer::Chosen)
        .map(|asked| asked.cluster.as_str())
        .collect();
    let placed: Vec<&str> = told.placement.iter().map(|p| p.cluster.as_str()).collect();
    assert_eq!(chosen, placed);
    assert_ne!(told.placement.is_some(), told.reason.is_some());
    assert_eq!(told.clusters.len(), clusters);
    for asked in &told.clusters {
        let told_why = !asked.why.is_empty();
        assert_eq!(
            told_why,
            matches!(asked.answer, Answer::Passes | Answer::Refuses),
            "{asked:?}"
        );
    }
}

/// What there was no room for is remembered until room grows, with the figures of that time: explaining looks anew.
fn without_old_figures(mut placement: Placement) -> Placement {
    for why in placement.others.values_mut() {
        why.truncate(why.find("no room").map_or(why.len(), |at| at + "no room".len()));
    }
    placement
}

fn kinds(why: &Why) -> (&str, Vec<(&str, Discriminant<Cause>)>) {
    let refusals = why.refusals.iter();
    let kinds = refusals.map(|refusal| (refusal.cluster.as_str(), discriminant(&refusal.cause)));
    (&why.general, kinds.collect())
}

/// Explains all that waits, lets the scheduler make its next placement, and compares. Whether it made one.
fn step(world: &mut World, sites: usize) -> bool {
    let before = format!("{:?}", world.router);
    let outlook = written_down(world);
    let mut told: BTreeMap<String, Explanation> = BTreeMap::new();
    let waiting: Vec<BacklogEntry> = QUEUES
        .iter()
        .flat_map(|queue| world.backlog.in_order(&queue_name(queue)))
        .filter_map(|ready| world.backlog.get(ready.id()))
        .collect();
    for entry in &waiting {
        let answer = world.router.explain(entry, world.now());
        is_whole(&answer, sites);
        if !world.router.shunned.contains_key(&entry.id) {
            let mut apart = outlook.explain(entry);
            apart.queue.as_mut().unwrap().waiting = None;
            assert_eq!(apart, answer, "another pod says the same");
        }
        told.insert(entry.id.to_string(), answer);
    }
    assert_eq!(
        before,
        format!("{:?}", world.router),
        "explaining changes nothing"
    );

    let holds = world.router.holds.ended;
    let cycle = world.router.cycle(&world.backlog, world.now(), 1);
    // A hold that ended within the cycle freed a cluster that was held when we asked.
    if world.router.holds.ended == holds {
        for decision in &cycle.placements {
            let answer = &told[decision.entry.id.as_str()];
            let told = answer.placement.clone().map(without_old_figures);
            assert_eq!(told, Some(without_old_figures(decision.placement.clone())));
        }
        for waits in &cycle.waiting {
            let answer = &told[waits.id.as_str()];
            assert_eq!(answer.reason, Some(waits.reason));
            assert_eq!(kinds(&answer.why), kinds(&waits.why));
        }
    }
    for decision in &cycle.placements {
        let entry = &decision.entry;
        world
            .backlog
            .known_gone(&entry.id, &entry.incarnation, entry.version.next(), world.mono);
    }
    !cycle.placements.is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(WORLDS))]
    #[test]
    fn explain_and_the_scheduler_agree_on_every_pod_and_explaining_changes_nothing(
        queues in (any_queue("dev"), any_queue("prod"), any_queue("night")),
        sites in (any_site("a"), any_site("b"), any_site("c"), any_site("d")),
        open in 1usize..5,
        jobs in prop::collection::vec(any_job(), JOBS_LEAST..10),
        adopted in prop::collection::vec((select(CLUSTERS.to_vec()), 0u32..3, any::<bool>()), 0..3),
        pause in 0u64..12,
    ) {
        let sites: Vec<Site> = [sites.0, sites.1, sites.2, sites.3].into_iter().take(open).collect();
        let mut world = world_of(vec![queues.0, queues.1, queues.2], &sites);
        for (n, (name, executors, settled)) in adopted.into_iter().enumerate() {
            world.router.adopt_live(LiveJob {
                id: id(&format!("live-{n}")),
                attempt: Attempt(1),
                queue: queue_name("dev"),
                cluster: cluster_name(name),
                demand: job(executors, 2),
                pending: !settled,
                settled,
            });
        }
        for (n, job) in jobs.iter().enumerate() {
            enter(&mut world, job, n);
        }
        while step(&mut world, sites.len()) {}
        // Long enough for tokens and, here and there, for a hold; then room comes free, one job after the other.
        world.mono += Duration::from_secs(pause);
        while step(&mut world, sites.len()) {}
        for n in 0..3 {
            world.router.released(&id(&format!("job-{n}")));
            while step(&mut world, sites.len()) {}
        }
    }
}

#[test]
fn a_cluster_that_nothing_was_told_of_is_left_out_and_what_is_not_asked_is_said() {
    let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1), cluster("b", 1)]);
    for name in ["a", "b"] {
        world.nodes(name, &[node("n1", 8, 8)]);
    }
    let entry = world.entry("job", "dev", job(1, 1));
    let domain = world.router.domain_outlook(|_| 3);
    let b = cluster_name("b");
    let told = BTreeMap::from([(b.clone(), world.router.cluster_outlook(&b, world.mono).unwrap())]);
    let answer = Outlook::new(domain, told).explain(&entry);
    assert_eq!(answer.placement.unwrap().cluster, "b");
    assert_eq!(answer.clusters.len(), 1);
    assert_eq!(answer.queue.unwrap().waiting, Some(3));

    let stranger = world.entry("job", "nowhere", job(1, 1));
    let answer = world.router.explain(&stranger, world.now());
    assert_eq!(answer.reason, Some(Reason::QueueUnknown));
    assert!(answer.queue.is_none());
    assert!(
        answer
            .clusters
            .iter()
            .all(|asked| asked.answer == Answer::NotAsked)
    );
}

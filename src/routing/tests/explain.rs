//! Explaining a submission tells what placing it would do, and does nothing; from what was written down, too.

pub(super) mod worlds;

use std::collections::BTreeMap;
use std::mem::{Discriminant, discriminant};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use self::worlds::*;
use super::harness::*;
use crate::model::{Attempt, ClusterName};
use crate::routing::outlook::Outlook;
use crate::routing::{Answer, Cause, Cycle, DomainOutlook, Explanation, LiveJob, Router, Why};
use crate::submission::{BacklogEntry, Placement, Reason};

const WORLDS: u32 = 2_000;
/// Of what a cycle decided with what was told before.
static COMPARED: AtomicUsize = AtomicUsize::new(0);

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

/// What was placed was told to go there, and what waits was told why.
fn agree(cycle: &Cycle, told: &BTreeMap<String, Explanation>) {
    COMPARED.fetch_add(cycle.placements.len() + cycle.waiting.len(), Ordering::Relaxed);
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

    let changed = |world: &World| {
        let Router {
            holds,
            claims,
            weights,
            ..
        } = &world.router;
        (holds.ended, holds.begun, claims.clone(), *weights)
    };
    let kept = changed(world);
    let cycle = world.router.cycle(&world.backlog, world.now(), 1);
    // A hold that ended within the cycle freed a cluster that was held when we asked, and one that began took one; the
    // same with claims, and with the shares that they go by.
    if changed(world) == kept {
        agree(&cycle, &told);
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
    fn in_random_worlds_they_agree(
        queues in (any_queue("dev"), any_queue("prod"), any_queue("night")),
        sites in (any_site("a"), any_site("b"), any_site("c"), any_site("d")),
        open in 1usize..5,
        jobs in prop::collection::vec(any_job(), 5..10),
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
fn explain_and_the_scheduler_agree_on_every_pod_and_explaining_changes_nothing() {
    in_random_worlds_they_agree();
    let compared = COMPARED.load(Ordering::Relaxed);
    assert!(compared >= 10_000, "{compared} comparisons");
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

/// The executor is waited for no longer, but for its room, which nobody else is promised.
#[test]
fn a_job_that_goes_beside_pods_that_were_given_up_is_told_so_from_what_was_written_down() {
    let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1)]);
    let a = cluster_name("a");
    let mut nodes = ["n1", "n2"].map(|name| node(name, 8, 64));
    world.nodes("a", &nodes);
    world.submit("stuck", "dev", job(1, 2));
    assert_eq!(world.cycle().placements.len(), 1);
    nodes[0].requested = pod(1, 1);
    let bound = [(id("stuck").object_name(Attempt(1)), pod(1, 1))];
    for minutes in [0, 15] {
        world.mono = Duration::from_secs(60 * minutes);
        world.router.set_capacity(&a, &nodes, &bound, world.mono);
        world.router.still_current(&a, world.mono);
    }
    let entry = world.entry("next", "dev", job(2, 6));
    let told = world.router.explain(&entry, world.now());
    assert!(told.placement.is_some(), "{told:?}");
    let apart = written_down(&world).explain(&entry);
    let chosen = apart.placement.as_ref().map(|p| p.cluster.as_str());
    assert_eq!(chosen, Some("a"), "{apart:?}");
}

//! Sources that tell of a cluster as a whole: quota, headroom, fixed figures. The least counts.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::harness::*;
use crate::model::{Attempt, Resources};
use crate::routing::{Amounts, CapacitySource, Cause, ClusterSettings, LiveJob, Policy, Pool};
use crate::submission::Reason;

const QUOTA: CapacitySource = CapacitySource::Quota;

fn cores(n: u64) -> Amounts {
    Amounts::from([("cpu".to_owned(), n * 1000)])
}

fn pool(name: &str, total: u64, free: u64) -> Pool {
    Pool {
        name: name.into(),
        total: cores(total),
        free: cores(free),
    }
}

fn with(sources: &[CapacitySource]) -> ClusterSettings {
    ClusterSettings {
        sources: sources.to_vec(),
        ..cluster("a", 1)
    }
}

fn world(settings: ClusterSettings) -> World {
    World::new(vec![queue("dev", 1)], vec![settings])
}

impl World {
    fn pools(&mut self, source: CapacitySource, pools: &[Pool], counted: &[(&str, Resources)]) {
        let counted: Vec<(String, Resources)> = counted
            .iter()
            .map(|(name, requests)| (id(name).object_name(Attempt(1)), requests.clone()))
            .collect();
        self.router
            .set_pools(&cluster_name("a"), source, pools, &counted, self.mono);
    }

    /// The answer to the next of the queue.
    fn answer(&mut self) -> (Reason, String) {
        let cycle = self.cycle();
        assert!(cycle.placements.is_empty(), "{:?}", cycle.placements);
        (cycle.waiting[0].reason, cycle.waiting[0].message())
    }
}

#[test]
fn a_job_waits_for_room_in_a_quota_which_is_named() {
    let mut world = world(with(&[QUOTA]));
    world.submit("job", "dev", job(2, 2));
    let (reason, told) = world.answer();
    assert_eq!(reason, Reason::ClusterUnhealthy);
    assert_eq!(told, "a: its capacity by quota isn't known yet");
    world.pools(QUOTA, &[pool("wide", 50, 40), pool("room", 10, 4)], &[]);
    let (reason, told) = world.answer();
    assert_eq!(reason, Reason::NoCapacity);
    assert_eq!(
        told,
        "a: no room: needs 5000m of cpu, 4000m free in the quota room"
    );
    world.pools(QUOTA, &[pool("wide", 50, 40), pool("room", 10, 5)], &[]);
    assert_eq!(ids(&world.placed()), ["job"]);
}

#[test]
fn what_a_quota_could_never_hold_never_fits() {
    let mut world = world(with(&[QUOTA]));
    world.pools(QUOTA, &[pool("room", 4, 4)], &[]);
    world.submit("job", "dev", job(2, 2));
    let (reason, told) = world.answer();
    assert_eq!(reason, Reason::NeverFits);
    assert_eq!(
        told,
        "a: too small even when empty: needs 5000m of cpu, 4000m free in the quota room"
    );
    world.pools(QUOTA, &[], &[]);
    assert_eq!(
        ids(&world.placed()),
        ["job"],
        "without a quota nothing is limited"
    );
}

#[test]
fn room_is_kept_until_the_quota_has_counted_the_pods() {
    let mut world = world(with(&[QUOTA]));
    world.pools(QUOTA, &[pool("room", 10, 10)], &[]);
    for name in ["first", "second", "third"] {
        world.submit(name, "dev", job(2, 2));
    }
    assert_eq!(ids(&world.placed()), ["first", "second"]);
    // The driver and an executor of the first, then all of it, are counted.
    world.pools(
        QUOTA,
        &[pool("room", 10, 7)],
        &[("first", pod(1, 1).plus(&pod(2, 2)))],
    );
    let told = world.answer().1;
    assert!(told.contains("0m free"), "{told}");
    world.pools(QUOTA, &[pool("room", 10, 5)], &[("first", job(2, 2).total())]);
    assert!(world.answer().1.contains("0m free"));
    // Executors that are gone again are not waited for.
    world.pools(QUOTA, &[pool("room", 10, 9)], &[("first", pod(1, 1))]);
    assert!(world.answer().1.contains("4000m free"));
    world.router.released(&id("second"));
    assert_eq!(ids(&world.placed()), ["third"]);
}

#[test]
fn fixed_figures_are_taken_up_by_whatever_is_live_until_its_end() {
    let mut settings = with(&[CapacitySource::Static]);
    settings.fixed = cores(10);
    let mut world = world(settings);
    world.router.adopt_live(LiveJob {
        id: id("old"),
        attempt: Attempt(1),
        queue: queue_name("dev"),
        cluster: cluster_name("a"),
        demand: job(2, 2),
        pending: false,
        settled: true,
    });
    world.submit("fits", "dev", job(1, 3));
    world.submit("waits", "dev", job(1, 1));
    world.mono = Duration::from_secs(86_400);
    assert_eq!(ids(&world.placed()), ["fits"], "they don't grow old");
    let told = world.answer().1;
    assert_eq!(
        told,
        "a: no room: needs 2000m of cpu, 1000m free of what capacity.static gives"
    );
    world.router.released(&id("old"));
    assert_eq!(ids(&world.placed()), ["waits"]);
}

#[test]
fn a_headroom_that_was_not_read_for_too_long_does_not_count_and_the_reason_says_why() {
    let source = CapacitySource::Yunikorn;
    let mut world = world(with(&[CapacitySource::Nodes, QUOTA, source]));
    world.submit("job", "dev", job(1, 1));
    world.nodes("a", &[node("n1", 8, 8)]);
    world.pools(QUOTA, &[], &[]);
    world
        .router
        .set_unread(&cluster_name("a"), source, "404 Queue not found");
    let told = world.answer().1;
    assert_eq!(
        told,
        "a: its capacity by yunikorn isn't known yet: 404 Queue not found"
    );
    world.pools(source, &[pool("root.a", 8, 1)], &[]);
    assert!(
        world
            .answer()
            .1
            .ends_with("1000m free in the YuniKorn queue root.a")
    );
    world.mono = Duration::from_secs(61);
    // The cluster's watches are up: that says nothing of what is asked for.
    world.router.still_current(&cluster_name("a"), world.mono);
    world.router.set_unread(&cluster_name("a"), source, "no answer");
    let (reason, told) = world.answer();
    assert_eq!(reason, Reason::ClusterUnhealthy);
    assert_eq!(
        told,
        "a: its capacity by yunikorn was read 61 s ago, which is more than 60 s: no answer"
    );
    world.pools(source, &[pool("root.a", 8, 2)], &[]);
    assert_eq!(ids(&world.placed()), ["job"]);
}

#[test]
fn a_view_of_quotas_grows_old_like_that_of_nodes() {
    let mut world = world(with(&[QUOTA]));
    world.pools(QUOTA, &[pool("room", 8, 8)], &[]);
    world.mono = Duration::from_secs(61);
    world.submit("job", "dev", job(1, 1));
    let cycle = world.cycle();
    let Cause::StaleView { source, .. } = cycle.waiting[0].why.refusals[0].cause else {
        panic!("{:?}", cycle.waiting)
    };
    assert_eq!(source, QUOTA);
    world.router.still_current(&cluster_name("a"), world.mono);
    assert_eq!(ids(&world.placed()), ["job"]);
}

#[test]
fn the_emptiest_cluster_is_found_by_the_source_that_has_least() {
    let mut dev = queue("dev", 1);
    dev.policy = Policy::LeastUtilized;
    let mut b = cluster("b", 1);
    b.sources = vec![CapacitySource::Nodes, QUOTA];
    let mut world = World::new(vec![dev], vec![cluster("a", 1), b]);
    let mut half = node("n1", 10, 100);
    half.requested = pod(5, 5);
    world.nodes("a", &[half]);
    world.nodes("b", &[node("n1", 100, 100)]);
    let b = cluster_name("b");
    let narrow = pool("room", 10, 3);
    world.router.set_pools(&b, QUOTA, &[narrow], &[], world.mono);
    world.submit("job", "dev", job(1, 1));
    assert_eq!(
        world.placed()[0].1,
        "a",
        "b is empty by its nodes, and nearly full by its quota"
    );
}

/// What happens in a random world of one cluster with every source.
#[derive(Debug, Clone)]
enum Step {
    Submit(u32, u64),
    Cycle,
    /// Pods of the n-th live job come to be, and are counted by the quota; on nodes and in the queue too.
    Made(usize, u64),
    End(usize),
    /// Strangers take this much of the quota, of the queue.
    Strangers(u64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0u32..4, 1u64..4).prop_map(|(executors, cores)| Step::Submit(executors, cores)),
        5 => Just(Step::Cycle),
        3 => (0usize..8, 1u64..5).prop_map(|(job, pods)| Step::Made(job, pods)),
        2 => (0usize..8).prop_map(Step::End),
        1 => (0u64..6, 0u64..6).prop_map(|(quota, headroom)| Step::Strangers(quota, headroom)),
    ]
}

const NODES: u64 = 40;

struct Outside {
    world: World,
    quota: u64,
    headroom: u64,
    fixed: u64,
    strangers: (u64, u64),
    /// Each live job: its executors, their cores, and how many of its pods were made.
    running: BTreeMap<String, (u32, u64, u64)>,
    made: usize,
}

impl Outside {
    fn new(quota: u64, headroom: u64, fixed: u64) -> Self {
        let all = [
            CapacitySource::Nodes,
            QUOTA,
            CapacitySource::Yunikorn,
            CapacitySource::Static,
        ];
        let mut settings = with(&all);
        settings.fixed = cores(fixed);
        let mut outside = Self {
            world: world(settings),
            quota,
            headroom,
            fixed,
            strangers: (0, 0),
            running: BTreeMap::new(),
            made: 0,
        };
        outside.tell();
        outside
    }

    fn tell(&mut self) {
        let of = |(_, cores, made): &(u32, u64, u64)| {
            let executors = made.saturating_sub(1);
            pod(1, 1)
                .times((*made).min(1))
                .plus(&pod(*cores, 1).times(executors))
        };
        let counted: Vec<(&str, Resources)> = self
            .running
            .iter()
            .filter(|(_, job)| job.2 > 0)
            .map(|(name, job)| (name.as_str(), of(job)))
            .collect();
        let ours: u64 = counted.iter().map(|(_, sum)| sum.cpu.0 / 1000).sum();
        let left = |all: u64, others: u64| all.saturating_sub(others + ours);
        let quota = pool("q", self.quota, left(self.quota, self.strangers.0));
        let headroom = pool("root.q", self.headroom, left(self.headroom, self.strangers.1));
        let mut node = node("n1", NODES, 1000);
        node.requested = counted
            .iter()
            .fold(Resources::default(), |sum, (_, one)| sum.plus(one));
        let bound: Vec<(String, Resources)> = counted
            .iter()
            .map(|(name, sum)| (id(name).object_name(Attempt(1)), sum.clone()))
            .collect();
        let now = self.world.mono;
        self.world
            .router
            .set_capacity(&cluster_name("a"), &[node], &bound, now);
        self.world.pools(QUOTA, &[quota], &counted);
        self.world.pools(CapacitySource::Yunikorn, &[headroom], &counted);
    }

    fn nth(&self, n: usize) -> Option<String> {
        let count = self.running.len().max(1);
        self.running.keys().nth(n % count).cloned()
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Submit(executors, cores) => {
                self.made += 1;
                let mut demand = job(*executors, *cores);
                demand.executor = pod(*cores, 1);
                self.world.submit(&format!("job-{}", self.made), "dev", demand);
            }
            Step::Cycle => self.cycle(),
            Step::Made(n, pods) => {
                if let Some(job) = self.nth(*n).and_then(|name| self.running.get_mut(&name)) {
                    job.2 = (job.2 + pods).min(u64::from(job.0) + 1);
                }
                self.tell();
            }
            Step::End(n) => {
                if let Some(name) = self.nth(*n) {
                    self.running.remove(&name);
                    self.world.router.released(&id(&name));
                    self.tell();
                }
            }
            Step::Strangers(quota, headroom) => {
                self.strangers = (*quota, *headroom);
                self.tell();
            }
        }
    }

    /// What is free for new jobs: by each source, its whole less what strangers have and all that runs demands.
    fn free(&self) -> u64 {
        let demanded: u64 = self
            .running
            .values()
            .map(|(executors, cores, _)| 1 + u64::from(*executors) * cores)
            .sum();
        let of = |all: u64, others: u64| all.saturating_sub(others + demanded);
        let (quota, headroom) = self.strangers;
        let by_total = [
            of(self.quota, quota),
            of(self.headroom, headroom),
            of(self.fixed, 0),
        ];
        by_total.into_iter().min().unwrap().min(of(NODES, 0))
    }

    fn cycle(&mut self) {
        let before = self.free();
        let mut placed = 0;
        let cycle = self.world.cycle();
        for decision in &cycle.placements {
            let demand = &decision.entry.demand;
            placed += demand.total().cpu.0 / 1000;
            let job = (demand.executors, demand.executor.cpu.0 / 1000, 0);
            self.running.insert(decision.entry.id.to_string(), job);
        }
        assert!(placed <= before, "{placed} cores placed where {before} are free");
        let free = self.free();
        for waiting in &cycle.waiting {
            let demand = self.world.backlog.get(&waiting.id).unwrap().demand;
            let need = demand.total().cpu.0 / 1000;
            assert!(
                need > free,
                "{need} cores wait while {free} are free: {}",
                waiting.message()
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn the_least_of_all_sources_is_used_up_and_never_exceeded(
        quota in 1u64..30, headroom in 1u64..30, fixed in 1u64..30,
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut outside = Outside::new(quota, headroom, fixed);
        for step in &steps {
            outside.take(step);
        }
    }
}

//! Queues, clusters, and a backlog of many shapes of jobs.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use spark_broker::backlog::Backlog;
use spark_broker::model::{
    Attempt, Bytes, ClusterName, Demand, Incarnation, Millicores, QueueName, Resources, SubmissionId, Version,
};
use spark_broker::routing::{
    CapacitySource, ClusterLimits, ClusterSettings, Cycle, Health, Node, Now, Order, Pacing, Policy,
    QueueLimits, QueueSettings, Router, Settings,
};
use spark_broker::submission::BacklogEntry;

pub const QUEUES: usize = 50;
pub const CLUSTERS: usize = 50;
pub const NODES: usize = 1_000;
/// Cores and GiB of a node.
const NODE: (u64, u64) = (64, 256);
/// Nodes of a cluster that aren't full of other parties' pods.
const FREE: usize = 2;
/// As the scheduler asks for in one call.
const PLACEMENTS: usize = 256;

pub struct World {
    router: Router,
    backlog: Backlog,
    /// What was placed and hasn't ended, oldest first.
    live: std::collections::VecDeque<SubmissionId>,
    mono: Duration,
    made: u64,
}

fn cluster_name(n: usize) -> ClusterName {
    format!("cluster-{n}").parse().unwrap()
}

fn queue_name(n: usize) -> QueueName {
    format!("queue-{n}").parse().unwrap()
}

fn pod(cores: u64, gib: u64) -> Resources {
    Resources::new(Millicores(cores * 1000), Bytes::mib(gib * 1024), 1)
}

/// Of 240 shapes the n-th: 1 to 20 executors of 1 to 4 cores, with more or less memory.
fn demand(n: u64) -> Demand {
    let cores = 1 + n / 20 % 4;
    Demand {
        driver: pod(1, 2),
        executor: pod(cores, cores * (2 + n / 80 % 3)),
        executors: u32::try_from(1 + n % 20).unwrap(),
        ..Demand::default()
    }
}

impl World {
    /// Empty clusters and an empty backlog.
    pub fn new() -> Self {
        let queue = |n| QueueSettings {
            name: queue_name(n),
            weight: 1 + n as u32 % 5,
            policy: Policy::Weighted,
            order: Order::BestEffortFifo,
            lookahead: 100,
            max_bypass: Duration::from_secs(900),
            limits: QueueLimits::default(),
        };
        let cluster = |n| ClusterSettings {
            name: cluster_name(n),
            weight: 1 + n as u32 % 3,
            namespace: "spark-jobs".into(),
            queues: None,
            spark_versions: Vec::new(),
            moves: false,
            sources: vec![CapacitySource::Nodes],
            provisionable: None,
            fixed: Default::default(),
            pacing: Pacing {
                submissions_per_minute: None,
                burst: 1,
                max_pending: None,
            },
            limits: ClusterLimits::default(),
            constraints: Default::default(),
        };
        let mut router = Router::new(Settings {
            queues: (0..QUEUES).map(queue).collect(),
            clusters: (0..CLUSTERS).map(cluster).collect(),
            view_limit: Duration::from_secs(1_000_000),
        });
        for n in 0..CLUSTERS {
            router.set_health(&cluster_name(n), Health::Healthy);
            router.set_capacity(&cluster_name(n), &nodes(NODES), &[], Duration::ZERO);
        }
        Self {
            router,
            backlog: Backlog::new(),
            live: Default::default(),
            mono: Duration::from_secs(1),
            made: 0,
        }
    }

    /// One more entry.
    pub fn submit(&mut self) {
        self.made += 1;
        let entry = BacklogEntry {
            id: format!("submission-{:012}", self.made).parse().unwrap(),
            incarnation: Incarnation::random(),
            version: Version(1),
            queue: queue_name((self.made % QUEUES as u64) as usize),
            priority: i32::try_from(self.made % 3).unwrap(),
            accepted_at: Timestamp::UNIX_EPOCH + SignedDuration::from_millis(self.made as i64),
            // Prime to the number of queues: each queue has every shape.
            demand: demand(self.made / QUEUES as u64 * 7 % 240),
            attempt: Attempt(1),
            tries: 0,
            not_before: None,
            queue_timeout_at: None,
            selector: Vec::new(),
            spark_version: None,
            excluded_clusters: Vec::new(),
        };
        self.backlog.insert(&entry);
    }

    /// As many more as were placed.
    pub fn refill(&mut self, placed: usize) {
        (0..placed).for_each(|_| self.submit());
    }

    fn now(&self) -> Now {
        Now {
            wall: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1_000),
            mono: self.mono,
        }
    }

    /// One cycle; how long it took, and how many it placed. What is placed leaves the backlog, outside that time.
    pub fn cycle(&mut self) -> (Duration, usize) {
        self.mono += Duration::from_millis(1);
        let now = self.now();
        let began = Instant::now();
        let cycle = self.router.cycle(&self.backlog, now, PLACEMENTS);
        let took = began.elapsed();
        (took, self.take(cycle))
    }

    fn take(&mut self, cycle: Cycle) -> usize {
        for decision in &cycle.placements {
            self.backlog.remove(&decision.entry.id);
            self.live.push_back(decision.entry.id.clone());
        }
        cycle.placements.len()
    }

    /// Places so many on the empty clusters; how many in a second, the backlog's part included.
    pub fn burst(&mut self, count: usize) -> f64 {
        let began = Instant::now();
        let mut placed = 0;
        while placed < count {
            let (_, more) = self.cycle();
            assert!(more > 0, "there is room for all");
            placed += more;
        }
        let rate = placed as f64 / began.elapsed().as_secs_f64();
        self.refill(placed);
        rate
    }

    /// The jobs of the burst end, and all but a few nodes of each cluster are filled by others.
    pub fn full(&mut self) {
        for id in std::mem::take(&mut self.live) {
            self.router.released(&id);
        }
        for n in 0..CLUSTERS {
            self.router
                .set_capacity(&cluster_name(n), &nodes(FREE), &[], self.mono);
        }
    }

    /// Places until nothing fits any more.
    pub fn settle(&mut self) {
        loop {
            let (_, placed) = self.cycle();
            self.refill(placed);
            if placed == 0 {
                return;
            }
        }
    }

    /// The job that was placed first ends.
    pub fn end_one(&mut self) {
        let id = self.live.pop_front().unwrap();
        self.router.released(&id);
    }

    /// The watches of a cluster tell its nodes anew.
    pub fn read_cluster(&mut self, n: usize) {
        self.router
            .set_capacity(&cluster_name(n % CLUSTERS), &nodes(FREE), &[], self.mono);
    }
}

/// The nodes of a cluster, the first `free` of them without pods of other parties.
fn nodes(free: usize) -> Vec<Node> {
    let node = |n: usize| {
        let mut allocatable = pod(NODE.0, NODE.1);
        allocatable.pods = 110;
        let strangers = match n < free {
            true => Resources::default(),
            false => allocatable.clone(),
        };
        Node {
            name: format!("node-{n}"),
            allocatable,
            requested: strangers.clone(),
            strangers,
            traits: Default::default(),
        }
    };
    (0..NODES).map(node).collect()
}

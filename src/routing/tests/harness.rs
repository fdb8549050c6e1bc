//! A small world: queues, clusters, submissions, and the calls that tell a router of them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::backlog::Backlog;
use crate::model::{
    Attempt, Bytes, ClusterName, Demand, Incarnation, Millicores, QueueName, Resources, SubmissionId, Version,
};
use crate::routing::{
    CapacitySource, ClusterLimits, ClusterSettings, Cycle, Health, Node, Now, Order, Pacing, Policy,
    QueueLimits, QueueSettings, Router, Settings,
};
use crate::submission::BacklogEntry;

pub(super) fn id(text: &str) -> SubmissionId {
    text.parse().unwrap()
}

pub(super) fn cluster_name(text: &str) -> ClusterName {
    text.parse().unwrap()
}

pub(super) fn queue_name(text: &str) -> QueueName {
    text.parse().unwrap()
}

/// Cores and GiB of one pod.
pub(super) fn pod(cores: u64, gib: u64) -> Resources {
    Resources::new(Millicores(cores * 1000), Bytes::mib(gib * 1024), 1)
}

/// A driver of 1 core and 1 GiB with `executors` of `cores` and as many GiB.
pub(super) fn job(executors: u32, cores: u64) -> Demand {
    Demand {
        driver: pod(1, 1),
        executor: pod(cores, cores),
        executors,
        ..Demand::default()
    }
}

pub(super) fn node(name: &str, cores: u64, gib: u64) -> Node {
    let mut allocatable = pod(cores, gib);
    allocatable.pods = 110;
    Node {
        name: name.into(),
        allocatable,
        requested: Resources::default(),
        strangers: Resources::default(),
        traits: Default::default(),
    }
}

pub(super) fn queue(name: &str, weight: u32) -> QueueSettings {
    QueueSettings {
        name: queue_name(name),
        weight,
        policy: Policy::Weighted,
        order: Order::BestEffortFifo,
        lookahead: 10,
        max_bypass: Duration::from_secs(600),
        limits: QueueLimits::default(),
    }
}

pub(super) fn cluster(name: &str, weight: u32) -> ClusterSettings {
    ClusterSettings {
        name: cluster_name(name),
        weight,
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
    }
}

/// A router, a backlog and a clock that the test moves.
pub(super) struct World {
    pub(super) router: Router,
    pub(super) backlog: Backlog,
    pub(super) mono: Duration,
    made: i64,
}

impl World {
    pub(super) fn new(queues: Vec<QueueSettings>, clusters: Vec<ClusterSettings>) -> Self {
        let names: Vec<ClusterName> = clusters.iter().map(|cluster| cluster.name.clone()).collect();
        let mut router = Router::new(Settings {
            queues,
            clusters,
            view_limit: Duration::from_secs(60),
        });
        for name in &names {
            router.set_health(name, Health::Healthy);
        }
        Self {
            router,
            backlog: Backlog::new(),
            mono: Duration::ZERO,
            made: 0,
        }
    }

    pub(super) fn nodes(&mut self, cluster: &str, nodes: &[Node]) {
        self.router
            .set_capacity(&cluster_name(cluster), nodes, &[], self.mono);
    }

    /// An entry, accepted a second after the one made before.
    pub(super) fn entry(&mut self, name: &str, queue: &str, demand: Demand) -> BacklogEntry {
        self.made += 1;
        BacklogEntry {
            id: id(name),
            incarnation: Incarnation::random(),
            version: Version(1),
            queue: queue_name(queue),
            priority: 0,
            accepted_at: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(self.made),
            demand,
            attempt: Attempt(1),
            tries: 0,
            not_before: None,
            queue_timeout_at: None,
            selector: Vec::new(),
            spark_version: None,
            excluded_clusters: Vec::new(),
        }
    }

    pub(super) fn submit(&mut self, name: &str, queue: &str, demand: Demand) {
        let entry = self.entry(name, queue, demand);
        self.backlog.insert(&entry);
    }

    pub(super) fn now(&self) -> Now {
        Now {
            wall: Timestamp::UNIX_EPOCH,
            mono: self.mono,
        }
    }

    /// A cycle; what was placed leaves the backlog.
    pub(super) fn cycle(&mut self) -> Cycle {
        let cycle = self.router.cycle(&self.backlog, self.now(), usize::MAX);
        for decision in &cycle.placements {
            let entry = &decision.entry;
            self.backlog
                .known_gone(&entry.id, &entry.incarnation, entry.version.next(), self.mono);
        }
        cycle
    }

    /// A cycle's placements as `id → cluster`.
    pub(super) fn placed(&mut self) -> Vec<(String, String)> {
        let cycle = self.cycle();
        let placements = cycle.placements.iter();
        placements
            .map(|decision| (decision.entry.id.to_string(), decision.cluster.to_string()))
            .collect()
    }
}

/// The placed IDs.
pub(super) fn ids(placed: &[(String, String)]) -> Vec<&str> {
    placed.iter().map(|(id, _)| id.as_str()).collect()
}

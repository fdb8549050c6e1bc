//! A cycle as it can be written down: what it was given and what it gave. For people who ask why a job waited, and for
//! whoever checks the decisions by rules of their own.
//!
//! What was given is read before the cycle decides and holds no answer of the code that decides. It is enough to decide
//! once more: [`super::replay`].

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::figures::milliseconds;
use super::view::View;
use super::{Cycle, Ground, Node, Now, Order, PoolFigures, QueueSettings, Router};
use crate::backlog::{Backlog, Ready};
use crate::model::{ClusterName, Demand, NodeTraits, QueueName, Resources, SubmissionId};
use crate::submission::Reason;

/// One cycle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedCycle {
    /// When, by the wall clock.
    pub at: Timestamp,
    /// How many placements it was allowed; one that made so many has not looked at all.
    pub most: usize,
    /// The job queues that had something to run, before it.
    pub queues: Vec<RecordedQueue>,
    /// The configured clusters, before it.
    pub clusters: Vec<RecordedCluster>,
    /// What it went by beyond that.
    pub ground: Ground,
    /// What it placed, in the order in which it decided.
    pub placements: Vec<RecordedPlacement>,
    /// What it considered and left.
    pub waiting: Vec<RecordedWaiting>,
}

/// A job queue before a cycle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedQueue {
    /// Its name.
    pub name: QueueName,
    /// Its part of what the queues share is this to the sum of all.
    pub weight: u32,
    /// Whether later submissions may pass a head that fits nowhere.
    pub order: Order,
    /// How many that wait may be passed.
    pub lookahead: usize,
    /// How long a head lets others pass, in milliseconds.
    pub max_bypass_ms: u64,
    /// Its live submissions.
    pub live: u64,
    /// The most of them; absent: no limit.
    pub max_live: Option<u64>,
    /// What they use.
    pub used: Resources,
    /// The most of that; a resource of 0 isn't limited. Absent: no limit.
    pub limit: Option<Resources>,
    /// Its submissions from the head on, in the order in which it serves them: all that the cycle placed or told of, and
    /// as many more as `lookahead` says.
    pub heads: Vec<RecordedHead>,
}

/// A submission that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedHead {
    /// Which.
    pub submission_id: SubmissionId,
    /// Larger goes first.
    pub priority: i32,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Where its last attempt came to nothing: it goes elsewhere if it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avoids: Option<ClusterName>,
    /// What it needs.
    pub demand: Demand,
    /// Where it may run; empty: anywhere.
    pub clusters: Vec<ClusterName>,
    /// Where it can't run.
    pub excluded_clusters: Vec<ClusterName>,
    /// The Spark version it asks for.
    pub spark_version: Option<String>,
}

/// A cluster before a cycle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedCluster {
    /// Its name.
    pub name: ClusterName,
    /// The job queues it serves; absent: all.
    pub queues: Option<Vec<QueueName>>,
    /// The Spark versions it serves; empty: all.
    pub spark_versions: Vec<String>,
    /// Why it can't be given objects; absent: it can.
    pub unhealthy: Option<String>,
    /// How and why a person closed it; absent: open.
    pub cordoned: Option<String>,
    /// The submissions that occupy it.
    pub live: u64,
    /// The most of them; absent: no limit.
    pub max_live: Option<u64>,
    /// Those being created or not yet picked up by the operator.
    pub pending: u64,
    /// The most of them; absent: no limit.
    pub max_pending: Option<u32>,
    /// How many objects its pace allows at once; absent: no pace.
    pub pace_tokens: Option<u64>,
    /// For whom it is kept free.
    pub held_for: Option<RecordedHold>,
    /// What is known of its room; absent: room doesn't count here.
    pub room: Option<RecordedRoom>,
}

/// A cluster kept free for a head that others have passed for too long: closed to all but it and those before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedHold {
    /// Its job queue.
    pub queue: QueueName,
    /// The head.
    pub submission_id: SubmissionId,
    /// For how long others have passed it, in milliseconds.
    pub passed_for_ms: u64,
}

/// The room of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedRoom {
    /// The age of the view, in milliseconds; absent: it was never read.
    pub age_ms: Option<u64>,
    /// The largest age that counts, in milliseconds.
    pub age_limit_ms: u64,
    /// The nodes as they were read last.
    pub nodes: Vec<RecordedNode>,
    /// What the other sources say, limit by limit; left is what is kept for pods that they haven't counted yet.
    #[serde(default)]
    pub pools: Vec<PoolFigures>,
    /// What is kept for pods not yet seen, by submission.
    pub kept: Vec<RecordedKept>,
    /// Of that, what found no place: it is taken off what is free altogether.
    pub owed: Resources,
    /// What is free, node by node: the nodes in their order, then those that an autoscaler may add.
    pub free: Vec<Resources>,
}

/// A node as it was read last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedNode {
    /// Its name.
    pub name: String,
    /// What it has for pods.
    pub allocatable: Resources,
    /// What the pods on it request.
    pub requested: Resources,
    /// Its labels and taints.
    #[serde(flatten)]
    pub traits: Arc<NodeTraits>,
}

/// What is kept free for pods not yet seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedKept {
    /// Whose.
    pub submission_id: SubmissionId,
    /// How much.
    pub amount: Resources,
}

/// A placement, and the room it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedPlacement {
    /// Which submission.
    pub submission_id: SubmissionId,
    /// Where it goes.
    pub cluster: ClusterName,
    /// What is kept for it, each amount with its place in `free`; empty where room doesn't count.
    pub taken: Vec<(u32, Resources)>,
}

/// A submission that was considered and left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedWaiting {
    /// Which.
    pub submission_id: SubmissionId,
    /// Why.
    pub reason: Reason,
}

impl Router {
    /// [`Router::cycle`], written down.
    pub fn recorded_cycle(&mut self, backlog: &Backlog, now: Now, max: usize) -> (Cycle, RecordedCycle) {
        self.prepare(backlog, now);
        let clusters = self
            .views
            .iter()
            .filter_map(|view| self.recorded_cluster(view, now.mono))
            .collect();
        let ground = self.ground(now.mono);
        let settings = self.settings.clone();
        let waiting = settings.queues.iter().filter(|q| backlog.count(&q.name) > 0);
        let mut queues: Vec<RecordedQueue> = waiting.map(|queue| self.recorded_queue(queue)).collect();
        let shunned = self.shunned.clone();
        let cycle = self.decide(backlog, now, max);
        // A cycle doesn't change the backlog: what it was given can be read now that it is known how much it took.
        for queue in &mut queues {
            queue.heads = self.recorded_heads(backlog, queue, &cycle);
            for head in &mut queue.heads {
                head.avoids = shunned.get(&head.submission_id).cloned();
            }
        }
        let recorded = RecordedCycle {
            at: now.wall,
            most: max,
            queues,
            clusters,
            ground,
            placements: self.recorded_placements(&cycle),
            waiting: recorded_waiting(&cycle),
        };
        (cycle, recorded)
    }

    fn recorded_queue(&self, queue: &QueueSettings) -> RecordedQueue {
        let usage = self.usages.of(&queue.name);
        RecordedQueue {
            name: queue.name.clone(),
            weight: queue.weight,
            order: queue.order,
            lookahead: queue.lookahead,
            max_bypass_ms: milliseconds(queue.max_bypass),
            live: usage.live,
            max_live: queue.limits.max_live,
            used: usage.resources.clone(),
            limit: queue.limits.resources.clone(),
            heads: Vec::new(),
        }
    }

    fn recorded_cluster(&self, view: &View, now: Duration) -> Option<RecordedCluster> {
        let settings = view.settings.as_deref()?;
        let held_for = self.holds.on(&view.name).map(|(hold, since)| RecordedHold {
            queue: hold.queue.clone(),
            submission_id: hold.place.2.clone(),
            passed_for_ms: milliseconds(now.saturating_sub(since.unwrap_or(now))),
        });
        Some(RecordedCluster {
            name: view.name.clone(),
            queues: settings.queues.clone(),
            spark_versions: settings.spark_versions.clone(),
            unhealthy: view.unhealthy.as_deref().map(str::to_owned),
            cordoned: view.cordoned.as_deref().map(str::to_owned),
            live: view.live,
            max_live: settings.limits.max_live,
            pending: view.pending,
            max_pending: settings.pacing.max_pending,
            pace_tokens: view.bucket.tokens(&settings.pacing, now),
            held_for,
            room: view
                .measures_room()
                .then(|| recorded_room(view, self.settings.view_limit, now)),
        })
    }

    /// Those that were live before are in nobody's way: only the store doesn't show it yet.
    fn recorded_heads(&self, backlog: &Backlog, queue: &RecordedQueue, cycle: &Cycle) -> Vec<RecordedHead> {
        let placed: HashSet<&SubmissionId> = cycle.placements.iter().map(|d| &d.entry.id).collect();
        let waiting = cycle.waiting.iter().filter(|waiting| waiting.queue == queue.name);
        let told: HashSet<&SubmissionId> = waiting.map(|waiting| &waiting.id).collect();
        let of_it = cycle.placements.iter().filter(|d| d.entry.queue == queue.name);
        let mut named = of_it.count() + told.len();
        let mut left = queue.lookahead.max(1);
        let mut heads = Vec::new();
        for ready in backlog.in_order(&queue.name) {
            if left == 0 && named == 0 {
                break;
            }
            let is_placed = placed.contains(ready.id());
            if !is_placed && self.lives.contains_key(ready.id()) {
                continue;
            }
            let is_named = is_placed || told.contains(ready.id());
            if is_named || left > 0 {
                heads.push(RecordedHead::from(ready));
            }
            named = named.saturating_sub(usize::from(is_named));
            left = left.saturating_sub(usize::from(!is_placed));
        }
        heads
    }

    fn recorded_placements(&self, cycle: &Cycle) -> Vec<RecordedPlacement> {
        let taken = |cluster: &ClusterName, id: &SubmissionId| {
            let view = self.views.iter().find(|view| view.name == *cluster)?;
            Some(view.places_of(id)?.taken().to_vec())
        };
        let placements = cycle.placements.iter();
        placements
            .map(|decision| RecordedPlacement {
                submission_id: decision.entry.id.clone(),
                cluster: decision.cluster.clone(),
                taken: taken(&decision.cluster, &decision.entry.id).unwrap_or_default(),
            })
            .collect()
    }
}

impl From<Ready<'_>> for RecordedHead {
    fn from(ready: Ready<'_>) -> Self {
        let shape = ready.shape();
        Self {
            submission_id: ready.id().clone(),
            priority: ready.priority(),
            accepted_at: ready.accepted_at(),
            avoids: None,
            demand: shape.demand.clone(),
            clusters: shape.selector.clone(),
            excluded_clusters: shape.excluded_clusters.clone(),
            spark_version: shape.spark_version.clone(),
        }
    }
}

impl From<&Node> for RecordedNode {
    fn from(node: &Node) -> Self {
        Self {
            name: node.name.clone(),
            allocatable: node.allocatable.clone(),
            requested: node.requested.clone(),
            traits: node.traits.clone(),
        }
    }
}

fn recorded_room(view: &View, limit: Duration, now: Duration) -> RecordedRoom {
    let kept = view.kept();
    RecordedRoom {
        age_ms: view.age(now).map(milliseconds),
        age_limit_ms: milliseconds(limit),
        nodes: view.nodes().iter().map(RecordedNode::from).collect(),
        pools: view.pools.figures(),
        kept: kept
            .map(|(id, places)| RecordedKept {
                submission_id: id.clone(),
                amount: places.total(),
            })
            .collect(),
        owed: view.rooms.owed().clone(),
        free: view.rooms.each(),
    }
}

fn recorded_waiting(cycle: &Cycle) -> Vec<RecordedWaiting> {
    let waiting = cycle.waiting.iter();
    waiting
        .map(|waiting| RecordedWaiting {
            submission_id: waiting.id.clone(),
            reason: waiting.reason,
        })
        .collect()
}

//! What the configuration says of job queues and clusters, as far as routing needs it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Amounts;
use crate::model::{ClusterName, Constraints, Demand, NodeTraits, QueueName, Resources};

/// What routing is told of a domain: its job queues and its clusters, each in the configuration's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The job queues.
    pub queues: Vec<QueueSettings>,
    /// The clusters.
    pub clusters: Vec<ClusterSettings>,
    /// The largest age of a cluster's view that still counts.
    pub view_limit: Duration,
}

/// A job queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueSettings {
    /// Its name.
    pub name: QueueName,
    /// Its weight against the other queues, at least 1.
    pub weight: u32,
    /// How a cluster is picked among those that pass the filters.
    pub policy: Policy,
    /// Whether later submissions may pass a head that fits nowhere.
    pub order: Order,
    /// How many submissions, from the head, are considered in a cycle.
    pub lookahead: usize,
    /// How long a head lets others pass before a cluster is held for it.
    pub max_bypass: Duration,
    /// Its limits.
    pub limits: QueueLimits,
}

/// Limits of a job queue; absent: none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueLimits {
    /// Most live submissions.
    pub max_live: Option<u64>,
    /// Most CPU, memory, pods and extended resources of its live submissions together; a resource of 0 isn't limited.
    pub resources: Option<Resources>,
}

/// How a cluster is picked among those that pass the filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Exact shares by the clusters' weights.
    #[default]
    Weighted,
    /// The largest gap between weight share and live share.
    Balanced,
    /// The emptiest.
    LeastUtilized,
    /// The fullest that still fits.
    Binpack,
    /// The first in the configuration's order.
    Ordered,
}

impl Policy {
    /// Its name in configuration and placements.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Weighted => "weighted",
            Self::Balanced => "balanced",
            Self::LeastUtilized => "least-utilized",
            Self::Binpack => "binpack",
            Self::Ordered => "ordered",
        }
    }
}

/// Whether later submissions may pass a head that fits nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// They may, up to `lookahead`, until the head has waited `maxBypass`.
    #[default]
    BestEffortFifo,
    /// They may not.
    StrictFifo,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSettings {
    /// Its name.
    pub name: ClusterName,
    /// Its weight against the other clusters, at least 1.
    pub weight: u32,
    /// The namespace of its objects.
    pub namespace: String,
    /// The job queues it serves; absent: all.
    pub queues: Option<Vec<QueueName>>,
    /// The Spark versions it serves, by exact match; empty: all.
    pub spark_versions: Vec<String>,
    /// Whether jobs on their way to it go elsewhere when it stays silent.
    pub moves: bool,
    /// Where its capacity is read from; empty: `max_live` and `max_pending` alone decide.
    pub sources: Vec<CapacitySource>,
    /// What its autoscaler may still add.
    pub provisionable: Option<Provisionable>,
    /// What its own defaults and overrides say of the nodes of a job's pods.
    #[serde(default)]
    pub constraints: ConstraintLayers,
    /// The figures of the source `static`.
    #[serde(default)]
    pub fixed: Amounts,
    /// How fast it may be given objects.
    pub pacing: Pacing,
    /// Its limits.
    pub limits: ClusterLimits,
}

/// What a cluster's layers say of the nodes of drivers and executors, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConstraintLayers {
    /// Under the job's own.
    pub defaults: [Constraints; 2],
    /// Over the job's own.
    pub overrides: [Constraints; 2],
}

impl ConstraintLayers {
    fn is_empty(&self) -> bool {
        let mut all = self.defaults.iter().chain(&self.overrides);
        all.all(Constraints::is_empty)
    }

    /// The demand as it is on this cluster.
    pub(super) fn apply<'a>(&self, demand: &'a Demand) -> Cow<'a, Demand> {
        if self.is_empty() {
            return Cow::Borrowed(demand);
        }
        let ([driver, executor], [over_driver, over_executor]) = (&self.defaults, &self.overrides);
        Cow::Owned(Demand {
            driver_constraints: demand.driver_constraints.between(driver, over_driver),
            executor_constraints: demand.executor_constraints.between(executor, over_executor),
            ..demand.clone()
        })
    }
}

/// Where capacity is read from.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum CapacitySource {
    /// Schedulable ready nodes' allocatable minus their pods' requests.
    Nodes,
    /// What the namespace's resource quotas leave.
    Quota,
    /// The headroom of a YuniKorn queue.
    Yunikorn,
    /// Fixed figures minus what our live submissions demand.
    Static,
}

impl CapacitySource {
    /// Its name in configuration and reasons.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Quota => "quota",
            Self::Yunikorn => "yunikorn",
            Self::Static => "static",
        }
    }

    /// Whether it is told as it changes; else it is asked for, or never changes.
    pub(super) const fn is_watched(self) -> bool {
        match self {
            Self::Nodes | Self::Quota => true,
            Self::Yunikorn | Self::Static => false,
        }
    }
}

/// What an autoscaler may still add to a cluster's nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provisionable {
    /// Altogether, over the smallest the cluster has been since this scheduler began to watch it. A number of pods of 0
    /// isn't limited.
    pub total: Resources,
    /// The largest node it can add. A number of pods of 0 is 110, the kubelet's default.
    pub largest_node: Resources,
    /// Labels and taints of the nodes that it adds; absent: not known, and nothing is held against a pod.
    #[serde(default)]
    pub traits: Option<Arc<NodeTraits>>,
}

/// How fast a cluster may be given objects.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pacing {
    /// Objects per minute in the long run; absent: unlimited.
    pub submissions_per_minute: Option<u32>,
    /// Objects at once after a rest, at least 1.
    pub burst: u32,
    /// Most objects being created or not yet picked up by the operator; absent: unlimited.
    pub max_pending: Option<u32>,
}

/// Limits of a cluster; absent: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterLimits {
    /// Most live submissions.
    pub max_live: Option<u64>,
}

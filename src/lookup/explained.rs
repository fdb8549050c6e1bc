//! Where a job spec would go now, as anybody is told it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::moment;
use crate::model::{ClusterName, Demand, QueueName};
use crate::routing::{Answer, Explanation, Figures, QueueFigures};
use crate::submission::{BacklogEntry, Placement, Reason};

/// Where a job spec would go now if it were its turn, and why not to each other cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// Its job queue.
    #[schema(value_type = String)]
    pub queue: QueueName,
    /// What it needs: its driver, one executor, and how many executors Spark starts with.
    #[schema(value_type = Object)]
    pub demand: Demand,
    /// The placement that it would get; absent where it would wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// Why it would wait, for machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The answer for people.
    pub message: String,
    /// Where the figures are from.
    pub source: Source,
    /// When the oldest of the figures were so.
    #[serde(with = "moment::required")]
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Timestamp,
    /// How long ago that is, in milliseconds.
    pub age_ms: u64,
    /// What is known of the job queue; absent where the active scheduler doesn't know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_figures: Option<QueueFigures>,
    /// The active scheduler's clusters, in its configuration's order.
    pub clusters: Vec<ClusterAnswer>,
}

/// What one cluster answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterAnswer {
    /// Which.
    #[schema(value_type = String)]
    pub name: ClusterName,
    /// `chosen`, `passes` (it would do, the policy chose another), `refuses`, `not-asked` or `not-known`.
    pub answer: Answer,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// When its figures were so; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "moment::optional")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<Timestamp>,
    /// The figures that the answer was given by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
}

/// Where figures are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// From the active scheduler, which runs on the pod that answered: they are of now.
    Scheduler,
    /// From what the active scheduler last wrote to the store.
    Store,
}

/// When figures were so.
#[derive(Debug, Clone)]
pub struct Times {
    /// Where they are from.
    pub source: Source,
    /// The time of the answer.
    pub now: Timestamp,
    /// The time of what isn't of one cluster, and of clusters without a time of their own.
    pub domain: Timestamp,
    /// The times of clusters.
    pub clusters: BTreeMap<ClusterName, Timestamp>,
    /// Clusters of which nothing has been told.
    pub unknown: Vec<ClusterName>,
}

impl Explained {
    /// What `told` says of `entry`.
    pub fn new(entry: &BacklogEntry, told: Explanation, times: &Times) -> Self {
        let oldest = times.clusters.values().copied().min();
        let as_of = oldest.map_or(times.domain, |at| at.min(times.domain));
        let age = times.now.duration_since(as_of).as_millis();
        Self {
            message: message(entry, &told, times),
            queue: entry.queue.clone(),
            demand: entry.demand.clone(),
            source: times.source,
            as_of,
            age_ms: u64::try_from(age).unwrap_or(0),
            queue_figures: told.queue,
            clusters: answers(told.clusters, times),
            placement: told.placement,
            reason: told.reason,
        }
    }
}

fn answers(asked: Vec<crate::routing::Asked>, times: &Times) -> Vec<ClusterAnswer> {
    let known = asked.into_iter().map(|asked| ClusterAnswer {
        as_of: Some(
            times
                .clusters
                .get(&asked.cluster)
                .copied()
                .unwrap_or(times.domain),
        ),
        name: asked.cluster,
        answer: asked.answer,
        why: Some(asked.why).filter(|why| !why.is_empty()),
        figures: Some(asked.figures),
    });
    let unknown = times.unknown.iter().map(|name| ClusterAnswer {
        name: name.clone(),
        answer: Answer::NotKnown,
        why: Some("the active scheduler hasn't written yet what it knows of it".into()),
        as_of: None,
        figures: None,
    });
    known.chain(unknown).collect()
}

fn message(entry: &BacklogEntry, told: &Explanation, times: &Times) -> String {
    let mut text = match &told.placement {
        None => format!("would wait: {}", told.why.message()),
        Some(placement) => format!("would go to {} ({})", placement.cluster, placement.policy),
    };
    let waiting = told.queue.as_ref().and_then(|queue| queue.waiting).unwrap_or(0);
    if waiting > 0 {
        let turn = format!(
            "; {waiting} wait in job queue {} already, and those of its priority or a larger one come first",
            entry.queue
        );
        text.push_str(&turn);
    }
    if !times.unknown.is_empty() {
        let names: Vec<&str> = times.unknown.iter().map(ClusterName::as_str).collect();
        text.push_str(&format!("; nothing is known yet of {}", names.join(", ")));
    }
    text
}

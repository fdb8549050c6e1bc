//! The figures that a decision used, for records and for people.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::view::View;
use super::{Policy, PoolFigures, QueueSettings, Router};
use crate::model::{QueueName, Resources, SubmissionId};
use crate::submission::Candidate;

/// What was known of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Its weight.
    pub weight: u32,
    /// How many submissions that were allowed on the same clusters were placed there: what `weighted` counts.
    pub placed: u64,
    /// The submissions that occupy it.
    pub live: u64,
    /// The most of them; absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_live: Option<u64>,
    /// Those being created or not yet picked up by its operator.
    pub pending: u64,
    /// The most of them; absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_pending: Option<u32>,
    /// Its pace; absent: none is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<PaceFigures>,
    /// The submission for which it is kept free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub held_for: Option<SubmissionId>,
    /// What is known of its room; absent where room isn't measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomFigures>,
}

/// The token bucket of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaceFigures {
    /// Objects per minute in the long run.
    pub per_minute: u32,
    /// Objects at once after a rest.
    pub burst: u32,
    /// Objects that may go now.
    pub tokens: u64,
    /// In how many milliseconds the next may go; 0: now.
    pub next_in_ms: u64,
}

/// The room of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomFigures {
    /// The age of the view in milliseconds; absent: it was never read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<u64>,
    /// The largest age that counts.
    pub age_limit_ms: u64,
    /// How many nodes there are.
    pub nodes: u64,
    /// How many its autoscaler may add.
    pub addable: u64,
    /// What the other sources say, limit by limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<PoolFigures>,
    /// What is free altogether by the source that has least, less what is kept for pods not yet seen. CPU in millicores, memory in bytes.
    #[schema(value_type = Object)]
    pub free: Resources,
    /// What it has altogether by the source that has least, what may be added included.
    #[schema(value_type = Object)]
    pub capacity: Resources,
}

/// What was known of a job queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueFigures {
    /// Its weight.
    pub weight: u32,
    /// How it picks among the clusters that pass.
    #[schema(value_type = String)]
    pub policy: Policy,
    /// How many submissions wait in it; absent: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<u64>,
    /// Its live submissions.
    pub live: u64,
    /// The most of them; absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_live: Option<u64>,
    /// What they use.
    #[schema(value_type = Object)]
    pub used: Resources,
    /// The most of that; a resource of 0 isn't limited. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub limit: Option<Resources>,
    /// The largest part of the clusters' capacity that they use of one resource, divided by the weight: the queue with
    /// the lowest goes first.
    pub share: f64,
}

impl Router {
    /// What is known of the cluster at `place` for a submission that is allowed on `allowed`.
    pub(super) fn figures(&self, view: &View, place: usize, allowed: &[usize], now: Duration) -> Figures {
        let settings = view.settings.as_deref();
        let pacing = settings.map(|settings| &settings.pacing);
        let pace = pacing.and_then(|pacing| {
            Some(PaceFigures {
                per_minute: pacing.submissions_per_minute?,
                burst: pacing.burst,
                tokens: view.bucket.tokens(pacing, now)?,
                next_in_ms: milliseconds(view.bucket.wait(pacing, now)),
            })
        });
        Figures {
            weight: settings.map_or(0, |settings| settings.weight),
            placed: self.counts.of(allowed, place),
            live: view.live,
            max_live: settings.and_then(|settings| settings.limits.max_live),
            pending: view.pending,
            max_pending: pacing.and_then(|pacing| pacing.max_pending),
            pace,
            held_for: self.holds.on(&view.name).map(|(hold, _)| hold.place.2.clone()),
            room: view.measures_room().then(|| self.room_figures(view, now)),
        }
    }

    fn room_figures(&self, view: &View, now: Duration) -> RoomFigures {
        let (nodes, addable) = view.empty.count();
        RoomFigures {
            age_ms: view.age(now).map(milliseconds),
            age_limit_ms: milliseconds(self.settings.view_limit),
            nodes,
            addable,
            pools: view.pools.figures(),
            free: view.free(),
            capacity: view.capacity.clone(),
        }
    }

    pub(super) fn queue_figures(&self, queue: &QueueSettings) -> QueueFigures {
        let usage = self.usages.of(&queue.name);
        QueueFigures {
            weight: queue.weight,
            policy: queue.policy,
            waiting: None,
            live: usage.live,
            max_live: queue.limits.max_live,
            used: usage.resources.clone(),
            limit: queue.limits.resources.clone(),
            share: self.usages.share(queue, &self.capacity).about(),
        }
    }

    /// What a record keeps of a cluster that passed, for a submission that needs `need`.
    pub(super) fn candidate(
        &self,
        place: usize,
        allowed: &[usize],
        need: &Resources,
        now: Duration,
    ) -> Option<Candidate> {
        let view = self.views.get(place)?;
        let settings = view.settings.as_deref()?;
        let measured = view.measures_room();
        Some(Candidate {
            cluster: view.name.to_string(),
            weight: settings.weight,
            placed: self.counts.of(allowed, place),
            live: view.live,
            max_live: settings.limits.max_live,
            view_age_ms: view.age(now).filter(|_| measured).map(milliseconds),
            free: measured.then(|| needed(view.free(), need)),
            capacity: measured.then(|| needed(view.capacity.clone(), need)),
        })
    }

    /// The configured queue of that name.
    pub(super) fn queue(&self, name: &QueueName) -> Option<&QueueSettings> {
        self.settings.queues.iter().find(|queue| queue.name == *name)
    }
}

/// `of`, without extended resources that nobody asked for.
fn needed(mut of: Resources, need: &Resources) -> Resources {
    of.extended.retain(|name, _| need.get(name) > 0);
    of
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

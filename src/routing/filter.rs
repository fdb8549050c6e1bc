//! The filters: each says why a cluster doesn't take a submission now, or nothing.

use std::sync::Arc;
use std::time::Duration;

use super::view::View;
use super::{Cause, ClusterSettings};
use crate::backlog::Shape;
use crate::model::QueueName;

/// Whether the submission may ever go there, as configuration and submission stand.
pub(super) fn allowed(settings: Option<&ClusterSettings>, queue: &QueueName, shape: &Shape) -> Option<Cause> {
    let Some(settings) = settings else {
        return Some(Cause::QueueNotServed);
    };
    serves_queue(settings, queue)
        .or_else(|| selected(settings, shape))
        .or_else(|| not_excluded(settings, shape))
        .or_else(|| serves_version(settings, shape))
}

/// Whether the cluster takes anything now, whatever its size.
pub(super) fn open(view: &View, settings: &ClusterSettings, limit: Duration, now: Duration) -> Option<Cause> {
    away(view, limit, now)
        .or_else(|| below_max_live(view, settings))
        .or_else(|| below_max_pending(view, settings))
        .or_else(|| in_pace(view, settings, now))
}

/// Whether it is closed or can't be reached: no job of any queue or shape goes there.
pub(super) fn away(view: &View, limit: Duration, now: Duration) -> Option<Cause> {
    uncordoned(view)
        .or_else(|| healthy(view))
        .or_else(|| fresh(view, limit, now))
}

pub(super) fn serves_queue(settings: &ClusterSettings, queue: &QueueName) -> Option<Cause> {
    let serves = settings
        .queues
        .as_ref()
        .is_none_or(|queues| queues.contains(queue));
    (!serves).then_some(Cause::QueueNotServed)
}

fn selected(settings: &ClusterSettings, shape: &Shape) -> Option<Cause> {
    let selected = shape.selector.is_empty() || shape.selector.contains(&settings.name);
    (!selected).then_some(Cause::NotSelected)
}

fn not_excluded(settings: &ClusterSettings, shape: &Shape) -> Option<Cause> {
    shape
        .excluded_clusters
        .contains(&settings.name)
        .then_some(Cause::Excluded)
}

fn serves_version(settings: &ClusterSettings, shape: &Shape) -> Option<Cause> {
    let wanted = shape.spark_version.as_ref()?;
    let serves = settings.spark_versions.is_empty() || settings.spark_versions.contains(wanted);
    (!serves).then(|| Cause::SparkVersion {
        served: Arc::from(settings.spark_versions.as_slice()),
    })
}

fn uncordoned(view: &View) -> Option<Cause> {
    view.cordoned.clone().map(Cause::Cordoned)
}

fn healthy(view: &View) -> Option<Cause> {
    view.unhealthy.clone().map(Cause::Unhealthy)
}

fn fresh(view: &View, limit: Duration, now: Duration) -> Option<Cause> {
    view.unfresh(limit, now)
}

fn below_max_live(view: &View, settings: &ClusterSettings) -> Option<Cause> {
    let limit = settings.limits.max_live?;
    let live = view.live;
    (live >= limit).then_some(Cause::MaxLive { live, limit })
}

fn below_max_pending(view: &View, settings: &ClusterSettings) -> Option<Cause> {
    let limit = settings.pacing.max_pending?;
    let pending = view.pending;
    (pending >= u64::from(limit)).then_some(Cause::MaxPending { pending, limit })
}

fn in_pace(view: &View, settings: &ClusterSettings, now: Duration) -> Option<Cause> {
    let next_in = view.bucket.wait(&settings.pacing, now);
    let per_minute = settings.pacing.submissions_per_minute?;
    (!next_in.is_zero()).then_some(Cause::Pace { per_minute, next_in })
}

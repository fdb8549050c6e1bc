//! A recorded cycle, decided once more by the function that decided it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::outlook::{HoldOutlook, THEN};
use super::{ClusterOutlook, DomainOutlook, Now, Outlook, RecordedCycle, RecordedHead, Router};
use crate::backlog::Backlog;
use crate::model::{Attempt, ClusterName, Incarnation, QueueName, SubmissionId, Version};
use crate::submission::BacklogEntry;

/// What a cycle goes by beyond the figures for people: settings, counts, levels and times as exact as it takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ground {
    domain: DomainOutlook,
    clusters: Vec<ClusterOutlook>,
    passed: Vec<PassedOutlook>,
}

/// A head that others pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PassedOutlook {
    head: HoldOutlook,
    /// For how long, in nanoseconds.
    passed_for: u64,
}

impl Router {
    /// What the cycle that is prepared goes by.
    pub(super) fn ground(&self, now: Duration) -> Ground {
        let clusters = self.views.iter().filter_map(|view| {
            let mut known = self.cluster_outlook(&view.name, now)?;
            // Of nodes alike in CPU the first is taken first.
            known.free = view.rooms.one_by_one();
            Some(known)
        });
        let passed = self.holds.heads().map(|(hold, since)| PassedOutlook {
            head: HoldOutlook::from(&hold),
            passed_for: u64::try_from(now.saturating_sub(since).as_nanos()).unwrap_or(u64::MAX),
        });
        Ground {
            domain: self.domain_outlook(|_| 0),
            clusters: clusters.collect(),
            passed: passed.collect(),
        }
    }
}

/// Where the submissions of a recorded cycle go by the function that decides, in its order: what was recorded, unless that
/// function has changed.
pub fn replay(recorded: &RecordedCycle) -> Vec<(SubmissionId, ClusterName)> {
    let ground = &recorded.ground;
    let told = ground.clusters.iter();
    let told = told.map(|cluster| (cluster.settings.name.clone(), cluster.clone()));
    let mut router = Outlook::new(ground.domain.clone(), told.collect()).into_router();
    for passed in &ground.passed {
        let hold = passed.head.hold();
        let since = THEN.saturating_sub(Duration::from_nanos(passed.passed_for));
        router.holds.passed(&hold.queue, &hold.place, since);
    }
    let mut backlog = Backlog::new();
    for queue in &recorded.queues {
        for head in &queue.heads {
            backlog.insert(&entry(head, &queue.name));
            if let Some(cluster) = &head.avoids {
                router.prefer_another(&head.submission_id, cluster.clone());
            }
        }
    }
    let now = Now {
        wall: recorded.at,
        mono: THEN,
    };
    let cycle = router.decide(&backlog, now, recorded.most);
    let placements = cycle.placements.into_iter();
    placements
        .map(|decision| (decision.entry.id, decision.cluster))
        .collect()
}

fn entry(head: &RecordedHead, queue: &QueueName) -> BacklogEntry {
    BacklogEntry {
        id: head.submission_id.clone(),
        incarnation: Incarnation::random(),
        version: Version(1),
        queue: queue.clone(),
        priority: head.priority,
        accepted_at: head.accepted_at,
        demand: head.demand.clone(),
        attempt: Attempt(1),
        tries: 0,
        not_before: None,
        queue_timeout_at: None,
        selector: head.clusters.clone(),
        spark_version: head.spark_version.clone(),
        excluded_clusters: head.excluded_clusters.clone(),
    }
}

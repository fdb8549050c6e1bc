//! A placement: the policy's pick, reserved at once, with its reasons for the record. And the same without placing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::figures::milliseconds;
use super::judge::Passes;
use super::policy::Choice;
use super::view::View;
use super::{Decision, LiveJob, Now, QueueSettings, Router};
use crate::model::{Resources, SubmissionId};
use crate::submission::{BacklogEntry, Placement};

/// Most candidates of a placement that a record keeps: each write of a record costs its whole size.
const CANDIDATES: usize = 8;

impl Router {
    /// Places `entry` on one of the clusters that it passed.
    pub(super) fn place(
        &mut self,
        queue: &QueueSettings,
        entry: BacklogEntry,
        passes: &Passes,
        now: Now,
    ) -> Option<Decision> {
        let need = entry.demand.total();
        let chosen = self.pick(queue, passes, &need, &entry.id)?;
        let placement = self.placement(queue, passes, chosen, &need, now)?;
        self.shunned.remove(&entry.id);
        self.counts.count(&passes.allowed, chosen);
        let driver = passes.driver(chosen);
        let view = self.views.get_mut(chosen)?;
        if let Some(settings) = view.settings.clone() {
            view.bucket.take(&settings.pacing, now.mono);
        }
        view.reserve(&entry.id, Arc::new(entry.demand.clone()), driver);
        let cluster = view.name.clone();
        self.enter(&LiveJob {
            id: entry.id.clone(),
            attempt: entry.attempt,
            queue: entry.queue.clone(),
            cluster: cluster.clone(),
            demand: entry.demand.clone(),
            pending: true,
            settled: false,
        });
        self.holds.end(&entry.id);
        Some(Decision {
            entry,
            cluster,
            placement,
        })
    }

    pub(super) fn pick(
        &self,
        queue: &QueueSettings,
        passes: &Passes,
        need: &Resources,
        id: &SubmissionId,
    ) -> Option<usize> {
        let mut passed: Vec<usize> = passes.open.iter().map(|(place, _)| *place).collect();
        if let Some(shunned) = self.shunned.get(id).filter(|_| passed.len() > 1) {
            passed.retain(|place| self.views.get(*place).is_none_or(|view| view.name != *shunned));
        }
        let choice = Choice {
            views: &self.views,
            allowed: &passes.allowed,
            passed: &passed,
            counts: &self.counts,
            need,
        };
        choice.by(queue.policy)
    }

    pub(super) fn placement(
        &self,
        queue: &QueueSettings,
        passes: &Passes,
        chosen: usize,
        need: &Resources,
        now: Now,
    ) -> Option<Placement> {
        let view = self.views.get(chosen)?;
        let policy = queue.policy.as_str();
        let mut others: BTreeMap<String, String> = passes
            .refusals
            .iter()
            .map(|refusal| (refusal.cluster.to_string(), refusal.cause.to_string()))
            .collect();
        let also = passes.open.iter().filter(|(place, _)| *place != chosen);
        others.extend(also.clone().filter_map(|(place, _)| {
            let other = self.views.get(*place)?;
            Some((other.name.to_string(), has_room(policy, view)))
        }));
        let candidates = std::iter::once(chosen).chain(also.map(|(place, _)| *place));
        Some(Placement {
            cluster: view.name.to_string(),
            policy: policy.to_owned(),
            view_age_ms: view
                .age(now.mono)
                .filter(|_| view.measures_room())
                .map(milliseconds),
            candidates: candidates
                .take(CANDIDATES)
                .filter_map(|place| self.candidate(place, &passes.allowed, need, now.mono))
                .collect(),
            others,
        })
    }
}

/// Why a cluster that passed every filter wasn't chosen.
pub(super) fn has_room(policy: &str, chosen: &View) -> String {
    format!("has room; {policy} chose {}", chosen.name)
}

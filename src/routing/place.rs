//! A placement: the policy's pick, reserved at once, with its reasons for the record. And the same without placing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::judge::{Candidate, Passes, Sight, Verdict};
use super::memo::Known;
use super::outcome::Why;
use super::policy::Choice;
use super::{Decision, Explanation, LiveJob, Now, QueueSettings, Router};
use crate::backlog::{Shape, place_of};
use crate::model::{Resources, SubmissionId};
use crate::submission::{BacklogEntry, Placement, Reason};

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
        let placement = self.placement(queue, passes, chosen, now)?;
        self.shunned.remove(&entry.id);
        self.counts.count(&passes.allowed, chosen);
        let driver = passes.driver(chosen);
        let view = self.views.get_mut(chosen)?;
        if let Some(settings) = view.settings.clone() {
            view.bucket.take(&settings.pacing, now.mono);
        }
        if let Some(driver) = driver {
            view.reserve(&entry.id, Arc::new(entry.demand.clone()), driver);
        }
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

    /// Where `entry` would go now if it were its turn, by the functions that place; changes nothing.
    pub fn explain(&self, entry: &BacklogEntry, now: Now) -> Explanation {
        let Some(queue) = self
            .settings
            .queues
            .iter()
            .find(|queue| queue.name == entry.queue)
        else {
            return Explanation {
                placement: None,
                reason: Some(Reason::QueueUnknown),
                why: Why::unknown_queue(&entry.queue),
            };
        };
        let shape = Arc::new(Shape::from(entry));
        let mut known = Known::new(&shape, &queue.name, &self.views);
        let candidate = Candidate {
            queue,
            usage: &self.usages.of(&queue.name),
            place: &place_of(entry),
            shape: &shape,
        };
        let sight = Sight {
            views: &self.views,
            holds: &self.holds,
            view_limit: self.settings.view_limit,
            now: now.mono,
        };
        match sight.judge(&mut known, &candidate) {
            Verdict::Passes(passes) => Explanation {
                placement: self
                    .pick(queue, &passes, &known.total, &entry.id)
                    .and_then(|chosen| self.placement(queue, &passes, chosen, now)),
                reason: None,
                why: Arc::new(Why {
                    general: String::new(),
                    refusals: passes.refusals,
                }),
            },
            Verdict::Waits(wait, why) => Explanation {
                placement: None,
                reason: Some(wait.reason()),
                why,
            },
        }
    }

    fn pick(
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

    fn placement(
        &self,
        queue: &QueueSettings,
        passes: &Passes,
        chosen: usize,
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
        others.extend(also.filter_map(|(place, _)| {
            let other = self.views.get(*place)?;
            Some((
                other.name.to_string(),
                format!("has room; {policy} chose {}", view.name),
            ))
        }));
        let age = view.at.map_or(0, |at| now.mono.saturating_sub(at).as_millis());
        Some(Placement {
            cluster: view.name.to_string(),
            policy: policy.to_owned(),
            view_age_ms: u64::try_from(age).unwrap_or(u64::MAX),
            others,
        })
    }
}

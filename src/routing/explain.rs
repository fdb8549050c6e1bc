//! Where a submission would go now, and why not elsewhere: the functions that place, asked without placing.

use std::sync::Arc;

use super::judge::{Candidate, Passes, Sight, Verdict};
use super::memo::{Fits, Known, Permit};
use super::outcome::Why;
use super::place::has_room;
use super::view::View;
use super::{Answer, Asked, Explanation, Now, QueueSettings, Router};
use crate::backlog::{Shape, place_of};
use crate::submission::{BacklogEntry, Reason};

impl Router {
    /// Where `entry` would go now if it were its turn, by the functions that place; changes nothing.
    pub fn explain(&self, entry: &BacklogEntry, now: Now) -> Explanation {
        let shape = Arc::new(Shape::from(entry));
        let mut known = Known {
            permit: &mut Permit::new(&shape, &entry.queue, &self.views),
            fits: &mut Fits::new(&shape, &self.views),
        };
        let Some(queue) = self.queue(&entry.queue) else {
            let why = Why::unknown_queue(&entry.queue);
            return self.held_up(Reason::QueueUnknown, why, None, &known.permit.allowed, now);
        };
        let candidate = Candidate {
            queue,
            usage: &self.usages.of(&queue.name),
            borrows: self.borrows(queue),
            place: &place_of(entry),
            shape: &shape,
        };
        let sight = Sight {
            views: &self.views,
            holds: &self.holds,
            claims: &self.claims,
            view_limit: self.settings.view_limit,
            now: now.mono,
            period: (self.cycles, self.holds.ended),
        };
        match sight.judge(&mut known, &candidate) {
            Verdict::Passes(passes) => self.would_go(queue, entry, &known, passes, now),
            Verdict::Waits(wait, why) => {
                self.held_up(wait.reason(), why, Some(queue), &known.permit.allowed, now)
            }
        }
    }

    fn would_go(
        &self,
        queue: &QueueSettings,
        entry: &BacklogEntry,
        known: &Known<'_>,
        passes: Passes,
        now: Now,
    ) -> Explanation {
        let need = &known.fits.total;
        let chosen = self.pick(queue, &passes, need, &entry.id);
        let chosen_view = chosen.and_then(|chosen| self.views.get(chosen));
        let why = Arc::new(Why {
            general: String::new(),
            refusals: passes.refusals.clone(),
        });
        let answer = |place: usize, view: &View| {
            let passed = passes.open.iter().any(|(open, _)| *open == place);
            match chosen_view {
                _ if !passed => (Answer::Refuses, why.of(view)),
                _ if chosen == Some(place) => (Answer::Chosen, String::new()),
                Some(chosen) => (Answer::Passes, has_room(queue.policy.as_str(), chosen)),
                None => (Answer::Passes, String::new()),
            }
        };
        Explanation {
            placement: chosen.and_then(|chosen| self.placement(queue, &passes, chosen, need, now)),
            reason: None,
            queue: Some(self.queue_figures(queue)),
            clusters: self.ask_all(answer, &passes.allowed, now),
            why,
        }
    }

    fn held_up(
        &self,
        reason: Reason,
        why: Arc<Why>,
        queue: Option<&QueueSettings>,
        allowed: &[usize],
        now: Now,
    ) -> Explanation {
        let answer = |_: usize, view: &View| {
            if why.general.is_empty() {
                (Answer::Refuses, why.of(view))
            } else {
                (Answer::NotAsked, String::new())
            }
        };
        Explanation {
            placement: None,
            reason: Some(reason),
            queue: queue.map(|queue| self.queue_figures(queue)),
            clusters: self.ask_all(answer, allowed, now),
            why,
        }
    }

    fn ask_all(
        &self,
        answer: impl Fn(usize, &View) -> (Answer, String),
        allowed: &[usize],
        now: Now,
    ) -> Vec<Asked> {
        let configured = (0..).zip(&self.views).filter(|(_, view)| view.settings.is_some());
        configured
            .map(|(place, view)| {
                let (answer, why) = answer(place, view);
                Asked {
                    cluster: view.name.clone(),
                    answer,
                    why,
                    figures: self.figures(view, place, allowed, now.mono),
                }
            })
            .collect()
    }
}

impl Why {
    /// Why this cluster doesn't take it.
    fn of(&self, view: &View) -> String {
        let refusal = self.refusals.iter().find(|refusal| refusal.cluster == view.name);
        refusal
            .map(|refusal| refusal.cause.to_string())
            .unwrap_or_default()
    }
}

//! Questions of this pod's API, and what other pods answer theirs from.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;

use super::{Scheduler, Term};
use crate::broker::outlooks::{Part, Told};
use crate::ports::store::OutlookOf;
use crate::routing::{Explanation, Now};
use crate::submission::BacklogEntry;

/// Where a submission would go now.
#[derive(Debug)]
pub struct Question {
    /// The submission, which nobody has taken in.
    pub entry: BacklogEntry,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Explanation>,
}

impl Scheduler {
    pub(super) fn answer(&self, question: Question) {
        let now = Now {
            wall: self.wall(),
            mono: self.now(),
        };
        let mut told = self.router.explain(&question.entry, now);
        if let Some(queue) = &mut told.queue {
            queue.waiting = Some(self.backlog.count(&question.entry.queue) as u64);
        }
        // Whoever asked may have gone.
        let _ = question.answer.send(told);
    }

    /// Writes one part of what is known, if one is due: one at a time, so that a tick stays short.
    pub(super) fn write_outlook(&mut self, now: Duration) {
        if let Some(written) = self.telling.try_join_next()
            && let Err(part) = written.unwrap_or(Ok(()))
        {
            self.outlooks.unwritten(&part);
        }
        if !self.telling.is_empty() {
            return;
        }
        let clusters = self.router.clusters().map(|name| Some(name.clone()));
        let Some(part) = self.outlooks.due(std::iter::once(None).chain(clusters), now) else {
            return;
        };
        match &part {
            None => {
                let waiting = |queue: &_| self.backlog.count(queue) as u64;
                let known = self.router.domain_outlook(waiting);
                let steady = known.clone();
                self.tell(part, known, &steady, now);
            }
            Some(name) => {
                if let Some(known) = self.router.cluster_outlook(name, now) {
                    let steady = known.steady();
                    self.tell(part, known, &steady, now);
                }
            }
        }
    }

    fn tell(&mut self, part: Part, known: impl Serialize, steady: &impl Serialize, now: Duration) {
        let told = Told {
            at: self.wall(),
            known,
        };
        let text = match serde_json::to_string(&told) {
            Ok(text) => text,
            Err(error) => {
                tracing::warn!(%error, "what is known can't be written down");
                return;
            }
        };
        if self.outlooks.looked(part.clone(), steady, text.len(), now) {
            let term = Arc::clone(&self.term);
            self.telling.spawn(async move {
                match write(&term, &part, &text).await {
                    true => Ok(()),
                    false => Err(part),
                }
            });
        }
    }
}

async fn write(term: &Term, part: &Part, text: &str) -> bool {
    let of = part.as_ref().map_or(OutlookOf::Domain, OutlookOf::Cluster);
    let written = term
        .coordination
        .write_outlook(&term.domain, of, text, term.epoch);
    let name = part.as_ref().map_or("", |name| name.as_str());
    match written.await {
        Ok(true) => true,
        Ok(false) => {
            tracing::warn!(
                cluster.name = name,
                "a scheduler of a later epoch has written this outlook"
            );
            false
        }
        Err(error) => {
            tracing::warn!(%error, cluster.name = name, "an outlook can't be written");
            false
        }
    }
}

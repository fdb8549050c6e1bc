//! Acts: planned, started, and what came of them.

use std::cmp::Reverse;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::task::JoinError;

use super::{Done, Scheduler};
use crate::broker::attempt::Attempt;
use crate::broker::hands::Outcome;
use crate::broker::health::Health;
use crate::broker::plan::{Act, Circumstances, plan};
use crate::model::{ClusterName, SubmissionId};
use crate::ports::Error;
use crate::ports::cluster::CreateError;
use crate::ports::store::Write;
use crate::submission::{BacklogEntry, Reason, Record, State};
use crate::watch::ObjectState;

/// How long a submission waits whose intent the store refused for good.
const REFUSED_INTENT: SignedDuration = SignedDuration::from_secs(30);

impl Scheduler {
    /// Plans and starts the next act of every attempt about which something is new.
    pub(super) fn act(&mut self) {
        self.count_missing();
        for id in std::mem::take(&mut self.dirty) {
            let Some(slot) = self.live.get(&id).filter(|slot| !slot.busy) else {
                continue;
            };
            let act = self.plan(&slot.attempt);
            match act {
                Act::Rest => {}
                Act::Wait(until) => self.wake_at(id, until),
                Act::Forget => self.forget(&id),
                act => self.start(id, act),
            }
        }
    }

    /// One wake for each attempt: an earlier one plans anew, and waits again where it must.
    fn wake_at(&mut self, id: SubmissionId, until: Duration) {
        if let Some(slot) = self.live.get_mut(&id)
            && slot.wake.is_none_or(|wake| until < wake)
        {
            slot.wake = Some(until);
            self.wakes.push(Reverse((until, id)));
        }
    }

    pub(super) fn plan(&self, attempt: &Attempt) -> Act {
        let cluster = attempt.record.cluster.as_ref();
        plan(
            attempt,
            &Circumstances {
                rules: &self.term.rules,
                settling: &self.term.settling,
                installation: &self.term.installation,
                epoch: self.term.epoch,
                wall: self.wall(),
                now: self.now(),
                in_sight: self.sees(cluster),
                other_cluster: self.has_other_cluster(&attempt.record),
                failover: cluster.and_then(|name| self.failover(name)),
                wished: self.wishes.of(&attempt.record),
                fails_all: cluster
                    .and_then(|name| self.health.get(name))
                    .is_some_and(Health::fails_all),
                jitter: rand::random(),
            },
        )
    }

    fn sees(&self, cluster: Option<&ClusterName>) -> bool {
        cluster
            .and_then(|name| self.health.get(name))
            .is_some_and(Health::is_in_sight)
    }

    fn sees_cluster_of(&self, id: &SubmissionId) -> bool {
        let slot = self.live.get(id);
        slot.is_some_and(|slot| self.sees(slot.attempt.record.cluster.as_ref()))
    }

    /// Whether a cluster that the job may use is left, its current one not counted.
    pub(super) fn has_other_cluster(&self, record: &Record) -> bool {
        let allowed = |name: &ClusterName| {
            (record.selector.is_empty() || record.selector.contains(name))
                && !record.excluded_clusters.contains(name)
                && record.cluster.as_ref() != Some(name)
                && self.term.serves(name, record)
        };
        self.term.hands.clusters.keys().any(allowed)
    }

    pub(super) fn start(&mut self, id: SubmissionId, act: Act) {
        let Some(slot) = self.live.get_mut(&id) else {
            return;
        };
        slot.busy = true;
        let now = self.term.hands.clock.monotonic();
        match &act {
            Act::DeleteObject(uid) => slot.attempt.memory.delete_sent = Some((uid.clone(), now)),
            Act::Release(_) => slot.attempt.memory.release_sent = Some(now),
            _ => {}
        }
        let (hands, attempt) = (self.term.hands.clone(), slot.attempt.clone());
        self.acts.spawn(async move {
            let outcome = hands.perform(&attempt, act).await;
            (id, Done::Act(Box::new(outcome)))
        });
    }

    /// An act has ended. One that panicked ends the term: what it held is unknown, and the next term reads it anew.
    pub(super) fn finished(&mut self, done: Result<(SubmissionId, Done), JoinError>) -> ControlFlow<()> {
        match done {
            Ok((id, Done::Act(outcome))) => self.came_to(&id, *outcome),
            Ok((_, Done::Checked(records))) => self.strangers_checked(records),
            Ok((_, Done::Heads(records))) => {
                records
                    .into_iter()
                    .flatten()
                    .for_each(|record| self.found(record));
            }
            Ok((_, Done::Cleared(clearing, cleared))) => self.cleared(&clearing, cleared),
            Err(error) => {
                tracing::error!(%error, "an act of the scheduler panicked");
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    pub(super) fn came_to(&mut self, id: &SubmissionId, outcome: Outcome) {
        let now = self.now();
        let in_sight = self.sees_cluster_of(id);
        let Some(slot) = self.live.get_mut(id) else { return };
        slot.busy = false;
        self.dirty.insert(id.clone());
        if slot.unconfirmed.is_some()
            && let Some(refused) = unwritten(&outcome)
        {
            return self.back_to_the_backlog(id, refused);
        }
        slot.unconfirmed = None;
        match outcome {
            Outcome::Written(Ok(Write::Done(record))) => self.written(id, *record),
            Outcome::Written(Ok(Write::Stale(stored))) => self.overtaken(id, stored.map(|r| *r)),
            Outcome::Written(Err(error)) => {
                tracing::warn!(submission.id = %id, %error, "a record can't be written");
                slot.attempt.unwritten(now);
            }
            Outcome::Created(sent, result) => self.created(id, sent, result),
            // Whoever answers, it isn't known to be the cluster.
            Outcome::Looked(_, Ok(_)) | Outcome::Listed(_, Ok(_)) if !in_sight => {
                slot.attempt.unanswered(now)
            }
            Outcome::Looked(asked, Ok(object)) => {
                slot.attempt
                    .look_came_to(object, &self.term.installation, asked, now);
            }
            Outcome::Listed(asked, Ok(pods)) => {
                slot.attempt.answered();
                slot.attempt.listed(pods, asked, now);
            }
            Outcome::Released(_, Ok(())) => slot.attempt.answered(),
            Outcome::Deleted(_, Ok(())) => slot.attempt.deleted(now),
            Outcome::Looked(_, Err(error)) => {
                tracing::debug!(submission.id = %id, %error, "the cluster gave no answer");
                slot.attempt.unanswered(now);
            }
            Outcome::Listed(_, Err(error)) => self.refused_us(id, "its pods can't be listed", &error),
            Outcome::Released(_, Err(error)) => {
                self.refused_us(id, "its applications can't be released", &error)
            }
            Outcome::Deleted(_, Err(error)) => {
                self.refused_us(id, "its applications and pods can't be deleted", &error);
            }
            Outcome::Unmade(why) => slot.attempt.memory.unmade = Some(why),
            Outcome::Unread(error) => {
                tracing::warn!(submission.id = %id, %error, "a spec can't be read yet");
                slot.attempt.back_off(now);
            }
            Outcome::Lapsed => slot.attempt.back_off(now),
        }
    }

    /// What every job needs has failed on the cluster of `id`: the cluster is unhealthy, and says why.
    fn refused_us(&mut self, id: &SubmissionId, what: &str, error: &Error) {
        tracing::warn!(submission.id = %id, %error, what, "a cluster doesn't do what jobs need");
        let now = self.now();
        let Some(slot) = self.live.get_mut(id) else { return };
        slot.attempt.unanswered(now);
        if let Some(name) = slot.attempt.record.cluster.clone()
            && let Some(health) = self.health.get_mut(&name)
        {
            health.faulted(&format!("{what}: {error}"), now);
            self.update_health(&name);
        }
    }

    /// The write out of QUEUED wasn't confirmed: nothing was sent anywhere, and the next try will show what stands.
    /// One that the store refuses for good isn't placed again at once: each placement costs its cluster a token.
    fn back_to_the_backlog(&mut self, id: &SubmissionId, refused: Option<String>) {
        let outline = self.live.get_mut(id).and_then(|slot| slot.unconfirmed.take());
        self.forget(id);
        let Some(outline) = outline else { return };
        let mut entry = BacklogEntry::from(outline.as_ref());
        if let Some(error) = refused {
            tracing::warn!(submission.id = %id, error, "an intent can't be written; tried again later");
            entry.not_before = self.wall().checked_add(REFUSED_INTENT).ok();
        }
        self.backlog.insert(&entry);
    }

    pub(super) fn created(
        &mut self,
        id: &SubmissionId,
        sent: Duration,
        result: Result<ObjectState, CreateError>,
    ) {
        let now = self.now();
        let Some(slot) = self.live.get_mut(id) else { return };
        let cluster = slot.attempt.record.cluster.clone();
        let answer = slot.attempt.create_came_to(sent, result, now);
        if let Some(name) = cluster {
            self.term
                .metrics
                .create(name.as_str(), answer.word(), now.saturating_sub(sent));
            if let Some(health) = self.health.get_mut(&name) {
                health.create_came_to(&answer, now);
            }
            self.update_health(&name);
        }
    }

    /// The record stands as it was planned.
    pub(super) fn written(&mut self, id: &SubmissionId, record: Record) {
        let (now, key) = (self.now(), (record.incarnation.clone(), record.version));
        let Some(slot) = self.live.get_mut(id) else { return };
        let before = slot.attempt.record.clone();
        if record.state != State::Queued {
            self.backlog.known_gone(id, &key.0, key.1, now);
        }
        self.term.metrics.transition(record.state.as_str());
        tracing::info!(
            submission.id = %id, state = %record.state, cluster.name = record.cluster.as_ref().map(ClusterName::as_str),
            attempt = record.attempt.0, reason = record.verdict.reason.map(Reason::as_str), "moved"
        );
        slot.attempt.stands_as(record.clone());
        self.given_up(&record);
        self.start_told(id, &before);
        self.probe_went_on(id);
        let Some(slot) = self.live.get(id) else { return };
        let record = &slot.attempt.record;
        match record.state {
            // What still lands there is a stranger's affair.
            State::Queued if record.cancel_requested => {
                self.unname(&before);
                self.router.released(id);
            }
            State::Queued => {
                let entry = BacklogEntry::from(record);
                self.waits_again(id, before);
                self.backlog.insert(&entry);
                self.cycle_due = true;
            }
            State::Succeeded | State::Failed | State::Cancelled | State::Rejected => {
                self.router.released(id);
                self.cycle_due = true;
            }
            State::Dispatching
            | State::Submitted
            | State::Held
            | State::Running
            | State::Retrying
            | State::Cancelling => {}
        }
    }

    /// The attempt of `before` is over, and the submission waits for its next one.
    fn waits_again(&mut self, id: &SubmissionId, before: Record) {
        self.unname(&before);
        let left = self.live.remove(id);
        self.router.released(id);
        if let Some(cluster) = before.cluster.clone() {
            self.router.prefer_another(id, cluster);
        }
        // By a person's word alone it is over: what stands there is to be removed.
        if let Some(slot) = left.filter(|_| before.overdue.is_some()) {
            self.hand_over(Attempt {
                record: before,
                ..slot.attempt
            });
        }
    }

    /// Somebody else wrote before us: what stands now decides.
    pub(super) fn overtaken(&mut self, id: &SubmissionId, stored: Option<Record>) {
        if let Some(stored) = &stored {
            self.given_up(stored);
        }
        let known = self.live.get_mut(id).map(|slot| &mut slot.attempt);
        let Some((known, stored)) = known.zip(stored) else {
            return self.forget(id);
        };
        let same = stored.incarnation == known.record.incarnation
            && stored.attempt == known.record.attempt
            && stored.cluster == known.record.cluster
            && stored.epoch == known.record.epoch;
        if same && stored.state.is_live() {
            known.stands_as(stored);
            return;
        }
        self.forget(id);
        if stored.epoch.is_some_and(|epoch| epoch > self.term.epoch) {
            // A later scheduler's: our term is over, whether we have been told or not.
            return;
        }
        // What another scheduler wrote is found, not ours: its create may have been sent.
        if stored.state == State::Queued && !stored.cancel_requested {
            self.backlog.insert(&BacklogEntry::from(&stored));
        } else {
            self.found(stored);
        }
    }

    pub(super) fn check_strangers(&mut self) {
        let ids = self.strangers.unchecked(self.now());
        if ids.is_empty() {
            return;
        }
        let hands = self.term.hands.clone();
        let first = ids[0].clone();
        self.acts
            .spawn(async move { (first, Done::Checked(hands.records(&ids).await)) });
    }

    pub(super) fn strangers_checked(&mut self, records: Option<Vec<Record>>) {
        let Some(records) = records else {
            return self.strangers.unanswered();
        };
        for record in records.iter().filter(|r| r.state.is_live()) {
            self.found(record.clone());
        }
        let (settle, wall) = (self.term.settling.end, self.wall());
        for removal in self
            .strangers
            .removals(&records, &self.term.installation, settle, wall)
        {
            let term = Arc::clone(&self.term);
            self.chores
                .spawn(async move { removal.carry_out(&term.hands, &term.metrics).await });
        }
    }
}

/// Where a write was never confirmed: what the store said, if it was asked.
fn unwritten(outcome: &Outcome) -> Option<Option<String>> {
    match outcome {
        Outcome::Lapsed => Some(None),
        Outcome::Written(Err(error)) => Some(Some(error.to_string())),
        Outcome::Written(Ok(_))
        | Outcome::Created(..)
        | Outcome::Unmade(_)
        | Outcome::Unread(_)
        | Outcome::Looked(..)
        | Outcome::Listed(..)
        | Outcome::Released(..)
        | Outcome::Deleted(..) => None,
    }
}

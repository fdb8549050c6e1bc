//! What the pick-up of objects tells of a cluster's operator.

use super::Scheduler;
use crate::broker::health::Health;
use crate::model::{ClusterName, SubmissionId};
use crate::submission::{Reason, Record, State};

impl Scheduler {
    /// The first sign of it tells that the cluster's operator works.
    pub(super) fn picked_up(&mut self, id: &SubmissionId) {
        if !self.router.picked_up(id) {
            return;
        }
        let slot = self.live.get(id);
        let Some(name) = slot.and_then(|slot| slot.attempt.record.cluster.clone()) else {
            return;
        };
        if self.health.get_mut(&name).is_some_and(Health::picked_up) {
            self.update_health(&name);
        }
    }

    /// The record of `id` was written: where its operator left it lying, that is its cluster's fault.
    pub(super) fn left_lying(&mut self, id: &SubmissionId, before: &Record) {
        let now = self.now();
        let Some(record) = self.live.get(id).map(|slot| &slot.attempt.record) else {
            return;
        };
        let left = record.state == State::Retrying
            && before.state != State::Retrying
            && record.verdict.reason == Some(Reason::PickupTimeout);
        let Some(name) = record.cluster.clone().filter(|_| left) else {
            return;
        };
        let why = record.verdict.message.clone().unwrap_or_default();
        if let Some(health) = self.health.get_mut(&name) {
            health.left_lying(&why, now);
        }
        self.update_health(&name);
    }

    /// The record of `id` was written: a probe of a cluster is over once its object stands, and where the operator is the
    /// question, once it has picked that up.
    pub(super) fn probe_went_on(&mut self, id: &SubmissionId) {
        let Some(record) = self.live.get(id).map(|slot| &slot.attempt.record) else {
            return;
        };
        let asleep = |name: &ClusterName| self.health.get(name).is_some_and(Health::is_asleep);
        let on_its_way = match record.state {
            State::Dispatching => true,
            State::Submitted | State::Held => record.cluster.as_ref().is_some_and(asleep),
            State::Queued
            | State::Running
            | State::Retrying
            | State::Cancelling
            | State::Succeeded
            | State::Failed
            | State::Cancelled
            | State::Rejected => false,
        };
        if !on_its_way {
            self.probe_is_over(id);
        }
    }
}

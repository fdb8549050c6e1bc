//! What becomes of objects and drivers tells of their cluster: whether its operator works, and whether drivers start.

use super::Scheduler;
use crate::broker::health::Health;
use crate::model::{ClusterName, SubmissionId};
use crate::submission::{Reason, Record, State};

impl Scheduler {
    /// The first sign of it tells that the cluster's operator works. What it failed stays in the window until the record
    /// says so: a cluster that fails fast must not look empty.
    pub(super) fn picked_up(&mut self, id: &SubmissionId, failed: bool) {
        let waited = if failed {
            self.router.is_pending(id)
        } else {
            self.router.picked_up(id)
        };
        if !waited {
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

    /// The record of `id` was written: what it tells of its cluster, where its driver has started or won't.
    pub(super) fn start_told(&mut self, id: &SubmissionId, before: &Record) {
        let now = self.now();
        let Some(record) = self.live.get(id).map(|slot| &slot.attempt.record) else {
            return;
        };
        if before.state.is_followed() && !record.state.is_followed() {
            self.router.picked_up(id);
        }
        let Some((name, health)) = record
            .cluster
            .as_ref()
            .and_then(|name| Some((name.clone(), self.health.get_mut(name)?)))
        else {
            return;
        };
        let why = record.verdict.message.as_deref().unwrap_or_default();
        let ran = |record: &Record| record.started_at.is_some() || record.state == State::Succeeded;
        let has_changed = if ran(record) {
            !ran(before) && health.driver_started()
        } else if before.state.is_followed() && !record.state.is_followed() {
            match record.verdict.reason {
                Some(Reason::PickupTimeout) if record.state == State::Retrying => {
                    health.left_lying(why, now);
                    true
                }
                Some(
                    Reason::SubmissionFailed
                    | Reason::StartTimeout
                    | Reason::DriverEvicted
                    | Reason::NodeLost,
                ) => health.failed_before_start(id, why, now),
                Some(_) | None => false,
            }
        } else {
            false
        };
        if has_changed {
            self.update_health(&name);
        }
    }

    /// The record of `id` was written: a probe of a cluster is over once its object stands, and where more is in
    /// doubt, once that has shown.
    pub(super) fn probe_went_on(&mut self, id: &SubmissionId) {
        let Some(record) = self.live.get(id).map(|slot| &slot.attempt.record) else {
            return;
        };
        let in_doubt = |name: &ClusterName| self.health.get(name).is_some_and(Health::is_in_doubt);
        let on_its_way = match record.state {
            State::Dispatching => true,
            State::Submitted | State::Held => record.cluster.as_ref().is_some_and(in_doubt),
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

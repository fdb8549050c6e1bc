//! What is kept free for the pods of a submission that weren't seen yet.

use std::sync::Arc;
use std::time::Duration;

use super::pools::missing;
use super::rooms::Places;
use crate::model::{Demand, Resources};

/// For so long after the last of its pods was seen on a node, others are kept from a submission's nodes: as long as
/// cluster-autoscaler waits for a node (`--max-node-provision-time`). A driver that asks for no executors must not close its
/// cluster for ever.
const PATIENCE: Duration = Duration::from_mins(15);
/// For so long its driver is waited for: its operator may take as long to pick the object up.
const DRIVER_PATIENCE: Duration = Duration::from_mins(30);

/// Dropped once all pods were seen.
#[derive(Debug)]
pub(super) struct Reservation {
    pub(super) demand: Arc<Demand>,
    pub(super) places: Places,
    seen: Resources,
    /// When another of its pods was seen last, or the first view since it was made; absent: there was none.
    since: Option<Duration>,
    /// Its pods have kept others waiting for long enough: only room is kept for them, no node.
    given_up: bool,
}

impl Reservation {
    pub(super) fn new(demand: Arc<Demand>, places: Places) -> Self {
        Self {
            demand,
            places,
            seen: Resources::default(),
            since: None,
            given_up: false,
        }
    }

    /// What its pods on nodes request by now.
    pub(super) fn see(&mut self, seen: Resources, at: Duration) {
        if self.seen != seen {
            self.seen = seen;
            self.since = Some(at);
            self.given_up = false;
        }
        self.is_given_up(at);
    }

    /// Whether its pods are given up now that weren't before.
    pub(super) fn is_given_up(&mut self, at: Duration) -> bool {
        let since = *self.since.get_or_insert(at);
        let before = self.given_up;
        let (driver_is_missing, _) = self.missing();
        let patience = if driver_is_missing {
            DRIVER_PATIENCE
        } else {
            PATIENCE
        };
        self.given_up |= at.saturating_sub(since) >= patience;
        self.given_up && !before
    }

    /// Whether the driver is still to come, and how many executors are.
    pub(super) fn missing(&self) -> (bool, u32) {
        missing(&self.demand, &self.seen)
    }

    /// The same of those whose nodes others are kept from.
    pub(super) fn awaited(&self) -> (bool, u32) {
        if self.given_up { (false, 0) } else { self.missing() }
    }
}

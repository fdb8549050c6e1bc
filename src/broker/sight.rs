//! What the active scheduler sees of one attempt.

use std::time::Duration;

use crate::ports::cluster::PodSight;
use crate::watch::{Driver, ObjectState};

/// What the cluster's watches and lists show of an attempt.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    /// The object, as last seen.
    pub object: Option<ObjectState>,
    /// The driver, as last seen.
    pub driver: Option<Driver>,
    /// When `driver` last changed.
    pub driver_at: Option<Duration>,
    /// Whether `driver`, which had ended, has gone since: what stands there is its word.
    pub driver_gone: bool,
    /// An object and a driver under other UIDs than the record's.
    pub second: Second,
    /// The last consistent list of pods: when it was asked for, and what it showed.
    pub pods: Option<(Duration, Vec<PodSight>)>,
    /// The last consistent look at the object by name: when it was asked for; the result stands in `object`.
    pub looked: Option<Duration>,
    /// When `object` last changed.
    pub object_at: Option<Duration>,
    /// Since when the object, once known, has been absent.
    pub object_gone: Option<Gone>,
}

/// What isn't the record's own, though all its labels are: somebody made the object anew, or the operator ran the job again.
#[derive(Debug, Clone, Default)]
pub struct Second {
    /// An object by the same name.
    pub object: Option<ObjectState>,
    /// A driver of such an object, or one that turned up after the end.
    pub driver: Option<Driver>,
}

/// How an object went.
#[derive(Debug, Clone)]
pub struct Gone {
    /// When that was noticed.
    pub at: Duration,
    /// Its last state, where the watch's own event showed it.
    pub last: Option<ObjectState>,
    /// As it was last seen, whoever showed it: that it has existed.
    pub seen: Option<ObjectState>,
}

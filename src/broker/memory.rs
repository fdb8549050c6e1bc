//! What the active scheduler has itself done for an attempt.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::ObjectUid;
use crate::ports::cluster::CreateError;

/// What this scheduler has done for an attempt.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// Whether this pod wrote the intent: its first create is then the sole one.
    pub own_intent: bool,
    /// Creates sent whose answer, or want of one, is known.
    pub creates: u32,
    /// What the last create came to.
    pub create_error: Option<CreateError>,
    /// Why its object can't be made, ever: nothing more is sent.
    pub unmade: Option<String>,
    /// When a create was sent last whose outcome has to be looked for.
    pub ambiguous_at: Option<Duration>,
    /// When a create that may still land was sent last, at the latest.
    pub in_flight_at: Option<Duration>,
    /// When the object was first seen absent after that.
    pub absent_at: Option<Duration>,
    /// A write of the record was sent whose outcome isn't known: it may stand already, or land later.
    pub unsure_write: bool,
    /// Not to act before this time.
    pub pause_until: Option<Duration>,
    /// Consecutive failures of acts, for the back-off.
    pub failures: u32,
    /// Since when the cluster has given no answer.
    pub silent_since: Option<Duration>,
    /// Since when no pod of the attempt has been seen, once its object was gone.
    pub no_pods_since: Option<Duration>,
    /// The deletion of an object that was last asked for, and when.
    pub delete_sent: Option<(ObjectUid, Duration)>,
    /// When the release of the object was last asked for.
    pub release_sent: Option<Duration>,
    /// Until when the attempt's pods were watched last, where they aren't now.
    pub watched_until: Option<Timestamp>,
    /// Whether they went unwatched for too long to know whether a driver ran.
    pub unwatched: bool,
    /// Deletions that were answered: the pause after each grows, since what was deleted may take long to go.
    pub deletes: u32,
}

//! Everything that a cluster says of one attempt at one moment.

use super::driver::Driver;
use super::object::ObjectState;

/// What is known of an attempt's driver.
#[derive(Debug, Clone, PartialEq)]
pub enum DriverSight {
    /// The caches show none, which proves nothing.
    Unseen,
    /// A consistent list, taken after the object's last event, shows none.
    Absent,
    /// There is one.
    Seen(Box<Driver>),
}

/// What a cluster says of an attempt: level, not edge.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The object, where it exists.
    pub object: Option<ObjectState>,
    /// The driver.
    pub driver: DriverSight,
    /// Whether its pods went unwatched for longer than a minute since its create: a driver may have run unseen.
    pub unwatched: bool,
    /// Whether the cluster has failed each job of late before its driver started: it is to blame, not the job.
    pub fails_all: bool,
}

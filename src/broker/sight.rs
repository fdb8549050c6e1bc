//! What the active scheduler sees of one attempt.

use std::time::Duration;

use crate::ports::cluster::PodSight;
use crate::watch::{Driver, DriverPhase, ObjectState};

/// What the cluster's watches and lists show of an attempt.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    /// The object, as last seen.
    pub object: Option<ObjectState>,
    /// The driver, as last seen.
    pub driver: Option<Driver>,
    /// When `driver` last changed.
    pub driver_at: Option<Duration>,
    /// Since when nothing is known of `driver`, however often the watch has said so again.
    pub unknown_since: Option<Duration>,
    /// Since when `driver` has been known to have ended, or, where none is in sight, the object to have failed.
    pub over_since: Option<Duration>,
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

impl Sight {
    /// Whether the operator, or a driver that it made, has begun with the object.
    pub fn is_picked_up(&self) -> bool {
        self.driver.is_some() || self.object.as_ref().is_some_and(ObjectState::is_picked_up)
    }

    /// The driver was seen.
    pub fn saw_driver(&mut self, driver: Driver, now: Duration) {
        if self.driver.as_ref().is_none_or(|seen| seen.uid != driver.uid) {
            (self.unknown_since, self.over_since) = (None, None);
        }
        let since = self.unknown_since.unwrap_or(now);
        self.unknown_since = (driver.phase == DriverPhase::Unknown).then_some(since);
        self.driver_gone = false;
        self.driver_at = Some(now);
        self.driver = Some(driver);
        self.note_end(now);
    }

    /// Whether the object isn't there, or on its way out: that can't be taken back.
    pub fn lacks_object(&self) -> bool {
        self.object.as_ref().is_none_or(|object| object.deleting)
    }

    /// Notes, after a change at `now`, since when driver or object have shown an end.
    pub fn note_end(&mut self, now: Duration) {
        let over = match &self.driver {
            Some(driver) => driver.has_ended(),
            None => self.object.as_ref().is_some_and(ObjectState::has_failed),
        };
        self.over_since = over.then(|| self.over_since.unwrap_or(now));
    }

    /// Whether it came to its end before any driver ran, as far as that shows: where it tells of its cluster at all, it
    /// tells of a fault.
    pub fn failed_before_start(&self) -> bool {
        match &self.driver {
            Some(driver) => matches!(&driver.phase, DriverPhase::Ended(end) if !end.ran),
            None => self.object.as_ref().is_some_and(ObjectState::has_failed),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::{DriverEnd, Ownership};

    fn ended(ran: bool) -> Driver {
        Driver {
            pod: "sb-job-1-a1-driver".into(),
            uid: "pod-1".parse().unwrap(),
            owner: Ownership::default(),
            submission_id: None,
            object_name: None,
            object_uid: None,
            spark_application_id: None,
            phase: DriverPhase::Ended(DriverEnd {
                exit_code: None,
                word: Some("OutOfcpu".into()),
                cause: crate::submission::Reason::DriverEvicted,
                success: false,
                ran,
                started_at: None,
                finished_at: None,
            }),
            stop: None,
            created_at: None,
        }
    }

    /// Its place in `maxPending` is free for another only once its record says so.
    #[test]
    fn a_driver_that_ended_without_having_run_tells_of_a_failure_and_one_that_ran_does_not() {
        let seen = |driver| Sight {
            driver: Some(driver),
            ..Sight::default()
        };
        assert!(!Sight::default().is_picked_up());
        for ran in [false, true] {
            assert!(seen(ended(ran)).is_picked_up());
            assert_eq!(seen(ended(ran)).failed_before_start(), !ran);
        }
        let waiting = DriverPhase::Waiting { why: None };
        let waits = seen(Driver {
            phase: waiting,
            ..ended(false)
        });
        assert!(!waits.failed_before_start());
    }
}

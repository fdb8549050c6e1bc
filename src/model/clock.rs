//! Wall-clock time behind a trait, so that tests decide what time it is.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Where the program takes the wall-clock time from.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment, which never goes back and runs on while the machine is suspended. Leases and
    /// settling times are measured by it, so that no two machines need the same wall clock.
    fn monotonic(&self) -> Duration;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
    }
}

/// A machine's clock with a correction of its wall-clock time, which whoever knows better sets. Its monotonic time is the
/// machine's.
#[derive(Debug)]
pub struct CorrectedClock {
    machine: Arc<dyn Clock>,
    /// Nanoseconds; they reach for 292 years.
    correction: AtomicI64,
}

impl CorrectedClock {
    /// `machine`, not corrected yet.
    pub fn over(machine: Arc<dyn Clock>) -> Self {
        Self {
            machine,
            correction: AtomicI64::new(0),
        }
    }

    /// The clock without its correction.
    pub fn machine(&self) -> &dyn Clock {
        self.machine.as_ref()
    }

    /// From now on `offset` is added to what the machine's clock shows.
    pub fn correct_by(&self, offset: SignedDuration) {
        let most = if offset.is_negative() { i64::MIN } else { i64::MAX };
        let nanos = i64::try_from(offset.as_nanos()).unwrap_or(most);
        self.correction.store(nanos, Ordering::Relaxed);
    }
}

impl Clock for CorrectedClock {
    fn now(&self) -> Timestamp {
        let (shown, nanos) = (self.machine.now(), self.correction.load(Ordering::Relaxed));
        let corrected = shown.checked_add(SignedDuration::from_nanos(nanos));
        corrected.unwrap_or(shown)
    }

    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }
}

/// A clock that stands still until it is set.
#[derive(Debug)]
pub struct FixedClock(Mutex<Timestamp>);

impl FixedClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// Sets the clock to `now`.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = now;
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn monotonic(&self) -> Duration {
        self.now().duration_since(Timestamp::UNIX_EPOCH).unsigned_abs()
    }
}

/// RFC 3339 in UTC with exactly three digits of milliseconds: `2026-11-23T05:31:50.000Z`. Texts of this form sort by time.
pub fn timestamp_text(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_moves_the_wall_clock_and_not_the_monotonic_one() {
        let time: Timestamp = "2026-11-23T05:31:50Z".parse().unwrap();
        let clock = CorrectedClock::over(Arc::new(FixedClock::at(time)));
        assert_eq!(clock.now(), time);
        let before = clock.monotonic();
        clock.correct_by(SignedDuration::from_mins(-3));
        assert_eq!(clock.now(), "2026-11-23T05:28:50Z".parse().unwrap());
        assert_eq!(clock.monotonic(), before);
        assert_eq!(clock.machine().now(), time);
        // A clock set to a senseless time isn't made to overflow.
        clock.correct_by(SignedDuration::MAX);
        assert!(clock.now() > time);
    }
}

//! The runtime's own time, which stands still until nothing is left to do.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use spark_broker::model::Clock;
use tokio::time::Instant;

/// Wall clock and monotonic clock of a runtime whose time is paused.
#[derive(Debug)]
pub struct PausedClock(Instant);

impl PausedClock {
    /// A clock that begins now.
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        let begun = Timestamp::from_second(1_800_000_000).unwrap();
        begun + SignedDuration::try_from(self.monotonic()).unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

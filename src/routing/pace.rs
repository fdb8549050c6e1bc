//! How fast a cluster may be given objects: a token bucket, counted in whole numbers.

use std::time::Duration;

use super::Pacing;

/// One token, in nanoseconds of a minute: what a pace of 1 a minute earns in one minute.
const TOKEN: u128 = 60_000_000_000;

/// A token bucket. Full at first; within any span of time it gives at most its burst and what the span earns.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    level: u128,
    at: Duration,
}

impl Bucket {
    pub(super) fn full() -> Self {
        Self {
            level: u128::MAX,
            at: Duration::ZERO,
        }
    }

    /// How long until a token is there; zero: now.
    pub(super) fn wait(&self, pacing: &Pacing, now: Duration) -> Duration {
        let Some(rate) = pacing.submissions_per_minute else {
            return Duration::ZERO;
        };
        let missing = TOKEN.saturating_sub(self.level_at(pacing, rate, now));
        match missing.div_ceil(u128::from(rate.max(1))) {
            0 => Duration::ZERO,
            nanoseconds => Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX)),
        }
    }

    /// What is there, as [`Bucket::restored`] takes it.
    pub(super) fn level(&self, pacing: &Pacing, now: Duration) -> u64 {
        let rate = pacing.submissions_per_minute.unwrap_or(0);
        u64::try_from(self.level_at(pacing, rate, now)).unwrap_or(u64::MAX)
    }

    /// A bucket that had this level at `at`.
    pub(super) fn restored(level: u64, at: Duration) -> Self {
        let level = u128::from(level);
        Self { level, at }
    }

    /// How many whole tokens are there; absent: no pace is set.
    pub(super) fn tokens(&self, pacing: &Pacing, now: Duration) -> Option<u64> {
        let rate = pacing.submissions_per_minute?;
        u64::try_from(self.level_at(pacing, rate, now) / TOKEN).ok()
    }

    /// Takes a token; the caller has asked [`Bucket::wait`] before.
    pub(super) fn take(&mut self, pacing: &Pacing, now: Duration) {
        if let Some(rate) = pacing.submissions_per_minute {
            self.level = self.level_at(pacing, rate, now).saturating_sub(TOKEN);
            self.at = self.at.max(now);
        }
    }

    fn level_at(&self, pacing: &Pacing, rate: u32, now: Duration) -> u128 {
        let earned = now.saturating_sub(self.at).as_nanos() * u128::from(rate);
        let most = TOKEN * u128::from(pacing.burst.max(1));
        self.level.saturating_add(earned).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_span_of_time_gives_more_than_burst_and_rate(
            rate in 1u32..600,
            burst in 1u32..20,
            steps in prop::collection::vec(0u64..20_000, 1..200),
        ) {
            let pacing = Pacing { submissions_per_minute: Some(rate), burst, max_pending: None };
            let mut bucket = Bucket::full();
            let mut now = Duration::ZERO;
            let mut taken: Vec<Duration> = Vec::new();
            for step in steps {
                now += Duration::from_millis(step);
                while bucket.wait(&pacing, now).is_zero() {
                    bucket.take(&pacing, now);
                    taken.push(now);
                }
                let wait = bucket.wait(&pacing, now);
                prop_assert!(bucket.wait(&pacing, now + wait).is_zero());
                prop_assert!(!bucket.wait(&pacing, now + wait - Duration::from_nanos(1)).is_zero());
            }
            for (first, start) in taken.iter().enumerate() {
                for (last, end) in taken.iter().enumerate().skip(first) {
                    let earned = (*end - *start).as_nanos() * u128::from(rate) / TOKEN;
                    prop_assert!((last - first + 1) as u128 <= u128::from(burst) + earned);
                }
            }
        }
    }
}

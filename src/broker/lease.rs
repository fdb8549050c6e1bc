//! Which pod is the active scheduler of the domain: a lease in the store, timed by local monotonic clocks alone.
//!
//! A candidate takes over when it has seen the same version for the whole duration by its own clock. The holder stops
//! acting at two thirds of the duration, counted from sending its last successful renewal; so the two never overlap,
//! whatever the clocks' offsets and the store's delays.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::gate::Gate;
use crate::model::{Clock, Domain, Epoch, Version};
use crate::ports::store::{Coordination, Lease, LeaseWrite};
use crate::telemetry::Metrics;

/// How often the holder renews.
const RENEW_EVERY: Duration = Duration::from_secs(2);
/// How often a candidate looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The lease as its holder may rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Held {
    /// The epoch of this term.
    pub epoch: Epoch,
    /// Until when, by the monotonic clock, the holder may act.
    pub until: Duration,
    /// When another pod was last seen to renew or release it; absent: never, by this pod.
    pub others_until: Option<Duration>,
}

impl Held {
    /// How long the holder may still act; `None` when it may not.
    pub fn rest(&self, now: Duration) -> Option<Duration> {
        self.until.checked_sub(now).filter(|rest| !rest.is_zero())
    }
}

/// What one pod knows of the lease: a state machine without IO.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Keeper {
    holder: String,
    duration: Duration,
    seen: Option<(Version, Duration)>,
    /// Whether the version seen took another's place under our eyes: one found at the first look may be of any age.
    renewed: bool,
    mine: Option<Lease>,
    /// The write that no answer has come to: its version, and when it was first sent.
    unanswered: Option<(Version, Duration)>,
}

impl Keeper {
    /// A pod that calls itself `holder`, which must be unique to the process.
    pub fn new(holder: String, duration: Duration) -> Self {
        Self {
            holder,
            duration,
            seen: None,
            renewed: false,
            mine: None,
            unanswered: None,
        }
    }

    /// Whether this pod holds the lease as far as it knows.
    pub fn holds(&self) -> bool {
        self.mine.is_some()
    }

    /// The holder's next renewal: what to write, and over which version.
    pub fn renewal(&self) -> Option<(Option<Version>, Lease)> {
        let mine = self.mine.as_ref()?;
        Some((
            Some(mine.version),
            Lease {
                version: mine.version.next(),
                ..mine.clone()
            },
        ))
    }

    /// The clean end of the term.
    pub fn release(&self) -> Option<(Option<Version>, Lease)> {
        let (seen, next) = self.renewal()?;
        Some((seen, Lease { holder: None, ..next }))
    }

    /// A candidate looked at `now`: what to write to take over, and over which version.
    pub fn looked(&mut self, stored: Option<&Lease>, now: Duration) -> Option<(Option<Version>, Lease)> {
        let Some(stored) = stored else {
            return Some((None, self.lease(Epoch(1), Version(1))));
        };
        if stored.holder.as_ref() == Some(&self.holder) {
            // Our own takeover, whose reply was lost.
            return Some((
                Some(stored.version),
                self.lease(stored.epoch, stored.version.next()),
            ));
        }
        let since = match self.seen {
            Some((version, since)) if version == stored.version => since,
            other => {
                self.renewed = other.is_some();
                self.seen = Some((stored.version, now));
                now
            }
        };
        let free = stored.holder.is_none() || now.saturating_sub(since) >= self.duration;
        free.then(|| {
            (
                Some(stored.version),
                self.lease(stored.epoch.next(), stored.version.next()),
            )
        })
    }

    /// A write of `version` is about to be sent. Until it is answered, later writes of the same version are repeats of
    /// it: candidates may have seen it stand since the first.
    pub fn sending(&mut self, version: Version, now: Duration) {
        if self
            .unanswered
            .is_none_or(|(unanswered, _)| unanswered != version)
        {
            self.unanswered = Some((version, now));
        }
    }

    /// The write of `lease` succeeded: until when the term lasts, counted from when it was first sent.
    pub fn written(&mut self, lease: Lease, now: Duration) -> Held {
        self.sending(lease.version, now);
        let sent = self.unanswered.take().map_or(now, |(_, sent)| sent);
        let held = Held {
            epoch: lease.epoch,
            until: sent + self.duration * 2 / 3,
            others_until: self.seen.filter(|_| self.renewed).map(|(_, since)| since),
        };
        self.mine = Some(lease);
        held
    }

    /// Another pod's lease stands.
    pub fn lost(&mut self) {
        self.mine = None;
        self.seen = None;
        self.unanswered = None;
    }

    fn lease(&self, epoch: Epoch, version: Version) -> Lease {
        Lease {
            holder: Some(self.holder.clone()),
            epoch,
            version,
        }
    }
}

/// One pod's part in the election.
pub struct Election {
    /// Where the lease stands.
    pub coordination: Arc<dyn Coordination>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The domain.
    pub domain: Domain,
    /// What this pod knows.
    pub keeper: Keeper,
    /// Told of each change of this pod's own term.
    pub held: watch::Sender<Option<Held>>,
    /// Told once anybody has been seen to hold the lease.
    pub seen: watch::Sender<bool>,
    /// Closed where the store can't be read or written: nobody may be sending anything that would show it.
    pub gate: Gate,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

impl Election {
    /// Runs until `stop`, then gives the lease up.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            self.turn().await;
            self.metrics.intake_paused(self.gate.closed().is_some());
            let pause = if self.keeper.holds() {
                RENEW_EVERY
            } else {
                LOOK_EVERY
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause.min(self.keeper.duration / 6)) => {}
            }
        }
        self.held.send_replace(None);
        if self.keeper.holds() {
            self.metrics.lease(false, 0);
        }
        if let Some((seen, lease)) = self.keeper.release()
            && let Err(error) = self.coordination.write_lease(&self.domain, seen, &lease).await
        {
            tracing::warn!(%error, "the lease could not be given up; it will run out");
        }
    }

    async fn turn(&mut self) {
        let attempt = match self.keeper.renewal() {
            Some(renewal) => Some(renewal),
            None => match self.coordination.lease(&self.domain).await {
                Ok(stored) => {
                    self.seen.send_if_modified(|seen| {
                        !std::mem::replace(seen, stored.is_some()) && stored.is_some()
                    });
                    self.keeper.looked(stored.as_ref(), self.clock.monotonic())
                }
                Err(error) => {
                    self.gate.close(&error.to_string());
                    None
                }
            },
        };
        let Some((seen, lease)) = attempt else { return };
        self.keeper.sending(lease.version, self.clock.monotonic());
        match self.coordination.write_lease(&self.domain, seen, &lease).await {
            Ok(LeaseWrite::Done) => self.won(lease),
            Ok(LeaseWrite::Stale(_)) => self.beaten(),
            // The term runs out by itself; where our own version still stands later, it is renewed in the same epoch.
            Err(error) => self.gate.close(&error.to_string()),
        }
    }

    fn won(&mut self, lease: Lease) {
        let term = self.keeper.written(lease, self.clock.monotonic());
        self.metrics.lease(true, term.epoch.0);
        let before = self.held.send_replace(Some(term));
        if before.map(|b| b.epoch) != Some(term.epoch) {
            tracing::info!(epoch = term.epoch.0, "this pod is the active scheduler");
        }
    }

    fn beaten(&mut self) {
        if self.keeper.holds() {
            tracing::warn!("another pod took the lease over");
            self.metrics.lease(false, 0);
        }
        self.keeper.lost();
        self.held.send_replace(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: Duration = Duration::from_secs(12);

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_candidate_waits_the_whole_duration_by_its_own_clock() {
        let mut a = Keeper::new("a".into(), D);
        let mut b = Keeper::new("b".into(), D);
        let (_, lease) = a.looked(None, secs(0)).unwrap();
        let term = a.written(lease.clone(), secs(0));
        assert_eq!(b.looked(Some(&lease), secs(1000)), None);
        assert_eq!(b.looked(Some(&lease), secs(1011)), None);
        let (seen, taken) = b.looked(Some(&lease), secs(1012)).unwrap();
        assert_eq!((seen, taken.epoch), (Some(lease.version), Epoch(2)));
        assert_eq!(term.rest(secs(8)), None, "the holder has stopped at two thirds");
        assert!(term.rest(secs(7)).is_some());
    }

    #[test]
    fn a_renewal_restarts_the_wait() {
        let mut a = Keeper::new("a".into(), D);
        let mut b = Keeper::new("b".into(), D);
        let (_, first) = a.looked(None, secs(0)).unwrap();
        a.written(first.clone(), secs(0));
        b.looked(Some(&first), secs(0));
        let (_, second) = a.renewal().unwrap();
        assert_eq!(second.epoch, first.epoch);
        assert_eq!(b.looked(Some(&second), secs(11)), None);
        assert_eq!(b.looked(Some(&second), secs(22)), None);
        assert!(b.looked(Some(&second), secs(23)).is_some());
    }

    #[test]
    fn a_takeover_whose_reply_was_lost_keeps_its_epoch() {
        let mut a = Keeper::new("a".into(), D);
        let (_, written) = a.looked(None, secs(0)).unwrap();
        let (seen, again) = a.looked(Some(&written), secs(1)).unwrap();
        assert_eq!((seen, again.epoch), (Some(written.version), written.epoch));
    }

    #[test]
    fn a_renewal_whose_reply_was_lost_counts_from_its_first_try() {
        let mut a = Keeper::new("a".into(), D);
        let (_, first) = a.looked(None, secs(0)).unwrap();
        a.written(first, secs(0));
        let (_, renewal) = a.renewal().unwrap();
        a.sending(renewal.version, secs(2));
        // Sent again 7 s later, since nobody answered: a candidate may have seen it stand since the first.
        a.sending(renewal.version, secs(9));
        assert_eq!(a.written(renewal, secs(10)).until, secs(2) + D * 2 / 3);
        let (_, next) = a.renewal().unwrap();
        a.sending(next.version, secs(11));
        assert_eq!(a.written(next, secs(12)).until, secs(11) + D * 2 / 3);
    }

    #[test]
    fn a_released_lease_is_taken_at_once() {
        let mut a = Keeper::new("a".into(), D);
        let (_, first) = a.looked(None, secs(0)).unwrap();
        a.written(first, secs(0));
        let (_, released) = a.release().unwrap();
        let mut b = Keeper::new("b".into(), D);
        assert!(b.looked(Some(&released), secs(1)).is_some());
    }

    #[test]
    fn until_when_another_held_it_is_known_of_one_that_was_seen_to_renew_it() {
        let mut a = Keeper::new("a".into(), D);
        let (_, first) = a.looked(None, secs(0)).unwrap();
        a.written(first.clone(), secs(0));
        // Found at the first look: its holder may have been gone for long.
        let mut late = Keeper::new("late".into(), D);
        assert_eq!(late.looked(Some(&first), secs(600)), None);
        let (_, taken) = late.looked(Some(&first), secs(612)).unwrap();
        assert_eq!(late.written(taken, secs(612)).others_until, None);
        let mut standby = Keeper::new("standby".into(), D);
        standby.looked(Some(&first), secs(0));
        let (_, second) = a.renewal().unwrap();
        standby.looked(Some(&second), secs(3));
        let (_, taken) = standby.looked(Some(&second), secs(15)).unwrap();
        assert_eq!(standby.written(taken, secs(15)).others_until, Some(secs(3)));
    }
}

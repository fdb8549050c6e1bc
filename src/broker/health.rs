//! Whether a cluster takes jobs: in sight of its watch, and not backing off after it refused us.

use std::time::Duration;

use super::attempt::CreateAnswer;
use super::refusal::Refusal;
use crate::error::shorten;
use crate::model::SubmissionId;
use crate::routing;

/// The shortest and the longest rest after a cluster's fault.
const REST: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// One cluster's health.
#[derive(Debug, Clone, Default)]
pub struct Health {
    listed: bool,
    why_not: Option<String>,
    faults: u32,
    /// Whether attempts that were given up there are still to be removed.
    clearing: bool,
    /// Whether its operator left an object lying and has picked none up since.
    asleep: bool,
    rests_until: Option<Duration>,
    /// The job that is under way as a probe.
    probe: Option<SubmissionId>,
}

impl Health {
    /// The watch has listed everything and goes on.
    pub fn in_sight(&mut self) {
        self.listed = true;
        if self.faults == 0 {
            self.why_not = None;
        }
    }

    /// The watch is broken.
    pub fn out_of_sight(&mut self, why: &str) {
        if self.listed || self.why_not.is_none() {
            tracing::warn!(why, "a cluster is out of sight");
        }
        self.listed = false;
        self.why_not = Some(shorten(why, 300));
    }

    /// Whether attempts that were given up there are still to be removed; whether that is news.
    pub fn set_clearing(&mut self, clearing: bool) -> bool {
        std::mem::replace(&mut self.clearing, clearing) != clearing
    }

    /// Whether the watch has listed everything and goes on.
    pub fn is_in_sight(&self) -> bool {
        self.listed
    }

    /// `job` was sent there.
    pub fn sent(&mut self, job: &SubmissionId, now: Duration) {
        if self.verdict(now) == Verdict::Probing {
            self.probe = Some(job.clone());
        }
    }

    /// `job` isn't on its way to the cluster any more; whether it was the probe.
    pub fn probe_is_over(&mut self, job: &SubmissionId) -> bool {
        self.probe.take_if(|probe| probe == job).is_some()
    }

    /// A create came to this.
    pub fn create_came_to(&mut self, answer: &CreateAnswer, now: Duration) {
        match answer {
            // That it takes objects isn't enough where its operator left one lying.
            CreateAnswer::Exists if self.asleep => return,
            CreateAnswer::Exists => self.recovered(),
            CreateAnswer::Refused(Refusal::Cluster, why) | CreateAnswer::Unclear(why) => {
                self.faulted(why, now);
            }
            CreateAnswer::Refused(
                Refusal::NameExists
                | Refusal::NoRoom
                | Refusal::UnknownField
                | Refusal::Webhook
                | Refusal::Spec,
                _,
            ) => {
                // It answered, and not about itself: it works.
                if !self.asleep {
                    self.faults = 0;
                    self.why_not = None;
                }
            }
        }
        self.probe = None;
    }

    /// It failed at something that jobs need, and rests.
    pub fn faulted(&mut self, why: &str, now: Duration) {
        let rest = REST.0.saturating_mul(1 << self.faults.min(4)).min(REST.1);
        self.faults += 1;
        self.rests_until = Some(now + rest);
        self.why_not = Some(shorten(why, 300));
    }

    /// Its operator left an object lying for too long: until it picks one up, one job at a time is sent as a probe.
    pub fn left_lying(&mut self, why: &str, now: Duration) {
        self.probe = None;
        self.asleep = true;
        self.faulted(why, now);
    }

    /// Its operator has picked up an object that was waiting for it; whether that is news.
    pub fn picked_up(&mut self) -> bool {
        let news = std::mem::take(&mut self.asleep);
        if news {
            self.recovered();
        }
        news
    }

    /// Whether a job that was sent as a probe has still to be picked up by its operator.
    pub fn is_asleep(&self) -> bool {
        self.asleep
    }

    fn recovered(&mut self) {
        self.faults = 0;
        self.why_not = None;
        self.rests_until = None;
        self.probe = None;
    }

    /// Whether a rest has just ended: a single probe may go.
    pub fn probe_due(&mut self, now: Duration) -> bool {
        let due = self.rests_until.is_some_and(|until| until <= now);
        if due {
            self.rests_until = None;
        }
        due
    }

    /// What was wrong with it last, while it isn't known to be mended.
    pub fn why_not(&self) -> Option<&str> {
        self.why_not.as_deref()
    }

    /// Whether it takes jobs: all it can hold, one as a probe after a fault, or none and why.
    pub fn verdict(&self, now: Duration) -> Verdict {
        let why = || self.why_not.clone().unwrap_or_else(|| "not connected yet".into());
        if !self.listed || self.rests_until.is_some_and(|until| until > now) {
            return Verdict::Closed(why());
        }
        if self.clearing {
            return Verdict::Closed("what was given up there while it was silent is removed first".into());
        }
        match self.faults {
            0 => Verdict::Open,
            _ if self.probe.is_some() => {
                Verdict::Closed(format!("one job was sent as a probe after: {}", why()))
            }
            _ => Verdict::Probing,
        }
    }
}

/// Whether a cluster takes jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All it can hold.
    Open,
    /// One at a time, until a create succeeds.
    Probing,
    /// None: why.
    Closed(String),
}

impl From<Verdict> for routing::Health {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Open | Verdict::Probing => Self::Healthy,
            Verdict::Closed(why) => Self::Unhealthy(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_faulty_cluster_rests_longer_each_time_and_is_then_probed() {
        let mut health = Health::default();
        health.in_sight();
        let now = Duration::from_secs(100);
        health.create_came_to(&CreateAnswer::Refused(Refusal::Cluster, "401".into()), now);
        assert_eq!(health.verdict(now), Verdict::Closed("401".into()));
        let later = now + Duration::from_secs(5);
        assert!(health.probe_due(later));
        assert_eq!(health.verdict(later), Verdict::Probing);
        let (probe, other) = ("probe".parse().unwrap(), "other".parse().unwrap());
        health.sent(&probe, later);
        assert!(!health.probe_is_over(&other));
        assert!(
            matches!(health.verdict(later), Verdict::Closed(_)),
            "one probe at a time"
        );
        health.create_came_to(&CreateAnswer::Unclear("reset".into()), later);
        assert!(!health.probe_due(later + Duration::from_secs(9)));
        assert!(health.probe_due(later + Duration::from_secs(10)));
        assert_eq!(health.verdict(later + Duration::from_secs(10)), Verdict::Probing);
        health.sent(&probe, later);
        assert!(health.probe_is_over(&probe), "cancelled before it was sent, say");
        assert_eq!(health.verdict(later), Verdict::Probing);
        health.create_came_to(&CreateAnswer::Exists, later);
        assert_eq!(health.verdict(later), Verdict::Open);
    }

    #[test]
    fn a_cluster_whose_operator_sleeps_is_probed_until_one_object_is_picked_up() {
        let mut health = Health::default();
        health.in_sight();
        let now = Duration::from_secs(100);
        health.left_lying("the operator of a hasn't picked the application up", now);
        let later = now + Duration::from_secs(5);
        assert!(health.probe_due(later));
        let probe = "probe".parse().unwrap();
        health.sent(&probe, later);
        health.create_came_to(&CreateAnswer::Exists, later);
        assert!(
            matches!(health.verdict(later), Verdict::Closed(_)),
            "that it takes objects says nothing of its operator"
        );
        assert!(health.picked_up());
        assert_eq!(health.verdict(later), Verdict::Open);
        assert!(!health.picked_up(), "no news");
    }
}

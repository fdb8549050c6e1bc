//! Whether a cluster takes jobs: in sight of its watch, and not backing off after it refused us.

use std::time::Duration;

use super::attempt::CreateAnswer;
use super::refusal::Refusal;
use crate::error::shorten;
use crate::model::SubmissionId;
use crate::routing;

/// The shortest and the longest rest after a cluster's fault.
const REST: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
/// So many distinct submissions in a row that fail before their drivers start are the cluster's fault (the design's §8).
const IN_A_ROW: usize = 5;
/// A driver that waits for longer, for room say, doesn't keep the next probe back.
const PROBE_LASTS: Duration = Duration::from_secs(300);

/// One cluster's health.
#[derive(Debug, Clone, Default)]
pub struct Health {
    listed: bool,
    why_not: Option<String>,
    faults: u32,
    /// Whether attempts that were given up there are still to be removed.
    clearing: bool,
    doubt: Doubt,
    /// Submissions in a row that failed before their drivers started, the latest last.
    failed: Vec<SubmissionId>,
    rests_until: Option<Duration>,
    /// The job that is under way as a probe, and since when.
    probe: Option<(SubmissionId, Duration)>,
}

/// What a probe has to show beyond that the cluster takes objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Doubt {
    /// Nothing.
    #[default]
    None,
    /// Its operator left an object lying: that it picks one up.
    Operator,
    /// Too many jobs in a row failed before their drivers started: that one starts.
    Drivers,
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
            self.probe = Some((job.clone(), now));
        }
    }

    /// `job` isn't on its way to the cluster any more; whether it was the probe.
    pub fn probe_is_over(&mut self, job: &SubmissionId) -> bool {
        self.probe.take_if(|(probe, _)| probe == job).is_some()
    }

    /// A create came to this.
    pub fn create_came_to(&mut self, answer: &CreateAnswer, now: Duration) {
        match answer {
            // That it takes objects isn't enough where more is in doubt.
            CreateAnswer::Exists if self.doubt != Doubt::None => return,
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
                if self.doubt == Doubt::None {
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
        if self.doubt == Doubt::None {
            self.doubt = Doubt::Operator;
        }
        self.faulted(why, now);
    }

    /// Its operator has picked up an object that was waiting for it; whether that is news.
    pub fn picked_up(&mut self) -> bool {
        let news = self.doubt == Doubt::Operator;
        if news {
            self.recovered();
        }
        news
    }

    /// `job` failed before its driver started. After too many in a row one job at a time is sent as a probe, until a
    /// driver starts: a cluster that fails fast must not look empty. Whether it is so.
    pub fn failed_before_start(&mut self, job: &SubmissionId, why: &str, now: Duration) -> bool {
        self.failed.retain(|failed| failed != job);
        self.failed.push(job.clone());
        if self.failed.len() < IN_A_ROW {
            return false;
        }
        self.failed.drain(..self.failed.len() - IN_A_ROW);
        self.doubt = Doubt::Drivers;
        self.faulted(
            &format!(
                "{IN_A_ROW} jobs in a row failed before their drivers started, the last one since: {why}"
            ),
            now,
        );
        true
    }

    /// A driver has started; whether that ends a doubt.
    pub fn driver_started(&mut self) -> bool {
        self.failed.clear();
        let news = self.doubt != Doubt::None;
        if news {
            self.recovered();
        }
        news
    }

    /// Whether a failure before the driver's start is the cluster's fault and not the job's.
    pub fn fails_all(&self) -> bool {
        self.doubt == Doubt::Drivers
    }

    /// Whether a job that was sent as a probe has more to show than its object.
    pub fn is_in_doubt(&self) -> bool {
        self.doubt != Doubt::None
    }

    fn recovered(&mut self) {
        self.doubt = Doubt::None;
        self.faults = 0;
        self.why_not = None;
        self.rests_until = None;
        self.probe = None;
    }

    /// Whether a rest, or the wait for a probe, has just ended: a single probe may go.
    pub fn probe_due(&mut self, now: Duration) -> bool {
        let too_long = |(_, since): &mut (SubmissionId, Duration)| now >= *since + PROBE_LASTS;
        if self.doubt == Doubt::Drivers && self.probe.take_if(too_long).is_some() {
            return true;
        }
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

    #[test]
    fn a_cluster_that_fails_five_jobs_in_a_row_is_probed_until_a_driver_starts() {
        let job = |number: usize| format!("job-{number}").parse::<SubmissionId>().unwrap();
        let mut health = Health::default();
        health.in_sight();
        let now = Duration::from_secs(100);
        for number in [0, 1, 2, 3, 3, 3] {
            assert!(!health.failed_before_start(&job(number), "no such account", now));
        }
        assert!(!health.driver_started(), "no news");
        for number in 0..4 {
            assert!(!health.failed_before_start(&job(number), "no such account", now));
            assert_eq!(health.verdict(now), Verdict::Open);
        }
        assert!(health.failed_before_start(&job(4), "no such account", now));
        assert!(matches!(health.verdict(now), Verdict::Closed(why) if why.contains("no such account")));
        assert!(health.fails_all());
        let later = now + Duration::from_secs(5);
        assert!(health.probe_due(later));
        health.sent(&job(5), later);
        health.create_came_to(&CreateAnswer::Exists, later);
        assert!(!health.picked_up());
        assert!(
            matches!(health.verdict(later), Verdict::Closed(_)),
            "a driver must start"
        );
        assert!(health.failed_before_start(&job(5), "no such account", later));
        assert!(health.probe_is_over(&job(5)));
        assert!(
            !health.probe_due(later + Duration::from_secs(9)),
            "it rests longer"
        );
        let later = later + Duration::from_secs(10);
        assert!(health.probe_due(later));
        health.sent(&job(6), later);
        assert!(!health.probe_due(later + PROBE_LASTS - Duration::from_secs(1)));
        assert!(
            health.probe_due(later + PROBE_LASTS),
            "its driver waits for room, say"
        );
        assert_eq!(health.verdict(later + PROBE_LASTS), Verdict::Probing);
        assert!(health.driver_started());
        assert_eq!(health.verdict(later), Verdict::Open);
        assert!(!health.fails_all());
    }
}

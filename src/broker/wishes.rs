//! What people wish of clusters, as the active scheduler knows it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;

use super::plan::{Emptied, Loss, Wished};
use crate::model::{ClusterName, SubmissionId, timestamp_text};
use crate::ports::store::{ClusterWishes, LostConfirmed};
use crate::submission::Record;

/// How many objects may be missing whatever the number of live submissions.
const MISSING: usize = 3;

/// The wishes of all clusters, and what of them is under way.
#[derive(Debug, Default)]
pub struct Wishes {
    clusters: HashMap<ClusterName, Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    wishes: ClusterWishes,
    /// A confirmed loss that is being carried out.
    loss: Option<ConfirmedLoss>,
    /// The confirmed loss that was carried out last.
    done: Option<Timestamp>,
    /// Since when the cluster has been out of sight.
    out_since: Option<Duration>,
    /// How many submissions lack their object, and of how many.
    missing: Missing,
    /// What was last told of it.
    told: Told,
}

#[derive(Debug)]
struct ConfirmedLoss {
    wish: LostConfirmed,
    /// What was live there when the wish was read: only of that the person could speak.
    covers: HashSet<SubmissionId>,
}

/// How many submissions of a cluster lack their object, and how many should have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Missing {
    /// Without an object.
    pub missing: usize,
    /// That should have one.
    pub of: usize,
}

/// What changes by wishes and by time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// How and why the cluster is closed; absent: open.
    pub closed: Option<String>,
    emptied: Option<Emptied>,
    gone: Option<String>,
}

impl Missing {
    /// Whether these are too many to be called lost without a person's word (the design's §10, "Lost").
    pub fn is_too_many(self) -> bool {
        self.missing > MISSING && self.missing * 10 > self.of
    }

    fn sentence(self, cluster: &ClusterName) -> String {
        format!(
            "its object is missing, as are those of {} of the {} submissions on {cluster}: nothing ends or runs again until \
             the objects are back or a person says `spark-broker clusters confirm-lost {cluster}`",
            self.missing, self.of
        )
    }
}

impl Wishes {
    /// The wishes of a cluster were read while `live` were there.
    pub fn read(
        &mut self,
        name: &ClusterName,
        wishes: ClusterWishes,
        live: impl Iterator<Item = SubmissionId>,
    ) {
        let standing = self.clusters.entry(name.clone()).or_default();
        let news = |wish: &&LostConfirmed| {
            standing.done != Some(wish.at)
                && standing.loss.as_ref().is_none_or(|loss| loss.wish.at != wish.at)
        };
        if let Some(wish) = wishes.lost_confirmed.as_ref().filter(news) {
            tracing::warn!(cluster.name = %name, reason = wish.reason, author = wish.author, "loss confirmed");
            standing.loss = Some(ConfirmedLoss {
                wish: wish.clone(),
                covers: live.collect(),
            });
        }
        if wishes.lost_confirmed.is_none() {
            standing.loss = None;
        }
        standing.wishes = wishes;
    }

    /// The cluster's watch is broken, or another cluster answers.
    pub fn out_of_sight(&mut self, name: &ClusterName, now: Duration) {
        let standing = self.clusters.entry(name.clone()).or_default();
        standing.out_since.get_or_insert(now);
    }

    /// The cluster was listed.
    pub fn in_sight(&mut self, name: &ClusterName) {
        self.clusters.entry(name.clone()).or_default().out_since = None;
    }

    /// How many objects are missing on each cluster.
    pub fn counted(&mut self, mut missing: HashMap<ClusterName, Missing>) {
        for (name, standing) in &mut self.clusters {
            standing.missing = missing.remove(name).unwrap_or_default();
        }
        for (name, missing) in missing {
            self.clusters.entry(name).or_default().missing = missing;
        }
    }

    /// What changed by time or wishes since the last call, cluster by cluster. `settle` is how long a cluster must be out
    /// of sight before a confirmed loss means all of it.
    pub fn news(&mut self, wall: Timestamp, now: Duration, settle: Duration) -> Vec<(ClusterName, Told)> {
        let mut news = Vec::new();
        for (name, standing) in &mut self.clusters {
            let told = standing.told_now(name, wall, now, settle);
            if told != standing.told {
                standing.told = told.clone();
                news.push((name.clone(), told));
            }
        }
        news
    }

    /// What is wished that bears on `record`.
    pub fn of(&self, record: &Record) -> Wished {
        let Some((name, standing)) = record
            .cluster
            .as_ref()
            .and_then(|c| self.clusters.get_key_value(c))
        else {
            return Wished::default();
        };
        let covered = standing
            .loss
            .as_ref()
            .is_some_and(|loss| loss.covers.contains(&record.id));
        let loss = match &standing.told.gone {
            Some(message) if covered => Loss::Gone(message.clone()),
            Some(_) | None if !covered && standing.missing.is_too_many() => {
                Loss::Doubted(standing.missing.sentence(name))
            }
            Some(_) | None => Loss::Proven,
        };
        Wished {
            loss,
            emptied: standing.told.emptied.clone(),
        }
    }

    /// Clusters of which a loss is confirmed: whether the cluster is gone with all of it, and what the wish covers.
    pub fn confirmed(&self) -> impl Iterator<Item = (&ClusterName, Confirmed<'_>)> {
        self.clusters.iter().filter_map(|(name, standing)| {
            let loss = standing.loss.as_ref()?;
            let confirmed = Confirmed {
                gone: standing.told.gone.is_some(),
                covers: &loss.covers,
            };
            Some((name, confirmed))
        })
    }

    /// The confirmed loss was carried out; the wish, to be taken away.
    pub fn carried_out(&mut self, name: &ClusterName) -> Option<LostConfirmed> {
        let standing = self.clusters.get_mut(name)?;
        let loss = standing.loss.take()?;
        standing.done = Some(loss.wish.at);
        Some(loss.wish)
    }

    /// Wishes that stand although they were carried out: to be taken away again.
    pub fn left_over(&self) -> impl Iterator<Item = (&ClusterName, Timestamp)> {
        self.clusters.iter().filter_map(|(name, standing)| {
            let wish = standing.wishes.lost_confirmed.as_ref()?;
            (standing.done == Some(wish.at)).then_some((name, wish.at))
        })
    }

    /// How and why the cluster is closed, as it was told last.
    pub fn closed(&self, name: &ClusterName) -> Option<String> {
        self.clusters.get(name)?.told.closed.clone()
    }

    /// The brake's sentence for the board, where it holds submissions.
    pub fn brake(&self, name: &ClusterName) -> Option<String> {
        let missing = self.clusters.get(name)?.missing;
        missing.is_too_many().then(|| {
            format!(
                "{} of {} objects are missing: their submissions wait for `spark-broker clusters confirm-lost {name}`",
                missing.missing, missing.of
            )
        })
    }
}

/// A confirmed loss.
#[derive(Debug, Clone, Copy)]
pub struct Confirmed<'a> {
    /// Whether it means everything there.
    pub gone: bool,
    /// What it covers.
    pub covers: &'a HashSet<SubmissionId>,
}

impl Standing {
    fn told_now(&self, name: &ClusterName, wall: Timestamp, now: Duration, settle: Duration) -> Told {
        let cordon = self.wishes.cordon.as_ref().filter(|cordon| !cordon.is_over(wall));
        let cordoned = cordon.map(|cordon| format!("cordoned: {}", cordon.reason));
        let drain = self.wishes.drain.as_ref();
        let drained = drain.map(|drain| {
            let until = timestamp_text(drain.deadline);
            format!("being emptied by {until}: {}", drain.reason)
        });
        let due = drain.filter(|drain| drain.is_due(wall));
        let lasting = self
            .out_since
            .is_some_and(|since| now.saturating_sub(since) >= settle);
        Told {
            closed: drained.or(cordoned),
            emptied: due.map(|drain| Emptied {
                then: drain.then,
                message: format!("{name} is being emptied: {}", drain.reason),
            }),
            gone: self.loss.as_ref().filter(|_| lasting).map(|loss| {
                format!(
                    "{name} is gone for good with what ran there, says a person: {}",
                    loss.wish.reason
                )
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::store::{Cordon, Drain, DrainThen};
    use crate::submission::{NewRecord, State};

    const SETTLE: Duration = Duration::from_secs(60);

    fn wall(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn cluster() -> ClusterName {
        "a".parse().unwrap()
    }

    fn record(id: &str) -> Record {
        let mut record = Record::queued(NewRecord {
            id: id.parse().unwrap(),
            domain: "default".parse().unwrap(),
            queue: "dev".parse().unwrap(),
            fingerprint: "f".into(),
            at: wall(0),
        });
        record.state = State::Running;
        record.cluster = Some(cluster());
        record
    }

    fn loss(at: i64) -> ClusterWishes {
        ClusterWishes {
            lost_confirmed: Some(LostConfirmed {
                reason: "burnt down".into(),
                author: None,
                at: wall(at),
            }),
            ..ClusterWishes::default()
        }
    }

    fn told(wishes: &mut Wishes, second: i64) -> Option<Told> {
        let mut news = wishes.news(wall(second), secs(second.unsigned_abs()), SETTLE);
        news.pop().map(|(_, told)| told)
    }

    #[test]
    fn a_cordon_closes_until_its_end_and_a_drain_until_it_is_taken_away() {
        let mut wishes = Wishes::default();
        let read = ClusterWishes {
            cordon: Some(Cordon {
                reason: "upgrade".into(),
                author: None,
                at: wall(0),
                until: Some(wall(60)),
            }),
            ..ClusterWishes::default()
        };
        wishes.read(&cluster(), read, std::iter::empty());
        let closed = |told: Option<Told>| told.map(|told| told.closed);
        let expected = Some(Some("cordoned: upgrade".to_owned()));
        assert_eq!(closed(told(&mut wishes, 1)), expected);
        assert_eq!(closed(told(&mut wishes, 59)), None, "no news");
        assert_eq!(closed(told(&mut wishes, 60)), Some(None));

        let read = ClusterWishes {
            drain: Some(Drain {
                reason: "to be rebuilt".into(),
                author: None,
                at: wall(60),
                deadline: wall(100),
                then: DrainThen::Leave,
            }),
            ..ClusterWishes::default()
        };
        wishes.read(&cluster(), read, std::iter::empty());
        assert!(
            told(&mut wishes, 61)
                .unwrap()
                .closed
                .unwrap()
                .contains("to be rebuilt")
        );
        assert_eq!(wishes.of(&record("job-1")).emptied, None);
        assert!(told(&mut wishes, 100).is_some());
        assert!(wishes.of(&record("job-1")).emptied.is_some());
        wishes.read(&cluster(), ClusterWishes::default(), std::iter::empty());
        assert_eq!(closed(told(&mut wishes, 101)), Some(None));
    }

    #[test]
    fn the_brake_needs_more_than_three_and_more_than_a_tenth() {
        for (missing, of, expected) in [
            (3, 3, false),
            (4, 40, false),
            (4, 39, true),
            (5, 5, true),
            (2, 40, false),
        ] {
            assert_eq!(
                Missing { missing, of }.is_too_many(),
                expected,
                "{missing} of {of}"
            );
        }
        let mut wishes = Wishes::default();
        let five = Missing { missing: 5, of: 5 };
        wishes.counted([(cluster(), five)].into());
        assert!(matches!(wishes.of(&record("job-1")).loss, Loss::Doubted(_)));
        wishes.read(&cluster(), loss(1), ["job-1".parse().unwrap()].into_iter());
        assert_eq!(wishes.of(&record("job-1")).loss, Loss::Proven);
        let later = wishes.of(&record("job-2")).loss;
        assert!(matches!(later, Loss::Doubted(_)), "nobody spoke of that one");
    }

    #[test]
    fn a_confirmed_loss_means_a_whole_cluster_only_after_it_was_out_of_sight_for_long() {
        let mut wishes = Wishes::default();
        wishes.read(&cluster(), loss(1), ["job-1".parse().unwrap()].into_iter());
        told(&mut wishes, 1);
        assert_eq!(wishes.of(&record("job-1")).loss, Loss::Proven);
        wishes.out_of_sight(&cluster(), secs(10));
        told(&mut wishes, 69);
        assert_eq!(wishes.of(&record("job-1")).loss, Loss::Proven);
        wishes.in_sight(&cluster());
        wishes.out_of_sight(&cluster(), secs(69));
        told(&mut wishes, 128);
        assert_eq!(wishes.of(&record("job-1")).loss, Loss::Proven);
        told(&mut wishes, 129);
        assert!(matches!(wishes.of(&record("job-1")).loss, Loss::Gone(_)));
        assert_eq!(wishes.of(&record("job-2")).loss, Loss::Proven, "it came later");
    }

    #[test]
    fn a_loss_that_was_carried_out_is_not_carried_out_again() {
        let mut wishes = Wishes::default();
        wishes.read(&cluster(), loss(1), std::iter::empty());
        assert_eq!(wishes.carried_out(&cluster()).unwrap().at, wall(1));
        wishes.read(&cluster(), loss(1), ["job-1".parse().unwrap()].into_iter());
        assert_eq!(wishes.confirmed().count(), 0);
        assert_eq!(wishes.left_over().count(), 1, "it is to be taken away again");
        wishes.read(&cluster(), loss(2), ["job-1".parse().unwrap()].into_iter());
        assert_eq!(wishes.confirmed().count(), 1, "a new one counts");
    }
}

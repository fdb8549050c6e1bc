//! What people wish of clusters, as the active scheduler knows it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;

use super::plan::{Emptied, Loss, Settling, Wished};
use crate::model::{ClusterName, SubmissionId, timestamp_text};
use crate::ports::store::{ClusterWishes, LostConfirmed};
use crate::submission::{Reason, Record};

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
        let standing = self.clusters.entry(name.clone()).or_default();
        standing.out_since = None;
        // It answers: nothing there is over without a proof.
        standing.told.gone = None;
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

    /// What changed by time or wishes since the last call, cluster by cluster. Of `settling`, `lost` is how long a cluster
    /// must be out of sight before a confirmed loss means all of it, `submit` how much sooner a drain begins.
    pub fn news(&mut self, wall: Timestamp, now: Duration, settling: &Settling) -> Vec<(ClusterName, Told)> {
        let mut news = Vec::new();
        for (name, standing) in &mut self.clusters {
            let told = standing.told_now(name, wall, now, settling);
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
            // Once in doubt it stays so, though others end or come and change the share.
            Some(_) | None
                if !covered
                    && (standing.missing.is_too_many()
                        || record.verdict.reason == Some(Reason::LostUnconfirmed)) =>
            {
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

    /// The brake's sentence for the board of a cluster on which it holds submissions.
    pub fn brake(&self, name: &ClusterName) -> Option<String> {
        let missing = self.clusters.get(name)?.missing;
        Some(format!(
            "{} of {} objects are missing: their submissions wait for `spark-broker clusters confirm-lost {name}`",
            missing.missing, missing.of
        ))
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
    fn told_now(&self, name: &ClusterName, wall: Timestamp, now: Duration, settling: &Settling) -> Told {
        let cordon = self.wishes.cordon.as_ref().filter(|cordon| !cordon.is_over(wall));
        let cordoned = cordon.map(|cordon| format!("cordoned: {}", cordon.reason));
        let drain = self.wishes.drain.as_ref();
        let drained = drain.map(|drain| {
            let deadline = timestamp_text(drain.deadline);
            format!("drained by {deadline}: {}", drain.reason)
        });
        let due = drain.filter(|drain| drain.withdraws(wall, settling.submit));
        let lasting = self
            .out_since
            .is_some_and(|since| now.saturating_sub(since) >= settling.lost);
        Told {
            closed: drained.or(cordoned),
            emptied: due.map(|drain| Emptied {
                then: drain.then_at(wall),
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
mod tests;

//! Objects and drivers of our installation that no live attempt accounts for: leftovers of past attempts, of ended
//! submissions, or of attempts that the lagging index hasn't shown yet. Each is checked against its record.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::hands::Hands;
use super::plan::left_alone;
use crate::model::{ClusterName, InstallationId, ObjectUid, SubmissionId};
use crate::ports::cluster::Deleted;
use crate::submission::{RawState, Record};
use crate::telemetry::Metrics;
use crate::watch::{Driver, ObjectState};

/// How long a stranger whose record couldn't settle the matter is left before it is checked again.
const CHECK_EVERY: Duration = Duration::from_secs(30);
/// Most records asked for at once (DynamoDB's BatchGetItem takes 100 keys).
const BATCH: usize = 100;

#[derive(Debug, Default, Clone)]
struct Stranger {
    object: Option<ObjectState>,
    driver: Option<Driver>,
    checked: Option<Duration>,
    /// Whether it was said that no record accounts for it.
    told: bool,
}

/// Everything unaccounted for, by cluster and object name.
#[derive(Debug, Default)]
pub struct Strangers {
    by_name: HashMap<(ClusterName, String), Stranger>,
    /// The IDs whose records are awaited.
    asked: Vec<SubmissionId>,
}

/// Something to remove: the object first, its driver pod after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Removal {
    /// Where.
    pub cluster: ClusterName,
    /// The object's name and UID.
    pub object: Option<(String, ObjectUid)>,
    /// The driver pod's name and UID.
    pub driver: Option<(String, ObjectUid)>,
    /// The submission.
    pub id: SubmissionId,
    /// What of it began an ended job again: it has another UID than the record's.
    pub second: Second,
}

/// What stands under another UID than the record's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Second {
    /// The object.
    pub object: bool,
    /// The driver.
    pub driver: bool,
}

impl Strangers {
    /// An object was seen. One that has finished needs nothing; a driver that runs on does.
    pub fn object(&mut self, cluster: &ClusterName, object: ObjectState) {
        let key = (cluster.clone(), object.name.clone());
        if object.deleting || object.known_raw().is_some_and(RawState::is_terminal) {
            return self.object_gone(cluster, &object.name);
        }
        let stranger = self.by_name.entry(key).or_default();
        let known = stranger.object.replace(object.clone());
        if known.is_none_or(|known| known.uid != object.uid || known.raw != object.raw) {
            stranger.checked = None;
        }
    }

    /// An object is gone.
    pub fn object_gone(&mut self, cluster: &ClusterName, name: &str) {
        let key = (cluster.clone(), name.to_owned());
        if let Some(stranger) = self.by_name.get_mut(&key) {
            stranger.object = None;
            if stranger.driver.as_ref().is_none_or(Driver::has_ended) {
                self.by_name.remove(&key);
            }
        }
    }

    /// A driver was seen. One that has ended needs nothing, but tells that its object's operator only lags.
    pub fn driver(&mut self, cluster: &ClusterName, driver: Driver) {
        let Some(name) = driver.object_name.clone() else {
            return;
        };
        let key = (cluster.clone(), name);
        let needs_nothing = |stranger: Option<&Stranger>| stranger.is_none_or(|s| s.object.is_none());
        if driver.has_ended() && needs_nothing(self.by_name.get(&key)) {
            self.by_name.remove(&key);
            return;
        }
        let stranger = self.by_name.entry(key).or_default();
        let known = stranger.driver.replace(driver.clone());
        if known.is_none_or(|known| known.uid != driver.uid || known.stop != driver.stop) {
            stranger.checked = None;
        }
    }

    /// A driver is gone.
    pub fn driver_gone(&mut self, cluster: &ClusterName, driver: &Driver) {
        let Some(name) = driver.object_name.clone() else {
            return;
        };
        let key = (cluster.clone(), name);
        let Some(stranger) = self.by_name.get_mut(&key) else {
            return;
        };
        stranger.driver.take_if(|known| known.uid == driver.uid);
        // Its object may be run again now.
        stranger.checked = None;
        if stranger.object.is_none() && stranger.driver.is_none() {
            self.by_name.remove(&key);
        }
    }

    /// A full list of the cluster follows.
    pub fn relisted(&mut self, cluster: &ClusterName) {
        self.by_name.retain(|(name, _), _| name != cluster);
    }

    /// What was seen under that name, now that an attempt accounts for it.
    pub fn claim(
        &mut self,
        cluster: &ClusterName,
        name: &str,
    ) -> Option<(Option<ObjectState>, Option<Driver>)> {
        let stranger = self.by_name.remove(&(cluster.clone(), name.to_owned()))?;
        Some((stranger.object, stranger.driver))
    }

    /// IDs whose records are to be read now; empty while an answer is awaited.
    pub fn unchecked(&mut self, now: Duration) -> Vec<SubmissionId> {
        if !self.asked.is_empty() {
            return Vec::new();
        }
        let due = |s: &&mut Stranger| s.checked.is_none_or(|at| now.saturating_sub(at) >= CHECK_EVERY);
        let mut ids = Vec::new();
        for stranger in self.by_name.values_mut().filter(due).take(BATCH) {
            stranger.checked = Some(now);
            ids.extend(stranger.id());
        }
        ids.sort_unstable();
        ids.dedup();
        self.asked.clone_from(&ids);
        ids
    }

    /// No answer came.
    pub fn unanswered(&mut self) {
        self.asked.clear();
        self.by_name.values_mut().for_each(|s| s.checked = None);
    }

    /// What the records that were read prove to be leftovers. Without a record, or with one of another incarnation that
    /// may be the object's own, nothing is removed: it is only reported.
    pub fn removals(
        &mut self,
        records: &[Record],
        installation: &InstallationId,
        settle: Duration,
        wall: Timestamp,
    ) -> Vec<Removal> {
        let asked = std::mem::take(&mut self.asked);
        let mut removals = Vec::new();
        for ((cluster, name), stranger) in &mut self.by_name {
            let Some(id) = stranger.id().filter(|id| asked.contains(id)) else {
                continue;
            };
            let Some(record) = records.iter().find(|r| r.id == id) else {
                if !std::mem::replace(&mut stranger.told, true) {
                    tracing::warn!(submission.id = %id, cluster.name = %cluster, object = name, "it has no record here, and is left alone");
                }
                continue;
            };
            if stranger.is_left_over(record, cluster, installation)
                && !stranger.may_finish(record, settle, wall)
            {
                removals.push(Removal {
                    cluster: cluster.clone(),
                    object: stranger.object.as_ref().map(|o| (o.name.clone(), o.uid.clone())),
                    driver: stranger.driver.as_ref().map(|d| (d.pod.clone(), d.uid.clone())),
                    id,
                    second: stranger.second(record),
                });
            }
        }
        removals
    }
}

impl Removal {
    /// Removes the object first: a lost pod makes the operator run it again.
    pub async fn carry_out(self, hands: &Hands, metrics: &Metrics) {
        let Some(cluster) = hands.clusters.get(&self.cluster) else {
            return;
        };
        if let Some((name, uid)) = &self.object {
            match cluster.delete(name, uid).await {
                Ok(deleted) => self.told("object", name, uid, deleted, self.second.object, metrics),
                Err(error) => {
                    tracing::warn!(%error, "a leftover object can't be removed yet");
                    return;
                }
            }
        }
        if let Some((name, uid)) = &self.driver {
            match cluster.delete_pod(name, uid).await {
                Ok(deleted) => self.told("driver", name, uid, deleted, self.second.driver, metrics),
                Err(error) => tracing::warn!(%error, "a leftover driver can't be removed yet"),
            }
        }
    }

    /// Counts and reports what was removed; a driver may have gone with its object before we came to it.
    fn told(
        &self,
        what: &str,
        name: &str,
        uid: &ObjectUid,
        deleted: Deleted,
        second: bool,
        metrics: &Metrics,
    ) {
        if second && (deleted == Deleted::Done || self.object.is_some()) {
            metrics.second_run_removed(self.cluster.as_str(), what);
            tracing::warn!(
                submission.id = %self.id, cluster.name = %self.cluster, what, name, uid = %uid,
                "a second run of an ended submission was removed"
            );
        } else if deleted == Deleted::Done {
            metrics.leftover_removed(self.cluster.as_str(), uid);
            tracing::warn!(
                submission.id = %self.id, cluster.name = %self.cluster, what, name, uid = %uid, "a leftover was removed"
            );
        }
    }
}

impl Stranger {
    fn id(&self) -> Option<SubmissionId> {
        let by_object = self.object.as_ref().and_then(|o| o.submission_id.clone());
        let driver = self.driver.as_ref();
        // Operators may leave annotations off the pod, labels they carry over; of some IDs the label is the ID itself.
        by_object
            .or_else(|| driver?.submission_id.clone())
            .or_else(|| driver?.owner.submission.as_ref()?.parse().ok())
    }

    /// What of it stands under another UID than that of the record, which has ended.
    fn second(&self, record: &Record) -> Second {
        let differs = |own: &Option<ObjectUid>, seen: Option<&ObjectUid>| {
            record.state.is_terminal() && own.as_ref().zip(seen).is_some_and(|(own, seen)| own != seen)
        };
        let object = differs(&record.object_uid, self.object.as_ref().map(|o| &o.uid));
        let others = self.driver.as_ref().and_then(|d| d.object_uid.as_ref());
        Second {
            object,
            driver: differs(&record.driver_uid, self.driver.as_ref().map(|d| &d.uid))
                || differs(&record.object_uid, others),
        }
    }

    /// Whether its record has ended while its operator only lags: it has `settle` from the end to finish the object. Not
    /// where the record never knew the object: that one landed late, and has a run ahead.
    fn may_finish(&self, record: &Record, settle: Duration, wall: Timestamp) -> bool {
        let Some(object) = self.object.as_ref().filter(|_| record.state.is_terminal()) else {
            return false;
        };
        record.object_uid.as_ref() == Some(&object.uid)
            && object.owner.attempt == Some(record.attempt)
            && self.second(record) == Second::default()
            && left_alone(object, self.driver.as_ref(), record, wall).is_some_and(|since| since < settle)
    }

    fn is_left_over(&self, record: &Record, cluster: &ClusterName, installation: &InstallationId) -> bool {
        let owners = self
            .object
            .iter()
            .map(|o| &o.owner)
            .chain(self.driver.iter().map(|d| &d.owner));
        owners.into_iter().all(|owner| {
            let past = owner.attempt.is_some_and(|attempt| attempt < record.attempt);
            let elsewhere = owner.attempt == Some(record.attempt) && record.cluster.as_ref() != Some(cluster);
            owner.is_of(installation, record) && (record.state.is_terminal() || past || elsewhere)
        })
    }
}

#[cfg(test)]
mod tests;

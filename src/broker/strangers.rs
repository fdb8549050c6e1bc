//! Objects and drivers of our installation that no live attempt accounts for: leftovers of past attempts, of ended
//! submissions, or of attempts that the lagging index hasn't shown yet. Each is checked against its record.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::hands::Hands;
use super::plan::left_alone;
use crate::model::{ClusterName, InstallationId, ObjectUid, SubmissionId};
use crate::submission::{RawState, Record};
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
}

/// Everything unaccounted for, by cluster and object name.
#[derive(Debug, Default)]
pub struct Strangers {
    by_name: HashMap<(ClusterName, String), Stranger>,
    asked: bool,
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
}

impl Strangers {
    /// An object was seen. One that has finished needs nothing.
    pub fn object(&mut self, cluster: &ClusterName, object: ObjectState) {
        let key = (cluster.clone(), object.name.clone());
        if object.deleting || object.known_raw().is_some_and(RawState::is_terminal) {
            self.by_name.remove(&key);
            return;
        }
        self.by_name.entry(key).or_default().object = Some(object);
    }

    /// An object is gone.
    pub fn object_gone(&mut self, cluster: &ClusterName, name: &str) {
        let key = (cluster.clone(), name.to_owned());
        if let Some(stranger) = self.by_name.get_mut(&key) {
            stranger.object = None;
            if stranger.driver.is_none() {
                self.by_name.remove(&key);
            }
        }
    }

    /// A driver was seen. One that has ended needs nothing.
    pub fn driver(&mut self, cluster: &ClusterName, driver: Driver) {
        let Some(name) = driver.object_name.clone() else {
            return;
        };
        let key = (cluster.clone(), name);
        if driver.has_ended() {
            if let Some(stranger) = self.by_name.get_mut(&key) {
                stranger.driver = None;
            }
            return;
        }
        self.by_name.entry(key).or_default().driver = Some(driver);
    }

    /// A driver is gone.
    pub fn driver_gone(&mut self, cluster: &ClusterName, driver: &Driver) {
        let Some(name) = driver.object_name.clone() else {
            return;
        };
        let key = (cluster.clone(), name);
        if let Some(stranger) = self.by_name.get_mut(&key) {
            stranger.driver = None;
            if stranger.object.is_none() {
                self.by_name.remove(&key);
            }
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
        if self.asked {
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
        self.asked = !ids.is_empty();
        ids
    }

    /// No answer came.
    pub fn unanswered(&mut self) {
        self.asked = false;
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
        self.asked = false;
        let mut removals = Vec::new();
        for ((cluster, _), stranger) in &self.by_name {
            let Some(id) = stranger.id() else { continue };
            let Some(record) = records.iter().find(|r| r.id == id) else {
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
                });
            }
        }
        removals
    }
}

impl Removal {
    /// Removes the object first: a lost pod makes the operator run it again.
    pub async fn carry_out(self, hands: &Hands) {
        let Some(cluster) = hands.clusters.get(&self.cluster) else {
            return;
        };
        tracing::warn!(submission.id = %self.id, cluster.name = %self.cluster, "a leftover is removed");
        if let Some((name, uid)) = &self.object
            && let Err(error) = cluster.delete(name, uid).await
        {
            tracing::warn!(%error, "a leftover object can't be removed yet");
            return;
        }
        if let Some((name, uid)) = &self.driver
            && let Err(error) = cluster.delete_pod(name, uid).await
        {
            tracing::warn!(%error, "a leftover driver can't be removed yet");
        }
    }
}

impl Stranger {
    fn id(&self) -> Option<SubmissionId> {
        let by_object = self.object.as_ref().and_then(|o| o.submission_id.clone());
        by_object.or_else(|| self.driver.as_ref()?.submission_id.clone())
    }

    /// Whether its record has ended while its operator only lags: it has `settle` from the end to finish the object.
    fn may_finish(&self, record: &Record, settle: Duration, wall: Timestamp) -> bool {
        let Some(object) = self.object.as_ref().filter(|_| record.state.is_terminal()) else {
            return false;
        };
        object.owner.attempt == Some(record.attempt)
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
mod tests {
    use super::*;
    use crate::submission::{NewRecord, State};
    use crate::watch::{DriverPhase, Ownership};

    const SETTLE: Duration = Duration::from_secs(600);

    fn wall(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn ended() -> Record {
        let mut record = Record::queued(NewRecord {
            id: "job-1".parse().unwrap(),
            domain: "default".parse().unwrap(),
            queue: "dev".parse().unwrap(),
            fingerprint: "f".into(),
            at: wall(0),
        });
        record.incarnation = "inc-1".parse().unwrap();
        record.state = State::Succeeded;
        record.cluster = Some("a".parse().unwrap());
        record.finished_at = Some(wall(0));
        record
    }

    fn owner() -> Ownership {
        Ownership {
            installation: Some("installation-1".parse().unwrap()),
            submission: Some("job-1".into()),
            incarnation: Some("inc-1".parse().unwrap()),
            attempt: Some(crate::model::Attempt(1)),
        }
    }

    fn object() -> ObjectState {
        ObjectState {
            name: "sb-job-1-a1".into(),
            uid: "uid-1".parse().unwrap(),
            owner: owner(),
            submission_id: Some("job-1".parse().unwrap()),
            raw: "RUNNING".into(),
            error_message: None,
            spark_application_id: None,
            driver_pod: None,
            execution_attempts: 0,
            terminated_at: None,
            suspended: false,
            two_phase: false,
            deleting: false,
            created_at: None,
        }
    }

    fn driver() -> Driver {
        Driver {
            pod: "sb-job-1-a1-driver".into(),
            uid: "pod-1".parse().unwrap(),
            owner: owner(),
            submission_id: Some("job-1".parse().unwrap()),
            object_name: Some("sb-job-1-a1".into()),
            spark_application_id: None,
            phase: DriverPhase::Running { since: None },
            stop: None,
        }
    }

    fn removed(strangers: &mut Strangers, record: &Record, second: i64) -> Vec<Removal> {
        let asked = strangers.unchecked(Duration::from_secs(1000));
        assert_eq!(asked, std::slice::from_ref(&record.id));
        let installation = "installation-1".parse().unwrap();
        strangers.removals(std::slice::from_ref(record), &installation, SETTLE, wall(second))
    }

    #[test]
    fn an_operator_that_only_lags_has_its_time_after_the_end() {
        let cluster = "a".parse().unwrap();
        for (second, removals) in [(599, 0), (600, 1)] {
            let mut strangers = Strangers::default();
            strangers.object(&cluster, object());
            strangers.driver(&cluster, driver());
            assert_eq!(
                removed(&mut strangers, &ended(), second).len(),
                removals,
                "{second}"
            );
        }
    }

    #[test]
    fn a_driver_left_without_its_object_goes() {
        let mut strangers = Strangers::default();
        strangers.driver(&"a".parse().unwrap(), driver());
        let removals = removed(&mut strangers, &ended(), 0);
        assert_eq!(removals[0].object, None);
        assert_eq!(removals[0].driver.as_ref().unwrap().0, "sb-job-1-a1-driver");
    }

    #[test]
    fn what_belongs_to_a_record_that_still_lives_or_to_nobody_known_stays() {
        let mut alive = ended();
        alive.state = State::Running;
        let mut strangers = Strangers::default();
        strangers.object(&"a".parse().unwrap(), object());
        assert!(removed(&mut strangers, &alive, 10_000).is_empty());
        let mut later = ended();
        later.incarnation = "inc-2".parse().unwrap();
        let mut strangers = Strangers::default();
        strangers.object(&"a".parse().unwrap(), object());
        assert!(removed(&mut strangers, &later, 10_000).is_empty());
    }
}

//! Attempts that were given up while their cluster was silent (`onUnreachable: move`): once it answers again, what they
//! left there is removed before anything new is sent, and their records are told when nothing of them is left.

use std::collections::HashMap;
use std::time::Duration;

use super::hands::Hands;
use super::scheduler::Term;
use crate::lifecycle::{Event, Happening, Step};
use crate::model::{Attempt, ClusterName, SubmissionId};
use crate::ports::Error;
use crate::ports::cluster::{Cluster, Deleted, PodSight};
use crate::ports::store::Write;
use crate::submission::{Abandoned, Change, Record, RecordKey};

/// How long until a clearing that isn't done is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// All attempts given up whose objects may still appear.
#[derive(Debug, Default)]
pub struct Abandonments {
    left: HashMap<(ClusterName, SubmissionId, Attempt), Left>,
}

#[derive(Debug)]
struct Left {
    record: Record,
    /// When the object was found absent.
    absent: Option<Duration>,
    busy: bool,
    not_before: Duration,
}

/// One clearing to do.
#[derive(Debug, Clone)]
pub struct Clearing {
    /// The cluster.
    pub cluster: ClusterName,
    record: Record,
    attempt: Attempt,
    /// Whether the object was absent long enough: then the pods decide.
    confirm: bool,
    /// Whether a person confirmed that the cluster is gone for good, with all that stood there.
    gone: bool,
}

/// What a clearing came to.
#[derive(Debug)]
pub enum Cleared {
    /// Try again.
    NotYet,
    /// The object isn't there; it may still appear until the settling time is over.
    Absent,
    /// Nothing is left, and the record says so; or somebody else wrote the record meanwhile.
    Record(Box<Record>),
    /// There is no such record any more.
    Vanished,
}

impl Abandonments {
    /// What `record` says of attempts given up; whether that, or what was known of them, is anything at all.
    pub fn note(&mut self, record: &Record) -> bool {
        if record.abandoned.is_empty() && self.left.is_empty() {
            return false;
        }
        let known =
            |of: &Left| of.record.incarnation == record.incarnation && of.record.version > record.version;
        let still = |attempt: Attempt| record.abandoned.iter().any(|a| a.attempt == attempt);
        self.left
            .retain(|(_, id, attempt), of| *id != record.id || known(of) || still(*attempt));
        for abandoned in &record.abandoned {
            let key = (abandoned.cluster.clone(), record.id.clone(), abandoned.attempt);
            let left = self.left.entry(key).or_insert_with(|| Left {
                record: record.clone(),
                absent: None,
                busy: false,
                not_before: Duration::ZERO,
            });
            if left.record.version < record.version {
                left.record = record.clone();
            }
        }
        true
    }

    /// What was given up of a submission and may still stand somewhere.
    pub fn of(&self, id: &SubmissionId) -> Vec<Abandoned> {
        let mut of = self.left.iter().filter(|((_, of, _), _)| of == id);
        of.next()
            .map(|(_, left)| left.record.abandoned.clone())
            .unwrap_or_default()
    }

    /// Whether something may still stand on the cluster that has to go before anything new is sent there.
    pub fn blocks(&self, cluster: &ClusterName) -> bool {
        self.left
            .iter()
            .any(|((name, ..), left)| name == cluster && left.absent.is_none())
    }

    /// What is to be done on `cluster` now.
    pub fn due(&mut self, cluster: &ClusterName, now: Duration, settle: Duration) -> Vec<Clearing> {
        let mut due = Vec::new();
        for ((name, _, attempt), left) in &mut self.left {
            let waits = left.absent.is_some_and(|at| now < at + settle);
            if name != cluster || left.busy || waits || now < left.not_before {
                continue;
            }
            left.busy = true;
            due.push(Clearing {
                cluster: name.clone(),
                record: left.record.clone(),
                attempt: *attempt,
                confirm: left.absent.is_some(),
                gone: false,
            });
        }
        due
    }

    /// Whether anything may still stand on `cluster`.
    pub fn stands_on(&self, cluster: &ClusterName) -> bool {
        self.left.keys().any(|(name, ..)| name == cluster)
    }

    /// What is to be written of `cluster`, which is gone for good.
    pub fn gone(&mut self, cluster: &ClusterName, now: Duration) -> Vec<Clearing> {
        let there = self.left.iter_mut().filter(|((name, ..), _)| name == cluster);
        let free = there.filter(|(_, left)| !left.busy && now >= left.not_before);
        free.map(|((name, _, attempt), left)| {
            left.busy = true;
            Clearing {
                cluster: name.clone(),
                record: left.record.clone(),
                attempt: *attempt,
                confirm: true,
                gone: true,
            }
        })
        .collect()
    }

    /// A clearing came to this. The record that it brought is noted by the caller.
    pub fn came_to(&mut self, clearing: &Clearing, cleared: &Cleared, now: Duration) {
        let key = (
            clearing.cluster.clone(),
            clearing.record.id.clone(),
            clearing.attempt,
        );
        if matches!(cleared, Cleared::Vanished) {
            self.left.remove(&key);
        }
        let Some(left) = self.left.get_mut(&key) else {
            return;
        };
        left.busy = false;
        left.not_before = now + AGAIN;
        match cleared {
            Cleared::Absent => _ = left.absent.get_or_insert(now),
            // What was thought absent, or without pods, may have shown itself.
            Cleared::NotYet => left.absent = left.absent.filter(|_| !clearing.confirm),
            Cleared::Record(_) | Cleared::Vanished => {}
        }
    }
}

impl Clearing {
    /// The submission.
    pub fn id(&self) -> SubmissionId {
        self.record.id.clone()
    }

    /// Removes what the attempt left, or finds that nothing is left and writes it down.
    pub async fn carry_out(&self, term: &Term) -> Cleared {
        let hands = &term.hands;
        if self.gone {
            return self.write(term, hands).await;
        }
        let Some(cluster) = hands.clusters.get(&self.cluster) else {
            return Cleared::NotYet;
        };
        match self.on_cluster(cluster.as_ref(), term).await {
            Ok(true) if self.confirm => self.write(term, hands).await,
            Ok(true) => Cleared::Absent,
            Ok(false) => Cleared::NotYet,
            Err(error) => {
                tracing::debug!(submission.id = %self.record.id, %error, "an abandoned attempt can't be cleared yet");
                Cleared::NotYet
            }
        }
    }

    /// Whether nothing of the attempt is there; what is, is deleted, the object before its pods.
    async fn on_cluster(&self, cluster: &dyn Cluster, term: &Term) -> Result<bool, Error> {
        let name = self.record.id.object_name(self.attempt);
        let object = cluster.get(&name).await?;
        let ours = |object: &crate::watch::ObjectState| {
            object.owner.is_of(&term.installation, &self.record) && object.owner.attempt == Some(self.attempt)
        };
        if let Some(object) = object.filter(ours) {
            if cluster.delete(&name, &object.uid).await? == Deleted::Done {
                tracing::warn!(
                    submission.id = %self.record.id, cluster.name = %self.cluster, attempt = self.attempt.0,
                    "the object of an attempt that was given up is removed"
                );
                term.metrics.leftover_removed(self.cluster.as_str(), &object.uid);
            }
            return Ok(false);
        }
        if !self.confirm {
            return Ok(true);
        }
        let of_attempt = |pod: &PodSight| {
            pod.owner.attempt == Some(self.attempt)
                && pod.owner.incarnation.as_ref() == Some(&self.record.incarnation)
        };
        let mut pods = cluster.pods(&self.record.id).await?;
        pods.retain(of_attempt);
        for pod in &pods {
            if cluster.delete_pod(&pod.name, &pod.uid).await? == Deleted::Done {
                term.metrics.leftover_removed(self.cluster.as_str(), &pod.uid);
            }
        }
        Ok(pods.is_empty())
    }

    async fn write(&self, term: &Term, hands: &Hands) -> Cleared {
        let event = Event {
            at: hands.clock.now(),
            happening: Happening::AbandonedGone {
                attempt: self.attempt,
            },
        };
        let Step::Next(mut next) = term.rules.step(&self.record, &event) else {
            return Cleared::Record(Box::new(self.record.clone()));
        };
        if hands.rest().is_none() {
            return Cleared::NotYet;
        }
        next.epoch = Some(term.epoch);
        let change = Change::between(&self.record, &next, hands.store.shards());
        let key = RecordKey::from(&self.record);
        match hands.store.update(&key, &change, next.epoch).await {
            Ok(Write::Done(record)) | Ok(Write::Stale(Some(record))) => Cleared::Record(record),
            Ok(Write::Stale(None)) => Cleared::Vanished,
            Err(error) => {
                tracing::debug!(submission.id = %self.record.id, %error, "an abandoned attempt can't be closed yet");
                Cleared::NotYet
            }
        }
    }
}

#[cfg(test)]
mod tests;

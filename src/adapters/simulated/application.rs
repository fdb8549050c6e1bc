//! One simulated object: what was asked for, how far it is, and what an API server would show of it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::behaviour::{Behaviour, Failure};
use super::nodes::Places;
use crate::model::{Demand, ObjectUid, SubmissionId};
use crate::ports::cluster::PodSight;
use crate::submission::Reason;
use crate::watch::{Driver, DriverEnd, DriverPhase, ObjectState, Ownership, marks};

/// How far an application is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// The operator hasn't picked it up.
    New { submit_at: Timestamp },
    /// Created with `suspend: true`.
    Suspended,
    /// Its driver waits for room.
    Pending { since: Timestamp },
    /// All its pods have their place; the driver isn't up yet.
    Starting { runs_at: Timestamp, places: Places },
    /// The driver runs.
    Running {
        since: Timestamp,
        ends_at: Timestamp,
        places: Places,
    },
    /// Over.
    Ended { at: Timestamp, end: End },
}

/// How an application ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct End {
    /// When the driver started, where there was one.
    pub(super) started_at: Option<Timestamp>,
    /// Whether the driver's pod still stands.
    pub(super) pod: bool,
    /// The operator's message; absent: COMPLETED.
    pub(super) error: Option<String>,
}

/// One object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Application {
    pub(super) name: String,
    pub(super) uid: ObjectUid,
    labels: BTreeMap<String, String>,
    submission_id: Option<SubmissionId>,
    #[serde(default)]
    two_phase: bool,
    pub(super) created_at: Timestamp,
    time_to_live: Option<i64>,
    pub(super) behaviour: Behaviour,
    pub(super) demand: Demand,
    pub(super) stage: Stage,
}

impl Application {
    /// What a create makes of `object`; the fault where it isn't an object.
    pub(super) fn new(object: &Value, demand: Demand, now: Timestamp) -> Result<Self, String> {
        let behaviour = Behaviour::of(object)?;
        let name = object.pointer("/metadata/name").and_then(Value::as_str);
        let suspended = object.pointer("/spec/suspend").and_then(Value::as_bool) == Some(true);
        let stage = if suspended {
            Stage::Suspended
        } else {
            Stage::New {
                submit_at: behaviour.submits_at(now),
            }
        };
        let annotation = |name: &str| {
            let path = format!("/metadata/annotations/{}", name.replace('/', "~1"));
            object.pointer(&path).and_then(Value::as_str)
        };
        Ok(Self {
            name: name
                .filter(|n| is_name(n))
                .ok_or("metadata.name: expected a DNS label")?
                .to_owned(),
            uid: uuid::Uuid::new_v4().to_string().parse().map_err(|_| "no UID")?,
            labels: texts(object.pointer("/metadata/labels")),
            submission_id: annotation(marks::SUBMISSION_ID).and_then(|id| id.parse().ok()),
            two_phase: annotation(marks::COMMIT) == Some(marks::TWO_PHASE),
            created_at: now,
            time_to_live: object.pointer("/spec/timeToLiveSeconds").and_then(Value::as_i64),
            behaviour,
            demand,
            stage,
        })
    }

    /// The label `name` of the object, which its pods carry too.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// When something happens by itself.
    pub(super) fn due(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::New { submit_at } => Some(*submit_at),
            Stage::Suspended | Stage::Pending { .. } => None,
            Stage::Starting { runs_at, .. } => Some(*runs_at),
            Stage::Running { ends_at, .. } => Some(*ends_at),
            Stage::Ended { at, .. } => {
                let seconds = SignedDuration::from_secs(self.time_to_live?);
                at.checked_add(seconds).ok()
            }
        }
    }

    /// Where its pods stand.
    pub(super) fn places(&self) -> Option<&Places> {
        match &self.stage {
            Stage::Starting { places, .. } | Stage::Running { places, .. } => Some(places),
            Stage::New { .. } | Stage::Suspended | Stage::Pending { .. } | Stage::Ended { .. } => None,
        }
    }

    /// The object, as a watch shows it.
    pub(super) fn object(&self) -> ObjectState {
        let (raw, ended) = match &self.stage {
            Stage::New { .. } => ("", None),
            Stage::Suspended => ("SUSPENDED", None),
            Stage::Pending { .. } | Stage::Starting { .. } => ("SUBMITTED", None),
            Stage::Running { .. } => ("RUNNING", None),
            Stage::Ended { at, end } if end.error.is_none() => ("COMPLETED", Some((at, end))),
            Stage::Ended { at, end } => ("FAILED", Some((at, end))),
        };
        let submitted = match &self.stage {
            Stage::New { .. } | Stage::Suspended => false,
            Stage::Pending { .. } | Stage::Starting { .. } | Stage::Running { .. } => true,
            Stage::Ended { .. } => self.behaviour.failure != Some(Failure::SubmissionFailed),
        };
        ObjectState {
            name: self.name.clone(),
            uid: self.uid.clone(),
            owner: Ownership::from_labels(&self.labels),
            submission_id: self.submission_id.clone(),
            raw: raw.to_owned(),
            error_message: ended.and_then(|(_, end)| end.error.clone()),
            spark_application_id: submitted.then(|| self.spark_id()),
            driver_pod: submitted.then(|| self.driver_name()),
            execution_attempts: u32::from(submitted),
            terminated_at: ended.map(|(at, _)| *at),
            two_phase: self.two_phase,
            suspended: matches!(self.stage, Stage::Suspended),
            deleting: false,
            created_at: Some(self.created_at),
        }
    }

    /// The driver's pod, where it stands; `nodes` is how many nodes could not take it.
    pub(super) fn driver(&self, nodes: usize) -> Option<Driver> {
        let phase = match &self.stage {
            Stage::New { .. } | Stage::Suspended => return None,
            Stage::Pending { .. } => DriverPhase::Waiting {
                why: Some(format!(
                    "Unschedulable: 0/{nodes} nodes have room for the driver and its executors"
                )),
            },
            Stage::Starting { .. } => DriverPhase::Waiting { why: None },
            Stage::Running { since, .. } => DriverPhase::Running { since: Some(*since) },
            Stage::Ended { at, end } if end.pod => DriverPhase::Ended(self.driver_end(*at, end.started_at)),
            Stage::Ended { .. } => return None,
        };
        Some(Driver {
            pod: self.driver_name(),
            uid: self.pod_uid("driver"),
            owner: Ownership::from_labels(&self.labels),
            submission_id: None,
            object_uid: Some(self.uid.clone()),
            object_name: Some(self.name.clone()),
            spark_application_id: Some(self.spark_id()),
            phase,
            stop: None,
            created_at: match &self.stage {
                Stage::Pending { since } => Some(*since),
                Stage::New { .. }
                | Stage::Suspended
                | Stage::Starting { .. }
                | Stage::Running { .. }
                | Stage::Ended { .. } => None,
            },
        })
    }

    /// The pods that stand: the driver and, once they have their place, the executors.
    pub(super) fn pods(&self, nodes: usize) -> Vec<PodSight> {
        let driver = self.driver(nodes);
        let owner = Ownership::from_labels(&self.labels);
        let driver = driver.map(|d| PodSight {
            name: d.pod.clone(),
            uid: d.uid.clone(),
            owner: owner.clone(),
            driver: Some(d),
        });
        let executors = self.places().map_or(0, Places::executors);
        let executor = |i: u32| PodSight {
            name: format!("{}-exec-{i}", self.name),
            uid: self.pod_uid(&format!("exec-{i}")),
            owner: owner.clone(),
            driver: None,
        };
        driver.into_iter().chain((1..=executors).map(executor)).collect()
    }

    /// What the operator writes at the driver's own end; `None` is success.
    pub(super) fn error(&self) -> Option<String> {
        let words =
            |code: i32, word: &str| format!("driver container failed with ExitCode: {code}, Reason: {word}");
        match self.behaviour.failure {
            Some(Failure::OutOfMemory) => Some(words(137, "OOMKilled")),
            Some(Failure::SubmissionFailed) => {
                Some("failed to submit spark application: failed to run spark-submit: simulated".to_owned())
            }
            Some(Failure::DriverEvicted | Failure::NodeLost) => {
                Some("driver container status missing".to_owned())
            }
            None => (self.behaviour.exit_code != 0).then(|| words(self.behaviour.exit_code, "Error")),
        }
    }

    fn driver_end(&self, at: Timestamp, started_at: Option<Timestamp>) -> DriverEnd {
        let code = self.behaviour.exit_code;
        let (exit_code, word, cause) = match self.behaviour.failure {
            Some(Failure::OutOfMemory) => (Some(137), "OOMKilled", Reason::OutOfMemory),
            Some(Failure::DriverEvicted) => (None, "Evicted", Reason::DriverEvicted),
            Some(Failure::NodeLost) => (None, "NodeLost", Reason::NodeLost),
            Some(Failure::SubmissionFailed) | None if code == 0 => {
                (Some(0), "Completed", Reason::ApplicationFailed)
            }
            Some(Failure::SubmissionFailed) | None => (Some(code), "Error", Reason::ApplicationFailed),
        };
        DriverEnd {
            exit_code,
            word: Some(word.to_owned()),
            cause,
            success: exit_code == Some(0),
            ran: started_at.is_some(),
            started_at,
            finished_at: Some(at),
        }
    }

    fn driver_name(&self) -> String {
        format!("{}-driver", self.name)
    }

    fn spark_id(&self) -> String {
        format!("spark-{}", self.uid.as_str().replace('-', ""))
    }

    /// A pod's UID follows from the object's: after a restart the same pod stands.
    fn pod_uid(&self, pod: &str) -> ObjectUid {
        let digest = Sha256::digest(format!("{}/{pod}", self.uid));
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        let text = uuid::Builder::from_random_bytes(bytes).into_uuid().to_string();
        text.parse().unwrap_or_else(|_| self.uid.clone())
    }
}

/// As an API server and the operator's webhook want it: at most 63 of `[a-z0-9-]`.
fn is_name(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(legal)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn texts(value: Option<&Value>) -> BTreeMap<String, String> {
    let pairs = value.and_then(Value::as_object).into_iter().flatten();
    pairs
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect()
}

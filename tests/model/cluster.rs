//! A cluster: its API server, an operator as careless as the real one (2.4.0, as measured), and drivers.

use spark_broker::model::{Attempt, ClusterName, InstallationId};
use spark_broker::ports::cluster::PodSight;
use spark_broker::submission::{RawState, Reason};
use spark_broker::watch::{Driver, DriverEnd, DriverPhase, ObjectState, Ownership};

/// The submission that everything is about.
pub const ID: &str = "job-1";

/// Whose an object is: incarnation, attempt.
pub type Owner = (u8, u32);

/// One object, standing or gone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Object {
    pub uid: u8,
    /// By the rule a function of the attempt; a copy more where the rule is taken out.
    pub name: (u32, u8),
    pub owner: Owner,
    pub raw: RawState,
    /// FAILED with the message `driver pod already exist`.
    pub already: bool,
    pub suspended: bool,
    pub two_phase: bool,
    /// Calls of spark-submit under way for it.
    pub submits: u8,
    pub gone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    Running,
    Succeeded,
    Failed,
}

/// One driver pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pod {
    pub uid: u8,
    /// The object that it was made for.
    pub object: u8,
    pub name: (u32, u8),
    pub owner: Owner,
    pub phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Cluster {
    pub objects: Vec<Object>,
    pub pods: Vec<Pod>,
    pub cut_off: bool,
}

/// What operator and cluster do by themselves, to the object or pod of this UID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Own {
    /// The operator starts spark-submit.
    Submit(u8),
    /// spark-submit makes the driver, and its end is written down.
    Submitted(u8),
    /// spark-submit makes the driver; the operator doesn't live to write it down.
    SubmittedUnwritten(u8),
    /// The operator, killed or in conflict, begins again while its spark-submit goes on.
    Resubmit(u8),
    /// spark-submit makes nothing.
    SubmitFails(u8),
    /// The operator writes down what its driver does.
    Status(u8),
    /// The pod ends with 0.
    Succeeds(u8),
    /// The pod ends with 1.
    Fails(u8),
    /// Somebody or the garbage collector deletes the pod.
    PodGoes(u8),
    /// Somebody deletes the object.
    ObjectGoes(u8),
}

impl Own {
    /// Whether it is a fault, of which there are only so many.
    pub fn is_fault(self) -> bool {
        match self {
            Self::Submit(_) | Self::Submitted(_) | Self::Status(_) | Self::Succeeds(_) => false,
            Self::SubmittedUnwritten(_) | Self::Resubmit(_) | Self::SubmitFails(_) => true,
            Self::Fails(_) | Self::PodGoes(_) | Self::ObjectGoes(_) => true,
        }
    }
}

impl Cluster {
    pub fn named(&self, name: (u32, u8)) -> Option<&Object> {
        self.objects.iter().find(|o| o.name == name && !o.gone)
    }

    pub fn pod_of(&self, object: u8) -> Option<&Pod> {
        self.pods.iter().find(|pod| pod.object == object)
    }

    fn orphan(&self, pod: &Pod) -> bool {
        self.objects.iter().any(|o| o.uid == pod.object && o.gone)
    }

    /// What can happen next, and whether it is a fault.
    pub fn own_steps(&self) -> Vec<(Own, bool)> {
        let mut steps = Vec::new();
        for object in &self.objects {
            let fresh = object.raw == RawState::New && !object.suspended && !object.gone;
            if fresh && object.submits == 0 {
                steps.push(Own::Submit(object.uid));
            }
            if object.submits > 0 {
                steps.extend([Own::Submitted(object.uid), Own::SubmitFails(object.uid)]);
                steps.push(Own::SubmittedUnwritten(object.uid));
            }
            if fresh && object.submits == 1 {
                steps.push(Own::Resubmit(object.uid));
            }
            if !object.gone {
                if self.status_of(object).is_some() {
                    steps.push(Own::Status(object.uid));
                }
                steps.push(Own::ObjectGoes(object.uid));
            }
        }
        let mut steps: Vec<_> = steps.into_iter().map(|own| (own, own.is_fault())).collect();
        for pod in &self.pods {
            if pod.phase == Phase::Running {
                steps.extend([(Own::Succeeds(pod.uid), false), (Own::Fails(pod.uid), true)]);
            }
            steps.push((Own::PodGoes(pod.uid), !self.orphan(pod)));
        }
        steps
    }

    /// What the operator would write of an object that it has submitted.
    fn status_of(&self, object: &Object) -> Option<RawState> {
        match object.raw {
            RawState::Submitted | RawState::Running => {}
            _ => return None,
        }
        let raw = match self.pod_of(object.uid).map(|pod| pod.phase) {
            Some(Phase::Running) => RawState::Running,
            Some(Phase::Succeeded) => RawState::Completed,
            Some(Phase::Failed) | None => RawState::Failed,
        };
        (raw != object.raw).then_some(raw)
    }

    /// Does `own`; a new pod gets the UID `next`.
    pub fn does(&mut self, own: Own, next: &mut u8) {
        match own {
            Own::Submit(uid) | Own::Resubmit(uid) => self.object(uid, |o| o.submits += 1),
            Own::Submitted(uid) => {
                let made = self.driver_appears(uid, next);
                self.object(uid, |o| {
                    o.submits -= 1;
                    // Of an operator that began again the last call writes: by then the earlier ones have returned.
                    if o.raw == RawState::New && !o.gone && o.submits == 0 {
                        o.raw = if made {
                            RawState::Submitted
                        } else {
                            RawState::Failed
                        };
                        o.already = !made;
                    }
                });
            }
            Own::SubmittedUnwritten(uid) => {
                self.driver_appears(uid, next);
                self.object(uid, |o| o.submits -= 1);
            }
            Own::SubmitFails(uid) => self.object(uid, |o| {
                o.submits -= 1;
                if o.raw == RawState::New && !o.gone && o.submits == 0 {
                    o.raw = RawState::Failed;
                }
            }),
            Own::Status(uid) => {
                let raw = self
                    .objects
                    .iter()
                    .find(|o| o.uid == uid)
                    .and_then(|o| self.status_of(o));
                self.object(uid, |o| o.raw = raw.unwrap_or(o.raw));
            }
            Own::Succeeds(uid) => self.pod(uid, Phase::Succeeded),
            Own::Fails(uid) => self.pod(uid, Phase::Failed),
            Own::PodGoes(uid) => self.pods.retain(|pod| pod.uid != uid),
            Own::ObjectGoes(uid) => self.object(uid, |o| o.gone = true),
        }
    }

    fn driver_appears(&mut self, uid: u8, next: &mut u8) -> bool {
        let Some(object) = self.objects.iter().find(|o| o.uid == uid) else {
            return false;
        };
        if self.pods.iter().any(|pod| pod.name == object.name) {
            return false;
        }
        *next += 1;
        let (name, owner) = (object.name, object.owner);
        self.pods.push(Pod {
            uid: *next,
            object: uid,
            name,
            owner,
            phase: Phase::Running,
        });
        true
    }

    pub fn object(&mut self, uid: u8, change: impl FnOnce(&mut Object)) {
        if let Some(object) = self.objects.iter_mut().find(|o| o.uid == uid) {
            change(object);
        }
    }

    fn pod(&mut self, uid: u8, phase: Phase) {
        self.pods
            .iter_mut()
            .filter(|pod| pod.uid == uid)
            .for_each(|pod| pod.phase = phase);
    }
}

pub fn installation() -> InstallationId {
    "installation-1".parse().unwrap()
}

pub fn cluster_name(cluster: usize) -> ClusterName {
    ["a", "b"][cluster].parse().unwrap()
}

fn ownership(owner: Owner) -> Ownership {
    Ownership {
        installation: Some(installation()),
        submission: Some(ID.into()),
        incarnation: Some(format!("i{}", owner.0).parse().unwrap()),
        attempt: Some(Attempt(owner.1)),
    }
}

fn object_name(name: (u32, u8)) -> String {
    format!("sb-{ID}-a{}", name.0)
}

/// The object as a watch or a GET shows it.
pub fn shown(object: &Object) -> ObjectState {
    ObjectState {
        name: object_name(object.name),
        uid: format!("o{}", object.uid).parse().unwrap(),
        owner: ownership(object.owner),
        submission_id: Some(ID.parse().unwrap()),
        raw: object.raw.as_str().into(),
        error_message: object.already.then(|| "driver pod already exist".into()),
        spark_application_id: None,
        driver_pod: None,
        execution_attempts: u32::from(!matches!(object.raw, RawState::New | RawState::Failed)),
        terminated_at: None,
        suspended: object.suspended,
        two_phase: object.two_phase,
        deleting: false,
        created_at: None,
    }
}

/// The driver as a watch or a list shows it.
pub fn driver(pod: &Pod) -> Driver {
    let ended = |success: bool| {
        DriverPhase::Ended(DriverEnd {
            exit_code: Some(i32::from(!success)),
            word: None,
            cause: Reason::ApplicationFailed,
            success,
            ran: true,
            started_at: Some(super::wall()),
            finished_at: Some(super::wall()),
        })
    };
    Driver {
        pod: format!("{}-driver", object_name(pod.name)),
        uid: format!("p{}", pod.uid).parse().unwrap(),
        owner: ownership(pod.owner),
        submission_id: Some(ID.parse().unwrap()),
        object_name: Some(object_name(pod.name)),
        object_uid: format!("o{}", pod.object).parse().ok(),
        spark_application_id: None,
        phase: match pod.phase {
            Phase::Running => DriverPhase::Running {
                since: Some(super::wall()),
            },
            Phase::Succeeded => ended(true),
            Phase::Failed => ended(false),
        },
        stop: None,
        created_at: None,
    }
}

/// The pod as a list shows it.
pub fn sight(pod: &Pod) -> PodSight {
    let driver = driver(pod);
    PodSight {
        name: driver.pod.clone(),
        uid: driver.uid.clone(),
        owner: driver.owner.clone(),
        driver: Some(driver),
    }
}

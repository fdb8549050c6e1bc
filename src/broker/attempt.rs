//! What the active scheduler knows of one live attempt: the record, what the cluster's watches showed, and what it has
//! itself done so far.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use super::memory::Memory;
use super::refusal::{Refusal, refusal};
pub use super::sight::{Gone, Second, Sight};
use crate::error::shorten;
use crate::lifecycle::is_spent;
use crate::model::{InstallationId, ObjectUid};
use crate::ports::cluster::{CreateError, PodSight};
use crate::submission::{Record, RestartPolicy, State};
use crate::watch::{Driver, DriverPhase, DriverSight, ObjectState, Observation, Ownership};

/// How long a watch that died silently may go unnoticed: the server ends each sooner.
const UNNOTICED: Duration = Duration::from_secs(30);

/// One live attempt.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The record as last written or read.
    pub record: Record,
    /// What the cluster shows.
    pub sight: Sight,
    /// What was done.
    pub memory: Memory,
}

/// What a create came to, for the cluster's health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateAnswer {
    /// The object exists.
    Exists,
    /// Surely nothing was made: why.
    Refused(Refusal, String),
    /// It may or may not exist.
    Unclear(String),
}

impl CreateAnswer {
    /// One word, for counters.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Exists => "created",
            Self::Refused(..) => "refused",
            Self::Unclear(_) => "ambiguous",
        }
    }
}

impl Attempt {
    /// An attempt whose intent this pod has just written.
    pub fn intended(record: Record) -> Self {
        Self {
            record,
            sight: Sight::default(),
            memory: Memory {
                own_intent: true,
                ..Memory::default()
            },
        }
    }

    /// An attempt found in the store at `now`: a create of whoever had it before may still land.
    pub fn found(record: Record, now: Duration) -> Self {
        Self {
            sight: Sight::default(),
            memory: Memory {
                // The scheduler before this one watched until its last transition at least.
                watched_until: record.history.last().map(|last| last.at),
                ambiguous_at: Some(now),
                in_flight_at: Some(now),
                ..Memory::default()
            },
            record,
        }
    }

    /// The scheduler before this one followed the cluster until then.
    #[must_use]
    pub fn watched(mut self, until: Option<Timestamp>) -> Self {
        self.memory.watched_until = self.memory.watched_until.max(until);
        self
    }

    /// The cluster is out of sight, and may have been for a while.
    pub fn out_of_sight(&mut self, wall: Timestamp) {
        let noticed_late = SignedDuration::try_from(UNNOTICED).unwrap_or(SignedDuration::ZERO);
        self.memory
            .watched_until
            .get_or_insert(wall.saturating_sub(noticed_late).unwrap_or(wall));
    }

    /// The cluster was listed and is watched from now on.
    pub fn in_sight(&mut self, wall: Timestamp) {
        if let Some(until) = self.memory.watched_until.take() {
            self.memory.unwatched |= wall.duration_since(until) > SignedDuration::from_secs(60);
        }
    }

    /// Whether `object` is the one that this attempt makes.
    pub fn owns(&self, installation: &InstallationId, object: &ObjectState) -> bool {
        object.owner.is_of(installation, &self.record) && object.owner.attempt == Some(self.record.attempt)
    }

    /// Whether `pod` is of this attempt. Those of earlier ones may stand beside it until their objects go.
    pub fn made(&self, pod: &PodSight) -> bool {
        self.is_owner(&pod.owner)
    }

    fn is_owner(&self, owner: &Ownership) -> bool {
        owner.attempt == Some(self.record.attempt)
            && owner.incarnation.as_ref() == Some(&self.record.incarnation)
    }

    /// Object and driver as one observation. Absence of the driver is said only by a list that is newer than the object.
    pub fn observation(&self) -> Observation {
        let listed_after = |at: Duration| self.sight.object_at.is_none_or(|seen| at >= seen);
        let spent = |driver: &Driver| is_spent(&self.record, driver);
        let shows_driver = |pod: &PodSight| {
            let counts = |driver: &Driver| !spent(driver) && !self.is_second(driver);
            pod.driver.as_ref().is_some_and(counts) && self.made(pod)
        };
        let seen = self.sight.driver.as_ref().filter(|driver| !spent(driver));
        let driver = match (seen, &self.sight.pods) {
            (Some(driver), _) => DriverSight::Seen(Box::new(driver.clone())),
            (None, Some((at, pods))) if listed_after(*at) && !pods.iter().any(shows_driver) => {
                DriverSight::Absent
            }
            (None, Some(_) | None) => DriverSight::Unseen,
        };
        Observation {
            object: self.sight.object.clone(),
            driver,
            unwatched: self.memory.unwatched,
            fails_all: false,
        }
    }

    /// Whether `driver` is of another object than the record's, or turned up after the driver that ended the record.
    fn is_second(&self, driver: &Driver) -> bool {
        let (object, own) = (&self.record.object_uid, &self.record.driver_uid);
        let others =
            |known: &Option<ObjectUid>, seen: &ObjectUid| known.as_ref().is_some_and(|uid| uid != seen);
        driver.object_uid.as_ref().is_some_and(|uid| others(object, uid))
            || self.record.state.is_terminal() && others(own, &driver.uid)
    }

    /// The watch showed the object. One by its name under another UID says that the record's own is gone.
    pub fn saw_object(&mut self, object: ObjectState, now: Duration) {
        if self
            .record
            .object_uid
            .as_ref()
            .is_some_and(|uid| *uid != object.uid)
        {
            // One that isn't ours says only that.
            self.sight.second.object = Some(object).filter(|object| self.is_owner(&object.owner));
            return self.object_went(None, now);
        }
        self.sight.object = Some(object);
        self.sight.object_at = Some(now);
        self.sight.object_gone = None;
        self.sight.note_end(now);
    }

    fn has_seen(&self, uid: &ObjectUid) -> bool {
        let gone = self
            .sight
            .object_gone
            .as_ref()
            .and_then(|gone| gone.seen.as_ref());
        let mut seen = self.sight.object.iter().chain(gone);
        seen.any(|object| object.uid == *uid)
    }

    /// The object is gone; `last` where the watch's own event said so.
    pub fn object_went(&mut self, last: Option<ObjectState>, now: Duration) {
        if let (Some(last), Some(second)) = (&last, &self.sight.second.object)
            && last.uid == second.uid
        {
            self.sight.second.object = None;
            return;
        }
        let known = self.sight.object.take();
        if known.is_some() || self.sight.object_gone.is_none() {
            let seen = last.clone().or(known);
            self.sight.object_at = Some(now);
            self.sight.object_gone = Some(Gone { at: now, last, seen });
        }
    }

    /// The watch showed the driver. One of an earlier incarnation, which has the same name, says nothing of this attempt.
    pub fn saw_driver(&mut self, driver: Driver, now: Duration) {
        if !self.is_owner(&driver.owner) {
            return;
        }
        if self.is_second(&driver) {
            self.sight.second.driver = Some(driver);
            return;
        }
        // Under `Never` there is no other driver before one that hasn't started.
        let waiting = matches!(driver.phase, DriverPhase::Waiting { .. });
        if waiting && self.record.restart_policy == RestartPolicy::Never {
            self.memory.unwatched = false;
        }
        self.memory.no_pods_since = None;
        self.sight.saw_driver(driver, now);
    }

    /// The driver pod `last` is gone. One that had ended stays the driver's word; else nothing is known of it now.
    pub fn driver_went(&mut self, last: &Driver) {
        self.sight.second.driver.take_if(|second| second.uid == last.uid);
        let Some(seen) = self.sight.driver.as_ref().filter(|seen| seen.uid == last.uid) else {
            return;
        };
        self.sight.pods = None;
        self.sight.driver_gone = true;
        if is_spent(&self.record, last) {
            self.sight.driver = None;
        } else if last.has_ended() {
            self.sight.driver = Some(last.clone());
        } else if !seen.has_ended() {
            self.sight.driver = None;
        }
    }

    /// The cluster has answered a look. On the way there whoever's object stands in the way; later what another
    /// installation made, of whose record ours is a copy, tells nothing of this one.
    pub fn look_came_to(
        &mut self,
        object: Option<ObjectState>,
        installation: &InstallationId,
        asked: Duration,
        now: Duration,
    ) {
        self.answered();
        let in_the_way = self.record.state == State::Dispatching;
        let ours = |object: &ObjectState| object.owner.installation.as_ref() == Some(installation);
        let object = object.filter(|object| in_the_way || ours(object));
        self.looked(object, asked, now);
    }

    /// A consistent look at the object by name, asked for at `asked`. Where the watch has told of the object since, it
    /// isn't known which of the two is newer, and the look counts for nothing.
    pub fn looked(&mut self, object: Option<ObjectState>, asked: Duration, now: Duration) {
        if self.sight.object_at.is_some_and(|seen| seen > asked) {
            return;
        }
        self.sight.looked = Some(asked);
        match object {
            Some(object) => self.saw_object(object, asked),
            None => {
                self.memory.absent_at.get_or_insert(asked);
                if self.record.object_uid.is_some() || self.record.state != State::Dispatching {
                    self.object_went(None, now);
                }
            }
        }
    }

    /// A consistent list of the submission's pods, asked for at `asked`; for nothing where the watch has told of the
    /// driver since.
    pub fn listed(&mut self, pods: Vec<PodSight>, asked: Duration, now: Duration) {
        if self.sight.driver_at.is_some_and(|seen| seen > asked) {
            return;
        }
        let own = |pod: &&PodSight| self.made(pod);
        let driver = pods.iter().filter(own).find_map(|pod| pod.driver.clone());
        if pods.iter().filter(own).count() == 0 {
            self.memory.no_pods_since.get_or_insert(asked);
        } else {
            self.memory.no_pods_since = None;
        }
        match driver {
            Some(driver) => self.saw_driver(driver, now),
            // One that had ended is still the driver's word, its pod gone or not.
            None => {
                self.sight.driver = self.sight.driver.take().filter(Driver::has_ended);
                self.sight.driver_gone = true;
            }
        }
        self.sight.pods = Some((asked, pods));
        self.sight.note_end(now);
    }

    /// A delete of object or pod was answered: what was listed before is old.
    pub fn deleted(&mut self, now: Duration) {
        self.answered();
        self.sight.pods = None;
        let pause = Duration::from_millis(200 << self.memory.deletes.min(6)).min(Duration::from_secs(10));
        self.memory.deletes += 1;
        self.memory.pause_until = Some(now + pause);
    }

    /// A create sent at `sent` came to `result`.
    pub fn create_came_to(
        &mut self,
        sent: Duration,
        result: Result<ObjectState, CreateError>,
        now: Duration,
    ) -> CreateAnswer {
        self.memory.creates += 1;
        match result {
            Ok(object) => {
                self.memory.create_error = None;
                // What the watch has told of this object since is newer than the answer.
                let told =
                    self.sight.object_at.is_some_and(|seen| seen >= sent) && self.has_seen(&object.uid);
                if !told {
                    self.saw_object(object, now);
                }
                CreateAnswer::Exists
            }
            Err(error) => {
                let answer = match refusal(&error) {
                    Some(kind @ Refusal::NameExists) => {
                        // Whose it is must be found out; it may be gone again by then, and the next create is a repeat.
                        self.answered();
                        self.memory.ambiguous_at = Some(sent);
                        self.memory.absent_at = None;
                        self.back_off(now);
                        CreateAnswer::Refused(kind, error.to_string())
                    }
                    Some(kind) => CreateAnswer::Refused(kind, error.to_string()),
                    None => {
                        (self.memory.ambiguous_at, self.memory.in_flight_at) = (Some(sent), Some(sent));
                        self.memory.absent_at = None;
                        self.unanswered(now);
                        CreateAnswer::Unclear(error.to_string())
                    }
                };
                self.memory.create_error = Some(error);
                answer
            }
        }
    }

    /// When every create sent for the attempt has landed or never will; zero where that is known already.
    pub fn landed_by(&self, settle: Duration) -> Duration {
        self.memory
            .in_flight_at
            .map_or(Duration::ZERO, |sent| sent + settle)
    }

    /// The cluster has answered.
    pub fn answered(&mut self) {
        self.memory.failures = 0;
        self.memory.silent_since = None;
    }

    /// The record may have been written since it was read.
    pub fn doubt_record(&mut self) {
        self.memory.unsure_write = true;
    }

    /// A write of the record came to nothing known.
    pub fn unwritten(&mut self, now: Duration) {
        self.doubt_record();
        self.back_off(now);
    }

    /// The record stands as `record` says.
    pub fn stands_as(&mut self, record: Record) {
        self.memory.unsure_write = false;
        self.record = record;
    }

    /// The cluster gave no answer.
    pub fn unanswered(&mut self, now: Duration) {
        self.memory.silent_since.get_or_insert(now);
        self.back_off(now);
    }

    /// Waits before the next act: 1 s, doubled at each failure up to 30 s.
    pub fn back_off(&mut self, now: Duration) {
        let pause = Duration::from_secs(1 << self.memory.failures.min(5)).min(Duration::from_secs(30));
        self.memory.failures += 1;
        self.memory.pause_until = Some(now + pause);
    }

    /// One sentence about the last create, for people.
    pub fn create_sentence(&self) -> String {
        self.memory
            .create_error
            .as_ref()
            .map(|e| shorten(&e.to_string(), 400))
            .unwrap_or_default()
    }
}

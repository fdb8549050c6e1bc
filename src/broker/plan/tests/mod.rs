//! The dispatch protocol and what follows it, act by act.

mod dispatching;
mod ended;
mod following;
mod overdue;
mod wished;
mod out_of_sight;
mod picking_up;
mod shapes;
mod taken_away;
mod waiting;

use std::time::Duration;

use jiff::Timestamp;

use super::{Act, Circumstances, Settling, Wished, plan};
use crate::broker::attempt::{Attempt, CreateAnswer};
use crate::lifecycle::{Event, Happening, Rules, Step};
use crate::model::{Epoch, InstallationId};
use crate::ports::cluster::{CreateError, PodSight};
use crate::submission::{NewRecord, Placement, Reason, Record, State};
use crate::watch::{Driver, DriverEnd, DriverPhase, ObjectState, Ownership};

const T0: Duration = Duration::from_secs(1000);

fn wall() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn installation() -> InstallationId {
    "installation-1".parse().unwrap()
}

fn intent() -> Record {
    let mut record = Record::queued(NewRecord {
        id: "job-1".parse().unwrap(),
        domain: "default".parse().unwrap(),
        queue: "dev".parse().unwrap(),
        fingerprint: "f".into(),
        at: wall(),
    });
    record.incarnation = "inc-1".parse().unwrap();
    let happening = Happening::Placed {
        cluster: "a".parse().unwrap(),
        namespace: "spark".into(),
        epoch: Epoch(3),
        placement: Box::new(Placement {
            cluster: "a".into(),
            policy: "weighted".into(),
            ..Placement::default()
        }),
    };
    step(&record, happening)
}

fn step(record: &Record, happening: Happening) -> Record {
    match Rules::default().step(
        record,
        &Event {
            at: wall(),
            happening,
        },
    ) {
        Step::Next(next) => *next,
        other => panic!("{other:?}"),
    }
}

struct World {
    attempt: Attempt,
    now: Duration,
    in_sight: bool,
    other_cluster: bool,
    failover: Option<Duration>,
    wished: Wished,
    fails_all: bool,
    epoch: Epoch,
}

impl World {
    fn own() -> Self {
        Self {
            attempt: Attempt::intended(intent()),
            now: T0,
            in_sight: true,
            other_cluster: true,
            failover: None,
            wished: Wished::default(),
            fails_all: false,
            epoch: Epoch(3),
        }
    }

    fn found_by(epoch: u64) -> Self {
        Self {
            attempt: Attempt::found(intent(), T0),
            epoch: Epoch(epoch),
            ..Self::own()
        }
    }

    fn plan(&self) -> Act {
        plan(
            &self.attempt,
            &Circumstances {
                rules: &Rules::default(),
                settling: &Settling::default(),
                installation: &installation(),
                epoch: self.epoch,
                wall: wall()
                    .checked_add(jiff::SignedDuration::try_from(self.now - T0).unwrap())
                    .unwrap(),
                now: self.now,
                in_sight: self.in_sight,
                other_cluster: self.other_cluster,
                failover: self.failover,
                wished: self.wished.clone(),
                fails_all: self.fails_all,
                jitter: 0.5,
            },
        )
    }

    /// Expects a write, and lets it stand.
    fn write(&mut self) -> State {
        match self.plan() {
            Act::Write(next) => {
                self.attempt.record = *next;
                self.attempt.record.state
            }
            other => panic!("expected a write, got {other:?}"),
        }
    }

    fn create(&mut self, result: Result<ObjectState, CreateError>) -> CreateAnswer {
        assert_eq!(self.plan(), Act::Create);
        self.attempt.create_came_to(self.now, result, self.now)
    }

    fn look(&mut self, object: Option<ObjectState>) {
        assert_eq!(self.plan(), Act::Look);
        self.attempt.looked(object, self.now, self.now);
    }

    fn list_no_pods(&mut self) {
        assert_eq!(self.plan(), Act::ListPods);
        self.attempt.listed(Vec::new(), self.now, self.now);
    }

    fn later(&mut self, seconds: u64) -> &mut Self {
        self.now += Duration::from_secs(seconds);
        self
    }
}

fn object(raw: &str) -> ObjectState {
    ObjectState {
        name: "sb-job-1-a1".into(),
        uid: "uid-1".parse().unwrap(),
        owner: Ownership {
            installation: Some(installation()),
            submission: Some("job-1".into()),
            incarnation: Some("inc-1".parse().unwrap()),
            attempt: Some(crate::model::Attempt(1)),
        },
        submission_id: Some("job-1".parse().unwrap()),
        raw: raw.into(),
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

fn answered(status: u16, message: &str) -> CreateError {
    CreateError::Answered {
        status,
        reason: if status == 409 { "AlreadyExists" } else { "" }.into(),
        message: message.into(),
        retry_after: None,
    }
}

fn ambiguous() -> CreateError {
    CreateError::Ambiguous("connection reset".into())
}

fn ended_driver(code: i32) -> Driver {
    Driver {
        pod: "sb-job-1-a1-driver".into(),
        uid: "pod-1".parse().unwrap(),
        owner: object("").owner,
        submission_id: None,
        object_name: Some("sb-job-1-a1".into()),
        object_uid: None,
        spark_application_id: None,
        phase: DriverPhase::Ended(DriverEnd {
            exit_code: Some(code),
            word: None,
            cause: Reason::ApplicationFailed,
            success: code == 0,
            ran: true,
            started_at: None,
            finished_at: None,
        }),
        stop: None,
        created_at: Some(wall()),
    }
}

fn running() -> World {
    let mut world = World::own();
    world.create(Ok(object("")));
    world.write();
    world.attempt.saw_object(object("RUNNING"), world.now);
    assert_eq!(world.write(), State::Running);
    world
}

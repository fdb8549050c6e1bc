//! Every shape of a driver, read from its JSON as the API server gives it, planned and stepped to the record it must lead to.

#[path = "../../../../tests/support/shapes/mod.rs"]
mod table;

use serde_json::{Value, json};

use super::*;
use crate::submission::RestartPolicy;
use crate::watch::{read_driver, read_object};
use table::{ObjectIs, PodIs, Shape, shapes};

/// The cluster that the attempt is on.
struct Shown {
    world: World,
    object: Option<Value>,
    pod: Option<Value>,
    pods_made: u32,
    /// The states that the record went through since SUBMITTED.
    walk: Vec<State>,
}

fn labels() -> Value {
    json!({
        "spark-broker/installation": "installation-1", "spark-broker/submission": "job-1",
        "spark-broker/incarnation": "inc-1", "spark-broker/attempt": "1",
        "sparkoperator.k8s.io/app-name": "sb-job-1-a1", "spark-role": "driver",
    })
}

impl Shown {
    fn of(shape: &Shape) -> Self {
        let mut world = World::own();
        let retries = shape.restart["onFailureRetries"].as_u64();
        world.attempt.record.restart_policy = match retries {
            Some(retries) => RestartPolicy::OnFailure(u32::try_from(retries).unwrap()),
            None => RestartPolicy::Never,
        };
        let object = json!({"metadata": {"name": "sb-job-1-a1", "uid": "uid-1", "labels": labels()}});
        world.create(Ok(read_object(&object).unwrap()));
        assert_eq!(world.write(), State::Submitted);
        Self {
            world,
            object: Some(object),
            pod: None,
            pods_made: 0,
            walk: Vec::new(),
        }
    }

    fn driver(&self) -> Option<Driver> {
        let pod = serde_json::from_value(self.pod.clone()?).unwrap();
        read_driver(&pod)
    }

    fn object_is(&mut self, is: &ObjectIs) {
        let (state, message, suspend) = match is {
            ObjectIs::AsBefore => return,
            ObjectIs::Gone => {
                let last = self.object.take().map(|object| read_object(&object).unwrap());
                return self.world.attempt.object_went(last, self.world.now);
            }
            ObjectIs::In(state, message) => (*state, *message, false),
            ObjectIs::Suspended(state, suspend) => (*state, "", *suspend),
        };
        let object = self.object.as_mut().unwrap();
        object["spec"]["suspend"] = json!(suspend);
        object["status"]["applicationState"] = json!({"state": state, "errorMessage": message});
        let read = read_object(object).unwrap();
        self.world.attempt.saw_object(read, self.world.now);
    }

    fn pod_is(&mut self, is: &PodIs) {
        let (mut pod, deleting) = match is {
            PodIs::AsBefore => return,
            PodIs::Gone => {
                let last = self.driver();
                self.pod = None;
                return last
                    .into_iter()
                    .for_each(|last| self.world.attempt.driver_went(&last));
            }
            PodIs::There(pod) => (pod.clone(), false),
            PodIs::Deleting(pod) => (pod.clone(), true),
        };
        self.pods_made += u32::from(self.pod.is_none());
        let uid = format!("pod-{}", self.pods_made);
        let deleted = deleting.then_some("2026-11-23T05:30:50Z");
        pod["metadata"] = json!({
            "name": "sb-job-1-a1-driver", "uid": uid, "labels": labels(), "deletionTimestamp": deleted,
            "ownerReferences": [{"apiVersion": "v1beta2", "kind": "SparkApplication", "name": "x", "uid": "uid-1"}],
        });
        self.pod = Some(pod);
        let driver = self.driver().unwrap();
        self.world.attempt.saw_driver(driver, self.world.now);
    }

    /// Carries out what is planned until nothing is left to do but to stop the attempt, or to wait for `wanted`.
    fn settle(&mut self, wanted: &str) {
        for _ in 0..20 {
            let (now, state) = (self.world.now, self.world.attempt.record.state);
            match self.world.plan() {
                Act::Write(next) => {
                    self.walk.push(next.state);
                    self.world.attempt.record = *next;
                    if matches!(self.world.attempt.record.state, State::Retrying) {
                        return;
                    }
                }
                Act::Look => {
                    let object = self.object.as_ref().map(|object| read_object(object).unwrap());
                    self.world.attempt.looked(object, now, now);
                }
                Act::ListPods => {
                    let sight = |driver: Driver| PodSight {
                        name: driver.pod.clone(),
                        uid: driver.uid.clone(),
                        owner: driver.owner.clone(),
                        driver: Some(driver),
                    };
                    self.world
                        .attempt
                        .listed(self.driver().map(sight).into_iter().collect(), now, now);
                }
                Act::Wait(until) if state.as_str() != wanted => self.world.now = until,
                Act::Rest | Act::Wait(_) | Act::Forget | Act::DeleteObject(_) => return,
                act @ (Act::Create | Act::Release(_) | Act::DeletePods(_)) => panic!("{act:?}"),
            }
        }
        panic!("it never rests: {:?}", self.world.plan());
    }

    fn run(mut self, shape: &Shape, lags: bool) -> Record {
        for (pod, object, wanted) in &shape.shown {
            self.world.later(1);
            if !lags || matches!(object, ObjectIs::Gone) {
                self.object_is(object);
            }
            self.pod_is(pod);
            self.settle(wanted);
            let state = self.world.attempt.record.state;
            assert_eq!(state.as_str(), *wanted, "{}, lagging: {lags}", shape.name);
        }
        let mut walk: Vec<_> = shape.shown.iter().map(|(.., state)| *state).collect();
        walk.dedup();
        walk.retain(|state| self.walk.iter().any(|s| s.as_str() == *state));
        let walked: Vec<_> = self.walk.iter().map(|state| state.as_str()).collect();
        assert_eq!(walked, walk, "{}, lagging: {lags}", shape.name);
        self.world.attempt.record
    }
}

#[test]
fn each_shape_of_a_driver_gives_its_record_whether_the_object_agrees_or_lags() {
    let all = shapes();
    assert!(all.len() >= 20, "{}", all.len());
    for shape in &all {
        for lags in [false, true].into_iter().filter(|lags| !lags || shape.lags) {
            let record = Shown::of(shape).run(shape, lags);
            let name = format!("{}, lagging: {lags}: {:?}", shape.name, record.verdict);
            let reason = record.verdict.reason.map(Reason::as_str);
            assert_eq!(reason, shape.reason, "{name}");
            assert_eq!(record.attempt.0, 1, "{name}");
            if record.state.is_terminal() {
                assert_eq!(record.exit_code, shape.exit_code, "{name}");
            }
            if let Some((started, finished)) = shape.times {
                let times = [record.started_at, record.finished_at].map(Option::unwrap);
                let wanted = [started, finished].map(|time| time.parse::<Timestamp>().unwrap());
                assert_eq!(times, wanted, "{name}");
            }
        }
    }
}

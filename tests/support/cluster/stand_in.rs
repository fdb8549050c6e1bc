//! A stand-in for the Spark operator: moves applications through the operator's raw states by a script of the test's,
//! with driver pods of the operator's shape. It needs nothing but an API server and costs no JVM.
//!
//! It is for what the real operator can't be made to do on demand: states out of order, stalls, lies; and for many jobs
//! at once. Where KWOK runs, which plays the driver pods as well, a script must leave them to it ([`runs_pods`]).

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, DynamicObject};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Error};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::control_plane::ControlPlane;
use super::objects::{applications, try_set_status};

/// The states that Kubeflow's operator writes into `status.applicationState.state`
/// (`api/v1beta2/sparkapplication_types.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RawState {
    /// Nothing written yet.
    New,
    /// spark-submit has returned.
    Submitted,
    /// The driver runs.
    Running,
    /// Ended well, for good.
    Completed,
    /// Ended otherwise, for good.
    Failed,
    /// spark-submit failed; may be tried again.
    SubmissionFailed,
    /// Waits to be submitted once more.
    PendingRerun,
    /// Its spec was changed.
    Invalidating,
    /// The driver ended well; what comes next is decided.
    Succeeding,
    /// The driver ended otherwise; what comes next is decided.
    Failing,
    /// Being suspended.
    Suspending,
    /// Suspended.
    Suspended,
    /// Being resumed.
    Resuming,
    /// The driver's state is unknown.
    Unknown,
}

impl RawState {
    /// All 14 states.
    pub const ALL: [Self; 14] = [
        Self::New,
        Self::Submitted,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::SubmissionFailed,
        Self::PendingRerun,
        Self::Invalidating,
        Self::Succeeding,
        Self::Failing,
        Self::Suspending,
        Self::Suspended,
        Self::Resuming,
        Self::Unknown,
    ];

    /// As the operator writes it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::New => "",
            Self::Submitted => "SUBMITTED",
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::SubmissionFailed => "SUBMISSION_FAILED",
            Self::PendingRerun => "PENDING_RERUN",
            Self::Invalidating => "INVALIDATING",
            Self::Succeeding => "SUCCEEDING",
            Self::Failing => "FAILING",
            Self::Suspending => "SUSPENDING",
            Self::Suspended => "SUSPENDED",
            Self::Resuming => "RESUMING",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The whole `.status` of the application `name` in this state, with the operator's message, if any.
    pub fn status(self, name: &str, message: &str) -> Value {
        let mut state = json!({"state": self.text()});
        if !message.is_empty() {
            state["errorMessage"] = json!(message);
        }
        let ended = matches!(
            self,
            Self::Completed | Self::Failed | Self::Succeeding | Self::Failing
        );
        let end = if ended { json!(now()) } else { Value::Null };
        json!({
            "applicationState": state,
            "driverInfo": {"podName": format!("{name}-driver")},
            "lastSubmissionAttemptTime": now(),
            "submissionAttempts": 1,
            "executionAttempts": 1,
            "sparkApplicationId": format!("spark-{name}"),
            "terminationTime": end,
        })
    }
}

/// One act of the stand-in on an application.
#[derive(Debug, Clone)]
pub enum Step {
    /// Do nothing for so long.
    Wait(Duration),
    /// Write this state, and this message where it isn't empty.
    State(RawState, String),
    /// Make the driver pod, Pending, with these requests (`{"cpu": "1"}`).
    MakeDriver(Value),
    /// Make so many executor pods with these requests, owned by the driver as Spark's are.
    MakeExecutors(u64, Value),
    /// Wait until the driver runs; whoever runs pods here sees to it.
    AwaitDriver,
    /// Wait until the driver has ended.
    AwaitDriverEnd,
    /// Write the state of an application whose driver has ended like that.
    StateOfEnd,
    /// Delete the executor pods, as a driver does that ends.
    DeleteExecutors,
    /// The driver's container runs.
    RunDriver,
    /// The driver's container ends with this code and reason.
    EndDriver(i32, &'static str),
    /// Delete the driver pod.
    DeleteDriver,
    /// Delete the application, as its TTL would.
    DeleteApplication,
}

/// What the stand-in does with an application, told when it is first seen.
pub type Script = Vec<Step>;

/// The operator's quiet path: submitted, running for `time`, ended with `exit_code`.
pub fn runs_for(time: Duration, exit_code: i32) -> Script {
    let state = |state, message: &str| Step::State(state, message.to_owned());
    let mut script = vec![
        Step::MakeDriver(json!({})),
        state(RawState::Submitted, ""),
        Step::RunDriver,
        state(RawState::Running, ""),
        Step::Wait(time),
    ];
    let message = format!("driver container failed with ExitCode: {exit_code}, Reason: Error");
    script.extend(if exit_code == 0 {
        let end = Step::EndDriver(0, "Completed");
        [
            end,
            state(RawState::Succeeding, ""),
            state(RawState::Completed, ""),
        ]
    } else {
        let end = Step::EndDriver(exit_code, "Error");
        [
            end,
            state(RawState::Failing, &message),
            state(RawState::Failed, &message),
        ]
    });
    script
}

/// The quiet path where KWOK runs pods: all that is asked of the cluster is pods with these requests, and how they fare
/// is told as it is.
pub fn runs_pods(driver: &Value, executors: u64, executor: &Value) -> Script {
    let state = |state| Step::State(state, String::new());
    vec![
        Step::MakeDriver(driver.clone()),
        state(RawState::Submitted),
        Step::AwaitDriver,
        Step::MakeExecutors(executors, executor.clone()),
        state(RawState::Running),
        Step::AwaitDriverEnd,
        Step::DeleteExecutors,
        Step::StateOfEnd,
    ]
}

/// Plays the operator in one namespace until it is dropped. An API server that is away is waited for.
pub struct StandInOperator {
    _tasks: JoinSet<()>,
}

impl StandInOperator {
    /// Plays each application of `namespace` by the script that `behaviour` names for it.
    pub async fn start(
        plane: &ControlPlane,
        namespace: &str,
        behaviour: impl Fn(&DynamicObject) -> Script + Send + Sync + 'static,
    ) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(play_all(
            plane.admin().await,
            namespace.to_owned(),
            Arc::new(behaviour),
        ));
        Self { _tasks: tasks }
    }
}

async fn play_all<B>(client: Client, namespace: String, behaviour: Arc<B>)
where
    B: Fn(&DynamicObject) -> Script + Send + Sync + 'static,
{
    let api = applications(client.clone(), &namespace);
    let mut seen = std::collections::HashSet::new();
    let mut players = JoinSet::new();
    let mut events = watcher(api, watcher::Config::default())
        .default_backoff()
        .applied_objects()
        .boxed();
    loop {
        // An error is the watcher's to mend: it begins anew by itself.
        let Ok(Some(object)) = events.try_next().await else {
            continue;
        };
        if seen.insert(object.metadata.uid.clone()) {
            let player = Player::new(client.clone(), &namespace, object);
            let script = behaviour(&player.object);
            players.spawn(async move { player.play(script).await });
        }
    }
}

pub(super) struct Player {
    applications: Api<DynamicObject>,
    pub(super) pods: Api<Pod>,
    pub(super) object: DynamicObject,
    pub(super) name: String,
    pub(super) driver: String,
}

impl Player {
    fn new(client: Client, namespace: &str, object: DynamicObject) -> Self {
        let name = object.metadata.name.clone().unwrap_or_default();
        let driver = format!("{name}-driver");
        let (applications, pods) = (
            applications(client.clone(), namespace),
            Api::namespaced(client, namespace),
        );
        Self {
            applications,
            pods,
            object,
            name,
            driver,
        }
    }

    /// Goes through `script`; ends early where the application or its driver has gone.
    async fn play(&self, script: Script) {
        for step in script {
            while let Err(error) = self.act(&step).await {
                if matches!(&error, Error::Api(status) if status.code == 404) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    async fn act(&self, step: &Step) -> Result<(), Error> {
        match step {
            Step::Wait(time) => tokio::time::sleep(*time).await,
            Step::State(state, message) => {
                try_set_status(&self.applications, &self.name, &state.status(&self.name, message)).await?;
            }
            Step::MakeDriver(requests) => match self.make_driver(requests).await {
                Err(Error::Api(status)) if status.code == 409 => {}
                other => other?,
            },
            Step::MakeExecutors(count, requests) => self.make_executors(*count, requests).await?,
            Step::AwaitDriver => self.await_driver(&["Running", "Succeeded", "Failed"]).await?,
            Step::AwaitDriverEnd => self.await_driver(&["Succeeded", "Failed"]).await?,
            Step::StateOfEnd => {
                let (state, message) = self.state_of_end().await?;
                try_set_status(
                    &self.applications,
                    &self.name,
                    &state.status(&self.name, &message),
                )
                .await?;
            }
            Step::DeleteExecutors => self.delete_executors().await?,
            Step::RunDriver => {
                self.write_driver("Running", &json!({"running": {"startedAt": now()}}))
                    .await?
            }
            Step::EndDriver(code, reason) => {
                let phase = if *code == 0 { "Succeeded" } else { "Failed" };
                let end = json!({"exitCode": code, "reason": reason, "startedAt": self.started().await?, "finishedAt": now()});
                self.write_driver(phase, &json!({"terminated": end})).await?;
            }
            Step::DeleteDriver => {
                self.pods
                    .delete(&self.driver, &DeleteParams::default().grace_period(0))
                    .await?;
            }
            Step::DeleteApplication => {
                self.applications
                    .delete(&self.name, &DeleteParams::default())
                    .await?;
            }
        }
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what an operator writes is the time of its own clock"
)]
pub(super) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

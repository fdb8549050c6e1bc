//! The operator, in Kubeflow's states and with its carelessness: it writes once, after spark-submit has returned; a
//! conflict at that write makes it submit again; a crash before it loses the word, and its next life submits again. It
//! lags, and acts on what its watches told it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, DynamicObject, PostParams, Preconditions};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, watcher};
use kube::{Api, Client, Error};
use rand::Rng;
use serde_json::{Value, json};
use spark_broker::model::{Clock, SystemClock};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::submit::Submission;
use super::{Cache, raw};
use crate::cluster::applications;

/// As many objects at once as the real one by default.
const WORKERS: usize = 10;
const TICK: Duration = Duration::from_millis(100);
/// How long it thinks before it acts, in milliseconds.
const LAG: std::ops::Range<u64> = 0..150;
/// How long a driver may be absent after its submission; the real one's is 10 s.
const GRACE: Duration = Duration::from_secs(5);

/// What it does next with an object.
enum Work {
    /// Runs spark-submit and writes what came of it.
    Submit,
    /// Writes this state and message.
    Write(&'static str, String),
    /// Deletes it: its time to live is over.
    Delete,
}

pub async fn operate(client: Client, namespace: String, submissions: mpsc::Sender<Submission>) {
    let api = applications(client.clone(), &namespace);
    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    let config = || Config::default();
    let mut of_objects = watcher(api.clone(), config()).default_backoff().boxed();
    let mut of_pods = watcher(pods, config()).default_backoff().boxed();
    let (mut objects, mut drivers) = (Cache::new(), Cache::new());
    let mut busy = HashSet::new();
    let mut workers = JoinSet::new();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(event) = of_objects.next() => if let Ok(event) = event { objects.take(event); },
            Some(event) = of_pods.next() => if let Ok(event) = event { drivers.take(event); },
            Some(done) = workers.join_next() => if let Ok((name, written)) = done {
                busy.remove(&name);
                if let Some(written) = written { objects.known.insert(name, Arc::new(written)); }
            },
            _ = ticks.tick() => if objects.complete && drivers.complete {
                for (name, object) in &objects.known {
                    if workers.len() >= WORKERS { break; }
                    let driver = drivers.known.get(&format!("{name}-driver")).map(Arc::as_ref);
                    let Some(work) = next(object, driver) else { continue };
                    if busy.insert(name.clone()) {
                        let (api, object) = (api.clone(), Arc::clone(object));
                        let (name, submissions) = (name.clone(), submissions.clone());
                        workers.spawn(async move { (name, reconcile(&api, object, work, &submissions).await) });
                    }
                }
            },
        }
    }
}

fn next(object: &DynamicObject, driver: Option<&Pod>) -> Option<Work> {
    let write = |state, message: &str| Some(Work::Write(state, message.to_owned()));
    let suspended = object.data["spec"]["suspend"] == true;
    let message = object.data["status"]["applicationState"]["errorMessage"]
        .as_str()
        .unwrap_or_default();
    if object.metadata.deletion_timestamp.is_some() {
        return None;
    }
    match (raw(object), suspended) {
        ("", true) => write("SUSPENDING", ""),
        ("SUSPENDING", _) => write("SUSPENDED", ""),
        ("SUSPENDED", false) => write("RESUMING", ""),
        ("" | "RESUMING", false) => Some(Work::Submit),
        ("SUBMISSION_FAILED", _) => write("FAILED", message),
        ("SUCCEEDING", _) => write("COMPLETED", ""),
        ("FAILING", _) => write("FAILED", message),
        (state @ ("SUBMITTED" | "RUNNING"), _) => followed(object, state, driver),
        ("COMPLETED" | "FAILED", _) => {
            let ttl = object.data["spec"]["timeToLiveSeconds"].as_u64()?;
            let over = age(object, "terminationTime")? > Duration::from_secs(ttl);
            over.then_some(Work::Delete)
        }
        _ => None,
    }
}

fn followed(object: &DynamicObject, state: &str, driver: Option<&Pod>) -> Option<Work> {
    let status = driver.and_then(|pod| pod.status.as_ref());
    let write = |state, message: String| Some(Work::Write(state, message));
    match status.and_then(|status| status.phase.as_deref()) {
        Some("Running") if state == "SUBMITTED" => write("RUNNING", String::new()),
        Some("Succeeded") => write("SUCCEEDING", String::new()),
        Some("Failed") => {
            let containers = status?.container_statuses.iter().flatten();
            let mut ends = containers.filter_map(|c| c.state.as_ref()?.terminated.as_ref());
            let code = ends.next()?.exit_code;
            let message = format!("driver container failed with ExitCode: {code}, Reason: Error");
            write("FAILING", message)
        }
        None if driver.is_none()
            && (state == "RUNNING" || age(object, "lastSubmissionAttemptTime")? > GRACE) =>
        {
            write("FAILING", "driver pod not found".to_owned())
        }
        _ => None,
    }
}

/// How long ago the status says that it was.
fn age(object: &DynamicObject, field: &str) -> Option<Duration> {
    let then: Timestamp = object.data["status"][field].as_str()?.parse().ok()?;
    Duration::try_from(SystemClock.now().duration_since(then)).ok()
}

/// The object as it was written, where it was.
async fn reconcile(
    api: &Api<DynamicObject>,
    object: Arc<DynamicObject>,
    work: Work,
    submissions: &mpsc::Sender<Submission>,
) -> Option<DynamicObject> {
    let lag = rand::rng().random_range(LAG);
    tokio::time::sleep(Duration::from_millis(lag)).await;
    let name = object.metadata.name.clone()?;
    match work {
        Work::Submit => submit(api, object, submissions).await,
        Work::Write(state, message) => write(api, &object, status(&object, state, &message)).await.ok(),
        Work::Delete => {
            let only_this = DeleteParams::default().preconditions(Preconditions {
                uid: object.metadata.uid.clone(),
                resource_version: None,
            });
            let _ = api.delete(&name, &only_this).await;
            None
        }
    }
}

/// Submits and then writes, under the resource version from before; again from the start where that is refused.
async fn submit(
    api: &Api<DynamicObject>,
    object: Arc<DynamicObject>,
    submissions: &mpsc::Sender<Submission>,
) -> Option<DynamicObject> {
    let (name, before) = (object.metadata.name.clone()?, raw(&object).to_owned());
    let mut object = object;
    loop {
        let (told, done) = oneshot::channel();
        let submission = Submission {
            object: Arc::clone(&object),
            told,
        };
        submissions.send(submission).await.ok()?;
        let next = match done.await.ok()? {
            Ok(()) => {
                let mut next = status(&object, "SUBMITTED", "");
                next["executionAttempts"] = json!(1);
                next
            }
            Err(why) => {
                let why = format!("failed to submit spark application: failed to run spark-submit: {why}");
                status(&object, "SUBMISSION_FAILED", &why)
            }
        };
        match write(api, &object, next).await {
            Ok(written) => return Some(written),
            Err(Error::Api(refusal)) if refusal.code == 409 => {}
            Err(_) => return None,
        }
        object = Arc::new(api.get(&name).await.ok()?);
        if raw(&object) != before {
            return None;
        }
    }
}

async fn write(
    api: &Api<DynamicObject>,
    object: &DynamicObject,
    status: Value,
) -> Result<DynamicObject, Error> {
    let mut next = object.clone();
    next.data["status"] = status;
    let name = object.metadata.name.clone().unwrap_or_default();
    api.replace_status(&name, &PostParams::default(), &next).await
}

fn status(object: &DynamicObject, state: &str, message: &str) -> Value {
    let name = object.metadata.name.clone().unwrap_or_default();
    let mut status = match &object.data["status"] {
        Value::Object(old) => Value::Object(old.clone()),
        _ => json!({}),
    };
    status["applicationState"] = json!({"state": state});
    if !message.is_empty() {
        status["applicationState"]["errorMessage"] = json!(message);
    }
    match state {
        "SUBMITTED" | "SUBMISSION_FAILED" => {
            status["driverInfo"] = json!({"podName": format!("{name}-driver")});
            status["lastSubmissionAttemptTime"] = json!(now());
            status["submissionAttempts"] = json!(1);
            status["submissionID"] = json!(uuid::Uuid::new_v4().to_string());
        }
        "RUNNING" => status["sparkApplicationId"] = json!(format!("spark-{name}")),
        "SUCCEEDING" | "FAILING" | "FAILED" | "COMPLETED" if status["terminationTime"].is_null() => {
            status["terminationTime"] = json!(now());
        }
        _ => {}
    }
    status
}

/// As an operator and a kubelet write times: whole seconds.
pub fn now() -> String {
    SystemClock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

//! Watches of the test's own on pods and objects, and a client that polls.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DynamicObject, ListParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, Event, watcher};
use serde_json::Value;
use spark_broker::model::{Clock, SystemClock};
use tokio::task::JoinSet;

use super::{POLL, Times};
use crate::cluster::{ControlPlane, applications};

/// What was seen, by the object's name.
#[derive(Debug, Default)]
pub struct Seen {
    drivers: HashMap<String, BTreeSet<String>>,
    driver: HashMap<String, Times>,
    object: HashMap<String, Times>,
    polled: HashMap<String, Times>,
}

/// The watches while they run.
pub struct Watchers {
    seen: Arc<Mutex<Seen>>,
    tasks: JoinSet<()>,
}

impl Watchers {
    /// Begins to watch `namespace` of each control plane.
    pub async fn start(planes: &[&ControlPlane], namespace: &str) -> Self {
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let mut tasks = JoinSet::new();
        for plane in planes {
            let client = plane.admin().await;
            let pods = Api::namespaced(client.clone(), namespace);
            tasks.spawn(watch_drivers(pods, Arc::clone(&seen)));
            let objects = applications(client, namespace);
            tasks.spawn(watch_objects(objects.clone(), Arc::clone(&seen)));
            tasks.spawn(poll(objects, Arc::clone(&seen)));
        }
        Self { seen, tasks }
    }

    /// Waits until all of `objects` have shown their end to all witnesses, or are gone.
    ///
    /// The broker removes an object that its operator could still submit again, once its record has ended: one whose
    /// spark-submit made the driver, saw its own call time out, tried once more and reported "driver pod already exists".
    ///
    /// # Panics
    ///
    /// If they don't within `patience`.
    pub async fn until_objects_ended(&self, objects: &[&str], patience: Duration) {
        let ended = async {
            loop {
                let open = {
                    let seen = self.seen.lock().unwrap();
                    let shown = |times: &HashMap<String, Times>, name: &str| {
                        times.get(name).is_some_and(|times| times.ended.is_some())
                    };
                    objects
                        .iter()
                        .any(|name| !shown(&seen.object, name) || !shown(&seen.polled, name))
                };
                if !open {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        };
        tokio::time::timeout(patience, ended)
            .await
            .expect("the operators end all objects");
    }

    /// What was seen.
    pub fn stop(mut self) -> Seen {
        self.tasks.abort_all();
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

impl Seen {
    /// How many driver pods were made for the object.
    pub fn drivers_of(&self, object: &str) -> usize {
        self.drivers.get(object).map_or(0, BTreeSet::len)
    }

    /// The driver container's own times.
    pub fn driver(&self, object: &str) -> Times {
        self.driver.get(object).copied().unwrap_or_default()
    }

    /// When the object showed each to a watch.
    pub fn object(&self, object: &str) -> Times {
        self.object.get(object).copied().unwrap_or_default()
    }

    /// When the object showed each to the polling client.
    pub fn polled(&self, object: &str) -> Times {
        self.polled.get(object).copied().unwrap_or_default()
    }
}

async fn watch_drivers(pods: Api<Pod>, seen: Arc<Mutex<Seen>>) {
    let drivers = Config::default().labels("spark-role=driver");
    let mut events = watcher(pods, drivers).default_backoff().touched_objects().boxed();
    while let Some(event) = events.next().await {
        let Ok(pod) = event else { continue };
        let pod = serde_json::to_value(pod).unwrap();
        let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str);
        let Some((name, uid)) = text("/metadata/name").zip(text("/metadata/uid")) else {
            continue;
        };
        let object = name.trim_end_matches("-driver").to_owned();
        let time = |pointer: &str| text(pointer).and_then(|time| time.parse().ok());
        let state = "/status/containerStatuses/0/state";
        let running = time(&format!("{state}/running/startedAt"));
        let started = running.or_else(|| time(&format!("{state}/terminated/startedAt")));
        let mut seen = seen.lock().unwrap();
        seen.drivers
            .entry(object.clone())
            .or_default()
            .insert(uid.to_owned());
        let times = seen.driver.entry(object).or_default();
        times.running = times.running.or(started);
        times.ended = times
            .ended
            .or_else(|| time(&format!("{state}/terminated/finishedAt")));
    }
}

async fn watch_objects(objects: Api<DynamicObject>, seen: Arc<Mutex<Seen>>) {
    let mut events = watcher(objects, Config::default()).default_backoff().boxed();
    while let Some(event) = events.next().await {
        let mut seen = seen.lock().unwrap();
        match event {
            Ok(Event::Apply(object) | Event::InitApply(object)) => note(&mut seen.object, &object),
            Ok(Event::Delete(object)) => {
                let name = object.metadata.name.unwrap_or_default();
                let now = SystemClock.now();
                let seen = &mut *seen;
                for witness in [&mut seen.object, &mut seen.polled] {
                    witness.entry(name.clone()).or_default().ended.get_or_insert(now);
                }
            }
            Ok(Event::Init | Event::InitDone) | Err(_) => {}
        }
    }
}

async fn poll(objects: Api<DynamicObject>, seen: Arc<Mutex<Seen>>) {
    loop {
        if let Ok(list) = objects.list(&ListParams::default()).await {
            let mut seen = seen.lock().unwrap();
            list.items
                .iter()
                .for_each(|object| note(&mut seen.polled, object));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Notes the state that `object` shows now, where it is the first to show it.
fn note(times: &mut HashMap<String, Times>, object: &DynamicObject) {
    let state = object.data["status"]["applicationState"]["state"].as_str();
    let name = object.metadata.name.clone().unwrap_or_default();
    let times = times.entry(name).or_default();
    let now = SystemClock.now();
    match state {
        Some("RUNNING") => _ = times.running.get_or_insert(now),
        Some("COMPLETED" | "FAILED") => _ = times.ended.get_or_insert(now),
        _ => {}
    }
}

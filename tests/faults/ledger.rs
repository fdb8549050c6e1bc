//! Everything that was ever made on the clusters, written down as it was made: by UID, since an object that is deleted and
//! made anew under its name is another one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spark_broker::adapters::simulated::SimulatedCluster;
use spark_broker::model::ObjectUid;
use spark_broker::ports::cluster::{Cluster, ClusterEvent};
use spark_broker::submission::RawState;
use spark_broker::watch::{Driver, DriverPhase, ObjectState};
use tokio::time::Instant;

use crate::orphans::Orphans;

/// An object that was made.
#[derive(Clone)]
struct Made {
    name: String,
    uid: ObjectUid,
    cluster: Arc<SimulatedCluster>,
    orphans: Orphans,
}

/// By submission.
#[derive(Clone, Default)]
pub struct Ledger {
    made: Arc<Mutex<BTreeMap<String, Vec<Made>>>>,
    /// Drivers that were seen to run.
    ran: Arc<Mutex<BTreeMap<String, BTreeSet<ObjectUid>>>>,
    doubled: Arc<Mutex<Vec<String>>>,
    /// When each was made.
    times: Arc<Mutex<Vec<Instant>>>,
}

impl Ledger {
    /// The submission's objects that haven't finished, and drivers that haven't ended.
    pub async fn unfinished(&self, submission: &str) -> Vec<String> {
        let made = self.made.lock().unwrap().get(submission).cloned();
        let mut open = BTreeSet::new();
        for object in made.unwrap_or_default() {
            let stands = still(&object.cluster, &object.name).await;
            if stands.is_some_and(|it| it.uid == object.uid && !has_finished(&it)) {
                open.insert(format!("{} {}", object.name, object.uid));
            }
            open.extend(
                object
                    .orphans
                    .of(submission)
                    .iter()
                    .map(|pod| format!("{} {}", pod.name, pod.uid)),
            );
        }
        open.into_iter().collect()
    }

    /// All submissions that an object was made for.
    pub fn submissions(&self) -> Vec<String> {
        self.made.lock().unwrap().keys().cloned().collect()
    }

    /// What was doubled: made beside what hadn't finished, or run after another had.
    pub fn doubled(&self) -> Vec<String> {
        let mut doubled = self.doubled.lock().unwrap().clone();
        let ran = self.ran.lock().unwrap();
        let twice = ran.iter().filter(|(_, drivers)| drivers.len() > 1);
        doubled.extend(twice.map(|(submission, drivers)| format!("{submission} was run by {drivers:?}")));
        doubled
    }

    /// When objects were made, in order.
    pub fn times(&self) -> Vec<Instant> {
        self.times.lock().unwrap().clone()
    }

    /// Where an object of the submission stands whose driver has been seen to run, if any does.
    pub fn runs_on(&self, submission: &str) -> Option<(Arc<SimulatedCluster>, String, ObjectUid)> {
        self.ran.lock().unwrap().get(submission)?;
        let made = self.made.lock().unwrap();
        let last = made.get(submission)?.last()?.clone();
        Some((last.cluster, last.name, last.uid))
    }

    /// A cluster says something.
    pub fn hear(&self, event: &ClusterEvent) {
        let drivers: Vec<&Driver> = match event {
            ClusterEvent::Listed { drivers, .. } => drivers.iter().collect(),
            ClusterEvent::Driver(driver) => vec![driver],
            ClusterEvent::Object(_)
            | ClusterEvent::ObjectGone(_)
            | ClusterEvent::DriverGone(_)
            | ClusterEvent::Capacity(_)
            | ClusterEvent::Pools(_)
            | ClusterEvent::Unread(..)
            | ClusterEvent::Unreachable(_) => Vec::new(),
        };
        let mut ran = self.ran.lock().unwrap();
        for driver in drivers.into_iter().filter(|driver| has_run(driver)) {
            let submission = driver.owner.submission.clone().unwrap();
            ran.entry(submission).or_default().insert(driver.uid.clone());
        }
    }

    /// An object was made.
    pub async fn note(&self, object: &ObjectState, cluster: &Arc<SimulatedCluster>, orphans: &Orphans) {
        let submission = object.submission_id.as_ref().unwrap().to_string();
        let open = self.unfinished(&submission).await;
        // Not a panic: the broker would survive it.
        if !open.is_empty() {
            let text = format!("{} was made while {open:?} hadn't finished", object.name);
            self.doubled.lock().unwrap().push(text);
        }
        self.times.lock().unwrap().push(Instant::now());
        let mut made = self.made.lock().unwrap();
        made.entry(submission).or_default().push(Made {
            name: object.name.clone(),
            uid: object.uid.clone(),
            cluster: Arc::clone(cluster),
            orphans: orphans.clone(),
        });
    }
}

fn has_finished(object: &ObjectState) -> bool {
    object.known_raw().is_some_and(RawState::is_terminal)
}

fn has_run(driver: &Driver) -> bool {
    match &driver.phase {
        DriverPhase::Running { .. } => true,
        DriverPhase::Ended(end) => end.ran,
        DriverPhase::Waiting { .. } | DriverPhase::Unknown => false,
    }
}

/// The object of that name, asked for until the cluster is there.
async fn still(cluster: &SimulatedCluster, name: &str) -> Option<ObjectState> {
    loop {
        match cluster.get(name).await {
            Ok(object) => return object,
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

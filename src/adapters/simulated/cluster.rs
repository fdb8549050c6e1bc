//! The port over the state machine: the time that passes, who is told, and outages.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use super::file::File;
use super::machine::{Machine, Refused};
use super::{DemandOf, Error, Settings};
use crate::model::{Clock, InstallationId, ObjectUid, SubmissionId};
use crate::ports;
use crate::ports::cluster::{CapacityView, Cluster, ClusterEvent, CreateError, Deleted, PodSight};
use crate::watch::ObjectState;

/// Capacity is told at most this often.
const CAPACITY_EVERY: Duration = Duration::from_millis(200);

/// A simulated cluster; fulfils [`Cluster`].
pub struct SimulatedCluster {
    namespace: String,
    installation: InstallationId,
    clock: Arc<dyn Clock>,
    demand: DemandOf,
    file: File,
    machine: Mutex<Machine>,
    changed: Notify,
    /// Whether somebody takes the changes; else they aren't kept.
    watched: AtomicBool,
    /// Why it is away, while it is.
    away: watch::Sender<Option<String>>,
}

impl SimulatedCluster {
    /// Opens the cluster that `settings` names, with what its file holds.
    pub fn open(
        settings: Settings,
        installation: InstallationId,
        clock: Arc<dyn Clock>,
        demand: DemandOf,
    ) -> Result<Self, Error> {
        let (file, machine) = File::open(&settings)?;
        Ok(Self {
            namespace: settings.namespace,
            installation,
            clock,
            demand,
            file,
            machine: Mutex::new(machine),
            changed: Notify::new(),
            watched: AtomicBool::new(false),
            away: watch::Sender::new(None),
        })
    }

    /// Takes its API server away, as far as callers can see, or (`None`) brings it back. What runs there runs on.
    pub fn set_away(&self, reason: Option<String>) {
        self.away.send_replace(reason);
    }

    fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reachable(&self) -> Result<(), ports::Error> {
        match self.away.borrow().as_ref() {
            Some(reason) => Err(ports::Error::transient(reason.clone())),
            None => Ok(()),
        }
    }

    /// The machine as it is now.
    fn now(&self) -> Result<MutexGuard<'_, Machine>, ports::Error> {
        self.reachable()?;
        let mut machine = self.lock();
        machine.advance(self.clock.now());
        if self.watched.load(Ordering::Relaxed) {
            self.changed.notify_one();
        } else {
            machine.take_changes();
        }
        Ok(machine)
    }

    fn delete_by(
        &self,
        delete: impl FnOnce(&mut Machine, Timestamp) -> Deleted,
    ) -> Result<Deleted, ports::Error> {
        let mut machine = self.now()?;
        let deleted = delete(&mut machine, self.clock.now());
        self.file
            .write(&machine)
            .map_err(|error| ports::Error::transient(error.to_string()))?;
        Ok(deleted)
    }

    /// One connection of a watch: lists, then changes, until the cluster goes away or nobody listens.
    async fn watch_once(&self, events: &mpsc::Sender<ClusterEvent>) -> Result<(), Unheard> {
        let mut away = self.away.subscribe();
        let mut capacity = Capacity::default();
        let (listed, mut due) = {
            let mut machine = self.lock();
            let due = machine.advance(self.clock.now());
            machine.take_changes();
            (machine.listed(self.installation.as_str()), due)
        };
        events.send(listed).await?;
        loop {
            if let Some(view) = capacity.next(|| self.lock().capacity()) {
                events.send(ClusterEvent::Capacity(Box::new(view))).await?;
            }
            let wake = [due.map(|at| self.until(at)), capacity.wake()]
                .into_iter()
                .flatten()
                .min();
            tokio::select! {
                () = self.changed.notified() => {}
                () = sleep(wake) => {}
                gone = away.wait_for(Option::is_some) => { drop(gone); return Ok(()); }
                () = events.closed() => return Err(Unheard),
            }
            let (changes, next) = self.step();
            due = next;
            capacity.changed |= !changes.is_empty();
            for change in changes.into_iter().filter(|change| self.is_ours(change)) {
                events.send(change).await?;
            }
        }
    }

    /// Lets happen what is due; what changed, and when something is due next.
    fn step(&self) -> (Vec<ClusterEvent>, Option<Timestamp>) {
        let mut machine = self.lock();
        let due = machine.advance(self.clock.now());
        let changes = machine.take_changes();
        if !changes.is_empty()
            && let Err(error) = self.file.write(&machine)
        {
            // What is due happens again from the older file after a restart: nothing is lost by that.
            tracing::warn!(error = %error, "simulated cluster not saved");
        }
        (changes, due)
    }

    fn until(&self, at: Timestamp) -> Duration {
        Duration::try_from(at.duration_since(self.clock.now())).unwrap_or(Duration::ZERO)
    }

    fn is_ours(&self, change: &ClusterEvent) -> bool {
        let owner = match change {
            ClusterEvent::Object(object) | ClusterEvent::ObjectGone(object) => &object.owner,
            ClusterEvent::Driver(driver) | ClusterEvent::DriverGone(driver) => &driver.owner,
            ClusterEvent::Listed { .. }
            | ClusterEvent::Capacity(_)
            | ClusterEvent::Pools(_)
            | ClusterEvent::Unread(..)
            | ClusterEvent::Unreachable(_) => {
                return true;
            }
        };
        owner.installation.as_ref() == Some(&self.installation)
    }
}

/// Nobody listens to the watch.
struct Unheard;

impl From<mpsc::error::SendError<ClusterEvent>> for Unheard {
    fn from(_: mpsc::error::SendError<ClusterEvent>) -> Self {
        Self
    }
}

/// What is told of capacity, and when again.
struct Capacity {
    changed: bool,
    told: Option<CapacityView>,
    told_at: Option<Instant>,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            changed: true,
            told: None,
            told_at: None,
        }
    }
}

impl Capacity {
    fn wake(&self) -> Option<Duration> {
        let since = self.told_at?.elapsed();
        self.changed.then(|| CAPACITY_EVERY.saturating_sub(since))
    }

    fn next(&mut self, view: impl FnOnce() -> CapacityView) -> Option<CapacityView> {
        if !self.changed || self.wake().is_some_and(|wait| !wait.is_zero()) {
            return None;
        }
        self.changed = false;
        let view = view();
        if self.told.as_ref() == Some(&view) {
            return None;
        }
        self.told_at = Some(Instant::now());
        self.told = Some(view.clone());
        Some(view)
    }
}

async fn sleep(wake: Option<Duration>) {
    match wake {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

#[async_trait]
impl Cluster for SimulatedCluster {
    fn namespace(&self) -> &str {
        &self.namespace
    }

    async fn create(&self, object: &Value, _: Duration) -> Result<ObjectState, CreateError> {
        let mut machine = self
            .now()
            .map_err(|error| CreateError::NotConnected(error.to_string()))?;
        let demand = (self.demand)(&object["spec"]);
        let created = machine
            .create(object, demand, self.clock.now())
            .map_err(answered)?;
        self.file
            .write(&machine)
            .map_err(|error| CreateError::Ambiguous(error.to_string()))?;
        Ok(created)
    }

    async fn get(&self, name: &str) -> Result<Option<ObjectState>, ports::Error> {
        Ok(self.now()?.get(name))
    }

    async fn release(&self, name: &str, uid: &ObjectUid) -> Result<(), ports::Error> {
        let mut machine = self.now()?;
        machine.release(name, uid, self.clock.now());
        self.file
            .write(&machine)
            .map_err(|error| ports::Error::transient(error.to_string()))
    }

    async fn delete(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, ports::Error> {
        self.delete_by(|machine, now| machine.delete(name, uid, now))
    }

    async fn pods(&self, id: &SubmissionId) -> Result<Vec<PodSight>, ports::Error> {
        Ok(self.now()?.pods(&id.dns_form()))
    }

    async fn delete_pod(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, ports::Error> {
        self.delete_by(|machine, now| machine.delete_pod(name, uid, now))
    }

    async fn watch(&self, events: mpsc::Sender<ClusterEvent>) {
        self.watched.store(true, Ordering::Relaxed);
        let mut away = self.away.subscribe();
        loop {
            let reason = away.borrow_and_update().clone();
            if let Some(reason) = reason {
                if events.send(ClusterEvent::Unreachable(reason)).await.is_err() {
                    return;
                }
                tokio::select! {
                    back = away.wait_for(Option::is_none) => if back.is_err() { return },
                    () = events.closed() => return,
                }
            }
            if self.watch_once(&events).await.is_err() {
                return;
            }
        }
    }

    async fn identity(&self) -> Result<String, ports::Error> {
        self.reachable()?;
        Ok(self.file.identity.clone())
    }
}

fn answered(refused: Refused) -> CreateError {
    let (status, reason, message) = match refused {
        Refused::AlreadyExists => (409, "AlreadyExists", "the name is taken".to_owned()),
        Refused::Invalid(message) => (422, "Invalid", message),
    };
    CreateError::Answered {
        status,
        reason: reason.to_owned(),
        message,
        retry_after: None,
    }
}

//! A simulated cluster that several pods watch, each through a connection of its own, and the life of every object that
//! was ever on it, as the cluster itself tells of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use spark_broker::adapters::simulated::SimulatedCluster;
use spark_broker::model::{ObjectUid, SubmissionId};
use spark_broker::ports::Error;
use spark_broker::ports::cluster::{Cluster, ClusterEvent, CreateError, Deleted, PodSight};
use spark_broker::submission::RawState;
use spark_broker::watch::{Driver, DriverPhase, ObjectState};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::clusters::MOMENT;
use crate::fault::Faults;

/// One object's life.
#[derive(Debug, Clone)]
pub struct Life {
    pub object: String,
    pub cluster: &'static str,
    pub made: Instant,
    /// Since when its operator may run it.
    pub released: Option<Instant>,
    /// When its driver started and was over.
    pub started: Option<Instant>,
    pub stopped: Option<Instant>,
    /// When it had finished or was gone.
    pub over: Option<Instant>,
    pub gone: Option<Instant>,
}

impl Life {
    /// How long both could run, or their drivers ran, at once.
    pub fn beside(&self, other: &Self) -> Duration {
        let common = |one: (Option<Instant>, Option<Instant>), two: (Option<Instant>, Option<Instant>)| {
            let (Some(since), Some(others)) = (one.0, two.0) else {
                return Duration::ZERO;
            };
            let now = Instant::now();
            let until = one.1.unwrap_or(now).min(two.1.unwrap_or(now));
            until.saturating_duration_since(since.max(others))
        };
        let objects = common((self.released, self.over), (other.released, other.over));
        objects.max(common(
            (self.started, self.stopped),
            (other.started, other.stopped),
        ))
    }
}

#[derive(Default)]
struct Seen {
    objects: BTreeMap<String, ObjectState>,
    drivers: BTreeMap<ObjectUid, Driver>,
    watchers: Vec<mpsc::UnboundedSender<ClusterEvent>>,
    lives: BTreeMap<ObjectUid, Life>,
}

/// The cluster.
pub struct Hub {
    name: &'static str,
    inner: Arc<SimulatedCluster>,
    seen: Mutex<Seen>,
}

impl Hub {
    pub fn over(name: &'static str, inner: SimulatedCluster) -> Arc<Self> {
        Arc::new(Self {
            name,
            inner: Arc::new(inner),
            seen: Mutex::default(),
        })
    }

    /// Tells what happens, for ever.
    pub async fn run(&self) {
        let (events, mut said) = mpsc::channel(64);
        let tell = async {
            while let Some(event) = said.recv().await {
                let mut seen = self.seen.lock().unwrap();
                seen.note(self.name, &event);
                if !matches!(event, ClusterEvent::Listed { .. }) {
                    seen.watchers
                        .retain(|watcher| watcher.send(event.clone()).is_ok());
                }
            }
        };
        tokio::join!(self.inner.watch(events), tell);
    }

    /// All lives, in the order of their beginnings.
    pub fn lives(&self) -> Vec<Life> {
        let mut lives: Vec<Life> = self.seen.lock().unwrap().lives.values().cloned().collect();
        lives.sort_by_key(|life| life.made);
        lives
    }

    fn watched(&self) -> (ClusterEvent, mpsc::UnboundedReceiver<ClusterEvent>) {
        let (events, said) = mpsc::unbounded_channel();
        let mut seen = self.seen.lock().unwrap();
        seen.watchers.push(events);
        let listed = ClusterEvent::Listed {
            objects: seen.objects.values().cloned().collect(),
            drivers: seen.drivers.values().cloned().collect(),
        };
        (listed, said)
    }
}

impl Seen {
    fn note(&mut self, cluster: &'static str, event: &ClusterEvent) {
        let now = Instant::now();
        match event {
            ClusterEvent::Object(object) => {
                let life = self.lives.entry(object.uid.clone()).or_insert_with(|| Life {
                    object: object.name.clone(),
                    cluster,
                    made: now,
                    released: None,
                    started: None,
                    stopped: None,
                    over: None,
                    gone: None,
                });
                if !object.suspended {
                    life.released.get_or_insert(now);
                }
                if object.known_raw().is_some_and(RawState::is_terminal) {
                    life.over.get_or_insert(now);
                }
                self.objects.insert(object.name.clone(), *object.clone());
            }
            ClusterEvent::ObjectGone(object) => {
                self.objects.remove(&object.name);
                if let Some(life) = self.lives.get_mut(&object.uid) {
                    life.over.get_or_insert(now);
                    life.gone = Some(now);
                }
            }
            ClusterEvent::Driver(driver) => {
                self.drivers.insert(driver.uid.clone(), *driver.clone());
                self.driver_is(driver, now);
            }
            ClusterEvent::DriverGone(driver) => {
                self.drivers.remove(&driver.uid);
                if let Some(life) = self.life_of(driver).filter(|life| life.started.is_some()) {
                    life.stopped.get_or_insert(now);
                }
            }
            ClusterEvent::Listed { .. }
            | ClusterEvent::Capacity(_)
            | ClusterEvent::Pools(_)
            | ClusterEvent::Unread(..)
            | ClusterEvent::Unreachable(_) => {}
        }
    }

    fn driver_is(&mut self, driver: &Driver, now: Instant) {
        let Some(life) = self.life_of(driver) else {
            return;
        };
        match driver.phase {
            DriverPhase::Running { .. } => _ = life.started.get_or_insert(now),
            DriverPhase::Ended(_) => _ = life.stopped.get_or_insert(now),
            DriverPhase::Waiting { .. } | DriverPhase::Unknown => {}
        }
    }

    /// The youngest object of the driver's name.
    fn life_of(&mut self, driver: &Driver) -> Option<&mut Life> {
        let of = self.lives.values_mut();
        of.filter(|life| Some(&life.object) == driver.object_name.as_ref())
            .max_by_key(|life| life.made)
    }
}

/// How a cluster treats one pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// As it should.
    Fine,
    /// It forbids to create.
    Refuses,
    /// Nothing comes through.
    Silent,
}

/// A pod's connection to a cluster.
pub struct Connection {
    pub hub: Arc<Hub>,
    pub faults: Faults,
    pub reach: watch::Sender<Reach>,
}

impl Connection {
    /// A call takes a moment: what was asked at one instant and known at the next isn't the same age.
    async fn answers(&self) -> Result<(), Error> {
        tokio::time::sleep(MOMENT).await;
        match *self.reach.borrow() {
            Reach::Fine | Reach::Refuses => Ok(()),
            Reach::Silent => Err(Error::transient("no route to host")),
        }
    }

    /// One connection of a watch, until it breaks.
    async fn watch_once(&self, events: &mpsc::Sender<ClusterEvent>) -> Result<(), Unheard> {
        let (listed, mut said) = self.hub.watched();
        events.send(listed).await.map_err(|_| Unheard)?;
        let mut reach = self.reach.subscribe();
        let silent = async { drop(reach.wait_for(|reach| *reach == Reach::Silent).await) };
        tokio::pin!(silent);
        loop {
            let event = tokio::select! {
                event = said.recv() => event.ok_or(Unheard)?,
                () = &mut silent => return Ok(()),
                () = events.closed() => return Err(Unheard),
            };
            events.send(event).await.map_err(|_| Unheard)?;
        }
    }
}

/// Nobody listens to the watch.
struct Unheard;

#[async_trait]
impl Cluster for Connection {
    fn namespace(&self) -> &str {
        self.hub.inner.namespace()
    }

    async fn create(&self, object: &Value, deadline: Duration) -> Result<ObjectState, CreateError> {
        tokio::time::sleep(MOMENT).await;
        let reach = *self.reach.borrow();
        match reach {
            Reach::Fine => {
                self.faults
                    .step("create", self.hub.inner.create(object, deadline))
                    .await
            }
            Reach::Refuses => Err(CreateError::Answered {
                status: 403,
                reason: "Forbidden".into(),
                message: "cannot create resource \"sparkapplications\"".into(),
                retry_after: None,
            }),
            Reach::Silent => {
                tokio::time::sleep(deadline).await;
                Err(CreateError::Ambiguous("no answer in time".into()))
            }
        }
    }

    async fn get(&self, name: &str) -> Result<Option<ObjectState>, Error> {
        self.answers().await?;
        self.hub.inner.get(name).await
    }

    async fn release(&self, name: &str, uid: &ObjectUid) -> Result<(), Error> {
        self.answers().await?;
        self.faults
            .step("release", self.hub.inner.release(name, uid))
            .await
    }

    async fn delete(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, Error> {
        self.answers().await?;
        self.hub.inner.delete(name, uid).await
    }

    async fn pods(&self, id: &SubmissionId) -> Result<Vec<PodSight>, Error> {
        self.answers().await?;
        self.hub.inner.pods(id).await
    }

    async fn delete_pod(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, Error> {
        self.answers().await?;
        self.hub.inner.delete_pod(name, uid).await
    }

    async fn watch(&self, events: mpsc::Sender<ClusterEvent>) {
        let mut reach = self.reach.subscribe();
        loop {
            if *reach.borrow() == Reach::Silent {
                let broken = ClusterEvent::Unreachable("no route to host".into());
                if events.send(broken).await.is_err() {
                    return;
                }
                tokio::select! {
                    back = reach.wait_for(|reach| *reach != Reach::Silent) => drop(back),
                    () = events.closed() => return,
                }
            }
            if self.watch_once(&events).await.is_err() {
                return;
            }
        }
    }

    async fn identity(&self) -> Result<String, Error> {
        self.answers().await?;
        self.hub.inner.identity().await
    }
}

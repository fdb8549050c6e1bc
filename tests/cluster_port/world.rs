//! What the suite needs of an adapter under test beside the port itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use spark_broker::model::{Attempt, InstallationId, SubmissionId};
use spark_broker::ports::cluster::{CapacityView, Cluster, ClusterEvent};
use spark_broker::watch::{Driver, ObjectState, marks};
use tokio::sync::mpsc;

/// Longer than anything takes that happens at all.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The time that a create is given.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// One cluster with somebody in it who plays its operator, its scheduler and its nodes.
#[async_trait]
pub trait World: Send + Sync {
    fn cluster(&self) -> Arc<dyn Cluster>;

    fn installation(&self) -> InstallationId;

    /// Its nodes: three of four cores each. Others may stand beside them.
    fn nodes(&self) -> Vec<String>;

    /// Lets the object's driver (one core) run.
    async fn run(&self, object: &ObjectState);

    /// Lets the driver end with the exit code 3, as its annotation says, and the object fail.
    async fn fail(&self, object: &ObjectState);

    /// Takes the API server away.
    async fn go_away(&self);

    /// Brings it back.
    async fn come_back(&self);
}

/// An object of `installation`; its driver runs for a second and ends with 3.
pub fn object(world: &dyn World, id: &str, installation: &InstallationId) -> Value {
    let submission: SubmissionId = id.parse().expect("an ID");
    json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {
            "name": name(id),
            "namespace": world.cluster().namespace(),
            "labels": {
                (marks::INSTALLATION): installation.as_str(),
                (marks::SUBMISSION): submission.dns_form(),
                (marks::INCARNATION): "1f",
                (marks::ATTEMPT): "1",
            },
            "annotations": {
                (marks::SUBMISSION_ID): id,
                "simulated.spark-broker/run-time": "1s",
                "simulated.spark-broker/exit-code": "3",
            },
        },
        "spec": {
            "type": "Scala",
            "mode": "cluster",
            "sparkVersion": "3.5.0",
            "mainApplicationFile": "local:///a.jar",
            "driver": {"cores": 1},
            "executor": {"cores": 1, "instances": 1},
        },
    })
}

pub fn name(id: &str) -> String {
    id.parse::<SubmissionId>().expect("an ID").object_name(Attempt(1))
}

/// Creates the object of `id`.
pub async fn create(world: &dyn World, id: &str) -> ObjectState {
    let object = object(world, id, &world.installation());
    world.cluster().create(&object, DEADLINE).await.expect("created")
}

/// A watch, read event by event.
pub struct Watching {
    events: mpsc::Receiver<ClusterEvent>,
    task: tokio::task::JoinHandle<()>,
}

impl Watching {
    pub fn start(world: &dyn World) -> Self {
        let (sender, events) = mpsc::channel(1000);
        let cluster = world.cluster();
        let task = spawn(async move { cluster.watch(sender).await });
        Self { events, task }
    }

    /// Waits for the first event that `pick` wants, passing others over.
    pub async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(ClusterEvent) -> Option<T>) -> T {
        let searching = async {
            loop {
                let event = self.events.recv().await.expect("the watch goes on");
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, searching)
            .await
            .unwrap_or_else(|_| panic!("never saw {what}"))
    }

    pub async fn listed(&mut self) -> (Vec<ObjectState>, Vec<Driver>) {
        let pick = |event| match event {
            ClusterEvent::Listed { objects, drivers } => Some((objects, drivers)),
            _ => None,
        };
        self.until("a list", pick).await
    }

    pub async fn driver(&mut self, what: &str, pick: impl Fn(&Driver) -> bool) -> Driver {
        let pick = |event| match event {
            ClusterEvent::Driver(driver) if pick(&driver) => Some(*driver),
            _ => None,
        };
        self.until(what, pick).await
    }

    pub async fn capacity(&mut self, what: &str, pick: impl Fn(&CapacityView) -> bool) -> CapacityView {
        let pick = |event| match event {
            ClusterEvent::Capacity(view) if pick(&view) => Some(*view),
            _ => None,
        };
        self.until(what, pick).await
    }

    pub async fn unreachable(&mut self) -> String {
        let pick = |event| match event {
            ClusterEvent::Unreachable(reason) => Some(reason),
            _ => None,
        };
        self.until("an outage", pick).await
    }

    /// Stops listening; the watch must end by that.
    pub async fn stop(self) {
        let Self { events, task } = self;
        drop(events);
        tokio::time::timeout(PATIENCE, task)
            .await
            .expect("the watch ends")
            .expect("without a panic");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's own task, ended by Watching::stop or the test's runtime"
)]
fn spawn(future: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
    tokio::spawn(future)
}

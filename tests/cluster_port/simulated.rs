//! The simulated cluster.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use spark_broker::adapters::simulated::{NodeGroup, Settings, SimulatedCluster};
use spark_broker::model::{Bytes, Demand, InstallationId, Millicores, Resources, SystemClock};
use spark_broker::ports::cluster::{Cluster, CreateError};
use spark_broker::watch::ObjectState;

use super::world::{DEADLINE, World, create, object};

struct Simulated {
    cluster: Arc<SimulatedCluster>,
    installation: InstallationId,
}

fn settings(data_dir: Option<std::path::PathBuf>) -> Settings {
    let allocatable = Resources::new(Millicores(4000), Bytes::mib(16384), 110);
    Settings {
        name: "simulated".parse().expect("a name"),
        namespace: "spark-jobs".into(),
        nodes: vec![NodeGroup {
            count: 3,
            allocatable,
        }],
        data_dir,
    }
}

fn demand(spec: &Value) -> Demand {
    let cores = |role: &str| spec[role]["cores"].as_u64().unwrap_or(1) * 1000;
    let pod = |role| Resources::new(Millicores(cores(role)), Bytes::mib(1024), 1);
    let executors = u32::try_from(spec["executor"]["instances"].as_u64().unwrap_or(1)).unwrap_or(0);
    Demand {
        driver: pod("driver"),
        executor: pod("executor"),
        executors,
        ..Demand::default()
    }
}

fn open(installation: &InstallationId, data_dir: Option<std::path::PathBuf>) -> SimulatedCluster {
    let clock = Arc::new(SystemClock);
    SimulatedCluster::open(settings(data_dir), installation.clone(), clock, Arc::new(demand)).expect("opened")
}

async fn world() -> Simulated {
    let installation = InstallationId::random();
    Simulated {
        cluster: Arc::new(open(&installation, None)),
        installation,
    }
}

impl Simulated {
    /// It plays its operator itself: only wait.
    async fn wait_for(&self, object: &ObjectState, raw: &str) {
        loop {
            let seen = self
                .cluster
                .get(&object.name)
                .await
                .expect("an answer")
                .expect("the object");
            if seen.raw == raw {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[async_trait]
impl World for Simulated {
    fn cluster(&self) -> Arc<dyn Cluster> {
        self.cluster.clone()
    }

    fn installation(&self) -> InstallationId {
        self.installation.clone()
    }

    fn nodes(&self) -> Vec<String> {
        (0..3).map(|i| format!("node-{i}")).collect()
    }

    async fn run(&self, object: &ObjectState) {
        self.wait_for(object, "RUNNING").await;
    }

    async fn fail(&self, object: &ObjectState) {
        self.wait_for(object, "FAILED").await;
    }

    async fn go_away(&self) {
        self.cluster.set_away(Some("away".into()));
    }

    async fn come_back(&self) {
        self.cluster.set_away(None);
    }
}

crate::suite::suite!(world());

#[tokio::test]
async fn an_annotation_that_would_be_ignored_is_refused() {
    let world = world().await;
    let mut object = object(&world, "bad", &world.installation());
    object["metadata"]["annotations"]["simulated.spark-broker/run-time"] = json!("soon");
    let refused = world.cluster.create(&object, DEADLINE).await;
    assert!(
        matches!(refused, Err(CreateError::Answered { status: 422, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn objects_outlive_the_process() {
    let dir = std::env::temp_dir().join(format!("spark-broker-{}", InstallationId::random()));
    let installation = InstallationId::random();
    let first = Simulated {
        cluster: Arc::new(open(&installation, Some(dir.clone()))),
        installation,
    };
    let made = create(&first, "kept").await;
    first.run(&made).await;
    let pods = first
        .cluster
        .pods(&"kept".parse().expect("an ID"))
        .await
        .expect("an answer");
    let identity = first.cluster.identity().await.expect("an identity");
    // Nothing is told to the first one: a killed process says no farewell.
    let installation = first.installation.clone();
    let second = Simulated {
        cluster: Arc::new(open(&installation, Some(dir.clone()))),
        installation,
    };
    assert_eq!(second.cluster.identity().await.expect("an identity"), identity);
    let found = second
        .cluster
        .pods(&"kept".parse().expect("an ID"))
        .await
        .expect("an answer");
    assert_eq!(found[0].uid, pods[0].uid);
    second.fail(&made).await;
    assert!(second.cluster.delete(&made.name, &made.uid).await.is_ok());
    let third = open(&second.installation, Some(dir.clone()));
    assert_eq!(third.get(&made.name).await.expect("an answer"), None);
    std::fs::remove_dir_all(dir).expect("removed");
}

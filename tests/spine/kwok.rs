//! A real API server with KWOK's nodes: kube-scheduler binds pods, KWOK runs them, a stand-in plays the operator.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::DynamicObject;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::cluster::{ControlPlane, Node, Options, StandInOperator, User, runs_pods};
use crate::clusters::{real, rights};
use crate::spine::jobs::Job;

/// The namespace of its jobs.
const NAMESPACE: &str = "spark-jobs";

/// Ends of drivers, by object.
type Ends = Arc<Mutex<BTreeMap<String, Timestamp>>>;

/// The cluster; all of it ends when it is dropped.
pub struct Kwok {
    _operator: StandInOperator,
    _watch: JoinSet<()>,
    ends: Ends,
    plane: ControlPlane,
    name: &'static str,
    /// Cores and GiB of each node.
    node: (u64, u64),
}

impl Kwok {
    /// Starts one with `nodes` nodes of `cores` and `gib`. Its operator makes pods as `jobs` say.
    pub async fn start(name: &'static str, nodes: u64, cores: u64, gib: u64, jobs: &[Job]) -> Self {
        let plane = ControlPlane::start(Options::whole()).await;
        plane.apply_spark_crd().await;
        plane.ensure_namespace(NAMESPACE).await;
        for object in rights(NAMESPACE, User::Broker) {
            plane.apply(&object, Some(NAMESPACE)).await;
        }
        let jobs: HashMap<String, Job> = jobs.iter().map(|job| (job.id.clone(), job.clone())).collect();
        let jobs = Arc::new(jobs);
        let pods = move |object: &DynamicObject| {
            let annotations = object.metadata.annotations.as_ref().unwrap();
            let job = &jobs[&annotations["spark-broker/submission-id"]];
            let [driver, executor] = job.requests();
            runs_pods(&driver, job.executors, &executor)
        };
        let operator = StandInOperator::start(&plane, NAMESPACE, pods).await;
        let ends = Ends::default();
        let mut watch = JoinSet::new();
        watch.spawn(note_ends(plane.admin().await, Arc::clone(&ends)));
        let kwok = Self {
            _operator: operator,
            _watch: watch,
            ends,
            plane,
            name,
            node: (cores, gib),
        };
        join_all((1..=nodes).map(|n| kwok.add_node(n))).await;
        kwok
    }

    /// Adds its n-th node, like the others.
    pub async fn add_node(&self, n: u64) {
        let (cores, gib) = self.node;
        let node = Node::new(&format!("node-{n}"), &cores.to_string(), &format!("{gib}Gi"));
        self.plane.add_node(&node).await;
    }

    /// As the configuration names it, with these settings besides.
    pub fn settings(&self, more: &Value) -> Value {
        let mut settings = real(&self.plane, self.name, NAMESPACE, User::Broker);
        for (key, value) in more.as_object().unwrap() {
            settings[key] = json!(value);
        }
        settings
    }

    /// Its control plane.
    pub fn plane(&self) -> &ControlPlane {
        &self.plane
    }

    /// The pods of its jobs, and strangers' in the same namespace, as the API server has them now.
    pub async fn pods(&self) -> Vec<Pod> {
        self.plane.pods(NAMESPACE).await
    }

    /// When the driver of each object ended, by its own container, as the API server told it: in whole seconds.
    pub fn driver_ends(&self) -> BTreeMap<String, Timestamp> {
        self.ends.lock().unwrap().clone()
    }

    /// A folder that goes with it.
    pub fn folder(&self) -> &Path {
        self.plane.folder()
    }
}

/// Notes how drivers end for as long as it runs: their pods go with their objects.
async fn note_ends(client: Client, ends: Ends) {
    let pods: Api<Pod> = Api::namespaced(client, NAMESPACE);
    let drivers = watcher::Config::default().labels("spark-role=driver");
    let mut told = watcher(pods, drivers).default_backoff().applied_objects().boxed();
    loop {
        // An error is the watcher's to mend: it begins anew by itself.
        let Ok(Some(pod)) = told.try_next().await else {
            continue;
        };
        let pod = serde_json::to_value(pod).unwrap();
        let name = pod["metadata"]["name"].as_str().unwrap();
        let end = &pod["status"]["containerStatuses"][0]["state"]["terminated"]["finishedAt"];
        if let (Some(object), Some(end)) = (name.strip_suffix("-driver"), end.as_str()) {
            let end = end.parse().unwrap();
            ends.lock().unwrap().insert(object.to_owned(), end);
        }
    }
}

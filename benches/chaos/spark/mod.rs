//! What plays Spark on one cluster, and isn't part of the broker: an operator as careless as Kubeflow's, the
//! spark-submits that it forks and that outlive it, the kubelet of the driver pods, and the garbage collector.

mod kubelet;
mod operator;
mod submit;

use std::sync::Arc;

use kube::Api;
use kube::Client;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::cluster::{ControlPlane, applications};
pub use kubelet::{EXIT_CODE, RUN_TIME};
use submit::Submission;

/// Spark on one cluster; all of it ends with its owner.
pub struct Spark {
    client: Client,
    namespace: String,
    operator: Option<JoinSet<()>>,
    submissions: mpsc::Sender<Submission>,
    _others: JoinSet<()>,
}

impl Spark {
    /// Plays in `namespace` of `plane`.
    pub async fn start(plane: &ControlPlane, namespace: &str) -> Self {
        let client = plane.admin().await;
        let (submissions, asked) = mpsc::channel(1_000);
        let mut others = JoinSet::new();
        others.spawn(submit::fork_all(client.clone(), namespace.to_owned(), asked));
        others.spawn(kubelet::run_pods(client.clone(), namespace.to_owned()));
        others.spawn(kubelet::collect_garbage(client.clone(), namespace.to_owned()));
        let mut spark = Self {
            client,
            namespace: namespace.to_owned(),
            operator: None,
            submissions,
            _others: others,
        };
        spark.start_operator();
        spark
    }

    /// Starts the operator, which knows nothing but what the API server tells.
    pub fn start_operator(&mut self) {
        let mut tasks = JoinSet::new();
        let (client, namespace) = (self.client.clone(), self.namespace.clone());
        tasks.spawn(operator::operate(client, namespace, self.submissions.clone()));
        self.operator = Some(tasks);
    }

    /// Ends the operator at once. The spark-submits that it forked go on; what they return is lost.
    pub fn kill_operator(&mut self) {
        self.operator = None;
    }

    /// Changes an annotation of every object that the operator hasn't written a word about; how many those were. Their
    /// resource version is another then than the one under which the operator submits them.
    pub async fn touch_new_ones(&self) -> u64 {
        let api = self.applications();
        let Ok(all) = api.list(&ListParams::default()).await else {
            return 0;
        };
        let new = all.items.into_iter().filter(|object| raw(object).is_empty());
        let mut touched = 0;
        for object in new {
            let patch =
                json!({"metadata": {"uid": object.metadata.uid, "annotations": {"touched-by": "somebody"}}});
            let name = object.metadata.name.unwrap_or_default();
            let done = api
                .patch(&name, &PatchParams::default(), &Patch::Merge(patch))
                .await;
            touched += u64::from(done.is_ok());
        }
        touched
    }

    /// The objects, by the tests' own user, past every proxy.
    pub fn applications(&self) -> Api<DynamicObject> {
        applications(self.client.clone(), &self.namespace)
    }
}

/// The operator's word on an object.
pub fn raw(object: &DynamicObject) -> &str {
    object.data["status"]["applicationState"]["state"]
        .as_str()
        .unwrap_or_default()
}

/// Objects of one kind as a watch tells of them.
struct Cache<K> {
    known: std::collections::HashMap<String, Arc<K>>,
    listed: std::collections::HashMap<String, Arc<K>>,
    complete: bool,
}

impl<K: kube::Resource> Cache<K> {
    fn new() -> Self {
        Self {
            known: Default::default(),
            listed: Default::default(),
            complete: false,
        }
    }

    fn take(&mut self, event: kube::runtime::watcher::Event<K>) {
        use kube::runtime::watcher::Event;
        let name = |object: &K| object.meta().name.clone().unwrap_or_default();
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(object) => _ = self.listed.insert(name(&object), Arc::new(object)),
            Event::InitDone => {
                self.known = std::mem::take(&mut self.listed);
                self.complete = true;
            }
            Event::Apply(object) => _ = self.known.insert(name(&object), Arc::new(object)),
            Event::Delete(object) => _ = self.known.remove(&name(&object)),
        }
    }
}

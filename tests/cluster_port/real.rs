//! The Spark operator's adapter on a real API server, whose operator, scheduler and nodes the test plays.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use aws_config::SdkConfig;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use spark_broker::adapters::spark_operator::{CertificateAuthority, Connect, Sources, SparkOperatorCluster};
use spark_broker::model::{InstallationId, SystemClock};
use spark_broker::ports::cluster::Cluster;
use spark_broker::watch::ObjectState;

use super::plane::Plane;
use super::proxy::{Network, Proxy};
use super::world::World;
use crate::cluster::User;

const TIME: &str = "2026-11-23T05:30:00Z";
const LATER: &str = "2026-11-23T05:30:09Z";

/// A namespace and three nodes of its own.
pub struct Real {
    pub cluster: Arc<SparkOperatorCluster>,
    pub installation: InstallationId,
    pub namespace: String,
    pub admin: kube::Client,
    pub proxy: Proxy,
}

pub async fn world() -> Real {
    let plane = Plane::shared().await;
    let admin = plane.admin().await;
    let installation = InstallationId::random();
    let namespace = plane.namespace_for(User::Broker).await;
    for node in nodes_of(&namespace) {
        plane.add_node(&node).await;
    }
    let proxy = Proxy::to(plane.address()).await;
    let connect = connect(&plane, &proxy, plane.token_file(User::Broker));
    let cluster = dial(connect, &namespace, &installation);
    Real {
        cluster: Arc::new(cluster),
        installation,
        namespace,
        admin,
        proxy,
    }
}

pub fn connect(plane: &Plane, proxy: &Proxy, token_file: PathBuf) -> Connect {
    Connect::Token {
        server: format!("https://{}", proxy.address),
        certificate_authority: Some(CertificateAuthority::Pem(plane.certificate_authority())),
        token_file,
    }
}

pub fn dial(connect: Connect, namespace: &str, installation: &InstallationId) -> SparkOperatorCluster {
    dial_for(
        connect,
        namespace,
        installation,
        Sources {
            nodes: true,
            ..Sources::default()
        },
    )
}

pub fn dial_for(
    connect: Connect,
    namespace: &str,
    installation: &InstallationId,
    sources: Sources,
) -> SparkOperatorCluster {
    let sdk = SdkConfig::builder().build();
    let clock = Arc::new(SystemClock);
    SparkOperatorCluster::dialled(connect, sdk, clock, namespace, installation.clone(), sources)
        .with_watch_seconds(3)
}

fn nodes_of(namespace: &str) -> Vec<String> {
    (0..3).map(|i| format!("{namespace}-{i}")).collect()
}

impl Real {
    fn objects(&self) -> Api<DynamicObject> {
        let gvk = GroupVersionKind::gvk("sparkoperator.k8s.io", "v1beta2", "SparkApplication");
        let resource = ApiResource::from_gvk_with_plural(&gvk, "sparkapplications");
        Api::namespaced_with(self.admin.clone(), &self.namespace, &resource)
    }

    async fn set_object(&self, object: &ObjectState, mut status: Value) {
        status["driverInfo"] = json!({"podName": format!("{}-driver", object.name)});
        let patch = json!({"status": status});
        let merge = Patch::Merge(&patch);
        self.objects()
            .patch_status(&object.name, &PatchParams::default(), &merge)
            .await
            .expect("a status");
    }

    async fn set_driver(&self, object: &ObjectState, phase: &str, state: Value) {
        let container = json!({
            "name": "spark-kubernetes-driver", "image": "spark", "imageID": "", "ready": false,
            "restartCount": 0, "state": state,
        });
        let patch = json!({"status": {"phase": phase, "containerStatuses": [container]}});
        let pods: Api<Pod> = Api::namespaced(self.admin.clone(), &self.namespace);
        let name = format!("{}-driver", object.name);
        pods.patch_status(&name, &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .expect("a status");
    }

    async fn make_driver(&self, object: &ObjectState) {
        let made = self.objects().get(&object.name).await.expect("the object");
        let mut labels = made.metadata.labels.unwrap_or_default();
        labels.insert("spark-role".into(), "driver".into());
        labels.insert("sparkoperator.k8s.io/app-name".into(), object.name.clone());
        let requests = json!({"cpu": "1", "memory": "1Gi"});
        let container =
            json!({"name": "spark-kubernetes-driver", "image": "spark", "resources": {"requests": requests}});
        let pod = json!({
            "metadata": {"name": format!("{}-driver", object.name), "labels": labels},
            "spec": {
                "nodeName": format!("{}-0", self.namespace), "containers": [container],
                "terminationGracePeriodSeconds": 0,
            },
        });
        let pods: Api<Pod> = Api::namespaced(self.admin.clone(), &self.namespace);
        let pod = serde_json::from_value(pod).expect("a pod");
        pods.create(&PostParams::default(), &pod).await.expect("a pod");
    }
}

#[async_trait]
impl World for Real {
    fn cluster(&self) -> Arc<dyn Cluster> {
        self.cluster.clone()
    }

    fn installation(&self) -> InstallationId {
        self.installation.clone()
    }

    fn nodes(&self) -> Vec<String> {
        nodes_of(&self.namespace)
    }

    async fn run(&self, object: &ObjectState) {
        self.make_driver(object).await;
        self.set_driver(object, "Running", json!({"running": {"startedAt": TIME}}))
            .await;
        self.set_object(object, json!({"applicationState": {"state": "RUNNING"}}))
            .await;
    }

    async fn fail(&self, object: &ObjectState) {
        let words = "driver container failed with ExitCode: 3, Reason: Error";
        let state = json!({"state": "FAILED", "errorMessage": words});
        self.set_object(
            object,
            json!({"applicationState": state, "terminationTime": LATER}),
        )
        .await;
        let end = json!({"exitCode": 3, "reason": "Error", "startedAt": TIME, "finishedAt": LATER});
        self.set_driver(object, "Failed", json!({"terminated": end}))
            .await;
    }

    async fn go_away(&self) {
        self.proxy.set(Network::Cut);
    }

    async fn come_back(&self) {
        self.proxy.set(Network::Open);
    }
}

crate::suite::suite!(world());

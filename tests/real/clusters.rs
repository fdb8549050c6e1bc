//! Clusters as the configuration names them, and the broker's rights on them.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::cluster::{ControlPlane, User, documents};

/// The rights of the broker in a cluster that runs its jobs, in the namespace `spark-jobs`.
const RBAC: &str = include_str!("../../deploy/target-cluster/rbac.yaml");

/// The right to ask YuniKorn through the API server, in the namespace `yunikorn`.
const YUNIKORN: &str = include_str!("../../deploy/target-cluster/yunikorn.yaml");

/// A cluster behind `plane`, reached as `user` by a kubeconfig of its own.
pub fn real(plane: &ControlPlane, name: &str, namespace: &str, user: User) -> Value {
    let kubeconfig = plane.kubeconfig_with(&format!("{name}-{namespace}"), &user.token());
    json!({
        "name": name,
        "namespace": namespace,
        "connect": {"kubeconfig": kubeconfig},
        "pacing": {"maxPending": 1000},
    })
}

/// Lets the broker reach `cluster`, which is behind `plane`, through this address alone.
pub fn through(address: SocketAddr, plane: &ControlPlane, cluster: &Value) {
    let path = cluster["connect"]["kubeconfig"].as_str().unwrap();
    let direct = std::fs::read_to_string(path).unwrap();
    let url = format!("https://{address}");
    std::fs::write(path, direct.replace(&plane.url(), &url)).unwrap();
}

/// A simulated cluster.
pub fn simulated(name: &str) -> Value {
    json!({"name": name, "type": "simulated"})
}

/// A new namespace in which `user` has the rights that the project ships.
pub async fn namespace_for(plane: &ControlPlane, user: User) -> String {
    let namespace = plane.create_namespace("jobs").await;
    for object in rights(&namespace, user) {
        plane.apply(&object, Some(&namespace)).await;
    }
    namespace
}

/// The shipped RBAC objects by which `user` asks YuniKorn.
pub fn headroom_rights(user: User) -> Vec<Value> {
    documents(&for_user(YUNIKORN, user))
}

fn for_user(text: &str, user: User) -> String {
    let subject = format!("kind: User\n    name: {}", user.name());
    text.replace("kind: Group\n    name: spark-broker", &subject)
}

/// The shipped RBAC objects, for `namespace` and `user`; those of the cluster's scope get names of their own.
pub fn rights(namespace: &str, user: User) -> Vec<Value> {
    let text = for_user(RBAC, user)
        .replace("spark-jobs", namespace)
        .replace("spark-broker-identity", &format!("identity-{namespace}"))
        .replace("spark-broker-capacity", &format!("capacity-{namespace}"));
    documents(&text)
}

//! The control planes under these tests, with the rights that `deploy/` gives to the broker and no more.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::cluster::{ControlPlane, Node, Options, TokenWebhook, User};

/// The rights of the broker in a cluster that runs its jobs, in the namespace `spark-jobs`.
const RBAC: &str = include_str!("../../deploy/target-cluster/rbac.yaml");

/// An API server with etcd behind it.
pub enum Plane {
    /// With the operator's CRD; many tests use it, each in its own namespace.
    Shared(&'static ControlPlane),
    /// For one test alone.
    Own(Box<ControlPlane>),
}

impl Plane {
    pub async fn shared() -> Self {
        Self::Shared(ControlPlane::shared().await)
    }

    /// One without the operator's CRD.
    pub async fn bare() -> Self {
        Self::Own(Box::new(ControlPlane::start(Options::default()).await))
    }

    /// One that asks `url` whose a token is, each time anew.
    pub async fn with_token_webhook(url: &str) -> Self {
        let webhook = TokenWebhook {
            url: url.to_owned(),
            cache: Duration::ZERO,
        };
        let options = Options {
            token_webhook: Some(webhook),
            ..Options::default()
        };
        Self::Own(Box::new(ControlPlane::start(options).await))
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.control().port()))
    }

    pub fn certificate_authority(&self) -> String {
        self.control().certificate()
    }

    pub async fn admin(&self) -> kube::Client {
        self.control().admin().await
    }

    /// A file with the token of `user`.
    pub fn token_file(&self, user: User) -> PathBuf {
        self.token_file_with(&user.token())
    }

    /// A file with `token`.
    pub fn token_file_with(&self, token: &str) -> PathBuf {
        let path = self.control().folder().join(format!("{token}.token"));
        std::fs::write(&path, token).expect("a token file");
        path
    }

    /// A new namespace in which `broker` has the rights that the project ships.
    pub async fn namespace_for(&self, broker: User) -> String {
        let name = self.control().create_namespace("jobs").await;
        self.grant(&name, broker).await;
        name
    }

    /// Gives `broker` its rights in `namespace`; the objects of the cluster's scope get names of their own.
    pub async fn grant(&self, namespace: &str, broker: User) {
        self.control()
            .apply_yaml(&rights(RBAC, namespace, broker), Some(namespace))
            .await;
    }

    /// The same without the part for the capacity source `nodes`.
    pub async fn grant_without_capacity(&self, namespace: &str, broker: User) {
        let documents = RBAC.split("\n---\n");
        let kept: Vec<_> = documents
            .filter(|text| !text.contains("spark-broker-capacity"))
            .collect();
        let text = rights(&kept.join("\n---\n"), namespace, broker);
        self.control().apply_yaml(&text, Some(namespace)).await;
    }

    /// A ready node of four cores.
    pub async fn add_node(&self, name: &str) {
        self.control().add_node(&Node::new(name, "4", "16Gi")).await;
    }

    pub fn control(&self) -> &ControlPlane {
        match self {
            Self::Shared(control) => control,
            Self::Own(control) => control,
        }
    }
}

/// Rights as they are shipped, for another namespace and for a user instead of a group.
fn rights(shipped: &str, namespace: &str, broker: User) -> String {
    let name = broker.name();
    shipped
        .replace("spark-jobs", namespace)
        .replace("spark-broker-identity", &format!("identity-{namespace}-{name}"))
        .replace("spark-broker-capacity", &format!("capacity-{namespace}-{name}"))
        .replace(
            "name: spark-broker\n  namespace",
            &format!("name: {name}\n  namespace"),
        )
        .replace("name: spark-broker\nsubjects", &format!("name: {name}\nsubjects"))
        .replace(
            "kind: Group\n    name: spark-broker",
            &format!("kind: User\n    name: {name}"),
        )
}

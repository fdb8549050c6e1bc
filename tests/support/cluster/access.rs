//! Who may speak to a control plane: users by token, kubeconfig files, clients.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

use super::control_plane::ControlPlane;

/// A user of the API server, known by a static token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// The tests' own: `system:masters`, may do everything.
    Admin,
    /// The user `broker`, in no group: may do what a test's RBAC objects give to it and no more.
    Broker,
    /// The user `stranger`, in no group: for tests of missing rights.
    Stranger,
}

impl User {
    /// All users.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Broker, Self::Stranger];

    /// The user's name, as RBAC objects write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Broker => "broker",
            Self::Stranger => "stranger",
        }
    }

    /// The user's bearer token.
    pub fn token(self) -> String {
        format!("token-of-{}", self.name())
    }

    /// The line of the API server's token file.
    pub(super) fn line(self) -> String {
        let group = match self {
            Self::Admin => "system:masters",
            Self::Broker | Self::Stranger => "",
        };
        format!("{},{},{},\"{group}\"\n", self.token(), self.name(), self.name())
    }
}

impl ControlPlane {
    /// The API server's address.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port())
    }

    /// The certificate by which the API server is known, PEM.
    pub fn certificate(&self) -> String {
        fs::read_to_string(self.folder().join("certs/apiserver.crt"))
            .expect("the API server has a certificate")
    }

    /// A kubeconfig file of `user`; its only context has the user's name.
    pub fn kubeconfig(&self, user: User) -> PathBuf {
        self.kubeconfig_with(user.name(), &user.token())
    }

    /// A kubeconfig file with a bearer `token`; its only context and the file are called `name`.
    pub fn kubeconfig_with(&self, name: &str, token: &str) -> PathBuf {
        let path = self.folder().join(format!("{name}.kubeconfig"));
        fs::write(&path, self.kubeconfig_text(name, token).to_string()).expect("a kubeconfig can be written");
        path
    }

    /// A kubeconfig file of the service account `name`, by a token that the API server issues for a day.
    pub async fn kubeconfig_of_service_account(&self, namespace: &str, name: &str) -> PathBuf {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.admin().await, namespace);
        let spec = TokenRequestSpec {
            expiration_seconds: Some(86_400),
            ..Default::default()
        };
        let request = TokenRequest {
            spec: Some(spec),
            ..Default::default()
        };
        let answer = accounts
            .create_token_request(name, &Default::default(), &request)
            .await;
        let token = answer
            .expect("a token is issued")
            .status
            .and_then(|status| status.token);
        self.kubeconfig_with(
            &format!("{namespace}-{name}"),
            &token.expect("an issued token is in the status"),
        )
    }

    /// A new client of the tests' own user. Clients belong to the runtime that made them: don't share them among tests.
    pub async fn admin(&self) -> Client {
        self.client(User::Admin).await
    }

    /// A new client of `user`.
    pub async fn client(&self, user: User) -> Client {
        let text = self.kubeconfig_text(user.name(), &user.token());
        let kubeconfig: Kubeconfig = serde_json::from_value(text).expect("the kubeconfig is well formed");
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        Client::try_from(config.expect("the kubeconfig is complete")).expect("a client can be made")
    }

    /// JSON, which is YAML too.
    fn kubeconfig_text(&self, name: &str, token: &str) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": {
                "server": self.url(),
                "certificate-authority-data": STANDARD.encode(self.certificate()),
            }}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        })
    }
}

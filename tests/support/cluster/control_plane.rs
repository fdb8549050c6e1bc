//! A control plane: its processes, and how they are started, stopped and held.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::sync::OnceCell;

use super::access::User;
use super::family::{Family, Process};
use super::folders::scratch;
use super::kwok;
use super::objects::eventually;
use super::ports::free_ports;
use super::tools::{Tool, binary};

/// What runs besides etcd and the API server.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The scheduler, which binds pods to nodes.
    pub scheduler: bool,
    /// The controller manager: garbage collection of owned objects, taints of nodes, service accounts.
    pub controller_manager: bool,
    /// KWOK, which runs nodes and pods; drivers end as [`kwok::Driver`] says.
    pub kwok: bool,
    /// Refuse pods of a service account that isn't there, as real clusters do; needs the controller manager.
    pub service_accounts: bool,
    /// Tokens unknown to the API server are shown to this webhook.
    pub token_webhook: Option<TokenWebhook>,
    /// The API server reaches the cluster's own network (services, pods, webhooks) through the HTTP proxy on this Unix
    /// socket.
    pub egress: Option<PathBuf>,
}

impl Options {
    /// A whole cluster: nodes, scheduling and garbage collection.
    pub fn whole() -> Self {
        Self {
            scheduler: true,
            controller_manager: true,
            kwok: true,
            ..Self::default()
        }
    }
}

/// A webhook that says whose a bearer token is (a `TokenReview`).
#[derive(Debug, Clone)]
pub struct TokenWebhook {
    /// Its address, `http://` or `https://`.
    pub url: String,
    /// For how long the API server keeps an answer.
    pub cache: Duration,
}

/// A running control plane. All of it ends when it is dropped.
pub struct ControlPlane {
    // Dropped in this order: an API server whose etcd has gone takes minutes to end.
    helpers: Mutex<Vec<Process>>,
    api_server: Mutex<Option<Process>>,
    etcd: Process,
    family: Family,
    options: Options,
    port: u16,
    etcd_port: u16,
}

impl ControlPlane {
    /// Starts one and waits until its API server is ready.
    ///
    /// # Panics
    ///
    /// If a program can't be built, or the API server isn't ready within a minute.
    pub async fn start(options: Options) -> Self {
        let [port, etcd_port, peer_port] = free_ports();
        let family = Family::new(scratch().join(unique("control-plane")));
        write_files(family.folder(), &options);
        let etcd = family.spawn("etcd", &mut etcd(family.folder(), etcd_port, peer_port));
        let (helpers, api_server) = (Mutex::default(), Mutex::default());
        let plane = Self {
            helpers,
            api_server,
            etcd,
            family,
            options,
            port,
            etcd_port,
        };
        plane.start_api_server().await;
        plane.start_helpers();
        plane
    }

    /// The API server that all tests of this binary may share, with the `SparkApplication` CRD; each in its own namespace.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
        let start = || async {
            let plane = Self::start(Options::default()).await;
            plane.apply_spark_crd().await;
            plane
        };
        SHARED.get_or_init(start).await
    }

    /// Starts the API server, at the same port and on the same data as before, and waits until it is ready.
    pub async fn start_api_server(&self) {
        let process = self
            .family
            .spawn("kube-apiserver", &mut self.api_server_command());
        *self.api_server() = Some(process);
        let certificate = self.folder().join("certs/apiserver.crt");
        eventually("the API server has its certificate", async || {
            self.assert_running();
            certificate.exists()
        })
        .await;
        eventually("the API server is ready", async || {
            self.assert_running();
            self.answers_ready().await
        })
        .await;
    }

    /// Ends the API server at once; connections are refused until [`Self::start_api_server`].
    pub fn stop_api_server(&self) {
        *self.api_server() = None;
    }

    /// Holds the API server: connections are taken, nothing is answered.
    pub fn pause_api_server(&self) {
        self.signal_api_server("STOP");
    }

    /// Lets a held API server go on.
    pub fn resume_api_server(&self) {
        self.signal_api_server("CONT");
    }

    /// Ends scheduler, controller manager and KWOK: the cluster stays as it is.
    pub fn stop_helpers(&self) {
        lock(&self.helpers).clear();
    }

    /// Starts what [`Self::stop_helpers`] ended.
    pub fn start_helpers(&self) {
        let kubeconfig = self.kubeconfig(User::Admin);
        let wanted = [
            (
                self.options.controller_manager,
                Tool::ControllerManager,
                "controller-manager",
            ),
            (self.options.scheduler, Tool::Scheduler, "scheduler"),
            (self.options.kwok, Tool::Kwok, "kwok"),
        ];
        for (_, tool, name) in wanted.into_iter().filter(|(wanted, ..)| *wanted) {
            let mut command = Command::new(binary(tool));
            command
                .arg("--kubeconfig")
                .arg(&kubeconfig)
                .args(self.helper_arguments(tool));
            lock(&self.helpers).push(self.family.spawn(name, &mut command));
        }
    }

    /// The API server's port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of this control plane: data, logs, kubeconfigs. It goes with the control plane.
    pub fn folder(&self) -> &Path {
        self.family.folder()
    }

    /// Starts another program that ends with this control plane at the latest.
    pub fn spawn(&self, name: &str, command: &mut Command) -> Process {
        self.family.spawn(name, command)
    }

    /// Whether KWOK makes nodes ready.
    pub(super) fn has_kwok(&self) -> bool {
        self.options.kwok
    }

    async fn answers_ready(&self) -> bool {
        let request = http::Request::get("/readyz")
            .body(Vec::new())
            .expect("a path is a request");
        let client = self.admin().await;
        let answer = client.request_text(request);
        tokio::time::timeout(Duration::from_secs(2), answer)
            .await
            .is_ok_and(|answer| answer.is_ok())
    }

    fn signal_api_server(&self, signal: &str) {
        self.api_server()
            .as_ref()
            .expect("the API server runs")
            .signal(signal);
    }

    fn assert_running(&self) {
        self.api_server()
            .as_mut()
            .expect("the API server was started")
            .assert_running();
    }

    fn api_server(&self) -> MutexGuard<'_, Option<Process>> {
        lock(&self.api_server)
    }

    fn api_server_command(&self) -> Command {
        let mut command = Command::new(binary(Tool::ApiServer));
        command.current_dir(self.folder()).args([
            &format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_port),
            &format!("--secure-port={}", self.port),
            &format!(
                "--disable-admission-plugins={}",
                self.disabled_admission().join(",")
            ),
        ]);
        command.args([
            "--bind-address=127.0.0.1",
            "--cert-dir=certs",
            "--service-account-issuer=https://test",
            "--service-account-key-file=sa.key",
            "--service-account-signing-key-file=sa.key",
            "--token-auth-file=tokens.csv",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--endpoint-reconciler-type=none",
            "--allow-privileged=true",
        ]);
        if self.options.egress.is_some() {
            command.arg("--egress-selector-config-file=egress.json");
        }
        if let Some(webhook) = &self.options.token_webhook {
            let ttl = format!(
                "--authentication-token-webhook-cache-ttl={}ms",
                webhook.cache.as_millis()
            );
            command.args([
                "--authentication-token-webhook-config-file=token-webhook.json",
                &ttl,
            ]);
            command.arg("--authentication-token-webhook-version=v1");
        }
        command
    }

    /// Without a controller manager nobody would make service accounts or take the first taint off a node.
    fn disabled_admission(&self) -> Vec<&'static str> {
        let mut disabled = vec![];
        if !self.options.service_accounts {
            disabled.push("ServiceAccount");
        }
        if !self.options.controller_manager {
            disabled.push("TaintNodesByCondition");
        }
        disabled
    }

    fn helper_arguments(&self, tool: Tool) -> Vec<String> {
        let key = self.folder().join("sa.key");
        match tool {
            Tool::ControllerManager => vec![
                format!("--service-account-private-key-file={}", key.display()),
                "--leader-elect=false".to_owned(),
                "--secure-port=0".to_owned(),
                // A quota on objects of a kind that is new would else stay uncounted for five minutes.
                "--resource-quota-sync-period=5s".to_owned(),
            ],
            Tool::Scheduler => vec!["--leader-elect=false".to_owned(), "--secure-port=0".to_owned()],
            Tool::Kwok => kwok::arguments(self.folder()),
            Tool::Etcd | Tool::ApiServer | Tool::SparkOperator | Tool::Helm => vec![],
        }
    }
}

fn etcd(folder: &Path, port: u16, peer_port: u16) -> Command {
    let (url, peer_url) = (
        format!("http://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{peer_port}"),
    );
    let mut command = Command::new(binary(Tool::Etcd));
    command
        .arg("--data-dir")
        .arg(folder.join("etcd"))
        .arg("--unsafe-no-fsync");
    command.args(["--listen-client-urls", &url, "--advertise-client-urls", &url]);
    command.args(["--listen-peer-urls", &peer_url]);
    command
}

fn write_files(folder: &Path, options: &Options) {
    let write = |name: &str, text: String| {
        fs::write(folder.join(name), text).expect("the folder of a control plane can be written");
    };
    write("tokens.csv", User::ALL.map(User::line).concat());
    write("sa.key", service_account_key());
    if let Some(proxy) = &options.egress {
        let transport = json!({"uds": {"udsName": proxy}});
        let config = json!({
            "apiVersion": "apiserver.k8s.io/v1beta1",
            "kind": "EgressSelectorConfiguration",
            "egressSelections": [
                {"name": "cluster", "connection": {"proxyProtocol": "HTTPConnect", "transport": transport}},
            ],
        });
        write("egress.json", config.to_string());
    }
    if let Some(webhook) = &options.token_webhook {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "webhook",
            "clusters": [{"name": "webhook", "cluster": {"server": webhook.url}}],
            "users": [{"name": "webhook", "user": {}}],
            "contexts": [{"name": "webhook", "context": {"cluster": "webhook", "user": "webhook"}}],
        });
        write("token-webhook.json", config.to_string());
    }
}

/// The key by which service accounts' tokens are signed: RSA, PKCS#8, PEM.
fn service_account_key() -> String {
    let key = KeyPair::generate(KeySize::Rsa2048).expect("a key can be made");
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).expect("a key can be written");
    let text = STANDARD.encode(der.as_ref());
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        lines.join("\n")
    )
}

/// `<prefix>-<process>-<number>`, another one at each call.
pub(super) fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{prefix}-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

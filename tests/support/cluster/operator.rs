//! Kubeflow's Spark operator, as its chart installs it: its CRDs, its rights and no more, with or without its webhook.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::control_plane::ControlPlane;
use super::family::Process;
use super::folders::run;
use super::manifests::documents;
use super::objects::eventually;
use super::ports::free_ports;
use super::spark::{spark_home, spark_submit_options};
use super::tools::{Tool, binary, module_folder};
use super::webhook::{self, WebhookOptions};

/// The operator's own namespace.
pub const NAMESPACE: &str = "spark-operator";
/// The service account that the operator's chart makes for drivers in each job namespace.
pub const DRIVER_ACCOUNT: &str = "spark-operator-spark";

const MODULE: &str = "github.com/kubeflow/spark-operator/v2";

/// How the operator is installed.
#[derive(Debug, Clone, Default)]
pub struct OperatorOptions {
    /// The namespaces whose applications it runs; made if they aren't there.
    pub namespaces: Vec<String>,
    /// Its webhook, if it runs.
    pub webhook: Option<WebhookOptions>,
    /// More arguments of `controller start`.
    pub arguments: Vec<String>,
    /// How far its processes yield the cores to others, from 0 to 19, as `nice` counts.
    pub niceness: u8,
}

impl OperatorOptions {
    /// Runs the applications of one namespace, without webhook.
    pub fn of(namespace: &str) -> Self {
        Self {
            namespaces: vec![namespace.to_owned()],
            ..Self::default()
        }
    }

    /// The same with the webhook.
    pub fn with_webhook(self, webhook: WebhookOptions) -> Self {
        Self {
            webhook: Some(webhook),
            ..self
        }
    }
}

/// A running operator. Its control plane must outlive it; spark-submit, once started, isn't stopped with it.
pub struct Operator {
    controller: Option<Process>,
    webhook: Option<Process>,
    options: OperatorOptions,
}

impl Operator {
    /// Installs CRDs, rights and webhook on `plane`, starts the operator and waits until it is ready.
    ///
    /// The plane should run scheduler, controller manager and KWOK ([`super::Options::whole`]).
    pub async fn start(plane: &ControlPlane, options: OperatorOptions) -> Self {
        install_crds(plane).await;
        for namespace in options.namespaces.iter().map(String::as_str).chain([NAMESPACE]) {
            plane.ensure_namespace(namespace).await;
        }
        let chart = rendered(&options);
        for object in chart.iter().filter(|object| is_right(object)) {
            plane.apply(object, Some(NAMESPACE)).await;
        }
        let mut operator = Self {
            controller: None,
            webhook: None,
            options,
        };
        operator.start_controller(plane).await;
        if let Some(webhook) = operator.options.webhook.clone() {
            operator.start_webhook(plane).await;
            webhook::register(plane, &chart, &webhook).await;
        }
        operator
    }

    /// The controller's process, to hold it or to look at it.
    pub fn controller(&mut self) -> &mut Process {
        self.controller.as_mut().expect("the operator was started")
    }

    /// Ends the controller by SIGKILL; a spark-submit that it started goes on.
    pub fn kill(&mut self) {
        self.controller = None;
    }

    /// Ends the controller by SIGKILL while its spark-submits of all these applications run.
    pub async fn kill_in_mid_submit(&mut self, applications: &[&str]) {
        eventually("all spark-submits run at once", async || {
            applications.iter().all(|name| is_named_by_a_process(name))
        })
        .await;
        self.kill();
    }

    /// Ends the webhook's server; its registration stays.
    pub fn kill_webhook(&mut self) {
        self.webhook = None;
    }

    /// Starts the controller (again) and waits until it is ready.
    pub async fn start_controller(&mut self, plane: &ControlPlane) {
        let [health] = free_ports();
        let kubeconfig = plane
            .kubeconfig_of_service_account(NAMESPACE, "spark-operator-controller")
            .await;
        let mut command = self.command("controller", &kubeconfig, health);
        command
            .args(["--enable-ui-service=false", "--zap-encoder", "console"])
            .args(&self.options.arguments);
        // spark-submit reads these.
        command
            .env("KUBECONFIG", &kubeconfig)
            .env("SPARK_HOME", spark_home())
            .env("SPARK_SUBMIT_OPTS", spark_submit_options());
        command.envs([
            ("KUBERNETES_SERVICE_HOST", "127.0.0.1"),
            ("KUBERNETES_SERVICE_PORT", &plane.port().to_string()),
        ]);
        let mut process = plane.spawn("operator", command.current_dir(plane.folder()));
        ready("the operator", &mut process, health).await;
        self.controller = Some(process);
    }

    /// Starts the webhook's server (again) and waits until it is ready.
    ///
    /// # Panics
    ///
    /// If the options name no webhook.
    pub async fn start_webhook(&mut self, plane: &ControlPlane) {
        let options = self.options.webhook.clone().expect("the options name a webhook");
        let [health] = free_ports();
        let kubeconfig = plane
            .kubeconfig_of_service_account(NAMESPACE, "spark-operator-webhook")
            .await;
        let mut command = self.command("webhook", &kubeconfig, health);
        command.args(webhook::arguments(plane, &options).await);
        let mut process = plane.spawn("operator-webhook", &mut command);
        ready("the operator's webhook", &mut process, health).await;
        self.webhook = Some(process);
    }

    fn command(&self, part: &str, kubeconfig: &PathBuf, health: u16) -> Command {
        let mut command = Command::new("nice");
        command.args(["-n", &self.options.niceness.to_string()]);
        command.arg(binary(Tool::SparkOperator));
        command.args([part, "start", "--kubeconfig"]).arg(kubeconfig);
        command.args(["--namespaces", &self.options.namespaces.join(",")]);
        command.args(["--health-probe-bind-address", &format!("127.0.0.1:{health}")]);
        command
    }
}

/// The folder of the operator's module: CRDs, chart, examples.
pub fn operator_module() -> PathBuf {
    module_folder(Tool::SparkOperator, MODULE)
}

/// The operator exits where one of its CRDs isn't served yet.
async fn install_crds(plane: &ControlPlane) {
    let folder = operator_module().join("config/crd/bases");
    for kind in ["sparkapplications", "scheduledsparkapplications", "sparkconnects"] {
        let text = fs::read_to_string(folder.join(format!("sparkoperator.k8s.io_{kind}.yaml")));
        plane
            .apply_yaml(&text.expect("the operator's module holds its CRDs"), None)
            .await;
        plane.wait_for_crd(&format!("{kind}.sparkoperator.k8s.io")).await;
    }
}

/// The objects of the operator's own chart for these namespaces.
fn rendered(options: &OperatorOptions) -> Vec<Value> {
    let chart = operator_module().join("charts/spark-operator-chart");
    let mut helm = Command::new(binary(Tool::Helm));
    helm.args(["template", "spark-operator"])
        .arg(chart)
        .args(["--namespace", NAMESPACE]);
    helm.args([
        "--set",
        &format!("spark.jobNamespaces={{{}}}", options.namespaces.join(",")),
    ]);
    documents(&run(&mut helm, "the operator's chart is rendered by Helm"))
}

fn is_right(object: &Value) -> bool {
    let kind = object["kind"].as_str().unwrap_or_default();
    [
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
    ]
    .contains(&kind)
}

/// Whether a process, which is spark-submit, names `application` in its arguments.
fn is_named_by_a_process(application: &str) -> bool {
    let name = format!("spark.kubernetes.driver.pod.name={application}-driver");
    let processes = fs::read_dir("/proc").expect("a system with /proc").flatten();
    let arguments = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let mut texts = arguments.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    texts.any(|text| text.contains(&name))
}

async fn ready(what: &str, process: &mut Process, port: u16) {
    eventually(&format!("{what} is ready"), async || {
        process.assert_running();
        answers_ok(port).await.unwrap_or(false)
    })
    .await;
}

async fn answers_ok(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.lines().next().is_some_and(|line| line.contains("200")))
}

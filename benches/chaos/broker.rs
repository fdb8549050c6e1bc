//! A broker: the shipped program, or this one in its place where the wall clock is to be wrong; with proxies of its own.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::aws_proxy::AwsProxy;
use crate::cluster::{ControlPlane, Process, User, free_ports};
use crate::clusters::real;
use crate::roles::ROLE;
use crate::seeded::Bug;
use crate::wire::Wire;
use crate::world::Mode;

/// The lease's duration, lowered so that a run needn't wait; `timing` below likewise.
pub const LEASE: Duration = Duration::from_secs(2);

/// What a broker talks to.
pub struct Reach<'a> {
    pub planes: [&'a ControlPlane; 2],
    pub namespace: &'a str,
    pub sqs_url: &'a str,
    pub dynamodb_url: &'a str,
}

/// One broker, running or not.
pub struct Broker {
    pub sqs: AwsProxy,
    pub dynamodb: AwsProxy,
    pub wires: Vec<Wire>,
    pub process: Option<Process>,
    name: String,
    config: PathBuf,
    api: u16,
    health: u16,
    ahead: i64,
    bug: Option<Bug>,
}

impl Broker {
    /// Everything but the process.
    pub async fn prepare(name: &str, reach: Reach<'_>, mode: Mode, ahead: i64, bug: Option<Bug>) -> Self {
        let sqs = AwsProxy::before(reach.sqs_url).await;
        let dynamodb = AwsProxy::before(reach.dynamodb_url).await;
        let (mut wires, mut clusters) = (Vec::new(), Vec::new());
        let (unreachable, commit) = mode.keys();
        for (n, plane) in reach.planes.into_iter().enumerate() {
            let wire = Wire::to(plane.port()).await;
            let mut cluster = real(
                plane,
                &format!("cluster-{n}-{name}"),
                reach.namespace,
                User::Broker,
            );
            through(&wire, &cluster, plane);
            cluster["name"] = json!(format!("cluster-{n}"));
            cluster["onUnreachable"] = json!(unreachable);
            cluster["commit"] = json!(commit);
            cluster["timeToLive"] = json!("60s");
            wires.push(wire);
            clusters.push(cluster);
        }
        let [api, health] = free_ports();
        let config = reach.planes[0].folder().join(format!("{name}.yaml"));
        let text = json!({
            "aws": {"endpoints": {"sqs": sqs.url(), "dynamodb": dynamodb.url()}},
            "intake": [{"queueName": "spark-jobs", "defaultQueue": "dev"}],
            "api": {"listen": format!("127.0.0.1:{api}")},
            "health": {"listen": format!("127.0.0.1:{health}")},
            "lease": {"duration": format!("{}s", LEASE.as_secs())},
            // An operator whose watch was cut tries again after 30 s at the latest; until then it submits what is gone.
            "timing": {"createSettle": "3s", "submitSettle": "3s", "failoverAfter": "5s", "endSettle": "60s"},
            "defaults": {"image": "spark:3.5.0"},
            "queues": [{"name": "dev"}],
            "clusters": clusters,
        });
        std::fs::write(&config, text.to_string()).unwrap();
        Self {
            sqs,
            dynamodb,
            wires,
            process: None,
            name: name.to_owned(),
            config,
            api,
            health,
            ahead,
            bug,
        }
    }

    /// Starts it; `plane` sees to its end.
    pub fn start(&mut self, plane: &ControlPlane) {
        let shipped = self.ahead == 0 && self.bug.is_none();
        let mut command = if shipped {
            let mut command = Command::new(env!("CARGO_BIN_EXE_spark-broker"));
            command.arg("serve").arg("--config").arg(&self.config);
            command
        } else {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args([ROLE, "broker"]).arg(&self.config);
            command.arg(self.ahead.to_string()).arg(Bug::name(self.bug));
            command
        };
        command.env_clear().envs([
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]);
        self.process = Some(plane.spawn(&self.name, &mut command));
    }

    /// Sends a signal, where it runs.
    pub fn signal(&self, signal: &str) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// Requests and connections that are under way.
    pub fn under_way(&self) -> u64 {
        let connections: u64 = self.wires.iter().map(Wire::open).sum();
        self.sqs.under_way() + self.dynamodb.under_way() + connections
    }

    /// What it logged.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    pub async fn is_ready(&self) -> bool {
        self.call(self.health, "/readyz", None).await.is_some()
    }

    /// Whether it says that it is the active scheduler.
    pub async fn holds_the_lease(&self) -> bool {
        let told = self.call(self.health, "/metrics", None).await;
        told.is_some_and(|text| text.lines().any(|line| line == "spark_broker_lease_held 1"))
    }

    /// Whether it has taken the spec over HTTP.
    pub async fn post(&self, spec: &Value) -> bool {
        let body = spec.to_string();
        self.call(self.api, "/v1/submissions", Some(body)).await.is_some()
    }

    /// The answer's text, where there is one that says yes.
    async fn call(&self, port: u16, path: &str, body: Option<String>) -> Option<String> {
        let url = format!("http://127.0.0.1:{port}{path}");
        let answer = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder()
                .timeout_global(Some(Duration::from_secs(2)))
                .build()
                .into();
            let answer = match body {
                Some(body) => agent
                    .post(url)
                    .header("content-type", "application/json")
                    .send(body),
                None => agent.get(url).call(),
            };
            answer.ok()?.body_mut().read_to_string().ok()
        });
        answer.await.ok()?
    }
}

/// Lets the cluster's kubeconfig lead through the wire.
fn through(wire: &Wire, cluster: &Value, plane: &ControlPlane) {
    let path = cluster["connect"]["kubeconfig"].as_str().unwrap();
    let direct = std::fs::read_to_string(path).unwrap();
    let through = direct.replace(&plane.url(), &format!("https://{}", wire.address));
    std::fs::write(path, through).unwrap();
}

//! One installation under test: endpoints in this process, a `serve` in its own, and a namespace for its objects.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use kube::Api;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use spark_broker::adapters::aws::Aws;
use spark_broker::adapters::dynamodb::table;
use spark_broker::adapters::embedded::{Embedded, Options};
use spark_broker::adapters::sqs::create_queues;

use crate::cluster::{ControlPlane, Process, User, free_ports, set_status};
use crate::clusters::{namespace_for, real};

/// An installation on `plane`; all of it ends when it is dropped.
pub struct Bed<'a> {
    pub plane: &'a ControlPlane,
    /// The namespace of the first cluster.
    pub namespace: String,
    embedded: Embedded,
    aws: Aws,
    name: String,
    config: PathBuf,
    api: SocketAddr,
    health: SocketAddr,
    broker: Option<Process>,
    objects: Api<DynamicObject>,
    first: Value,
    fence: tokio::sync::OnceCell<String>,
}

/// The example of the project's issue: a SparkPi job without anything special.
pub fn spark_pi() -> Value {
    json!({
        "applicationName": "SparkPiDemo",
        "queue": "dev",
        "sparkVersion": "3.5.0",
        "mainApplicationFile": "local:///usr/lib/spark/examples/jars/spark-examples.jar",
        "mainClass": "org.apache.spark.examples.SparkPi",
        "driver": {"cores": 1, "memory": "2g", "serviceAccount": "emr-containers-sa-spark", "labels": {"version": "3.5.0"}},
        "executor": {"instances": 1, "cores": 1, "memory": "2g", "labels": {"version": "3.5.0"}},
    })
}

impl Bed<'static> {
    /// One on the shared API server, with one cluster, `real`, in a namespace of its own.
    pub async fn shared() -> Self {
        let plane = ControlPlane::shared().await;
        let namespace = namespace_for(plane, User::Broker).await;
        let cluster = real(plane, "real", &namespace, User::Broker);
        let mut bed = Self::prepare(plane, &namespace, &[cluster]).await;
        bed.start();
        bed
    }
}

impl<'a> Bed<'a> {
    /// Everything but the broker.
    pub async fn prepare(plane: &'a ControlPlane, namespace: &str, clusters: &[Value]) -> Self {
        Self::prepare_with(plane, namespace, clusters, "1s").await
    }

    /// Everything but the broker, whose `timing.submitSettle` is this.
    pub async fn prepare_with(
        plane: &'a ControlPlane,
        namespace: &str,
        clusters: &[Value],
        submit_settle: &str,
    ) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("broker-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let embedded = Embedded::start(Options::default()).await.unwrap();
        let aws = Aws::embedded(embedded.sqs_url(), embedded.dynamodb_url());
        create_queues(&aws.sqs(), "spark-jobs", "spark-jobs-dlq")
            .await
            .unwrap();
        table::ensure(&aws.dynamodb(), "spark-broker").await.unwrap();
        let [api, health] = free_ports();
        let config = plane.folder().join(format!("{name}.yaml"));
        std::fs::write(
            &config,
            configuration(api, health, clusters, submit_settle).to_string(),
        )
        .unwrap();
        Self {
            plane,
            namespace: namespace.to_owned(),
            embedded,
            aws,
            name,
            config,
            api: SocketAddr::from((Ipv4Addr::LOCALHOST, api)),
            health: SocketAddr::from((Ipv4Addr::LOCALHOST, health)),
            broker: None,
            objects: plane.applications(namespace).await,
            first: clusters[0]["name"].clone(),
            fence: tokio::sync::OnceCell::new(),
        }
    }

    /// Changes a time of the protocol, for the next start.
    pub fn timing(&self, key: &str, value: &str) {
        let mut config: Value = serde_json::from_slice(&std::fs::read(&self.config).unwrap()).unwrap();
        config["timing"][key] = json!(value);
        std::fs::write(&self.config, config.to_string()).unwrap();
    }

    /// Takes a cluster out of the configuration.
    pub fn remove_cluster(&self, name: &str) {
        let mut config: Value = serde_json::from_slice(&std::fs::read(&self.config).unwrap()).unwrap();
        let clusters = config["clusters"].as_array_mut().unwrap();
        clusters.retain(|cluster| cluster["name"] != name);
        std::fs::write(&self.config, config.to_string()).unwrap();
    }

    /// Runs a command line against the API; what it printed.
    pub async fn command(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spark-broker"));
        command
            .args(arguments)
            .args(["--api", &format!("http://{}", self.api)]);
        let done = tokio::task::spawn_blocking(move || command.output());
        let done = done.await.unwrap().unwrap();
        let printed = String::from_utf8_lossy(&done.stdout).into_owned();
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments:?}: {told}");
        printed
    }

    /// What is told of a cluster, as soon as it `holds`.
    pub async fn cluster(&self, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..2_400 {
            let told = self.get("/v1/clusters").await.unwrap_or_default();
            let all = told["clusters"].as_array().cloned().unwrap_or_default();
            if let Some(line) = all.into_iter().find(|line| line["name"] == name) {
                if holds(&line) {
                    return line;
                }
                last = line;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not yet: {what}: {last:#}\n{}", self.last_of_its_log());
    }

    /// Starts `serve`.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// Starts `serve` with more arguments.
    pub fn start_with(&mut self, arguments: &[&str]) {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_spark-broker"));
        serve
            .arg("serve")
            .arg("--config")
            .arg(&self.config)
            .args(arguments);
        serve.env_clear().envs([
            ("AWS_ENDPOINT_URL_SQS", self.embedded.sqs_url()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.embedded.dynamodb_url()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]);
        self.broker = Some(self.plane.spawn(&self.name, &mut serve));
    }

    /// Ends `serve` by SIGKILL.
    pub fn kill(&mut self) {
        self.broker = None;
    }

    /// Writes one attribute of an item of the table, as nobody but its owner can.
    pub async fn write(&self, key: &str, attribute: &str, value: AttributeValue) {
        let update = self.aws.dynamodb().update_item().table_name("spark-broker");
        update
            .key("pk", AttributeValue::S(key.to_owned()))
            .update_expression("SET #attribute = :value")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":value", value)
            .send()
            .await
            .unwrap();
    }

    /// The address of the API.
    pub fn url(&self) -> String {
        format!("http://{}", self.api)
    }

    /// Sends `body` to the submission queue; its `MessageId`.
    pub async fn send(&self, body: &Value) -> String {
        let sqs = self.aws.sqs();
        let url = sqs.get_queue_url().queue_name("spark-jobs").send().await.unwrap();
        let sent = sqs
            .send_message()
            .queue_url(url.queue_url.unwrap())
            .message_body(body.to_string());
        sent.send().await.unwrap().message_id.unwrap()
    }

    /// What `GET` of a path of the API answers; nothing where the broker doesn't answer, or not with success.
    pub async fn get(&self, path: &str) -> Option<Value> {
        let url = format!("http://{}{path}", self.api);
        let answer = tokio::task::spawn_blocking(move || {
            let mut response = ureq::get(url).call().ok()?;
            response.body_mut().read_to_string().ok()
        });
        serde_json::from_str(&answer.await.unwrap()?).ok()
    }

    /// One of the broker's figures, by its name and labels as `/metrics` writes them.
    pub async fn figure(&self, line: &str) -> f64 {
        let url = format!("http://{}/metrics", self.health);
        let answer = tokio::task::spawn_blocking(move || {
            ureq::get(url)
                .call()
                .unwrap()
                .body_mut()
                .read_to_string()
                .unwrap()
        });
        let text = answer.await.unwrap();
        let value = text
            .lines()
            .find_map(|l| l.strip_prefix(line).map(str::trim).map(str::to_owned));
        value.map_or(0.0, |value| value.parse().unwrap())
    }

    /// What the broker has logged.
    pub fn log(&self) -> String {
        self.broker.as_ref().map(Process::log).unwrap_or_default()
    }

    /// Asks for the end of a submission.
    pub async fn cancel(&self, id: &str) {
        self.delete(&format!("/v1/submissions/{id}")).await;
    }

    /// `DELETE` of a path of the API.
    pub async fn delete(&self, path: &str) {
        let url = format!("http://{}{path}", self.api);
        let answer = tokio::task::spawn_blocking(move || ureq::delete(url).call().map(|_| ()));
        answer.await.unwrap().unwrap();
    }

    /// The status of a submission, once the broker tells it.
    pub async fn status(&self, id: &str) -> Value {
        self.until(id, "it is told", |_| true).await
    }

    /// The status of a submission as soon as it `holds`.
    pub async fn until(&self, id: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut last = None;
        for _ in 0..4_800 {
            if let Some(status) = self.get(&format!("/v1/submissions/{id}")).await {
                if holds(&status) {
                    return status;
                }
                let over = status["terminal"] == true;
                last = Some(status);
                if over {
                    break;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let last = last.map_or("nothing".to_owned(), |status| format!("{status:#}"));
        panic!("not (yet): {what} ({id})\n{last}\n{}", self.last_of_its_log());
    }

    fn last_of_its_log(&self) -> String {
        let log = self.broker.as_ref().map(Process::log).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(25).collect();
        last.join("\n")
    }

    /// The status of a submission as soon as it is in `state`.
    pub async fn in_state(&self, id: &str, state: &str) -> Value {
        self.until(id, state, |status| status["state"] == state).await
    }

    /// Waits until a cluster is healthy, or isn't and says `words`.
    pub async fn cluster_is(&self, name: &str, healthy: bool, words: &str) {
        let mut last = None;
        for _ in 0..2_400 {
            let clusters = self.get("/v1/clusters").await.unwrap_or_default();
            let found = clusters["clusters"]
                .as_array()
                .and_then(|all| all.iter().find(|cluster| cluster["name"] == name));
            if let Some(line) = found {
                let message = line["message"].as_str().unwrap_or_default();
                if line["healthy"] == healthy && message.contains(words) {
                    return;
                }
                last = Some(line.clone());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not yet: healthy is {healthy}, with {words:?}: {last:?}");
    }

    /// The states that a submission went through, in order.
    pub async fn walk(&self, id: &str) -> Vec<String> {
        let history = self.get(&format!("/v1/submissions/{id}/history")).await.unwrap();
        let transitions = history["transitions"].as_array().unwrap();
        transitions
            .iter()
            .map(|t| t["to"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Sends `spec` and waits until its object stands on the cluster: ID and object.
    pub async fn submitted(&self, spec: &Value) -> (String, DynamicObject) {
        let id = self.send(spec).await;
        let status = self.in_state(&id, "SUBMITTED").await;
        let object = self.object(status["objectName"].as_str().unwrap()).await;
        (id, object.unwrap())
    }

    /// An object of the first cluster.
    pub async fn object(&self, name: &str) -> Option<DynamicObject> {
        self.objects.get_opt(name).await.unwrap()
    }

    /// The objects of the first cluster.
    pub fn objects(&self) -> &Api<DynamicObject> {
        &self.objects
    }

    /// Writes the state of an object, as the operator does.
    pub async fn operator_says(&self, name: &str, state: &str, message: &str) {
        let state = json!({"state": state, "errorMessage": message});
        let status = json!({"driverInfo": {"podName": format!("{name}-driver")}, "applicationState": state});
        set_status(&self.objects, name, &status).await;
    }

    /// Returns when the broker has taken in everything that was written to the first cluster before this call: a watch
    /// tells in order, so a later change of another object is a proof.
    pub async fn fence(&self) {
        let mut spec = spark_pi();
        spec["clusters"] = json!([self.first]);
        let make = || async { self.submitted(&spec).await.0 };
        let id = self.fence.get_or_init(make).await;
        let status = self.status(id).await;
        let name = status["objectName"].as_str().unwrap();
        for (raw, state) in [("SUSPENDED", "HELD"), ("SUBMITTED", "SUBMITTED")] {
            self.operator_says(name, raw, "").await;
            self.in_state(id, state).await;
        }
    }
}

fn configuration(api: u16, health: u16, clusters: &[Value], submit_settle: &str) -> Value {
    json!({
        "intake": [{"queueName": "spark-jobs", "defaultQueue": "dev"}],
        "api": {"listen": format!("127.0.0.1:{api}")},
        "health": {"listen": format!("127.0.0.1:{health}")},
        // Lowered, so that the tests needn't wait.
        "lease": {"duration": "2s"},
        "timing": {"createSettle": "2s", "submitSettle": submit_settle, "failoverAfter": "3s"},
        "defaults": {"image": "spark:3.5.0"},
        "queues": [{"name": "dev"}],
        "clusters": clusters,
    })
}

//! Everything that runs: endpoints of AWS and three brokers in processes of their own, two control planes with what
//! plays Spark on them, a proxy between each broker and each of the four, and the audit past them all.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use kube::api::{DynamicObject, PostParams};
use serde_json::{Map, Value, json};
use spark_broker::adapters::aws::Aws;
use spark_broker::adapters::dynamodb::table;
use spark_broker::adapters::sqs::create_queues;
use uuid::Uuid;

use crate::audit::Audit;
use crate::aws_proxy::{AwsProxy, Hits, Ill};
use crate::broker::{Broker, Reach};
use crate::cluster::{ControlPlane, Process, User, eventually, set_status, typed};
use crate::clusters::rights;
use crate::roles::ROLE;
use crate::seeded::Bug;
use crate::spark::Spark;

/// How the clusters are used.
#[expect(clippy::enum_variant_names, reason = "each names both keys")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `onUnreachable: wait`, `commit: one-phase`.
    WaitOnePhase,
    /// `onUnreachable: move`, `commit: two-phase`.
    MoveTwoPhase,
    /// `onUnreachable: move`, `commit: one-phase`: what lands late may run for a moment.
    MoveOnePhase,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Self::WaitOnePhase => "wait, one-phase",
            Self::MoveTwoPhase => "move, two-phase",
            Self::MoveOnePhase => "move, one-phase",
        }
    }

    /// The keys of a cluster's configuration.
    pub fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::WaitOnePhase => ("wait", "one-phase"),
            Self::MoveTwoPhase => ("move", "two-phase"),
            Self::MoveOnePhase => ("move", "one-phase"),
        }
    }
}

/// How far the brokers' wall clocks are from the machine's, in seconds.
const AHEAD: [i64; 3] = [0, 180, -240];
const TABLE: &str = "spark-broker";
const QUEUE: &str = "spark-jobs";

/// All that runs; it ends with its owner.
pub struct World<'a> {
    pub planes: [&'a ControlPlane; 2],
    pub brokers: Vec<Broker>,
    pub spark: Vec<Spark>,
    pub audit: Audit,
    sqs: aws_sdk_sqs::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    queue: String,
    dead_letter_queue: String,
    _endpoints: Vec<Process>,
}

impl<'a> World<'a> {
    /// Starts everything; `count` brokers, with `bug` where one is told.
    pub async fn start(planes: [&'a ControlPlane; 2], mode: Mode, count: usize, bug: Option<Bug>) -> Self {
        let namespace = planes[0].create_namespace("chaos").await;
        let mut spark = Vec::new();
        for plane in planes {
            plane.ensure_namespace(&namespace).await;
            for object in rights(&namespace, User::Broker) {
                plane.apply(&object, Some(&namespace)).await;
            }
            spark.push(Spark::start(plane, &namespace).await);
        }
        let audit = Audit::start(&planes, &namespace).await;
        let (sqs_endpoint, [sqs_url, _]) = endpoint(planes[0], &format!("{namespace}-sqs")).await;
        let (dynamodb_endpoint, [_, dynamodb_url]) =
            endpoint(planes[0], &format!("{namespace}-dynamodb")).await;
        let (sqs, dynamodb) = patient(&sqs_url, &dynamodb_url);
        create_queues(&sqs, QUEUE, &format!("{QUEUE}-dlq")).await.unwrap();
        table::ensure(&dynamodb, TABLE).await.unwrap();
        let mut brokers = Vec::new();
        for (n, ahead) in AHEAD.into_iter().take(count).enumerate() {
            let reach = Reach {
                planes,
                namespace: &namespace,
                sqs_url: &sqs_url,
                dynamodb_url: &dynamodb_url,
            };
            let mut broker = Broker::prepare(&format!("{namespace}-{n}"), reach, mode, ahead, bug).await;
            broker.start(planes[0]);
            brokers.push(broker);
        }
        let url = async |name: &str| {
            let told = sqs.get_queue_url().queue_name(name).send().await;
            told.unwrap().queue_url.unwrap()
        };
        let world = Self {
            queue: url(QUEUE).await,
            dead_letter_queue: url(&format!("{QUEUE}-dlq")).await,
            planes,
            brokers,
            spark,
            audit,
            sqs,
            dynamodb,
            _endpoints: vec![sqs_endpoint, dynamodb_endpoint],
        };
        for broker in &world.brokers {
            eventually("a broker is ready", async || broker.is_ready().await).await;
        }
        world
    }

    /// Sends a message, delayed by so many seconds.
    pub async fn send(&self, body: &Value, delay: i32) {
        let send = self.sqs.send_message().queue_url(&self.queue);
        let send = send.message_body(body.to_string()).delay_seconds(delay);
        send.send().await.unwrap();
    }

    /// Sends a spec over HTTP to the brokers in turn; whether one has taken it.
    pub async fn post(&self, spec: &Value) -> bool {
        for broker in &self.brokers {
            if broker.post(spec).await {
                return true;
            }
        }
        false
    }

    /// The broker that holds the lease, once one says so.
    pub async fn active(&self) -> usize {
        for _ in 0..300 {
            for (n, broker) in self.brokers.iter().enumerate() {
                if broker.holds_the_lease().await {
                    return n;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        0
    }

    /// Lets this befall all requests to SQS or to DynamoDB.
    pub fn all(&self, which: impl Fn(&Broker) -> &AwsProxy, ill: Ill) {
        self.brokers.iter().for_each(|broker| which(broker).set(ill));
    }

    /// What was hit since it was last asked.
    pub fn take_hits(&self) -> Hits {
        let mut all = Hits::new();
        for broker in &self.brokers {
            for proxy in [&broker.sqs, &broker.dynamodb] {
                for (operation, count) in proxy.take_hits() {
                    *all.entry(operation).or_default() += count;
                }
            }
        }
        all
    }

    /// The installation's UUID, as the table tells it.
    pub async fn installation(&self) -> String {
        let get = self.dynamodb.get_item().table_name(TABLE);
        let get = get.key("pk", AttributeValue::S("installation".to_owned()));
        let item = get.consistent_read(true).send().await.unwrap().item.unwrap();
        item["installationId"].as_s().unwrap().clone()
    }

    /// Puts an object under the name of the submission's first attempt on both clusters: of somebody else's, or of an
    /// earlier submission under the same ID.
    pub async fn plant(&self, id: &str, installation: &str) {
        let labels = json!({
            "spark-broker/installation": installation, "spark-broker/submission": id,
            "spark-broker/incarnation": Uuid::new_v4().to_string(), "spark-broker/attempt": "1",
        });
        let object: DynamicObject = typed(json!({
            "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication",
            "metadata": {"name": format!("sb-{id}-a1"), "labels": labels,
                "annotations": {"spark-broker/submission-id": id}},
            "spec": {
                "type": "Java", "sparkVersion": "3.5.0", "mainApplicationFile": "local:///other.jar",
                "suspend": true, "driver": {}, "executor": {},
            },
        }));
        let name = object.metadata.name.clone().unwrap();
        for spark in &self.spark {
            let api = spark.applications();
            let there = async || match api.create(&PostParams::default(), &object).await {
                Ok(_) => true,
                Err(kube::Error::Api(refusal)) => refusal.code == 409,
                Err(_) => false,
            };
            eventually("an object is planted", there).await;
            set_status(
                &api,
                &name,
                &json!({"applicationState": {"state": "COMPLETED"}, "driverInfo": {}}),
            )
            .await;
        }
    }

    /// All submission records, by ID.
    pub async fn records(&self) -> BTreeMap<String, Value> {
        let mut records = BTreeMap::new();
        let scan = self.dynamodb.scan().table_name(TABLE).consistent_read(true);
        let mut pages = scan.into_paginator().items().send();
        while let Some(item) = pages.next().await {
            let item = AttributeValue::M(item.unwrap());
            let record = plain(&item);
            let id = record["pk"]
                .as_str()
                .and_then(|pk| pk.strip_prefix("submission#"));
            if let Some(id) = id {
                records.insert(id.to_owned(), record);
            }
        }
        records
    }

    /// How many messages are left in the submission queue, seen or hidden, and in the dead-letter queue.
    pub async fn messages(&self) -> (u64, u64) {
        let mut counts = [0, 0];
        for (count, queue) in counts.iter_mut().zip([&self.queue, &self.dead_letter_queue]) {
            let ask = self.sqs.get_queue_attributes().queue_url(queue);
            let told = ask.attribute_names("All".into()).send().await.unwrap();
            let told: Map<String, Value> = told
                .attributes
                .unwrap_or_default()
                .into_iter()
                .map(|(name, value)| (name.as_str().to_owned(), json!(value)))
                .collect();
            let names = ["", "NotVisible", "Delayed"].map(|end| format!("ApproximateNumberOfMessages{end}"));
            let figures = names
                .iter()
                .filter_map(|name| told.get(name)?.as_str()?.parse::<u64>().ok());
            *count = figures.sum();
        }
        (counts[0], counts[1])
    }
}

/// Clients that wait as long as it takes: a machine that has much to do isn't among the faults.
fn patient(sqs_url: &str, dynamodb_url: &str) -> (aws_sdk_sqs::Client, aws_sdk_dynamodb::Client) {
    let aws = Aws::embedded(sqs_url, dynamodb_url);
    let sqs = aws_sdk_sqs::config::Builder::from(aws.config()).endpoint_url(sqs_url);
    let dynamodb = aws_sdk_dynamodb::config::Builder::from(aws.config()).endpoint_url(dynamodb_url);
    (
        aws_sdk_sqs::Client::from_conf(sqs.build()),
        aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
    )
}

/// SQS and DynamoDB in a process of their own: where they listen.
async fn endpoint(plane: &ControlPlane, name: &str) -> (Process, [String; 2]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let process = plane.spawn(name, command.args([ROLE, "endpoints"]));
    let told = || {
        let log = process.log();
        let line = log.lines().find_map(|line| line.strip_suffix(" served"))?;
        let (sqs, dynamodb) = line.split_once(' ')?;
        Some([sqs.to_owned(), dynamodb.to_owned()])
    };
    eventually("an endpoint serves", async || told().is_some()).await;
    let urls = told().unwrap();
    (process, urls)
}

/// An attribute as JSON.
fn plain(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!(text),
        AttributeValue::N(number) => serde_json::from_str(number).unwrap(),
        AttributeValue::Bool(truth) => json!(truth),
        AttributeValue::L(list) => list.iter().map(plain).collect(),
        AttributeValue::M(map) => map
            .iter()
            .map(|(name, value)| (name.clone(), plain(value)))
            .collect::<Map<_, _>>()
            .into(),
        _ => Value::Null,
    }
}

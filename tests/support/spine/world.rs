//! Endpoints, the broker over them, and a client's view of both.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use spark_broker::adapters::aws::Aws;
use spark_broker::adapters::dynamodb::{CopiedTable, DynamoStore, table};
use spark_broker::adapters::embedded::{Embedded, Options};
use spark_broker::adapters::sqs::create_queues;
use spark_broker::app::{Lasting, Parts, Places, assemble};
use spark_broker::config::Config;
use spark_broker::model::{Clock, SubmissionId, SystemClock};
use spark_broker::ports::cluster::Cluster;
use spark_broker::ports::queue::SubmissionQueue;
use spark_broker::ports::store::Store;
use spark_broker::submission::Record;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::counted_cluster::{Calls, CountedCluster};
use super::counted_queue::{Batches, CountedQueue};
use super::jobs::Job;
use crate::proxy::Proxy;

/// The submission queue.
pub const QUEUE: &str = "spark-jobs";
/// How often something is looked at before a test gives up: a hang must end, nothing else hangs on it.
const LOOKS: usize = 2000;
/// The same where looking is slow.
const PATIENCE: Duration = Duration::from_secs(150);

/// Endpoints with a table and queues on them, each behind a proxy that the broker talks through.
pub struct World {
    _embedded: Embedded,
    /// Before SQS.
    pub sqs: Proxy,
    /// Before DynamoDB.
    pub dynamodb: Proxy,
    /// A client that goes past the proxies.
    pub aws: Aws,
    /// What the broker talks through.
    brokers: Aws,
    /// The table, read past the proxies.
    pub store: DynamoStore,
    queue_url: String,
}

/// A broker that runs.
pub struct Broker {
    /// Where its API listens.
    pub api: String,
    /// What was asked of each cluster.
    pub clusters: BTreeMap<String, Arc<Mutex<Calls>>>,
    /// The batches of its submission queue.
    pub batches: Arc<Mutex<Batches>>,
    stop: CancellationToken,
    task: JoinSet<ExitCode>,
}

impl World {
    /// Starts the endpoints and makes what the broker needs on them.
    pub async fn start() -> Self {
        let embedded = Embedded::start(Options::default()).await.unwrap();
        let aws = Aws::embedded(embedded.sqs_url(), embedded.dynamodb_url());
        table::ensure(&aws.dynamodb(), "spark-broker").await.unwrap();
        create_queues(&aws.sqs(), QUEUE, "spark-jobs-dlq").await.unwrap();
        let store = DynamoStore::open(aws.dynamodb(), "spark-broker", CopiedTable::Refuse)
            .await
            .unwrap();
        let url = aws.sqs().get_queue_url().queue_name(QUEUE).send().await.unwrap();
        let sqs = Proxy::before(embedded.sqs_url()).await;
        let dynamodb = Proxy::before(embedded.dynamodb_url()).await;
        Self {
            brokers: Aws::embedded(&sqs.url(), &dynamodb.url()),
            sqs,
            dynamodb,
            queue_url: url.queue_url.unwrap(),
            _embedded: embedded,
            aws,
            store,
        }
    }

    /// Lets brokers go past the proxies too: nothing of theirs is counted.
    pub fn uncounted(mut self) -> Self {
        self.brokers = self.aws.clone();
        self
    }

    /// Starts a broker with these `clusters` (and `queues`), in YAML.
    pub async fn broker(&self, queues: &str, clusters: &str) -> Broker {
        self.recorded_broker(queues, clusters, None).await
    }

    /// The same, with its scheduling cycles written to a file.
    pub async fn recorded_broker(&self, queues: &str, clusters: &str, cycles: Option<&Path>) -> Broker {
        Broker::of(self.parts(queues, clusters, cycles, Arc::new(SystemClock)).await)
    }

    /// What a broker on a machine with this clock is made of.
    pub async fn parts(
        &self,
        queues: &str,
        clusters: &str,
        cycles: Option<&Path>,
        clock: Arc<dyn Clock>,
    ) -> Parts {
        let config = Config::check(&configuration(queues, clusters)).unwrap_or_else(|f| panic!("{f}"));
        let places = Places {
            installation: spark_broker::app::Installation::Refuse,
            domain: None,
            clock,
            data_dir: None,
            record_cycles: cycles.map(Path::to_owned),
            lasting: Lasting::default(),
        };
        assemble(&config, &self.brokers, places).await.unwrap()
    }

    /// Sends jobs as a client would, in batches of 10.
    pub async fn send(&self, jobs: &[Job]) {
        let bodies: Vec<String> = jobs.iter().map(|job| job.spec().to_string()).collect();
        self.send_bodies(&bodies).await;
    }

    /// Sends messages, in batches of 10.
    pub async fn send_bodies(&self, bodies: &[String]) {
        for ten in bodies.chunks(10) {
            let entry = |(n, body): (usize, &String)| {
                let entry = SendMessageBatchRequestEntry::builder().id(n.to_string());
                entry.message_body(body).build().unwrap()
            };
            let entries = ten.iter().enumerate().map(entry).collect();
            let send = self.aws.sqs().send_message_batch().queue_url(&self.queue_url);
            let sent = send.set_entries(Some(entries)).send().await.unwrap();
            assert!(sent.failed.is_empty());
        }
    }

    /// The submission queue's URL, past the proxy.
    pub fn queue_url(&self) -> &str {
        &self.queue_url
    }

    /// The records of `jobs` that stand. On a machine with much to do the store may be slower than its client waits.
    pub async fn records(&self, jobs: &[Job]) -> Vec<Record> {
        let ids: Vec<SubmissionId> = jobs.iter().map(|job| job.id.parse().unwrap()).collect();
        for _ in 0..20 {
            if let Ok(records) = self.store.get_many(&ids).await {
                return records;
            }
        }
        self.store.get_many(&ids).await.unwrap()
    }

    /// Waits until `done` says so of the records of `jobs`, and returns them.
    pub async fn until(&self, jobs: &[Job], what: &str, done: impl Fn(&[Record]) -> bool) -> Vec<Record> {
        let mut records = Vec::new();
        // Looking costs too: the more there are, the more seldom.
        let pause = Duration::from_millis(50).max(Duration::from_millis(jobs.len() as u64));
        let looks = LOOKS.min((PATIENCE.as_millis() / pause.as_millis()) as usize);
        for _ in 0..looks {
            records = self.records(jobs).await;
            if done(&records) {
                return records;
            }
            tokio::time::sleep(pause).await;
        }
        let left: Vec<_> = records.iter().filter(|r| !r.state.is_terminal()).collect();
        panic!(
            "{what}: not after {looks} looks; {} of {} there; {left:#?}",
            records.len(),
            jobs.len()
        );
    }

    /// Waits until all of `jobs` have ended.
    pub async fn ended(&self, jobs: &[Job]) -> Vec<Record> {
        let all =
            |records: &[Record]| records.len() == jobs.len() && records.iter().all(|r| r.state.is_terminal());
        self.until(jobs, "all have ended", all).await
    }
}

impl Broker {
    /// Starts one of these parts, with its calls counted.
    pub fn of(mut parts: Parts) -> Self {
        let mut clusters = BTreeMap::new();
        for (name, cluster) in &mut parts.clusters {
            let (counted, calls) = CountedCluster::over(Arc::clone(cluster));
            *cluster = Arc::new(counted) as Arc<dyn Cluster>;
            clusters.insert(name.to_string(), calls);
        }
        let batches = Arc::new(Mutex::new(Batches::default()));
        for (queue, _) in &mut parts.queues {
            let counted = CountedQueue::over(Arc::clone(queue), Arc::clone(&batches));
            *queue = Arc::new(counted) as Arc<dyn SubmissionQueue>;
        }
        let running = parts.start();
        let (api, stop) = (running.api.unwrap().to_string(), CancellationToken::new());
        let mut task = JoinSet::new();
        task.spawn(running.until(stop.clone()));
        Broker {
            api,
            clusters,
            batches,
            stop,
            task,
        }
    }

    /// `POST` of a spec to its API; the answer's status.
    pub async fn submit(&self, job: &Job) -> u16 {
        let (url, spec) = (
            format!("http://{}/v1/submissions", self.api),
            job.spec().to_string(),
        );
        let sent = tokio::task::spawn_blocking(move || ureq::post(&url).send(&spec).unwrap().status());
        sent.await.unwrap().as_u16()
    }

    /// Calls of one cluster so far.
    pub fn calls(&self, cluster: &str) -> Calls {
        self.clusters[cluster].lock().unwrap().clone()
    }

    /// GET of a path of the API as JSON.
    pub async fn get(&self, path: &str) -> serde_json::Value {
        let url = format!("http://{}{path}", self.api);
        let body =
            tokio::task::spawn_blocking(move || ureq::get(&url).call().unwrap().into_body().read_to_string());
        serde_json::from_str(&body.await.unwrap().unwrap()).unwrap()
    }

    /// Calls its API; null has no body.
    pub async fn call(&self, method: &'static str, path: &str, body: &serde_json::Value) {
        let url = format!("http://{}{path}", self.api);
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = ureq::http::Request::builder().method(method).uri(&url);
        let request = request.body(body).unwrap();
        let called = tokio::task::spawn_blocking(move || ureq::run(request).unwrap().status());
        assert!(called.await.unwrap().is_success(), "{method} {url}");
    }

    /// Where `job` would go now, as its API explains it; null where it can't yet.
    pub async fn explain(&self, job: &Job) -> serde_json::Value {
        let (url, spec) = (format!("http://{}/v1/explain", self.api), job.spec().to_string());
        let asked = tokio::task::spawn_blocking(move || {
            let answer = ureq::post(&url).send(&spec).ok()?;
            answer.into_body().read_to_string().ok()
        });
        let answer = asked.await.unwrap();
        answer.map_or(serde_json::Value::Null, |answer| {
            serde_json::from_str(&answer).unwrap()
        })
    }

    /// Waits until every cluster would take `job`.
    pub async fn all_take(&self, job: &Job) {
        let mut told = serde_json::Value::Null;
        for _ in 0..LOOKS {
            told = self.explain(job).await;
            let mut clusters = told["clusters"].as_array().into_iter().flatten().peekable();
            let passes =
                |cluster: &serde_json::Value| matches!(cluster["answer"].as_str(), Some("chosen" | "passes"));
            if clusters.peek().is_some() && clusters.all(passes) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not all clusters take {}: {told:#}", job.id);
    }

    /// The status of a submission, asked for until `done` says so.
    pub async fn status_until(
        &self,
        id: &str,
        what: &str,
        done: impl Fn(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        let mut status = serde_json::Value::Null;
        for _ in 0..LOOKS {
            status = self.get(&format!("/v1/submissions/{id}")).await;
            if done(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{what}: not after {LOOKS} looks; {status:#}");
    }

    /// Stops it as SIGTERM does.
    pub async fn stop(mut self) {
        self.stop.cancel();
        assert_eq!(self.task.join_next().await.unwrap().unwrap(), ExitCode::SUCCESS);
    }
}

fn configuration(queues: &str, clusters: &str) -> String {
    format!(
        "
domain: spine
intake: [{{queueName: {QUEUE}, deadLetterQueueName: spark-jobs-dlq, defaultQueue: dev}}]
store: {{table: spark-broker}}
api: {{listen: '127.0.0.1:0'}}
health: {{listen: '127.0.0.1:0'}}
timing: {{createSettle: 1s, submitSettle: 1s, endSettle: 1s}}
defaults: {{image: 'spark:3.5.0'}}
queues: {queues}
clusters: {clusters}
"
    )
}

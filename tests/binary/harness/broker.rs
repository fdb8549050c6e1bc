//! A running broker, `dev` or `serve`, as its HTTP API and its health port show it.

use serde_json::Value;

use super::account::Account;
use super::http::{Answer, call};
use super::process::{Folder, Process, run};
use super::{assert_legal, eventually};
use crate::ports::free_ports;

pub(crate) struct Broker {
    pub(crate) process: Process,
    pub(crate) api: String,
    health: String,
    folder: Option<Folder>,
}

impl Broker {
    pub(crate) fn get(&self, path: &str) -> Answer {
        call("GET", &format!("{}{path}", self.api), b"").unwrap()
    }

    /// `POST /v1/submissions`.
    pub(crate) fn submit(&self, body: impl AsRef<[u8]>) -> Answer {
        self.try_submit(body).unwrap()
    }

    /// `POST /v1/explain`.
    pub(crate) fn explain(&self, body: impl AsRef<[u8]>) -> Answer {
        call("POST", &format!("{}/v1/explain", self.api), body.as_ref()).unwrap()
    }

    /// `DELETE /v1/submissions/{id}`.
    pub(crate) fn cancel(&self, id: &str) -> Answer {
        call("DELETE", &format!("{}/v1/submissions/{id}", self.api), b"").unwrap()
    }

    /// `POST /v1/cancellations`.
    pub(crate) fn cancel_many(&self, body: impl AsRef<[u8]>) -> Answer {
        call("POST", &format!("{}/v1/cancellations", self.api), body.as_ref()).unwrap()
    }

    /// The same as `submit`, of a broker that may be gone.
    pub(crate) fn try_submit(&self, body: impl AsRef<[u8]>) -> Result<Answer, String> {
        call("POST", &format!("{}/v1/submissions", self.api), body.as_ref())
    }

    /// `/readyz`, of a broker that may be gone.
    pub(crate) fn readiness(&self) -> Result<Answer, String> {
        call("GET", &format!("{}/readyz", self.health), b"")
    }

    /// `/healthz`.
    pub(crate) fn health(&self) -> Result<Answer, String> {
        call("GET", &format!("{}/healthz", self.health), b"")
    }

    /// What the configuration's file holds.
    pub(crate) fn configuration(&self) -> String {
        std::fs::read_to_string(self.folder.as_ref().unwrap().path().join("config.yaml")).unwrap()
    }

    /// Puts another configuration into the file, as a whole.
    pub(crate) fn configure(&self, text: &str) {
        let folder = self.folder.as_ref().unwrap();
        let written = folder.file("next.yaml", text);
        std::fs::rename(written, folder.path().join("config.yaml")).unwrap();
    }

    /// Returns once that many configurations have come to `outcome`.
    pub(crate) async fn reloads(&self, outcome: &str, count: u64) {
        let name = format!("config_reloads_total{{outcome=\"{outcome}\"}}");
        let look = async || self.figure(&name).filter(|found| *found >= count);
        eventually(&format!("{count} configurations {outcome}"), look).await;
    }

    /// A figure of `/metrics`, by its name without the prefix and its labels.
    pub(crate) fn figure(&self, name: &str) -> Option<u64> {
        let text = call("GET", &format!("{}/metrics", self.health), b"")
            .unwrap()
            .text;
        let line = format!("spark_broker_{name} ");
        text.lines().find_map(|l| l.strip_prefix(&line)?.parse().ok())
    }

    pub(crate) async fn ready(&self) {
        let look = async || self.readiness().ok().filter(|answer| answer.status == 200);
        eventually("a broker that is ready", look).await;
    }

    pub(crate) fn status(&self, id: &str) -> Option<Value> {
        let answer = self.get(&format!("/v1/submissions/{id}"));
        (answer.status == 200).then_some(answer.body)
    }

    /// The status of `id` once it is in `state`.
    pub(crate) async fn reaches(&self, id: &str, state: &str) -> Value {
        let look = async || self.status(id).filter(|status| status["state"] == state);
        eventually(&format!("{id} {state}"), look).await
    }

    /// The status of `id` once it has ended.
    pub(crate) async fn ended(&self, id: &str) -> Value {
        let look = async || self.status(id).filter(|status| status["terminal"] == true);
        eventually(&format!("the end of {id}"), look).await
    }

    /// The states of `id`, which has ended, in order; the walk is checked.
    pub(crate) fn walk(&self, id: &str) -> Vec<String> {
        let history = self.get(&format!("/v1/submissions/{id}/history"));
        assert_eq!(history.status, 200);
        assert_legal(&history.body)
    }

    /// A command of the program against this API: its exit code and what it printed.
    pub(crate) fn command(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = run(&[arguments, &["--api", &self.api]].concat());
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }
}

/// `spark-broker dev` with its embedded endpoints.
pub(crate) struct Dev {
    pub(crate) broker: Broker,
    pub(crate) account: Account,
}

impl Dev {
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let any = [
            "dev",
            "--sqs-port=0",
            "--dynamodb-port=0",
            "--api-port=0",
            "--health-port=0",
        ];
        let process = Process::start(&[&any, arguments].concat(), &[]);
        let greeting = eventually("the greeting", async || {
            let lines = process.out();
            let urls: Option<Vec<String>> = ["SQS ", "DynamoDB ", "API ", "health "]
                .iter()
                .map(|word| lines.iter().find_map(|line| url_after(line, word)))
                .collect();
            urls
        });
        let [sqs, dynamodb, api, health]: [String; 4] = greeting.await.try_into().unwrap();
        let broker = Broker {
            process,
            api,
            health,
            folder: None,
        };
        broker.ready().await;
        let account = Account::at(&sqs, &dynamodb).await;
        Self { broker, account }
    }
}

fn url_after(line: &str, word: &str) -> Option<String> {
    let url = line.strip_prefix(word)?.split_whitespace().next()?;
    Some(url.to_owned())
}

/// `serve` on what `account` has, with simulated clusters; `more` are further lines of its configuration.
pub(crate) async fn serve(account: &Account, more: &str) -> Broker {
    serve_at(account, account.dynamodb_url(), more).await
}

/// The same, with DynamoDB reached at `dynamodb_url`.
pub(crate) async fn serve_at(account: &Account, dynamodb_url: &str, more: &str) -> Broker {
    let broker = start(account, dynamodb_url, more, &[]);
    broker.ready().await;
    broker
}

/// `serve` with these arguments, which may end by itself instead of becoming ready.
pub(crate) fn serve_with(account: &Account, arguments: &[&str]) -> Broker {
    start(account, account.dynamodb_url(), "", arguments)
}

fn start(account: &Account, dynamodb_url: &str, more: &str, arguments: &[&str]) -> Broker {
    let folder = Folder::new();
    let [api, health] = free_ports();
    let file = folder.file("config.yaml", &configuration(api, health, more));
    let environment = [
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_ENDPOINT_URL_SQS", account.sqs_url().to_owned()),
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_url.to_owned()),
    ];
    let process = Process::start(
        &[&["serve", "--config", file.as_str()], arguments].concat(),
        &environment,
    );
    Broker {
        process,
        api: format!("http://127.0.0.1:{api}"),
        health: format!("http://127.0.0.1:{health}"),
        folder: Some(folder),
    }
}

/// A right configuration with simulated clusters.
pub(crate) fn configuration(api: u16, health: u16, more: &str) -> String {
    format!(
        "intake:
  - {{queueName: spark-jobs, deadLetterQueueName: spark-jobs-dlq, defaultQueue: dev}}
store: {{table: spark-broker}}
api: {{listen: \"127.0.0.1:{api}\"}}
health: {{listen: \"127.0.0.1:{health}\"}}
queues:
  - {{name: prod, weight: 70}}
  - {{name: dev, weight: 30}}
clusters:
  - {{name: spark-cluster-a, weight: 50, type: simulated, namespace: spark-jobs, sparkVersions: [\"3.5.0\"]}}
  - {{name: spark-cluster-b, weight: 50, type: simulated, namespace: spark-jobs, sparkVersions: [\"3.5.0\"]}}
{more}\n"
    )
}

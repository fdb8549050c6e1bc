//! The Terraform module: applied by the real AWS provider, looked at from the outside, destroyed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::ministack::Ministack;
use crate::{table, tools};

/// A copy of `infra/`, so that neither state nor plugins come to lie in the project.
struct Root<'a> {
    folder: PathBuf,
    account: &'a Ministack,
}

impl<'a> Root<'a> {
    fn initialised(name: &str, account: &'a Ministack) -> Self {
        let copy = tools::target(&format!("infra-{name}"));
        std::fs::remove_dir_all(&copy).unwrap();
        tools::run(
            Command::new("cp")
                .arg("-R")
                .arg(tools::project().join("infra"))
                .arg(&copy),
        );
        let root = Self {
            folder: copy.join(name),
            account,
        };
        let plugins = plugin_folder().map(|folder| format!("-plugin-dir={}", folder.display()));
        let arguments = ["init", "-input=false"].into_iter().chain(plugins.as_deref());
        tools::run(&mut root.terraform(arguments));
        root
    }

    fn terraform<'b>(&self, arguments: impl IntoIterator<Item = &'b str>) -> Command {
        let mut command = Command::new("terraform");
        command
            .current_dir(&self.folder)
            .args(arguments)
            .envs(self.account.environment())
            .envs([
                ("CHECKPOINT_DISABLE", "1"),
                ("TF_IN_AUTOMATION", "1"),
                ("TF_CLI_ARGS", "-no-color"),
                ("TF_CLI_CONFIG_FILE", "/dev/null"),
            ]);
        command
    }

    fn run<'b>(&self, arguments: impl IntoIterator<Item = &'b str>) -> String {
        tools::run(&mut self.terraform(arguments))
    }

    /// The attributes of every resource that was made, by its address.
    fn resources(&self) -> BTreeMap<String, Value> {
        let state: Value = serde_json::from_str(&self.run(["show", "-json"])).unwrap();
        let modules = state["values"]["root_module"]["child_modules"]
            .as_array()
            .unwrap();
        let resources = modules
            .iter()
            .flat_map(|module| module["resources"].as_array().unwrap());
        resources
            .map(|made| (made["address"].as_str().unwrap().into(), made["values"].clone()))
            .collect()
    }
}

/// Where the AWS provider lies: `TF_PLUGIN_DIR`, else the nearest folder to the root that holds one. None: Terraform
/// looks for itself.
fn plugin_folder() -> Option<PathBuf> {
    if let Some(told) = std::env::var_os("TF_PLUGIN_DIR") {
        return Some(told.into());
    }
    let skipped = ["proc", "sys", "dev", "run", "tmp"].map(|name| Path::new("/").join(name));
    let mut waiting = VecDeque::from([(PathBuf::from("/"), 0)]);
    while let Some((folder, depth)) = waiting.pop_front() {
        if folder.join("registry.terraform.io/hashicorp/aws").is_dir() {
            return Some(folder);
        }
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        if depth < 4 {
            waiting.extend(
                folders
                    .map(|entry| (entry.path(), depth + 1))
                    .filter(|(path, _)| !skipped.contains(path)),
            );
        }
    }
    None
}

#[test]
fn the_example_root_makes_what_the_broker_needs() {
    let account = Ministack::start();
    let root = Root::initialised("examples/basic", &account);
    let provider = "arn:aws:iam::000000000000:oidc-provider/oidc.example/id/A";
    let service_account = json!({"oidc_provider_arn": provider, "oidc_issuer": "oidc.example/id/A"});
    let variables = json!({
        "deletion_protection": false,
        "service_account": service_account,
        "eks_cluster_arns": ["arn:aws:eks:us-east-1:000000000000:cluster/spark-cluster-a"],
    });
    std::fs::write(root.folder.join("terraform.tfvars.json"), variables.to_string()).unwrap();

    root.run(["validate"]);
    root.run(["apply", "-auto-approve", "-input=false"]);
    // With this flag a plan that isn't empty fails.
    root.run(["plan", "-detailed-exitcode", "-input=false"]);

    assert_table(&account);
    assert_queues(&account);
    assert_policies(&root.resources());
    assert_events_arrive(&account);
    assert_an_event_becomes_a_job_that_succeeds(&account);

    root.run(["destroy", "-auto-approve", "-input=false"]);
    assert_eq!(
        account.call("DynamoDB_20120810.ListTables", &json!({}))["TableNames"],
        json!([])
    );
    assert_eq!(
        account.call("AmazonSQS.ListQueues", &json!({}))["QueueUrls"],
        json!([])
    );
}

fn assert_table(account: &Ministack) {
    let name = json!({"TableName": "spark-broker"});
    let described = account.call("DynamoDB_20120810.DescribeTable", &name);
    let time_to_live = account.call("DynamoDB_20120810.DescribeTimeToLive", &name);
    assert_eq!(table::shape(&described, &time_to_live), table::expected());
}

fn queue_url(account: &Ministack, name: &str) -> String {
    let answer = account.call("AmazonSQS.GetQueueUrl", &json!({"QueueName": name}));
    answer["QueueUrl"].as_str().unwrap().into()
}

fn queue_attributes(account: &Ministack, name: &str) -> Value {
    let request = json!({"QueueUrl": queue_url(account, name), "AttributeNames": ["All"]});
    account.call("AmazonSQS.GetQueueAttributes", &request)["Attributes"].clone()
}

fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

fn assert_queues(account: &Ministack) {
    let source = queue_attributes(account, "spark-jobs");
    let dead_letters = queue_attributes(account, "spark-jobs-dlq");
    let redrive: Value = serde_json::from_str(source["RedrivePolicy"].as_str().unwrap()).unwrap();
    assert_eq!(redrive["deadLetterTargetArn"], dead_letters["QueueArn"]);
    assert!(redrive["maxReceiveCount"].as_u64().unwrap() >= 100, "{redrive}");
    let retention = [&dead_letters, &source].map(|queue| number(&queue["MessageRetentionPeriod"]));
    assert!(retention[0] > retention[1], "{retention:?}");
}

/// The actions of a policy, as `Sid: action`.
fn actions(policy: &Value) -> BTreeSet<String> {
    let document: Value = serde_json::from_str(policy["policy"].as_str().unwrap()).unwrap();
    let mut found = BTreeSet::new();
    for statement in document["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow");
        let resources = statement["Resource"].to_string();
        assert!(!resources.contains("\"*\""), "{statement} is about everything");
        let actions = &statement["Action"];
        let one = std::slice::from_ref(actions);
        for action in actions.as_array().map_or(one, Vec::as_slice) {
            found.insert(format!(
                "{}: {}",
                statement["Sid"].as_str().unwrap(),
                action.as_str().unwrap()
            ));
        }
    }
    found
}

fn assert_policies(resources: &BTreeMap<String, Value>) {
    let broker = [
        "FindClusters: eks:DescribeCluster",
        "KeepRecords: dynamodb:BatchGetItem",
        "KeepRecords: dynamodb:DeleteItem",
        "KeepRecords: dynamodb:DescribeTable",
        "KeepRecords: dynamodb:DescribeTimeToLive",
        "KeepRecords: dynamodb:GetItem",
        "KeepRecords: dynamodb:PutItem",
        "KeepRecords: dynamodb:UpdateItem",
        "ParkMessages: sqs:GetQueueAttributes",
        "ParkMessages: sqs:GetQueueUrl",
        "ParkMessages: sqs:SendMessage",
        "ReadIndexes: dynamodb:Query",
        "TakeSubmissions: sqs:ChangeMessageVisibility",
        "TakeSubmissions: sqs:DeleteMessage",
        "TakeSubmissions: sqs:GetQueueAttributes",
        "TakeSubmissions: sqs:GetQueueUrl",
        "TakeSubmissions: sqs:ReceiveMessage",
    ];
    let publisher = [
        "LookUp: dynamodb:GetItem",
        "Submit: sqs:GetQueueUrl",
        "Submit: sqs:SendMessage",
        "SubmitByEvent: events:PutEvents",
    ];
    let policy = |name: &str| actions(&resources[&format!("module.spark_broker.aws_iam_policy.{name}")]);
    assert_eq!(policy("broker"), broker.map(str::to_owned).into());
    assert_eq!(policy("publisher[0]"), publisher.map(str::to_owned).into());

    let trust = resources["module.spark_broker.aws_iam_role.broker[0]"]["assume_role_policy"].to_string();
    assert!(
        trust.contains("system:serviceaccount:spark-broker:spark-broker"),
        "{trust}"
    );
}

fn assert_events_arrive(account: &Ministack) {
    let detail = include_str!("../../examples/jobs/spark-pi.json");
    let entry = json!({"Source": "com.example.jobs", "DetailType": "Spark Job Submission", "Detail": detail});
    let put = account.call("AWSEvents.PutEvents", &json!({"Entries": [entry]}));

    let request = json!({"QueueUrl": queue_url(account, "spark-jobs"), "WaitTimeSeconds": 10});
    let received = account.call("AmazonSQS.ReceiveMessage", &request);
    let envelope: Value = serde_json::from_str(received["Messages"][0]["Body"].as_str().unwrap()).unwrap();
    assert_eq!(envelope["id"], put["Entries"][0]["EventId"]);
    assert_eq!(envelope["detail"], serde_json::from_str::<Value>(detail).unwrap());
}

/// `serve`, started as a user would, on what Terraform made: from PutEvents to SUCCEEDED on a simulated cluster.
fn assert_an_event_becomes_a_job_that_succeeds(account: &Ministack) {
    let local = include_str!("../../examples/config/local.yaml");
    let config = tools::target("delivery").join(format!("serve-{}.yaml", std::process::id()));
    std::fs::write(&config, local.replace(":8080", ":0").replace(":8081", ":0")).unwrap();
    let log = config.with_extension("log");
    let broker = Command::new(env!("CARGO_BIN_EXE_spark-broker"))
        .args(["serve", "--config"])
        .arg(&config)
        .envs(account.environment())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn();
    let mut broker = Stopped(broker.unwrap());

    let detail = include_str!("../../examples/jobs/spark-pi.json");
    let entry = json!({"Source": "com.example.jobs", "DetailType": "Spark Job Submission", "Detail": detail});
    let put = account.call("AWSEvents.PutEvents", &json!({"Entries": [entry]}));
    let id = put["Entries"][0]["EventId"].as_str().unwrap();

    let key = json!({"pk": {"S": format!("submission#{id}")}});
    let request = json!({"TableName": "spark-broker", "Key": key, "ConsistentRead": true});
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let item = account.call("DynamoDB_20120810.GetItem", &request)["Item"].clone();
        if item["state"]["S"] == "SUCCEEDED" {
            break;
        }
        assert!(
            broker.0.try_wait().unwrap().is_none(),
            "serve ended: {}",
            std::fs::read_to_string(&log).unwrap()
        );
        assert!(
            Instant::now() < deadline,
            "{item}: {}",
            std::fs::read_to_string(&log).unwrap()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A process that is stopped and waited for when it is dropped.
struct Stopped(std::process::Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_module_refuses_settings_that_would_lose_jobs() {
    let account = Ministack::start();
    let module = Root::initialised("modules/spark-broker", &account);
    let refused = [
        (
            "max_receive_count=3",
            "The receive count must be between 100 and 1000.",
        ),
        ("queue_name=spark-jobs.fifo", "the broker refuses FIFO queues"),
        (
            "queue_retention_seconds=1209600",
            "The dead-letter queue must keep messages longer",
        ),
    ];
    for (setting, complaint) in refused {
        let Output { status, stderr, .. } = module
            .terraform(["plan", "-input=false", "-var", setting])
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&stderr).replace(['\n', '│'], " ");
        let words: Vec<&str> = stderr.split_whitespace().collect();
        assert!(
            !status.success() && words.join(" ").contains(complaint),
            "{setting}: {stderr}"
        );
    }
}

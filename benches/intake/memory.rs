//! Resident memory of `serve` as a process of its own, idle and with many live jobs. The endpoints are in this process;
//! the simulated clusters, which hold an object for each job too, are in the one that is measured.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Row;
use crate::ports::free_ports;
use crate::spine::jobs::Job;
use crate::spine::world::{QUEUE, World};

/// Measures idle and with `live` jobs.
pub async fn measure(live: usize) -> Vec<Row> {
    let world = World::start().await;
    let [api, health] = free_ports();
    let folder = tempdir();
    let file = folder.join("serve.yaml");
    std::fs::write(&file, configuration(&world, api, health)).unwrap();
    let serve = start(&file);
    wait_for(health, "/readyz", |answer| answer.is_some()).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle = resident(&serve);
    let jobs: Vec<Job> = (0..live)
        .map(|n| Job::small(format!("live-{n}")).does("run-time", "5h"))
        .collect();
    world.send(&jobs).await;
    let running = format!("spark_broker_transitions_total{{state=\"RUNNING\"}} {live}");
    wait_for(health, "/metrics", |answer| {
        answer.is_some_and(|text| text.contains(&running))
    })
    .await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let full = resident(&serve);
    drop(serve);
    std::fs::remove_dir_all(&folder).unwrap();
    vec![
        Row {
            what: "resident memory of `serve`, idle (two simulated clusters inside)",
            figure: format!("{:.0} MB", idle),
            aim: "≤ 60 MB",
        },
        Row {
            what: "resident memory of `serve` with live jobs, the simulated clusters' objects included",
            figure: format!("{full:.0} MB with {live} RUNNING"),
            aim: "",
        },
    ]
}

/// The process; it ends with the benchmark, however that ends.
struct Serve(Child);

impl Drop for Serve {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _seen = self.0.wait();
    }
}

fn start(config: &std::path::Path) -> Serve {
    let process = Command::new(env!("CARGO_BIN_EXE_spark-broker"))
        .args(["serve", "--log", "warn", "--config"])
        .arg(config)
        .envs([
            ("AWS_ACCESS_KEY_ID", "bench"),
            ("AWS_SECRET_ACCESS_KEY", "bench"),
            ("AWS_REGION", "us-east-1"),
        ])
        .stdout(Stdio::null())
        .spawn();
    Serve(process.unwrap())
}

/// MB of `VmRSS`.
fn resident(process: &Serve) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.0.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024.0 / 1e6
}

/// Asks until the answer is as wanted.
async fn wait_for(port: u16, path: &str, wanted: impl Fn(Option<String>) -> bool) {
    let url = format!("http://127.0.0.1:{port}{path}");
    loop {
        let url = url.clone();
        let get = move || ureq::get(&url).call().ok()?.into_body().read_to_string().ok();
        if wanted(tokio::task::spawn_blocking(get).await.unwrap()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn tempdir() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("spark-broker-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn configuration(world: &World, api: u16, health: u16) -> String {
    let cluster = |name: &str| {
        format!(
            "{{name: {name}, type: simulated, namespace: jobs, simulated: {{nodes: 100, cores: 128, memory: 512Gi}}, \
             pacing: {{maxPending: 50}}}}"
        )
    };
    format!(
        "
intake: [{{queueName: {QUEUE}, deadLetterQueueName: spark-jobs-dlq, defaultQueue: dev}}]
store: {{table: spark-broker}}
api: {{listen: '127.0.0.1:{api}'}}
health: {{listen: '127.0.0.1:{health}'}}
defaults: {{image: 'spark:3.5.0'}}
aws: {{endpoints: {{sqs: '{sqs}', dynamodb: '{dynamodb}'}}}}
queues: [{{name: dev}}]
clusters: [{a}, {b}]
",
        sqs = world.sqs.url(),
        dynamodb = world.dynamodb.url(),
        a = cluster("a"),
        b = cluster("b"),
    )
}

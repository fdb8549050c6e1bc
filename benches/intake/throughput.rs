//! Submissions a second through intake, against a bare loop of the SDK that does the same receive, put and delete; and
//! status lookups meanwhile.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message};
use futures::future::join_all;

use crate::Row;
use crate::spine::jobs::Job;
use crate::spine::world::{Broker, World};

/// As many pollers as intake starts under load.
const POLLERS: usize = 16;
/// Between two lookups.
const LOOKUP_EVERY: Duration = Duration::from_millis(10);
/// Takes one job and no more, so that what is measured is intake.
const FULL: &str = "[{name: full, type: simulated, namespace: jobs, limits: {maxLive: 1}}]";

type Item = HashMap<String, AttributeValue>;

/// Measures with `count` submissions in each run.
pub async fn measure(count: usize) -> Vec<Row> {
    let (intake, template) = by_intake(count).await;
    let raw = by_sdk(count, &template).await;
    let (loaded, mut times) = with_lookups(count).await;
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    vec![
        row(
            "submissions/s through intake (embedded endpoints)",
            format!("{intake:.0}"),
            "",
        ),
        row(
            "submissions/s of a bare SDK loop, 16 pollers, same endpoints",
            format!("{raw:.0}"),
            "",
        ),
        row("ratio", format!("{:.2}", intake / raw), "≥ 0.5"),
        row(
            "submissions/s through intake with lookups beside",
            format!("{loaded:.0}"),
            "",
        ),
        row(
            "status lookups over HTTP under that load, count",
            times.len().to_string(),
            "",
        ),
        row("status lookup p50", format!("{:.1} ms", at(0.5)), ""),
        row("status lookup p99", format!("{:.1} ms", at(0.99)), "≤ 20 ms"),
    ]
}

fn row(what: &'static str, figure: String, aim: &'static str) -> Row {
    Row { what, figure, aim }
}

async fn filled(count: usize) -> (World, Vec<Job>) {
    let world = World::start().await.uncounted();
    let jobs: Vec<Job> = (0..count)
        .map(|n| Job::small(format!("bench-{n}")).does("run-time", "1h"))
        .collect();
    world.send(&jobs).await;
    (world, jobs)
}

/// Until the broker has deleted `count` messages.
async fn drained(broker: &Broker, count: usize) {
    while broker.batches.lock().unwrap().deleted.iter().sum::<usize>() < count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The rate of intake, and an item as it writes them.
async fn by_intake(count: usize) -> (f64, Item) {
    let (world, jobs) = filled(count).await;
    let broker = world.broker("[{name: dev}]", FULL).await;
    let start = Instant::now();
    drained(&broker, count).await;
    let rate = count as f64 / start.elapsed().as_secs_f64();
    broker.stop().await;
    let key = AttributeValue::S(format!("submission#{}", jobs[count - 1].id));
    let get = world
        .aws
        .dynamodb()
        .get_item()
        .table_name("spark-broker")
        .key("pk", key);
    (rate, get.send().await.unwrap().item.unwrap())
}

/// The rate of intake while somebody looks submissions up, and how long each lookup took.
async fn with_lookups(count: usize) -> (f64, Vec<Duration>) {
    let (world, jobs) = filled(count).await;
    let broker = world.broker("[{name: dev}]", FULL).await;
    let start = Instant::now();
    let url = format!("http://{}/v1/submissions", broker.api);
    let done = Arc::new(AtomicBool::new(false));
    let (over, broker_has) = (Arc::clone(&done), jobs.len());
    let lookups = tokio::task::spawn_blocking(move || {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .new_agent();
        let mut times = Vec::new();
        for n in 0.. {
            if over.load(Ordering::SeqCst) {
                break;
            }
            let sent = Instant::now();
            let mut answer = agent
                .get(format!("{url}/bench-{}", n % broker_has))
                .call()
                .unwrap();
            answer.body_mut().read_to_string().unwrap();
            // Those that aren't taken in yet cost as much: the store is asked all the same.
            times.push(sent.elapsed());
            std::thread::sleep(LOOKUP_EVERY);
        }
        times
    });
    drained(&broker, count).await;
    let rate = count as f64 / start.elapsed().as_secs_f64();
    done.store(true, Ordering::SeqCst);
    let times = lookups.await.unwrap();
    broker.stop().await;
    (rate, times)
}

/// The rate of a loop that receives, puts and deletes, and knows nothing of jobs.
async fn by_sdk(count: usize, template: &Item) -> f64 {
    let (world, _) = filled(count).await;
    let done = AtomicUsize::new(0);
    let start = Instant::now();
    let poll = || async {
        while done.load(Ordering::SeqCst) < count {
            let receive = world.aws.sqs().receive_message().queue_url(world.queue_url());
            let received = receive
                .max_number_of_messages(10)
                .wait_time_seconds(0)
                .send()
                .await
                .unwrap();
            let messages = received.messages.unwrap_or_default();
            join_all(messages.iter().map(|message| put(&world, template, message))).await;
            delete(&world, &messages).await;
            done.fetch_add(messages.len(), Ordering::SeqCst);
        }
    };
    join_all((0..POLLERS).map(|_| poll())).await;
    count as f64 / start.elapsed().as_secs_f64()
}

async fn put(world: &World, template: &Item, message: &Message) {
    let mut item = template.clone();
    let key = AttributeValue::S(format!("submission#{}", message.message_id().unwrap()));
    item.insert("pk".to_owned(), key);
    let put = world
        .aws
        .dynamodb()
        .put_item()
        .table_name("spark-broker")
        .set_item(Some(item));
    put.condition_expression("attribute_not_exists(pk)")
        .send()
        .await
        .unwrap();
}

async fn delete(world: &World, messages: &[Message]) {
    if messages.is_empty() {
        return;
    }
    let entry = |(n, message): (usize, &Message)| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(n.to_string());
        entry
            .receipt_handle(message.receipt_handle().unwrap())
            .build()
            .unwrap()
    };
    let entries = messages.iter().enumerate().map(entry).collect();
    let delete = world
        .aws
        .sqs()
        .delete_message_batch()
        .queue_url(world.queue_url());
    delete.set_entries(Some(entries)).send().await.unwrap();
}

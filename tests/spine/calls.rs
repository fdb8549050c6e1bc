//! What one job costs on the quiet path, counted on the wire.

use std::collections::BTreeMap;

use spark_broker::submission::State;

use crate::spine::jobs::Job;
use crate::spine::world::{Broker, World};

const JOBS: usize = 50;

/// Fifty small jobs from the queue to their end, and nothing else.
async fn quiet(world: &World) -> (Vec<Job>, Broker) {
    let jobs: Vec<Job> = (0..JOBS)
        .map(|n| Job::small(format!("quiet-{n}")).does("run-time", "5s"))
        .collect();
    world.send(&jobs).await;
    let clusters = "[{name: a, type: simulated, namespace: jobs, simulated: {nodes: 4, cores: 32}, \
        capacity: {sources: [nodes]}, pacing: {maxPending: 100}}]";
    let broker = world.broker("[{name: dev}]", clusters).await;
    let records = world.ended(&jobs).await;
    for record in &records {
        let walk: Vec<State> = record.history.iter().map(|step| step.to).collect();
        let quiet = [
            State::Queued,
            State::Dispatching,
            State::Submitted,
            State::Running,
            State::Succeeded,
        ];
        assert_eq!(walk, quiet, "{}", record.id);
    }
    (jobs, broker)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_costs_five_writes_of_its_own_item_and_no_read_of_it() {
    let world = World::start().await;
    let (jobs, broker) = quiet(&world).await;
    broker.stop().await;
    let items = world.dynamodb.items();
    let (of_jobs, of_domain): (Vec<_>, Vec<_>) = items
        .iter()
        .partition(|((_, pk), _)| pk.starts_with("submission#"));
    let of_jobs: BTreeMap<(&str, &str), u64> = of_jobs
        .into_iter()
        .map(|((operation, pk), n)| ((pk.as_str(), operation.as_str()), *n))
        .collect();
    let names: Vec<String> = jobs.iter().map(|job| format!("submission#{}", job.id)).collect();
    let five = |pk| [((pk, "PutItem"), 1), ((pk, "UpdateItem"), 4)];
    let expected: BTreeMap<(&str, &str), u64> = names.iter().flat_map(|pk| five(pk.as_str())).collect();
    assert_eq!(of_jobs, expected);

    // What is left is written for the domain, however many jobs there are.
    let shared = [
        "lease#spine",
        "queue#spine/dev",
        "cluster#spine/a",
        "clusters#spine",
        "outlook#spine",
        "outlook#spine/a",
        "installation",
    ];
    for ((operation, pk), _) in of_domain {
        assert!(shared.contains(&pk.as_str()), "{operation} {pk}");
    }
    let operations = world.dynamodb.operations();
    for whole in [
        "BatchGetItem",
        "BatchWriteItem",
        "TransactWriteItems",
        "Scan",
        "DeleteItem",
    ] {
        assert_eq!(operations.get(whole), None, "{operations:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_costs_its_cluster_one_create_and_nothing_else() {
    let world = World::start().await;
    let (jobs, broker) = quiet(&world).await;
    let calls = broker.calls("a");
    let once: BTreeMap<String, u64> = jobs.iter().map(|job| (format!("sb-{}-a1", job.id), 1)).collect();
    assert_eq!(calls.creates, once);
    assert!(calls.others.is_empty(), "{:?}", calls.others);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_received_and_deleted_by_tens() {
    let world = World::start().await;
    let (_, broker) = quiet(&world).await;
    let batches = broker.batches.lock().unwrap().clone();
    assert_eq!(batches.received, [10; JOBS / 10]);
    assert_eq!(batches.deleted, [10; JOBS / 10]);
    broker.stop().await;
    let operations = world.sqs.operations();
    assert_eq!(
        operations["DeleteMessageBatch"],
        (JOBS / 10) as u64,
        "{operations:?}"
    );
    for single in [
        "DeleteMessage",
        "SendMessage",
        "ChangeMessageVisibility",
        "ChangeMessageVisibilityBatch",
    ] {
        assert_eq!(operations.get(single), None, "{operations:?}");
    }
}

//! The contract of the port `Coordination`.

use aws_sdk_dynamodb::types::AttributeValue;
use spark_broker::adapters::dynamodb::{CopiedTable, DynamoStore, table};
use spark_broker::error::{Class, Classify};
use spark_broker::model::{Domain, Epoch, Version};
use spark_broker::ports::store::{ClusterBoard, Coordination, Lease, LeaseWrite, QueueBoard, WaitingHead};
use spark_broker::submission::Reason;

use crate::Harness;

async fn store(harness: &Harness) -> DynamoStore {
    table::ensure(&harness.aws.dynamodb(), "spark-broker")
        .await
        .unwrap();
    DynamoStore::open(harness.aws.dynamodb(), "spark-broker", CopiedTable::Refuse)
        .await
        .unwrap()
}

fn lease(holder: Option<&str>, epoch: u64, version: u64) -> Lease {
    Lease {
        holder: holder.map(str::to_owned),
        epoch: Epoch(epoch),
        version: Version(version),
    }
}

fn domain() -> Domain {
    "default".parse().unwrap()
}

#[tokio::test]
async fn the_lease_goes_to_the_first_that_wrote_on_what_both_have_seen() {
    let harness = Harness::start().await;
    let store = store(&harness).await;
    let write = async |seen: Option<u64>, next: &Lease| {
        store
            .write_lease(&domain(), seen.map(Version), next)
            .await
            .unwrap()
    };
    assert_eq!(store.lease(&domain()).await.unwrap(), None);
    let a = lease(Some("a"), 1, 1);
    assert_eq!(write(None, &a).await, LeaseWrite::Done);
    assert_eq!(
        write(None, &lease(Some("b"), 1, 1)).await,
        LeaseWrite::Stale(Some(a.clone()))
    );

    let renewed = lease(Some("a"), 1, 2);
    assert_eq!(write(Some(1), &renewed).await, LeaseWrite::Done);
    // The reply was lost.
    assert_eq!(write(Some(1), &renewed).await, LeaseWrite::Done);
    assert_eq!(
        write(Some(1), &lease(Some("b"), 2, 2)).await,
        LeaseWrite::Stale(Some(renewed))
    );

    let released = lease(None, 1, 3);
    assert_eq!(write(Some(2), &released).await, LeaseWrite::Done);
    assert_eq!(store.lease(&domain()).await.unwrap(), Some(released));
    let other = "other".parse().unwrap();
    assert_eq!(store.lease(&other).await.unwrap(), None);
    assert_eq!(
        store.write_lease(&other, Some(Version(1)), &a).await.unwrap(),
        LeaseWrite::Stale(None)
    );
}

#[tokio::test]
async fn boards_say_what_was_written_last() {
    let harness = Harness::start().await;
    let store = store(&harness).await;
    let (cluster, queue) = ("a".parse().unwrap(), "dev".parse().unwrap());
    assert_eq!(store.cluster(&domain(), &cluster).await.unwrap(), None);
    let mut board = ClusterBoard {
        healthy: false,
        message: Some("401".into()),
        live: 3,
        identity: Some("u1/u2".into()),
        at: Some("2026-11-23T05:31:50.100Z".parse().unwrap()),
    };
    store.write_cluster(&domain(), &cluster, &board).await.unwrap();
    board.message = None;
    store.write_cluster(&domain(), &cluster, &board).await.unwrap();
    assert_eq!(store.cluster(&domain(), &cluster).await.unwrap(), Some(board));

    let head = WaitingHead {
        id: "job-1".parse().unwrap(),
        reason: Reason::NoCapacity,
        message: "a: full".into(),
    };
    let board = QueueBoard {
        waiting: 1,
        live: 2,
        heads: vec![head],
        at: None,
    };
    store.write_queue(&domain(), &queue, &board).await.unwrap();
    assert_eq!(store.queue(&domain(), &queue).await.unwrap(), Some(board));
}

#[tokio::test]
async fn an_installation_is_made_once_and_a_copy_of_its_table_is_refused_until_told() {
    let harness = Harness::start().await;
    let store_a = store(&harness).await;
    let id = store_a.installation().await.unwrap();
    assert_eq!(store(&harness).await.installation().await.unwrap(), id);

    // A restored table brings the item of the first one.
    let client = harness.aws.dynamodb();
    table::ensure(&client, "restored").await.unwrap();
    let key = AttributeValue::S("installation".into());
    let item = client
        .get_item()
        .table_name("spark-broker")
        .key("pk", key)
        .send()
        .await
        .unwrap()
        .item;
    client
        .put_item()
        .table_name("restored")
        .set_item(item)
        .send()
        .await
        .unwrap();

    let open = |copied| DynamoStore::open(client.clone(), "restored", copied);
    let refused = open(CopiedTable::Refuse).await.unwrap_err();
    assert_eq!(refused.class(), Class::Permanent);
    assert!(refused.to_string().contains("--installation keep"), "{refused}");
    assert_eq!(
        open(CopiedTable::Keep)
            .await
            .unwrap()
            .installation()
            .await
            .unwrap(),
        id
    );
    assert_eq!(
        open(CopiedTable::Refuse)
            .await
            .unwrap()
            .installation()
            .await
            .unwrap(),
        id
    );

    client
        .update_item()
        .table_name("restored")
        .key("pk", AttributeValue::S("installation".into()))
        .update_expression("SET tableId = :other")
        .expression_attribute_values(":other", AttributeValue::S("another".into()))
        .send()
        .await
        .unwrap();
    let new = open(CopiedTable::New)
        .await
        .unwrap()
        .installation()
        .await
        .unwrap();
    assert_ne!(new, id);
    assert_eq!(
        open(CopiedTable::Refuse)
            .await
            .unwrap()
            .installation()
            .await
            .unwrap(),
        new
    );
}

//! The installation: made once, and known again in a copy of its table.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use spark_broker::adapters::dynamodb::{CopiedTable, DynamoStore, table};
use spark_broker::error::{Class, Classify};
use spark_broker::model::InstallationId;
use spark_broker::ports::Error;
use spark_broker::ports::store::Coordination;

use crate::Harness;

async fn open(client: &Client, table: &str, copied: CopiedTable) -> Result<InstallationId, Error> {
    DynamoStore::open(client.clone(), table, copied)
        .await?
        .installation()
        .await
}

/// A table that holds the installation's item of `first`, as a restored one does.
async fn restored(client: &Client, first: &str, name: &str) {
    table::ensure(client, name).await.unwrap();
    let key = AttributeValue::S("installation".into());
    let read = client.get_item().table_name(first).key("pk", key);
    let item = read.send().await.unwrap().item;
    client
        .put_item()
        .table_name(name)
        .set_item(item)
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn an_installation_is_made_once() {
    let harness = Harness::start().await;
    let (client, first) = (harness.aws.dynamodb(), harness.name("first"));
    table::ensure(&client, &first).await.unwrap();
    let id = open(&client, &first, CopiedTable::Refuse).await.unwrap();
    assert_eq!(open(&client, &first, CopiedTable::New).await.unwrap(), id);
}

#[tokio::test]
async fn a_copy_of_its_table_is_refused_until_told_to_keep_it_or_to_be_a_new_one() {
    let harness = Harness::start().await;
    let (client, first) = (harness.aws.dynamodb(), harness.name("first"));
    table::ensure(&client, &first).await.unwrap();
    let id = open(&client, &first, CopiedTable::Refuse).await.unwrap();

    let kept = harness.name("kept");
    restored(&client, &first, &kept).await;
    let refused = open(&client, &kept, CopiedTable::Refuse).await.unwrap_err();
    assert_eq!(refused.class(), Class::Permanent);
    assert!(refused.to_string().contains("--installation keep"), "{refused}");
    assert_eq!(open(&client, &kept, CopiedTable::Keep).await.unwrap(), id);
    assert_eq!(open(&client, &kept, CopiedTable::Refuse).await.unwrap(), id);

    let copy = harness.name("copy");
    restored(&client, &first, &copy).await;
    let new = open(&client, &copy, CopiedTable::New).await.unwrap();
    assert_ne!(new, id);
    assert_eq!(open(&client, &copy, CopiedTable::Refuse).await.unwrap(), new);
}

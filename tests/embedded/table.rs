//! Making and checking the table.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use spark_broker::adapters::dynamodb::table;
use spark_broker::error::{Class, Classify};

use crate::Harness;

#[tokio::test]
async fn a_table_is_made_once_and_each_table_has_its_own_id() {
    let harness = Harness::start().await;
    let (client, name) = (harness.aws.dynamodb(), harness.name("table"));
    let missing = table::check(&client, &name).await.unwrap_err();
    assert_eq!(
        (missing.class(), missing.to_string()),
        (Class::Permanent, format!("table {name} doesn't exist"))
    );

    let id = table::ensure(&client, &name).await.unwrap();
    assert_eq!(table::ensure(&client, &name).await.unwrap(), id);
    assert_ne!(
        table::ensure(&client, &harness.name("another")).await.unwrap(),
        id
    );
}

#[tokio::test]
async fn a_table_of_another_shape_is_refused_with_every_fault() {
    let harness = Harness::start().await;
    let (client, name) = (harness.aws.dynamodb(), harness.name("table"));
    let key = |kind| {
        KeySchemaElement::builder()
            .attribute_name("id")
            .key_type(kind)
            .build()
            .unwrap()
    };
    let string = AttributeDefinition::builder()
        .attribute_name("id")
        .attribute_type(ScalarAttributeType::S);
    client
        .create_table()
        .table_name(&name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key(KeyType::Hash))
        .attribute_definitions(string.build().unwrap())
        .send()
        .await
        .unwrap();
    let refused = table::check(&client, &name).await.unwrap_err().to_string();
    for fault in [
        "its key is (id HASH), expected (pk HASH)",
        "index backlog is missing",
        "index recent is missing",
        "time to live isn't on for attribute expiresAt",
    ] {
        assert!(refused.contains(fault), "{refused}");
    }
}

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
    let client = harness.aws.dynamodb();
    let missing = table::check(&client, "spark-broker").await.unwrap_err();
    assert_eq!(
        (missing.class(), missing.to_string()),
        (Class::Permanent, "table spark-broker doesn't exist".into())
    );

    let id = table::ensure(&client, "spark-broker").await.unwrap();
    assert_eq!(table::ensure(&client, "spark-broker").await.unwrap(), id);
    assert_ne!(table::ensure(&client, "another").await.unwrap(), id);
}

#[tokio::test]
async fn a_table_of_another_shape_is_refused_with_every_fault() {
    let harness = Harness::start().await;
    let client = harness.aws.dynamodb();
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
        .table_name("foreign")
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key(KeyType::Hash))
        .attribute_definitions(string.build().unwrap())
        .send()
        .await
        .unwrap();
    let refused = table::check(&client, "foreign").await.unwrap_err().to_string();
    for fault in [
        "its key is (id HASH), expected (pk HASH)",
        "index backlog is missing",
        "index recent is missing",
        "time to live isn't on for attribute expiresAt",
    ] {
        assert!(refused.contains(fault), "{refused}");
    }
}

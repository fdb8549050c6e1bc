//! Making and checking the table.

use std::io::{Read, Write};
use std::net::TcpStream;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use serde_json::{Value, json};
use spark_broker::adapters::dynamodb::table;
use spark_broker::adapters::embedded::Options;
use spark_broker::error::{Class, Classify};

use crate::{Harness, documented_table};

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

/// One call without an SDK: its answers don't serialise, and the documented shape is JSON.
fn call(url: &str, operation: &str, body: &Value) -> Value {
    let address = url.strip_prefix("http://").unwrap();
    let body = body.to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\
         content-type: application/x-amz-json-1.0\r\nx-amz-target: DynamoDB_20120810.{operation}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=a/20261123/us-east-1/dynamodb/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=0\r\nx-amz-date: 20261123T000000Z\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn a_made_table_has_the_documented_shape() {
    let (embedded, aws) = crate::embedded(Options::default()).await;
    table::ensure(&aws.dynamodb(), "records").await.unwrap();
    let name = json!({"TableName": "records"});
    let described = call(embedded.dynamodb_url(), "DescribeTable", &name);
    let time_to_live = call(embedded.dynamodb_url(), "DescribeTimeToLive", &name);
    assert_eq!(
        documented_table::shape(&described, &time_to_live),
        documented_table::expected()
    );
}

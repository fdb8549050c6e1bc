//! Ports, data directories, and what the endpoints allow beside the crates they are made of.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName, SendMessageBatchRequestEntry};
use spark_broker::adapters::dynamodb::{CopiedTable, DynamoStore, table};
use spark_broker::adapters::embedded::{Embedded, Error, Options};
use spark_broker::adapters::sqs::{QueueAddress, SqsQueue, create_queues};
use spark_broker::error::{Class, Classify};
use spark_broker::ports::queue::SubmissionQueue;
use spark_broker::ports::store::Store;

#[tokio::test]
async fn a_port_in_use_is_named_with_the_option_that_changes_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();

    let error = Embedded::start(Options {
        sqs_port: port,
        ..Options::default()
    })
    .await
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("port {port} on 127.0.0.1 is in use: choose another with --sqs-port, or 0 for any free one")
    );
    let error = Embedded::start(Options {
        dynamodb_port: port,
        ..Options::default()
    })
    .await
    .unwrap_err();
    assert!(
        matches!(
            error,
            Error::PortInUse {
                option: "--dynamodb-port",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn after_a_stop_the_ports_are_free_again() {
    let (embedded, aws) = crate::embedded(Options::default()).await;
    let port = |url: &str| url.rsplit(':').next().unwrap().parse::<u16>().unwrap();
    let (sqs_port, dynamodb_port) = (port(embedded.sqs_url()), port(embedded.dynamodb_url()));
    aws.dynamodb().list_tables().send().await.unwrap();
    embedded.stop().await;
    crate::embedded(Options {
        sqs_port,
        dynamodb_port,
        data_dir: None,
    })
    .await;
}

#[tokio::test]
async fn records_outlive_the_process_and_one_directory_serves_one_process() {
    let dir = std::env::temp_dir().join(format!("spark-broker-{}", uuid::Uuid::new_v4()));
    let options = Options {
        data_dir: Some(dir.clone()),
        ..Options::default()
    };
    let (embedded, aws) = crate::embedded(options.clone()).await;
    let id = table::ensure(&aws.dynamodb(), "spark-broker").await.unwrap();
    let item = aws.dynamodb().put_item().table_name("spark-broker");
    item.item("pk", AttributeValue::S("x".into()))
        .send()
        .await
        .unwrap();

    let second = Embedded::start(options.clone()).await.unwrap_err();
    assert!(matches!(second, Error::DataDirInUse { .. }), "{second}");
    embedded.stop().await;

    let (embedded, aws) = crate::embedded(options).await;
    assert_eq!(table::check(&aws.dynamodb(), "spark-broker").await.unwrap(), id);
    let read = aws
        .dynamodb()
        .get_item()
        .table_name("spark-broker")
        .key("pk", AttributeValue::S("x".into()));
    assert!(read.send().await.unwrap().item.is_some());
    embedded.stop().await;
    std::fs::remove_dir_all(dir).unwrap();
}

/// A queue for messages of a mebibyte, and an attribute to send with them.
async fn large_queue(sqs: &aws_sdk_sqs::Client) -> (String, MessageAttributeValue) {
    let create = sqs.create_queue().queue_name("large");
    let create = create.attributes(QueueAttributeName::MaximumMessageSize, "1048576");
    let value = MessageAttributeValue::builder()
        .data_type("String")
        .string_value("v");
    (
        create.send().await.unwrap().queue_url.unwrap(),
        value.build().unwrap(),
    )
}

#[tokio::test]
async fn a_message_of_a_mebibyte_keeps_its_attributes_and_one_byte_more_is_refused() {
    let (_embedded, aws) = crate::embedded(Options::default()).await;
    let sqs = aws.sqs();
    let (url, value) = large_queue(&sqs).await;
    // A character of three bytes straddles the place where the body is cut in two.
    let attributes_size = "nameStringv".len();
    let body = format!(
        "{}€{}",
        "a".repeat(262_143),
        "b".repeat(1_048_576 - 262_143 - 3 - attributes_size)
    );
    let send = |body: String| {
        let message = sqs
            .send_message()
            .queue_url(&url)
            .message_attributes("name", value.clone());
        message.message_body(body).send()
    };
    assert!(send(format!("{body}b")).await.is_err());
    let sent = send(body.clone()).await.unwrap();

    let receive = || sqs.receive_message().queue_url(&url).visibility_timeout(0);
    let asked = receive().message_attribute_names("All").send().await.unwrap();
    let message = &asked.messages()[0];
    assert!(message.body() == Some(&body));
    assert_eq!(message.md5_of_body, sent.md5_of_message_body);
    assert_eq!(message.md5_of_message_attributes, sent.md5_of_message_attributes);
    assert_eq!(message.message_attributes().unwrap()["name"], value);

    let unasked = receive().send().await.unwrap();
    assert!(unasked.messages()[0].body() == Some(&body));
    assert_eq!(unasked.messages()[0].message_attributes(), None);
    assert_eq!(unasked.messages()[0].md5_of_message_attributes(), None);
}

#[tokio::test]
async fn a_batch_carries_large_messages_too() {
    let (_embedded, aws) = crate::embedded(Options::default()).await;
    let sqs = aws.sqs();
    let url = sqs
        .create_queue()
        .queue_name("batch")
        .send()
        .await
        .unwrap()
        .queue_url
        .unwrap();
    let entry = |id: &str, size: usize| {
        SendMessageBatchRequestEntry::builder()
            .id(id)
            .message_body(id.repeat(size))
            .build()
            .unwrap()
    };
    let send = |a, b| {
        sqs.send_message_batch()
            .queue_url(&url)
            .entries(entry("a", a))
            .entries(entry("b", b))
            .send()
    };
    assert!(send(600_000, 500_000).await.is_err());
    let output = send(500_000, 500_000).await.unwrap();
    assert_eq!(output.successful.len(), 2);
    let received = sqs
        .receive_message()
        .queue_url(&url)
        .max_number_of_messages(10)
        .send()
        .await
        .unwrap();
    assert!(
        received
            .messages()
            .iter()
            .all(|m| m.body().unwrap().len() == 500_000)
    );
}

#[tokio::test]
async fn a_number_out_of_range_is_refused_and_the_queue_lives_on() {
    let (_embedded, aws) = crate::embedded(Options::default()).await;
    let sqs = aws.sqs();
    let url = sqs
        .create_queue()
        .queue_name("q")
        .send()
        .await
        .unwrap()
        .queue_url
        .unwrap();
    assert!(
        sqs.receive_message()
            .queue_url(&url)
            .visibility_timeout(-1)
            .send()
            .await
            .is_err()
    );
    assert!(
        sqs.receive_message()
            .queue_url(&url)
            .wait_time_seconds(21)
            .send()
            .await
            .is_err()
    );
    assert!(
        sqs.send_message()
            .queue_url(&url)
            .message_body("x")
            .delay_seconds(-1)
            .send()
            .await
            .is_err()
    );
    sqs.send_message()
        .queue_url(&url)
        .message_body("x")
        .message_group_id("tenant")
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn an_endpoint_that_is_away_is_a_transient_failure() {
    let (embedded, aws) = crate::embedded(Options::default()).await;
    create_queues(&aws.sqs(), "jobs", "jobs-dlq").await.unwrap();
    table::ensure(&aws.dynamodb(), "records").await.unwrap();
    let queue = SqsQueue::connect(aws.sqs(), QueueAddress::Name("jobs".into()), None)
        .await
        .unwrap();
    let store = DynamoStore::open(aws.dynamodb(), "records", CopiedTable::Refuse)
        .await
        .unwrap();
    embedded.stop().await;
    let transient = Class::Transient { retry_after: None };
    assert_eq!(queue.send("body").await.unwrap_err().class(), transient);
    assert_eq!(store.probe().await.unwrap_err().class(), transient);
}

#[tokio::test]
async fn an_abandoned_long_poll_swallows_no_message() {
    let (_embedded, aws) = crate::embedded(Options::default()).await;
    create_queues(&aws.sqs(), "jobs", "jobs-dlq").await.unwrap();
    let queue = SqsQueue::connect(aws.sqs(), QueueAddress::Name("jobs".into()), None)
        .await
        .unwrap();
    let hidden = Duration::from_secs(600);
    let poll = queue.receive(Duration::from_secs(20), hidden);
    // Long enough for the request to arrive; then the connection is dropped, and the endpoint has time to notice.
    assert!(
        tokio::time::timeout(Duration::from_millis(300), poll)
            .await
            .is_err()
    );
    tokio::time::sleep(Duration::from_millis(200)).await;
    let sent = queue.send("late").await.unwrap();
    let received = queue.receive(Duration::from_secs(5), hidden).await.unwrap();
    assert_eq!((&received[0].id, received[0].receive_count), (&sent, 1));
}

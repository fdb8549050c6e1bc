//! What a user holds of AWS: a submission queue, its dead-letter queue and the table.

use std::collections::HashMap;
use std::sync::Mutex;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};
use serde_json::Value;
use spark_broker::adapters::aws::Aws;
use spark_broker::adapters::dynamodb::table;
use spark_broker::adapters::embedded::{Embedded, Options};
use spark_broker::adapters::sqs::create_queues;

use super::eventually;

const QUEUE: &str = "spark-jobs";
const DEAD_LETTER_QUEUE: &str = "spark-jobs-dlq";
const TABLE: &str = "spark-broker";

/// A message in the dead-letter queue.
#[derive(Debug, Clone)]
pub(crate) struct Parked {
    pub(crate) body: String,
    pub(crate) attributes: HashMap<String, String>,
}

impl Parked {
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

pub(crate) struct Account {
    embedded: Option<Embedded>,
    aws: Aws,
    queue: String,
    dead_letter_queue: String,
    parked: Mutex<Vec<Parked>>,
}

impl Account {
    /// Endpoints in the test's own process, with the queues and the table that an administrator makes.
    pub(crate) async fn new() -> Self {
        let embedded = Embedded::start(Options::default()).await.unwrap();
        let aws = Aws::embedded(embedded.sqs_url(), embedded.dynamodb_url());
        create_queues(&aws.sqs(), QUEUE, DEAD_LETTER_QUEUE).await.unwrap();
        table::ensure(&aws.dynamodb(), TABLE).await.unwrap();
        let mut account = Self::of(aws).await;
        account.embedded = Some(embedded);
        account
    }

    /// The account that a running `dev` is.
    pub(super) async fn at(sqs_url: &str, dynamodb_url: &str) -> Self {
        Self::of(Aws::embedded(sqs_url, dynamodb_url)).await
    }

    async fn of(aws: Aws) -> Self {
        let url = async |name| {
            let output = aws.sqs().get_queue_url().queue_name(name).send().await;
            output.unwrap().queue_url.unwrap()
        };
        Self {
            queue: url(QUEUE).await,
            dead_letter_queue: url(DEAD_LETTER_QUEUE).await,
            embedded: None,
            aws,
            parked: Mutex::default(),
        }
    }

    pub(crate) fn sqs_url(&self) -> &str {
        self.embedded.as_ref().unwrap().sqs_url()
    }

    pub(crate) fn dynamodb_url(&self) -> &str {
        self.embedded.as_ref().unwrap().dynamodb_url()
    }

    /// After so many receives SQS itself moves a message to the dead-letter queue.
    pub(crate) async fn set_max_receive_count(&self, count: u32) {
        let arn = self
            .fact(&self.dead_letter_queue, QueueAttributeName::QueueArn)
            .await;
        let policy = serde_json::json!({"deadLetterTargetArn": arn, "maxReceiveCount": count});
        let request = self.aws.sqs().set_queue_attributes().queue_url(&self.queue);
        let request = request.attributes(QueueAttributeName::RedrivePolicy, policy.to_string());
        request.send().await.unwrap();
    }

    /// `SendMessage`; the `MessageId` of its reply.
    pub(crate) async fn send(&self, body: &str) -> String {
        self.send_with(body, &[]).await
    }

    /// `SendMessage` with message attributes.
    pub(crate) async fn send_with(&self, body: &str, attributes: &[(&str, &str)]) -> String {
        let mut request = self
            .aws
            .sqs()
            .send_message()
            .queue_url(&self.queue)
            .message_body(body);
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(*value)
                .build()
                .unwrap();
            request = request.message_attributes(*name, value);
        }
        request.send().await.unwrap().message_id.unwrap()
    }

    /// Every message parked so far.
    pub(crate) async fn parked(&self) -> Vec<Parked> {
        let request = self
            .aws
            .sqs()
            .receive_message()
            .queue_url(&self.dead_letter_queue);
        let request = request
            .max_number_of_messages(10)
            .visibility_timeout(600)
            .message_attribute_names("All");
        let messages = request.send().await.unwrap().messages.unwrap_or_default();
        let mut parked = self.parked.lock().unwrap();
        parked.extend(messages.into_iter().map(|message| {
            Parked {
                body: message.body.unwrap_or_default(),
                attributes: message
                    .message_attributes
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value.string_value?)))
                    .collect(),
            }
        }));
        parked.clone()
    }

    /// The parked message of `id`, once it is there.
    pub(crate) async fn parked_as(&self, id: &str) -> Parked {
        let found = eventually("a parked message", async || {
            let parked = self.parked().await;
            parked.into_iter().find(|p| p.attribute("submissionId") == id)
        });
        found.await
    }

    /// How many messages wait, and how many are being worked on.
    pub(crate) async fn waiting(&self) -> (u32, u32) {
        let count = async |name| self.fact(&self.queue, name).await.parse().unwrap();
        (
            count(QueueAttributeName::ApproximateNumberOfMessages).await,
            count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible).await,
        )
    }

    async fn fact(&self, queue: &str, name: QueueAttributeName) -> String {
        let request = self.aws.sqs().get_queue_attributes().queue_url(queue);
        let output = request.attribute_names(name.clone()).send().await.unwrap();
        output.attributes.unwrap().remove(&name).unwrap()
    }

    /// Returns once nothing is left in the submission queue.
    pub(crate) async fn drained(&self) {
        eventually("an empty queue", async || {
            (self.waiting().await == (0, 0)).then_some(())
        })
        .await;
    }

    /// From here on the table says of itself that it was made as another, as a restored or copied one does.
    pub(crate) async fn copy_table(&self) {
        let other = AttributeValue::S(uuid::Uuid::new_v4().to_string());
        let update = self.aws.dynamodb().update_item().table_name(TABLE);
        let update = update
            .key("pk", AttributeValue::S("installation".to_owned()))
            .update_expression("SET tableId = :other")
            .expression_attribute_values(":other", other);
        update.send().await.unwrap();
    }

    /// `GetItem` on the table.
    pub(crate) async fn item(&self, pk: &str) -> Option<HashMap<String, AttributeValue>> {
        let request = self.aws.dynamodb().get_item().table_name(TABLE);
        let request = request
            .key("pk", AttributeValue::S(pk.to_owned()))
            .consistent_read(true);
        request.send().await.unwrap().item
    }

    /// The attribute `name` of an item, as text.
    pub(crate) async fn attribute(&self, pk: &str, name: &str) -> Option<String> {
        match self.item(pk).await?.remove(name)? {
            AttributeValue::S(text) | AttributeValue::N(text) => Some(text),
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// A job spec of `queue` that runs for `run_time` on a simulated cluster.
pub(crate) fn job(id: &str, run_time: &str) -> Value {
    serde_json::json!({
        "submissionId": id,
        "applicationName": "Report",
        "queue": "dev",
        "sparkVersion": "3.5.0",
        "image": "spark:3.5.0",
        "mainApplicationFile": "local:///opt/report.py",
        "annotations": {"simulated.spark-broker/run-time": run_time},
        "driver": {"cores": 1, "memory": "1g"},
        "executor": {"instances": 1, "cores": 1, "memory": "1g"},
    })
}

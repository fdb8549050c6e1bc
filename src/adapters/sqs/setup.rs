//! What stands around the messages: a queue's URL, its attributes, its dead-letter queue, and both made for `dev`.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use serde::Deserialize;

use crate::adapters::aws::port_error;
use crate::ports::Error;

pub(super) type Attributes = HashMap<QueueAttributeName, String>;

/// The longest retention SQS has, and the default one, in seconds: a parked message must outlive its source's.
const DEAD_LETTER_RETENTION: &str = "1209600";
/// High: messages that wait for a store that is away are received often, and healthy all the same.
const MAX_RECEIVE_COUNT: u32 = 1000;

/// A queue's redrive policy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Redrive {
    pub(super) dead_letter_target_arn: String,
    #[serde(default, deserialize_with = "number")]
    pub(super) max_receive_count: Option<u32>,
}

/// SQS takes the count as a number and as a text, and gives back what it was given.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(text.parse().ok())
}

/// Makes a queue and its dead-letter queue where they are absent.
pub async fn create_queues(client: &Client, name: &str, dead_letter: &str) -> Result<(), Error> {
    let dead_letter_url = create(
        client,
        dead_letter,
        (
            QueueAttributeName::MessageRetentionPeriod,
            DEAD_LETTER_RETENTION.into(),
        ),
    )
    .await?;
    let arn = attributes(client, &dead_letter_url)
        .await?
        .remove(&QueueAttributeName::QueueArn);
    let policy = serde_json::json!({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVE_COUNT});
    create(
        client,
        name,
        (QueueAttributeName::RedrivePolicy, policy.to_string()),
    )
    .await?;
    Ok(())
}

async fn create(
    client: &Client,
    name: &str,
    attribute: (QueueAttributeName, String),
) -> Result<String, Error> {
    let output = client
        .create_queue()
        .queue_name(name)
        .attributes(attribute.0, attribute.1)
        .send()
        .await
        .map_err(|e| port_error(format_args!("CreateQueue {name}"), e))?;
    output
        .queue_url
        .ok_or_else(|| Error::transient(format!("CreateQueue {name}: the answer has no URL")))
}

/// The URL of the queue `name`, in `account` or in our own.
pub(super) async fn url_of(client: &Client, name: &str, account: Option<&str>) -> Result<String, Error> {
    let output = client
        .get_queue_url()
        .queue_name(name)
        .set_queue_owner_aws_account_id(account.map(str::to_owned))
        .send()
        .await
        .map_err(|e| port_error(format_args!("GetQueueUrl {name}"), e))?;
    output
        .queue_url
        .ok_or_else(|| Error::transient(format!("GetQueueUrl {name}: the answer has no URL")))
}

/// The URL of the dead-letter queue that the redrive policy of `url` names, if it has a policy.
pub(super) async fn dead_letter_of(client: &Client, url: &str) -> Result<Option<String>, Error> {
    let Some(redrive) = redrive(&attributes(client, url).await?) else {
        return Ok(None);
    };
    // arn:partition:sqs:region:account:name; a dead-letter queue stands in its source's region.
    let parts: Vec<_> = redrive.dead_letter_target_arn.split(':').collect();
    match parts.as_slice() {
        [_, _, _, _, account, name] => url_of(client, name, Some(account)).await.map(Some),
        _ => Err(Error::permanent(format!(
            "the redrive policy of {url} names {:?}, which is no queue's ARN",
            redrive.dead_letter_target_arn
        ))),
    }
}

/// Every attribute of a queue.
pub(super) async fn attributes(client: &Client, url: &str) -> Result<Attributes, Error> {
    let output = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .map_err(|e| port_error(format_args!("GetQueueAttributes {url}"), e))?;
    Ok(output.attributes.unwrap_or_default())
}

pub(super) fn redrive(attributes: &Attributes) -> Option<Redrive> {
    serde_json::from_str(attributes.get(&QueueAttributeName::RedrivePolicy)?).ok()
}

pub(super) fn retention(attributes: &Attributes) -> Option<Duration> {
    let seconds = attributes
        .get(&QueueAttributeName::MessageRetentionPeriod)?
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

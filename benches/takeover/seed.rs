//! Many waiting submissions, as copies of one that the broker took in itself.

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use futures::{StreamExt, TryStreamExt, stream};
use spark_broker::ports::store::Store;

use crate::spine::jobs::Job;
use crate::spine::world::{Broker, World};

/// As many as one `BatchWriteItem` takes.
const BATCH: usize = 25;
/// Batches under way at once.
const AT_ONCE: usize = 8;
/// The domain of the spine's brokers.
pub const DOMAIN: &str = "spine";

/// Puts `count` copies of `job` into the table of `world`, each QUEUED under an ID that begins with `name`, taken in by `intake`.
pub async fn queued(world: &World, intake: &Broker, job: &Job, name: &str, count: usize) {
    assert_eq!(intake.submit(job).await, 202);
    let get = world.aws.dynamodb().get_item().table_name("spark-broker");
    let key = AttributeValue::S(format!("submission#{}", job.id));
    let found = get.key("pk", key).consistent_read(true).send().await.unwrap();
    let (template, shards) = (found.item.unwrap(), world.store.shards() as usize);
    let accepted = template["acceptedAt"].as_s().unwrap().clone();
    let copy = |n: usize| {
        let id = format!("{name}-{n}");
        let mut item = template.clone();
        let order = format!("{accepted}#{id}");
        let texts = [
            ("pk", format!("submission#{id}")),
            ("backlogPartition", format!("{DOMAIN}#{}", n % shards)),
            ("backlogOrder", order.clone()),
            ("recentOrder", order),
            ("submissionId", id),
        ];
        for (name, text) in texts {
            item.insert(name.to_owned(), AttributeValue::S(text));
        }
        let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
        WriteRequest::builder().put_request(put).build()
    };
    let batches = (0..count).step_by(BATCH).map(|from| {
        let requests: Vec<_> = (from..count.min(from + BATCH)).map(copy).collect();
        let write = world.aws.dynamodb().batch_write_item();
        async move {
            let written = write.request_items("spark-broker", requests).send().await?;
            assert!(written.unprocessed_items.is_none_or(|left| left.is_empty()));
            Ok::<_, aws_sdk_dynamodb::Error>(())
        }
    });
    let written = stream::iter(batches).buffer_unordered(AT_ONCE);
    written.try_collect::<()>().await.unwrap();
}

//! The port `Store`: records by their ID.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure,
};
use jiff::Timestamp;
use serde_json::json;

use super::expression::{Condition, Update};
use super::{DynamoStore, Item, Put, item, put, specs, table};
use crate::adapters::aws::port_error;
use crate::model::{ClusterName, Domain, Epoch, QueueName, SubmissionId};
use crate::ports::Error;
use crate::ports::store::{Create, Page, Store, Write};
use crate::submission::{
    BacklogEntry, Change, Record, RecordKey, SpecTexts, from_attributes, partition_key, to_attributes,
};

/// The most keys of one `BatchGetItem`.
const BATCH: usize = 100;
/// The pause before keys that were left unprocessed are asked for again: the batch was throttled.
const UNPROCESSED_PAUSE: Duration = Duration::from_millis(100);
/// How often they are asked for.
const UNPROCESSED_TRIES: u32 = 20;
/// A key that no item ever has.
const PROBE: &str = "probe";

#[async_trait]
impl Store for DynamoStore {
    async fn create(&self, record: &Record) -> Result<Create, Error> {
        let apart = self.write_specs(record).await?;
        match self.put_record(record, apart, Condition::absent()).await? {
            None => Ok(Create::Created),
            // Ours: an earlier try was answered into the void.
            Some(Some(stored)) if stored.incarnation == record.incarnation => Ok(Create::Created),
            Some(Some(stored)) => {
                self.drop_specs_if(apart, record).await;
                Ok(Create::Exists(Box::new(stored)))
            }
            Some(None) => Err(Error::transient("PutItem: the condition failed without an item")),
        }
    }

    async fn replace(&self, old: &RecordKey, record: &Record) -> Result<Write, Error> {
        let apart = self.write_specs(record).await?;
        match self.put_record(record, apart, Condition::stands(old)).await? {
            None => Ok(Write::Done(Box::new(if apart {
                specs::without_specs(record)
            } else {
                record.clone()
            }))),
            Some(Some(stored)) if stored.incarnation == record.incarnation => {
                Ok(Write::Done(Box::new(stored)))
            }
            Some(stored) => {
                self.drop_specs_if(apart, record).await;
                Ok(Write::Stale(stored.map(Box::new)))
            }
        }
    }

    async fn update(&self, key: &RecordKey, change: &Change, epoch: Option<Epoch>) -> Result<Write, Error> {
        let change = stamped(key, change, epoch);
        let written = match self.send_update(key, &change, epoch).await? {
            Ok(stored) => record_of(stored)?,
            Err(None) => return Ok(Write::Stale(None)),
            Err(Some(stored)) => {
                let happened = shows(&stored, key, &change);
                let stored = record_of(stored)?;
                if !happened {
                    return Ok(Write::Stale(Some(Box::new(stored))));
                }
                stored
            }
        };
        let apart = written.spec == SpecTexts::default();
        if let (true, Some(at)) = (
            apart,
            change.set.get("expiresAt").and_then(serde_json::Value::as_i64),
        ) {
            self.expire_specs(&written, at).await;
        }
        Ok(Write::Done(Box::new(written)))
    }

    async fn get(&self, id: &SubmissionId) -> Result<Option<Record>, Error> {
        self.read(&partition_key(id)).await?.map(record_of).transpose()
    }

    async fn get_many(&self, ids: &[SubmissionId]) -> Result<Vec<Record>, Error> {
        let keys: Vec<_> = ids
            .iter()
            .map(partition_key)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let mut records = Vec::with_capacity(keys.len());
        for batch in keys.chunks(BATCH) {
            let items = self.batch_get(batch).await?;
            records.extend(items.into_iter().filter_map(readable(record_of)));
        }
        Ok(records)
    }

    async fn specs(&self, record: &Record) -> Result<SpecTexts, Error> {
        self.read_specs(record).await
    }

    async fn backlog(
        &self,
        domain: &Domain,
        shard: u32,
        from: Option<Timestamp>,
        page: Option<String>,
    ) -> Result<Page<BacklogEntry>, Error> {
        self.backlog_page(domain, shard, from, page).await
    }

    async fn live(
        &self,
        domain: &Domain,
        cluster: &ClusterName,
        page: Option<String>,
    ) -> Result<Page<Record>, Error> {
        self.live_page(domain, cluster, page).await
    }

    async fn wishes(&self, domain: &Domain, page: Option<String>) -> Result<Page<Record>, Error> {
        self.wishes_page(domain, page).await
    }

    async fn recent(
        &self,
        queue: &QueueName,
        day: &str,
        shard: u32,
        page: Option<String>,
    ) -> Result<Page<SubmissionId>, Error> {
        self.recent_page(queue, day, shard, page).await
    }

    fn shards(&self) -> u32 {
        self.shards
    }

    /// Deletes an item that never exists: it takes the way of every write, capacity and permission included.
    async fn probe(&self) -> Result<(), Error> {
        let request = self.client.delete_item().table_name(&self.table);
        let request = request.key(table::PARTITION_KEY, AttributeValue::S(PROBE.to_owned()));
        request
            .send()
            .await
            .map_err(|e| port_error("DeleteItem probe", e))?;
        Ok(())
    }
}

impl DynamoStore {
    /// `None`: written. `Some`: refused, with the record that stands there.
    async fn put_record(
        &self,
        record: &Record,
        apart: bool,
        condition: Condition,
    ) -> Result<Option<Option<Record>>, Error> {
        let attributes = if apart {
            to_attributes(&specs::without_specs(record), self.shards)
        } else {
            to_attributes(record, self.shards)
        };
        match put(
            &self.client,
            &self.table,
            item::attributes(attributes),
            Some(condition),
        )
        .await?
        {
            Put::Written => Ok(None),
            Put::Refused(stored) => Ok(Some(stored.map(record_of).transpose()?)),
        }
    }

    async fn drop_specs_if(&self, apart: bool, record: &Record) {
        if apart {
            self.drop_specs(record).await;
        }
    }

    /// The item after the update, or where its condition failed the one that stands there.
    async fn send_update(
        &self,
        key: &RecordKey,
        change: &Change,
        epoch: Option<Epoch>,
    ) -> Result<Result<Item, Option<Item>>, Error> {
        let update = Update::of(key, change, epoch);
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(table::PARTITION_KEY, AttributeValue::S(partition_key(&key.id)))
            .update_expression(update.expression)
            .condition_expression(update.condition.text)
            .set_expression_attribute_names(update.condition.names)
            .set_expression_attribute_values(update.condition.values)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent {
            Ok(output) => Ok(Ok(output.attributes.unwrap_or_default())),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => {
                match e.into_err() {
                    UpdateItemError::ConditionalCheckFailedException(failed) => Ok(Err(failed.item)),
                    other => Err(Error::permanent(other.to_string())),
                }
            }
            Err(e) => Err(port_error(
                format_args!("UpdateItem {}", partition_key(&key.id)),
                e,
            )),
        }
    }

    async fn batch_get(&self, keys: &[String]) -> Result<Vec<Item>, Error> {
        let keys = keys
            .iter()
            .map(|pk| HashMap::from([(table::PARTITION_KEY.to_owned(), AttributeValue::S(pk.clone()))]));
        let mut wanted = KeysAndAttributes::builder()
            .consistent_read(true)
            .set_keys(Some(keys.collect()))
            .build()
            .map_err(|e| Error::permanent(e.to_string()))?;
        let mut items = Vec::new();
        for _ in 0..UNPROCESSED_TRIES {
            let request = self.client.batch_get_item().request_items(&self.table, wanted);
            let output = request.send().await.map_err(|e| port_error("BatchGetItem", e))?;
            items.extend(
                output
                    .responses
                    .and_then(|mut r| r.remove(&self.table))
                    .unwrap_or_default(),
            );
            match output.unprocessed_keys.and_then(|mut u| u.remove(&self.table)) {
                None => return Ok(items),
                Some(rest) => wanted = rest,
            }
            tokio::time::sleep(UNPROCESSED_PAUSE).await;
        }
        Err(Error::transient(
            "BatchGetItem: keys stay unprocessed, the table is throttled",
        ))
    }
}

/// `change` with the version that every write sets, and the epoch of a scheduler's.
fn stamped(key: &RecordKey, change: &Change, epoch: Option<Epoch>) -> Change {
    let mut change = change.clone();
    change.set.insert("version".to_owned(), json!(key.version.next()));
    if let Some(epoch) = epoch {
        change.set.insert("epoch".to_owned(), json!(epoch));
        change.remove.retain(|name| name != "epoch");
    }
    change
}

/// Whether `stored` shows what `change` would have made of `key`, so that the write happened and its reply was lost.
/// What the next writer changes in any case (version, time of the write) isn't compared.
fn shows(stored: &Item, key: &RecordKey, change: &Change) -> bool {
    let version: u64 = item::integer(stored, "version").unwrap_or_default();
    let compared: Vec<_> = change
        .set
        .iter()
        .filter(|(name, _)| !["version", "updatedAt"].contains(&name.as_str()))
        .collect();
    item::text(stored, "incarnation") == Some(key.incarnation.as_str())
        && version > key.version.0
        && !compared.is_empty()
        && compared
            .into_iter()
            .all(|(name, value)| stored.get(name).cloned().map(item::value).as_ref() == Some(value))
        && change.remove.iter().all(|name| !stored.contains_key(name))
}

pub(super) fn record_of(item: Item) -> Result<Record, Error> {
    let pk = item::text(&item, table::PARTITION_KEY)
        .unwrap_or_default()
        .to_owned();
    from_attributes(item::object(item)).map_err(|e| Error::permanent(format!("{pk}: {e}")))
}

/// One item that can't be read must not hide all others from a list: it is left out, and said.
pub(super) fn readable<T>(read: impl Fn(Item) -> Result<T, Error>) -> impl FnMut(Item) -> Option<T> {
    move |item| {
        let found = read(item);
        if let Err(error) = &found {
            tracing::error!(%error, "item left out of a list");
        }
        found.ok()
    }
}

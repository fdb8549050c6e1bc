//! Where the specs of a record stand: in the record itself up to 8 KiB, else compressed in an item of their own, so
//! that the record stays small: each of its writes costs its whole size.

use std::io::Read;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::Blob;

use super::expression::Condition;
use super::{DynamoStore, Item, Put, item, put, table};
use crate::adapters::aws::port_error;
use crate::model::{Incarnation, SubmissionId};
use crate::ports::Error;
use crate::submission::{Record, SpecTexts};

/// The most bytes of specs in a record.
const INLINE_MAX: usize = 8 * 1024;
/// The most compressed bytes of specs; DynamoDB's limit is 400 KB for the whole item.
const COMPRESSED_MAX: usize = 390 * 1000;
/// What we unpack at most; SQS carries 1 MiB, and layers add to it.
const UNPACKED_MAX: u64 = 32 * 1024 * 1024;
/// How long a spec outlives a record whose end nobody came to write.
const KEPT: i64 = 400 * 24 * 60 * 60;
/// The attribute with the compressed specs: zstd over the JSON of both.
const SPECS: &str = "specs";

fn key(id: &SubmissionId, incarnation: &Incarnation) -> String {
    format!("spec#{id}#{}", incarnation.as_str())
}

impl DynamoStore {
    /// Writes the specs of a new record where they are too large for the record. Whether it did.
    pub(super) async fn write_specs(&self, record: &Record) -> Result<bool, Error> {
        if size(&record.spec) <= INLINE_MAX {
            return Ok(false);
        }
        let packed = pack(&record.spec)?;
        let expires = record
            .expires_at
            .unwrap_or(record.updated_at.as_second().saturating_add(KEPT));
        let item = Item::from([
            (
                table::PARTITION_KEY.to_owned(),
                AttributeValue::S(key(&record.id, &record.incarnation)),
            ),
            (SPECS.to_owned(), AttributeValue::B(Blob::new(packed))),
            (
                table::TTL_ATTRIBUTE.to_owned(),
                AttributeValue::N(expires.to_string()),
            ),
        ]);
        match put(&self.client, &self.table, item, None).await? {
            Put::Written | Put::Refused(_) => Ok(true),
        }
    }

    /// The specs of `record`; empty where it never had any.
    pub(super) async fn read_specs(&self, record: &Record) -> Result<SpecTexts, Error> {
        if size(&record.spec) > 0 {
            return Ok(record.spec.clone());
        }
        let pk = key(&record.id, &record.incarnation);
        match self
            .read(&pk)
            .await?
            .as_ref()
            .and_then(|item| item.get(SPECS)?.as_b().ok())
        {
            Some(packed) => unpack(&pk, packed.as_ref()),
            None => Ok(SpecTexts::default()),
        }
    }

    /// Deletes the specs of a record that was never written: its creation lost the race.
    pub(super) async fn drop_specs(&self, record: &Record) {
        let pk = key(&record.id, &record.incarnation);
        let request = self.client.delete_item().table_name(&self.table);
        let request = request.key(table::PARTITION_KEY, AttributeValue::S(pk.clone()));
        if let Err(error) = request.send().await {
            // It expires by itself.
            tracing::warn!(error = %port_error(format_args!("DeleteItem {pk}"), error), "specs left behind");
        }
    }

    /// Lets the specs expire with their record. They expire anyway, so a failure is no failure of the record's write.
    pub(super) async fn expire_specs(&self, record: &Record, expires: i64) {
        let pk = key(&record.id, &record.incarnation);
        let condition = Condition::present();
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(table::PARTITION_KEY, AttributeValue::S(pk.clone()))
            .update_expression("SET expiresAt = :at")
            .condition_expression(condition.text)
            .expression_attribute_values(":at", AttributeValue::N(expires.to_string()))
            .send()
            .await;
        match sent {
            Ok(_) => {}
            Err(e)
                if e.as_service_error()
                    .is_some_and(|e| e.is_conditional_check_failed_exception()) => {}
            Err(e) => {
                tracing::warn!(error = %port_error(format_args!("UpdateItem {pk}"), e), "specs expire later");
            }
        }
    }
}

/// The record as it is stored beside a spec item.
pub(super) fn without_specs(record: &Record) -> Record {
    Record {
        spec: SpecTexts::default(),
        ..record.clone()
    }
}

fn size(spec: &SpecTexts) -> usize {
    [&spec.user, &spec.effective]
        .into_iter()
        .flatten()
        .map(String::len)
        .sum()
}

fn pack(spec: &SpecTexts) -> Result<Vec<u8>, Error> {
    let json = serde_json::to_vec(spec).map_err(|e| Error::permanent(format!("packing a spec: {e}")))?;
    pack_text("the spec", &json)
}

/// zstd over `text`, if that fits into an item.
pub(super) fn pack_text(what: &str, text: &[u8]) -> Result<Vec<u8>, Error> {
    let packed = zstd::encode_all(text, 0).map_err(|e| Error::permanent(format!("packing {what}: {e}")))?;
    if packed.len() > COMPRESSED_MAX {
        return Err(Error::too_large(format!(
            "{what} has {} bytes compressed, allowed are {COMPRESSED_MAX}",
            packed.len()
        )));
    }
    Ok(packed)
}

fn unpack(pk: &str, packed: &[u8]) -> Result<SpecTexts, Error> {
    let json = serde_json::from_slice(&unpack_text(pk, packed)?)
        .map_err(|e| Error::permanent(format!("{pk}: {e}")))?;
    item::typed(pk, json)
}

/// What [`pack_text`] packed.
pub(super) fn unpack_text(pk: &str, packed: &[u8]) -> Result<Vec<u8>, Error> {
    let broken = |e: std::io::Error| Error::permanent(format!("unpacking {pk}: {e}"));
    let mut text = Vec::new();
    zstd::Decoder::new(packed)
        .map_err(broken)?
        .take(UNPACKED_MAX)
        .read_to_end(&mut text)
        .map_err(broken)?;
    Ok(text)
}

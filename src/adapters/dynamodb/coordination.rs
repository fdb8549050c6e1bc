//! The port `Coordination`: the lease and the boards.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::Blob;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::expression::Condition;
use super::{DynamoStore, Item, Put, item, put, specs, table, wishes};
use crate::adapters::aws::port_error;
use crate::model::{ClusterName, Domain, Epoch, InstallationId, QueueName, Version};
use crate::ports::Error;
use crate::ports::store::{
    ClusterBoard, ClusterWish, ClusterWishes, Coordination, Lease, LeaseWrite, OutlookOf, QueueBoard,
    WishKind,
};

/// The attribute of a cluster's or a queue's item that holds what it says of itself; wishes stand beside it.
const BOARD: &str = "board";
/// The attribute of an outlook's item: zstd over its text.
const OUTLOOK: &str = "outlook";
/// The attribute of the item of a domain's clusters that holds their sections of the configuration.
const SECTIONS: &str = "sections";
/// The attribute of a cluster's item that holds which cluster it is.
const IDENTITY: &str = "identity";

#[async_trait]
impl Coordination for DynamoStore {
    async fn lease(&self, domain: &Domain) -> Result<Option<Lease>, Error> {
        self.read(&lease_key(domain))
            .await?
            .as_ref()
            .map(lease_of)
            .transpose()
    }

    async fn write_lease(
        &self,
        domain: &Domain,
        seen: Option<Version>,
        next: &Lease,
    ) -> Result<LeaseWrite, Error> {
        let condition = seen.map_or_else(Condition::absent, |Version(version)| Condition::version(version));
        match put(
            &self.client,
            &self.table,
            lease_item(domain, next),
            Some(condition),
        )
        .await?
        {
            Put::Written => Ok(LeaseWrite::Done),
            Put::Refused(stored) => {
                let stored = stored.as_ref().map(lease_of).transpose()?;
                // Ours already: an earlier try was answered into the void.
                let done = stored.as_ref() == Some(next);
                Ok(if done {
                    LeaseWrite::Done
                } else {
                    LeaseWrite::Stale(stored)
                })
            }
        }
    }

    async fn write_cluster(
        &self,
        domain: &Domain,
        name: &ClusterName,
        board: &ClusterBoard,
        epoch: Epoch,
    ) -> Result<bool, Error> {
        let board = item::attribute_of(board)?;
        self.set(&cluster_key(domain, name), BOARD, board, epoch).await
    }

    async fn cluster(&self, domain: &Domain, name: &ClusterName) -> Result<Option<ClusterBoard>, Error> {
        self.board(&cluster_key(domain, name)).await
    }

    async fn cluster_identity(&self, domain: &Domain, name: &ClusterName) -> Result<Option<String>, Error> {
        let stored = self.read(&cluster_key(domain, name)).await?;
        Ok(stored
            .as_ref()
            .and_then(|stored| item::text(stored, IDENTITY))
            .map(str::to_owned))
    }

    async fn set_cluster_identity(
        &self,
        domain: &Domain,
        name: &ClusterName,
        identity: &str,
        epoch: Epoch,
    ) -> Result<bool, Error> {
        let value = AttributeValue::S(identity.to_owned());
        self.set(&cluster_key(domain, name), IDENTITY, value, epoch).await
    }

    async fn cluster_sections(&self, domain: &Domain) -> Result<BTreeMap<ClusterName, String>, Error> {
        let pk = sections_key(domain);
        let sections = self.read(&pk).await?.and_then(|mut item| item.remove(SECTIONS));
        sections.map_or_else(
            || Ok(BTreeMap::new()),
            |sections| item::typed(&pk, item::value(sections)),
        )
    }

    async fn write_cluster_sections(
        &self,
        domain: &Domain,
        sections: &BTreeMap<ClusterName, String>,
        epoch: Epoch,
    ) -> Result<bool, Error> {
        let sections = item::attribute_of(sections)?;
        self.set(&sections_key(domain), SECTIONS, sections, epoch).await
    }

    async fn cluster_wishes(&self, domain: &Domain, name: &ClusterName) -> Result<ClusterWishes, Error> {
        let stored = self.read(&cluster_key(domain, name)).await?;
        Ok(stored.map(wishes::of).unwrap_or_default())
    }

    async fn set_cluster_wish(
        &self,
        domain: &Domain,
        name: &ClusterName,
        wish: &ClusterWish,
    ) -> Result<(), Error> {
        let (attribute, value) = (wishes::attribute(wish.kind()), wishes::value(wish)?);
        self.set_wish(&cluster_key(domain, name), attribute, value).await
    }

    async fn remove_cluster_wish(
        &self,
        domain: &Domain,
        name: &ClusterName,
        kind: WishKind,
        at: Option<Timestamp>,
    ) -> Result<bool, Error> {
        self.remove_wish(&cluster_key(domain, name), kind, at).await
    }

    async fn write_queue(
        &self,
        domain: &Domain,
        name: &QueueName,
        board: &QueueBoard,
        epoch: Epoch,
    ) -> Result<bool, Error> {
        let board = item::attribute_of(board)?;
        self.set(&queue_key(domain, name), BOARD, board, epoch).await
    }

    async fn queue(&self, domain: &Domain, name: &QueueName) -> Result<Option<QueueBoard>, Error> {
        self.board(&queue_key(domain, name)).await
    }

    async fn write_outlook(
        &self,
        domain: &Domain,
        part: OutlookOf<'_>,
        outlook: &str,
        epoch: Epoch,
    ) -> Result<bool, Error> {
        let packed = AttributeValue::B(Blob::new(specs::pack_text("an outlook", outlook.as_bytes())?));
        self.set(&outlook_key(domain, part), OUTLOOK, packed, epoch).await
    }

    async fn outlook(&self, domain: &Domain, part: OutlookOf<'_>) -> Result<Option<String>, Error> {
        let pk = outlook_key(domain, part);
        let Some(mut item) = self.read(&pk).await? else {
            return Ok(None);
        };
        let packed = item.remove(OUTLOOK).and_then(|value| value.as_b().cloned().ok());
        let packed = packed.ok_or_else(|| Error::permanent(format!("{pk} can't be read")))?;
        let text = String::from_utf8(specs::unpack_text(&pk, packed.as_ref())?);
        text.map(Some)
            .map_err(|e| Error::permanent(format!("unpacking {pk}: {e}")))
    }

    async fn installation(&self) -> Result<InstallationId, Error> {
        Ok(self.installation.clone())
    }
}

impl DynamoStore {
    /// Sets one attribute of an item, which is made where there is none; whether it stands: not where a scheduler of a
    /// later epoch has written the item.
    async fn set(
        &self,
        pk: &str,
        attribute: &str,
        value: AttributeValue,
        epoch: Epoch,
    ) -> Result<bool, Error> {
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(table::PARTITION_KEY, AttributeValue::S(pk.to_owned()))
            .update_expression("SET #attribute = :value, #epoch = :epoch")
            .condition_expression("attribute_not_exists(#epoch) OR #epoch <= :epoch")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_values(":value", value)
            .expression_attribute_values(":epoch", AttributeValue::N(epoch.to_string()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(false),
            Err(e) => Err(port_error(format_args!("UpdateItem {pk}"), e)),
        }
    }

    async fn board<T: DeserializeOwned>(&self, pk: &str) -> Result<Option<T>, Error> {
        let board = self.read(pk).await?.and_then(|mut item| item.remove(BOARD));
        board.map(|board| item::typed(pk, item::value(board))).transpose()
    }
}

fn cluster_key(domain: &Domain, name: &ClusterName) -> String {
    format!("cluster#{domain}/{name}")
}

fn sections_key(domain: &Domain) -> String {
    format!("clusters#{domain}")
}

fn queue_key(domain: &Domain, name: &QueueName) -> String {
    format!("queue#{domain}/{name}")
}

fn outlook_key(domain: &Domain, part: OutlookOf<'_>) -> String {
    match part {
        OutlookOf::Domain => format!("outlook#{domain}"),
        OutlookOf::Cluster(name) => format!("outlook#{domain}/{name}"),
    }
}

fn lease_key(domain: &Domain) -> String {
    format!("lease#{domain}")
}

fn lease_item(domain: &Domain, lease: &Lease) -> Item {
    let mut item = Item::from([
        (
            table::PARTITION_KEY.to_owned(),
            AttributeValue::S(lease_key(domain)),
        ),
        ("epoch".to_owned(), AttributeValue::N(lease.epoch.to_string())),
        ("version".to_owned(), AttributeValue::N(lease.version.to_string())),
    ]);
    if let Some(holder) = &lease.holder {
        item.insert("holder".to_owned(), AttributeValue::S(holder.clone()));
    }
    item
}

fn lease_of(item: &Item) -> Result<Lease, Error> {
    match (item::integer(item, "epoch"), item::integer(item, "version")) {
        (Some(epoch), Some(version)) => Ok(Lease {
            holder: item::text(item, "holder").map(str::to_owned),
            epoch: Epoch(epoch),
            version: Version(version),
        }),
        _ => Err(Error::permanent("the lease's item can't be read")),
    }
}

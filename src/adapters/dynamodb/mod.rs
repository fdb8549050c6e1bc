//! The store in one DynamoDB table.
//!
//! Attribute names are a public interface: people read items with `GetItem`. Records are written by conditional writes
//! alone; which of them happened although their reply was lost is told from the item that a failed condition brings.

mod coordination;
mod expression;
mod indexes;
mod installation;
mod item;
mod records;
mod specs;
pub mod table;
mod time;
mod wishes;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use crate::adapters::aws::port_error;
use crate::model::InstallationId;
use crate::ports::Error;

pub use installation::CopiedTable;
pub use time::StoreTime;

/// The attributes of an item.
type Item = HashMap<String, AttributeValue>;

/// The port `Store` and the port `Coordination` over one table.
#[derive(Debug, Clone)]
pub struct DynamoStore {
    client: Client,
    table: String,
    installation: InstallationId,
    shards: u32,
}

/// What came of a conditional put.
enum Put {
    Written,
    /// The condition failed; what stands there, if anything does.
    Refused(Option<Item>),
}

impl DynamoStore {
    /// Checks the table and reads the installation from it, or writes it into a new table. `copied` says what to do
    /// where the installation was written into another table, of which this one is a copy.
    pub async fn open(client: Client, table: &str, copied: CopiedTable) -> Result<Self, Error> {
        let table_id = table::check(&client, table).await?;
        let found = installation::Installation::of(&client, table, &table_id, copied).await?;
        Ok(Self {
            client,
            table: table.to_owned(),
            installation: found.id,
            shards: found.shards,
        })
    }

    /// The item under `pk`, strongly consistent.
    async fn read(&self, pk: &str) -> Result<Option<Item>, Error> {
        read(&self.client, &self.table, pk).await
    }
}

async fn read(client: &Client, table: &str, pk: &str) -> Result<Option<Item>, Error> {
    let output = client
        .get_item()
        .table_name(table)
        .key(table::PARTITION_KEY, AttributeValue::S(pk.to_owned()))
        .consistent_read(true)
        .send()
        .await
        .map_err(|e| port_error(format_args!("GetItem {pk}"), e))?;
    Ok(output.item)
}

/// Puts `item`; where `condition` fails, answers with what stands there.
async fn put(
    client: &Client,
    table: &str,
    item: Item,
    condition: Option<expression::Condition>,
) -> Result<Put, Error> {
    let pk = item::text(&item, table::PARTITION_KEY)
        .unwrap_or_default()
        .to_owned();
    let mut request = client
        .put_item()
        .table_name(table)
        .set_item(Some(item))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    if let Some(condition) = condition {
        request = request
            .condition_expression(condition.text)
            .set_expression_attribute_names(condition.names)
            .set_expression_attribute_values(condition.values);
    }
    match request.send().await {
        Ok(_) => Ok(Put::Written),
        Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => {
            match e.into_err() {
                PutItemError::ConditionalCheckFailedException(failed) => Ok(Put::Refused(failed.item)),
                other => Err(Error::permanent(other.to_string())),
            }
        }
        Err(e) => Err(port_error(format_args!("PutItem {pk}"), e)),
    }
}

//! The installation: written once into a new table, beside the table's own ID, so that a copy of the table is known.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use super::expression::Condition;
use super::{Item, Put, item, put, read, table};
use crate::model::InstallationId;
use crate::ports::Error;

/// The item's key.
const KEY: &str = "installation";
/// Shards of a new table's indexes.
const SHARDS: u32 = 8;

/// What to do with a table that was restored or copied from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CopiedTable {
    /// Refuse it: if the first table still serves, two installations would each take the other's objects for its own.
    #[default]
    Refuse,
    /// Keep the installation: the first table is gone.
    Keep,
    /// Become an installation of its own, which leaves the first one's objects alone.
    New,
}

/// What the installation's item says.
pub(super) struct Installation {
    pub(super) id: InstallationId,
    pub(super) shards: u32,
    table_id: String,
}

impl Installation {
    /// Reads it, or writes it where none stands.
    pub(super) async fn of(
        client: &Client,
        table: &str,
        table_id: &str,
        copied: CopiedTable,
    ) -> Result<Self, Error> {
        let found = match read(client, table, KEY).await? {
            Some(item) => Self::read(&item)?,
            None => return Self::first(client, table, table_id).await,
        };
        if found.table_id == table_id {
            return Ok(found);
        }
        let id = match copied {
            CopiedTable::Refuse => {
                return Err(Error::permanent(format!(
                    "table {table} is a restore or a copy: its installation was made in the table with ID {}, this one has \
                     {table_id}; start with `--installation keep` if that table is gone, or with `--installation new`",
                    found.table_id
                )));
            }
            CopiedTable::Keep => found.id,
            CopiedTable::New => InstallationId::random(),
        };
        let mine = Self {
            id,
            shards: found.shards,
            table_id: table_id.to_owned(),
        };
        put(client, table, mine.item(), None).await?;
        Ok(mine)
    }

    async fn first(client: &Client, table: &str, table_id: &str) -> Result<Self, Error> {
        let mine = Self {
            id: InstallationId::random(),
            shards: SHARDS,
            table_id: table_id.to_owned(),
        };
        match put(client, table, mine.item(), Some(Condition::absent())).await? {
            Put::Written => Ok(mine),
            // Another pod was first.
            Put::Refused(Some(stored)) => Self::read(&stored),
            Put::Refused(None) => Err(Error::transient("PutItem: the condition failed without an item")),
        }
    }

    fn item(&self) -> Item {
        Item::from([
            (table::PARTITION_KEY.to_owned(), AttributeValue::S(KEY.to_owned())),
            (
                "installationId".to_owned(),
                AttributeValue::S(self.id.as_str().to_owned()),
            ),
            ("tableId".to_owned(), AttributeValue::S(self.table_id.clone())),
            ("shards".to_owned(), AttributeValue::N(self.shards.to_string())),
        ])
    }

    fn read(item: &Item) -> Result<Self, Error> {
        let parts = (
            item::text(item, "installationId").and_then(|id| id.parse().ok()),
            item::text(item, "tableId"),
            item::integer(item, "shards"),
        );
        match parts {
            (Some(id), Some(table_id), Some(shards)) => Ok(Self {
                id,
                shards,
                table_id: table_id.to_owned(),
            }),
            _ => Err(Error::permanent("the item `installation` can't be read")),
        }
    }
}

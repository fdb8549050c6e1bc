//! The table's keys and indexes: made for `dev` and tests, checked at each start.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, GlobalSecondaryIndexDescription,
    KeySchemaElement, KeyType, Projection, ProjectionType, ScalarAttributeType, TableDescription,
    TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};

use crate::adapters::aws::port_error;
use crate::ports::Error;

/// The partition key of every item.
pub const PARTITION_KEY: &str = "pk";
/// Epoch seconds after which DynamoDB may delete an item.
pub const TTL_ATTRIBUTE: &str = "expiresAt";

/// QUEUED records by shard and accepted time.
pub(super) const BACKLOG: Index = Index {
    name: "backlog",
    hash: "backlogPartition",
    range: "backlogOrder",
    projection: Projected::Include(&[
        "submissionId",
        "queue",
        "priority",
        "acceptedAt",
        "demand",
        "attempt",
        "tries",
        "version",
        "incarnation",
        "notBefore",
        "queueTimeoutAt",
        "selector",
        "sparkVersion",
        "excludedClusters",
    ]),
};
/// Live records by cluster.
pub(super) const LIVE: Index = Index {
    name: "live",
    hash: "livePartition",
    range: PARTITION_KEY,
    projection: Projected::All,
};
/// Records with an open wish.
pub(super) const WISHES: Index = Index {
    name: "wishes",
    hash: "wishesPartition",
    range: PARTITION_KEY,
    projection: Projected::All,
};
/// IDs by queue, day and shard.
pub(super) const RECENT: Index = Index {
    name: "recent",
    hash: "recentPartition",
    range: "recentOrder",
    projection: Projected::KeysOnly,
};

const INDEXES: [Index; 4] = [BACKLOG, LIVE, WISHES, RECENT];

/// How often a table in the making is looked at, and how many times.
const POLL: (Duration, u32) = (Duration::from_millis(500), 240);

/// One global secondary index; its keys are strings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Index {
    pub(super) name: &'static str,
    pub(super) hash: &'static str,
    pub(super) range: &'static str,
    projection: Projected,
}

#[derive(Debug, Clone, Copy)]
enum Projected {
    All,
    KeysOnly,
    Include(&'static [&'static str]),
}

/// Makes the table where it is absent, waits until it can be used, turns TTL on, and checks it. Its `TableId`.
pub async fn ensure(client: &Client, table: &str) -> Result<String, Error> {
    if describe(client, table).await?.is_none() {
        create_table(client, table).await?;
    }
    for _ in 0..POLL.1 {
        match describe(client, table).await?.and_then(|t| t.table_status) {
            Some(TableStatus::Active) => {
                enable_ttl(client, table).await?;
                return check(client, table).await;
            }
            Some(_) | None => tokio::time::sleep(POLL.0).await,
        }
    }
    Err(Error::transient(format!("table {table} is still being made")))
}

/// Makes the table. Somebody else's having just made it is no error.
pub async fn create_table(client: &Client, table: &str) -> Result<(), Error> {
    let failed = |e| Error::permanent(format!("making table {table}: {e}"));
    let mut request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key(PARTITION_KEY, KeyType::Hash).map_err(failed)?);
    for name in key_attributes() {
        let definition = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .map_err(failed)?;
        request = request.attribute_definitions(definition);
    }
    for index in INDEXES {
        request = request.global_secondary_indexes(index.definition().map_err(failed)?);
    }
    match request.send().await {
        Ok(_) => Ok(()),
        Err(e)
            if e.as_service_error()
                .is_some_and(|e| e.is_resource_in_use_exception()) =>
        {
            Ok(())
        }
        Err(e) => Err(port_error(format_args!("CreateTable {table}"), e)),
    }
}

/// Whether keys, indexes and TTL are as this program needs them; every fault in one error. The table's `TableId`.
pub async fn check(client: &Client, table: &str) -> Result<String, Error> {
    let Some(found) = describe(client, table).await? else {
        return Err(Error::permanent(format!("table {table} doesn't exist")));
    };
    let mut faults = key_faults(&found);
    for index in INDEXES {
        faults.extend(index.faults(found.global_secondary_indexes()));
    }
    if !ttl_is_on(client, table).await? {
        faults.push(format!("time to live isn't on for attribute {TTL_ATTRIBUTE}"));
    }
    match found.table_id {
        Some(id) if faults.is_empty() => Ok(id),
        Some(_) => Err(Error::permanent(format!(
            "table {table} can't be used: {}",
            faults.join("; ")
        ))),
        None => Err(Error::permanent(format!("table {table} has no TableId"))),
    }
}

async fn describe(client: &Client, table: &str) -> Result<Option<TableDescription>, Error> {
    match client.describe_table().table_name(table).send().await {
        Ok(output) => Ok(output.table),
        Err(e)
            if e.as_service_error()
                .is_some_and(|e| e.is_resource_not_found_exception()) =>
        {
            Ok(None)
        }
        Err(e) => Err(port_error(format_args!("DescribeTable {table}"), e)),
    }
}

async fn ttl_is_on(client: &Client, table: &str) -> Result<bool, Error> {
    let output = client
        .describe_time_to_live()
        .table_name(table)
        .send()
        .await
        .map_err(|e| port_error(format_args!("DescribeTimeToLive {table}"), e))?;
    Ok(output.time_to_live_description.is_some_and(|ttl| {
        matches!(
            ttl.time_to_live_status,
            Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
        ) && ttl.attribute_name.as_deref() == Some(TTL_ATTRIBUTE)
    }))
}

async fn enable_ttl(client: &Client, table: &str) -> Result<(), Error> {
    if ttl_is_on(client, table).await? {
        return Ok(());
    }
    let ttl = TimeToLiveSpecification::builder()
        .attribute_name(TTL_ATTRIBUTE)
        .enabled(true)
        .build();
    client
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(ttl.map_err(|e| Error::permanent(e.to_string()))?)
        .send()
        .await
        .map_err(|e| port_error(format_args!("UpdateTimeToLive {table}"), e))?;
    Ok(())
}

fn key(
    name: &str,
    kind: KeyType,
) -> Result<KeySchemaElement, aws_smithy_types::error::operation::BuildError> {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(kind)
        .build()
}

fn key_attributes() -> BTreeSet<&'static str> {
    INDEXES
        .iter()
        .flat_map(|i| [i.hash, i.range])
        .chain([PARTITION_KEY])
        .collect()
}

fn key_text(schema: &[KeySchemaElement]) -> String {
    let parts: Vec<_> = schema
        .iter()
        .map(|k| format!("{} {}", k.attribute_name, k.key_type))
        .collect();
    parts.join(", ")
}

fn key_faults(table: &TableDescription) -> Vec<String> {
    let mut faults = Vec::new();
    let found = key_text(table.key_schema());
    let expected = format!("{PARTITION_KEY} HASH");
    if found != expected {
        faults.push(format!("its key is ({found}), expected ({expected})"));
    }
    for definition in table.attribute_definitions() {
        let ours = key_attributes().contains(definition.attribute_name.as_str());
        if ours && definition.attribute_type != ScalarAttributeType::S {
            faults.push(format!("attribute {} isn't a string", definition.attribute_name));
        }
    }
    faults
}

impl Index {
    fn definition(self) -> Result<GlobalSecondaryIndex, aws_smithy_types::error::operation::BuildError> {
        let projection = Projection::builder();
        let projection = match self.projection {
            Projected::All => projection.projection_type(ProjectionType::All),
            Projected::KeysOnly => projection.projection_type(ProjectionType::KeysOnly),
            Projected::Include(names) => projection
                .projection_type(ProjectionType::Include)
                .set_non_key_attributes(Some(names.iter().map(|n| (*n).to_owned()).collect())),
        };
        GlobalSecondaryIndex::builder()
            .index_name(self.name)
            .key_schema(key(self.hash, KeyType::Hash)?)
            .key_schema(key(self.range, KeyType::Range)?)
            .projection(projection.build())
            .build()
    }

    fn faults(self, found: &[GlobalSecondaryIndexDescription]) -> Option<String> {
        let Some(index) = found.iter().find(|i| i.index_name.as_deref() == Some(self.name)) else {
            return Some(format!("index {} is missing", self.name));
        };
        let (found, expected) = (
            key_text(index.key_schema()),
            format!("{} HASH, {} RANGE", self.hash, self.range),
        );
        if found != expected {
            return Some(format!(
                "index {} has the key ({found}), expected ({expected})",
                self.name
            ));
        }
        let missing = self.unprojected(index.projection.as_ref());
        (!missing.is_empty()).then(|| format!("index {} doesn't project {}", self.name, missing.join(", ")))
    }

    /// What we read of the index and it doesn't carry. It may carry more.
    fn unprojected(self, found: Option<&Projection>) -> Vec<&'static str> {
        let kind = found.and_then(|p| p.projection_type.clone());
        let names = found.map(Projection::non_key_attributes).unwrap_or_default();
        match self.projection {
            Projected::KeysOnly => Vec::new(),
            Projected::All if kind == Some(ProjectionType::All) => Vec::new(),
            Projected::All => vec!["every attribute"],
            Projected::Include(_) if kind == Some(ProjectionType::All) => Vec::new(),
            Projected::Include(needed) => needed
                .iter()
                .copied()
                .filter(|n| !names.iter().any(|f| f == n))
                .collect(),
        }
    }
}

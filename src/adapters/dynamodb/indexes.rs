//! Pages of the sparse indexes.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;

use super::records::{readable, record_of};
use super::table::{BACKLOG, Index, LIVE, PARTITION_KEY, RECENT, WISHES};
use super::{DynamoStore, Item, item};
use crate::adapters::aws::port_error;
use crate::model::{ClusterName, Domain, QueueName, SubmissionId, timestamp_text};
use crate::ports::Error;
use crate::ports::store::Page;
use crate::submission::{BacklogEntry, Record};

/// The most items of a page. DynamoDB ends one at 1 MB in any case, which whole records reach before, the narrow entries of
/// the backlog not; the embedded endpoint reads a partition to its end for each page that has no such limit.
const PAGE: i32 = 1000;

/// One query of one index.
struct Query {
    index: Index,
    hash: String,
    /// The least value of the range key.
    from: Option<String>,
    newest_first: bool,
    page: Option<String>,
}

impl Query {
    fn of(index: Index, hash: String, page: Option<String>) -> Self {
        Self {
            index,
            hash,
            from: None,
            newest_first: false,
            page,
        }
    }
}

impl DynamoStore {
    pub(super) async fn backlog_page(
        &self,
        domain: &Domain,
        shard: u32,
        from: Option<Timestamp>,
        page: Option<String>,
    ) -> Result<Page<BacklogEntry>, Error> {
        let mut query = Query::of(BACKLOG, format!("{domain}#{shard}"), page);
        query.from = from.map(timestamp_text);
        self.page(query, |item| {
            item::typed("a backlog entry", Value::Object(item::object(item)))
        })
        .await
    }

    pub(super) async fn live_page(
        &self,
        domain: &Domain,
        cluster: &ClusterName,
        page: Option<String>,
    ) -> Result<Page<Record>, Error> {
        self.page(Query::of(LIVE, format!("{domain}/{cluster}"), page), record_of)
            .await
    }

    pub(super) async fn wishes_page(
        &self,
        domain: &Domain,
        page: Option<String>,
    ) -> Result<Page<Record>, Error> {
        self.page(Query::of(WISHES, domain.to_string(), page), record_of)
            .await
    }

    pub(super) async fn recent_page(
        &self,
        queue: &QueueName,
        day: &str,
        shard: u32,
        page: Option<String>,
    ) -> Result<Page<SubmissionId>, Error> {
        let mut query = Query::of(RECENT, format!("{queue}#{day}#{shard}"), page);
        query.newest_first = true;
        self.page(query, submission_id).await
    }

    async fn page<T>(&self, query: Query, read: impl Fn(Item) -> Result<T, Error>) -> Result<Page<T>, Error> {
        let index = query.index;
        let mut request = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(index.name)
            .scan_index_forward(!query.newest_first)
            .limit(PAGE)
            .set_exclusive_start_key(query.page.as_deref().map(start_key).transpose()?)
            .expression_attribute_names("#hash", index.hash)
            .expression_attribute_values(":hash", AttributeValue::S(query.hash));
        request = match query.from {
            None => request.key_condition_expression("#hash = :hash"),
            Some(from) => request
                .key_condition_expression("#hash = :hash AND #range >= :from")
                .expression_attribute_names("#range", index.range)
                .expression_attribute_values(":from", AttributeValue::S(from)),
        };
        let output = request
            .send()
            .await
            .map_err(|e| port_error(format_args!("Query {}", index.name), e))?;
        Ok(Page {
            items: output
                .items
                .unwrap_or_default()
                .into_iter()
                .filter_map(readable(read))
                .collect(),
            next: output.last_evaluated_key.map(page_text),
        })
    }
}

fn submission_id(item: Item) -> Result<SubmissionId, Error> {
    let pk = item::text(&item, PARTITION_KEY).unwrap_or_default();
    let id = pk.strip_prefix("submission#").unwrap_or_default();
    id.parse().map_err(|e| Error::permanent(format!("{pk}: {e}")))
}

/// Every key attribute of the table and its indexes is a string, so a page's key is a map of strings.
fn page_text(key: Item) -> String {
    let texts: BTreeMap<_, _> = key
        .into_iter()
        .filter_map(|(name, value)| Some((name, Value::String(value.as_s().ok()?.clone()))))
        .collect();
    URL_SAFE_NO_PAD.encode(Value::Object(texts.into_iter().collect()).to_string())
}

fn start_key(page: &str) -> Result<Item, Error> {
    let key = URL_SAFE_NO_PAD
        .decode(page)
        .ok()
        .and_then(|json| serde_json::from_slice::<BTreeMap<String, String>>(&json).ok())
        .ok_or_else(|| Error::permanent(format!("{page:?} names no page")))?;
    Ok(key
        .into_iter()
        .map(|(name, text)| (name, AttributeValue::S(text)))
        .collect())
}

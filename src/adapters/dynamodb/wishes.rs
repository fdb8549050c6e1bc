//! Wishes as attributes of a cluster's item, one each, so that neither the board nor another wish is in their way.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::{DynamoStore, Item, item, table};
use crate::adapters::aws::port_error;
use crate::model::timestamp_text;
use crate::ports::Error;
use crate::ports::store::{ClusterWish, ClusterWishes, Cordon, WishKind};

/// The attribute that holds a wish.
pub(super) const fn attribute(kind: WishKind) -> &'static str {
    match kind {
        WishKind::Cordon => "cordon",
        WishKind::Drain => "drain",
        WishKind::LostConfirmed => "lostConfirmed",
    }
}

pub(super) fn value(wish: &ClusterWish) -> Result<AttributeValue, Error> {
    match wish {
        ClusterWish::Cordon(cordon) => item::attribute_of(cordon),
        ClusterWish::Drain(drain) => item::attribute_of(drain),
        ClusterWish::LostConfirmed(lost) => item::attribute_of(lost),
    }
}

/// The wishes of a cluster's item. A cordon or drain that can't be read, as a later version may have written it, closes the
/// cluster and says why, until it is set anew or taken away.
pub(super) fn of(mut stored: Item) -> ClusterWishes {
    let cordon: Result<Option<Cordon>, Error> = wish(&mut stored, WishKind::Cordon);
    let drain = wish(&mut stored, WishKind::Drain);
    let lost_confirmed = wish(&mut stored, WishKind::LostConfirmed).unwrap_or_else(|error| {
        tracing::warn!(%error, "a confirmed loss can't be read, and is passed over");
        None
    });
    let fault = [
        (WishKind::Cordon, cordon.as_ref().err()),
        (WishKind::Drain, drain.as_ref().err()),
    ];
    let unreadable = fault
        .into_iter()
        .find_map(|(kind, error)| Some(closed(kind, error?)));
    ClusterWishes {
        cordon: unreadable.or_else(|| cordon.ok().flatten()),
        drain: drain.ok().flatten(),
        lost_confirmed,
    }
}

/// In place of a wish that can't be read.
fn closed(kind: WishKind, error: &Error) -> Cordon {
    let name = attribute(kind);
    Cordon {
        reason: format!("its {name} can't be read (`un{name}` takes it away): {error}"),
        author: None,
        at: Timestamp::UNIX_EPOCH,
        until: None,
    }
}

fn wish<T: DeserializeOwned>(stored: &mut Item, kind: WishKind) -> Result<Option<T>, Error> {
    let name = attribute(kind);
    let stored = stored.remove(name);
    stored
        .map(|value| item::typed(name, item::value(value)))
        .transpose()
}

impl DynamoStore {
    /// Sets one wish. People may write whoever schedules: the item's epoch says nothing here.
    pub(super) async fn set_wish(
        &self,
        pk: &str,
        attribute: &str,
        value: AttributeValue,
    ) -> Result<(), Error> {
        self.client
            .update_item()
            .table_name(&self.table)
            .key(table::PARTITION_KEY, AttributeValue::S(pk.to_owned()))
            .update_expression("SET #wish = :wish")
            .expression_attribute_names("#wish", attribute)
            .expression_attribute_values(":wish", value)
            .send()
            .await
            .map_err(|e| port_error(format_args!("UpdateItem {pk}"), e))?;
        Ok(())
    }

    /// Removes one wish, and makes no item where there is none.
    pub(super) async fn remove_wish(
        &self,
        pk: &str,
        kind: WishKind,
        at: Option<Timestamp>,
    ) -> Result<bool, Error> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(table::PARTITION_KEY, AttributeValue::S(pk.to_owned()))
            .update_expression("REMOVE #wish")
            .expression_attribute_names("#wish", attribute(kind));
        let request = match at {
            None => request.condition_expression("attribute_exists(#wish)"),
            Some(at) => request
                .condition_expression("#wish.#at = :at")
                .expression_attribute_names("#at", "at")
                .expression_attribute_values(":at", AttributeValue::S(timestamp_text(at))),
        };
        match request.send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(false),
            Err(e) => Err(port_error(format_args!("UpdateItem {pk}"), e)),
        }
    }
}

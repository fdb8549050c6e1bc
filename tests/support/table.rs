//! The shape of the table, as people and the broker rely on it: keys, indexes, projections, TTL.

use serde_json::{Value, json};

/// The shape that every table of the broker has, whoever made it.
pub fn expected() -> Value {
    serde_json::from_str(include_str!("table.json")).unwrap()
}

/// The shape in the answers of `DescribeTable` and `DescribeTimeToLive`; what has no order is sorted.
pub fn shape(table: &Value, time_to_live: &Value) -> Value {
    let table = &table["Table"];
    let time_to_live = &time_to_live["TimeToLiveDescription"];
    json!({
        "BillingMode": table["BillingModeSummary"]["BillingMode"],
        "KeySchema": table["KeySchema"],
        "AttributeDefinitions": sorted(&table["AttributeDefinitions"], "AttributeName"),
        "GlobalSecondaryIndexes": indexes(&table["GlobalSecondaryIndexes"]),
        "TimeToLive": {
            "AttributeName": time_to_live["AttributeName"],
            "TimeToLiveStatus": time_to_live["TimeToLiveStatus"],
        },
    })
}

fn indexes(all: &Value) -> Value {
    let indexes = sorted(all, "IndexName").into_iter().map(|index| {
        let mut projection = index["Projection"].clone();
        if let Some(attributes) = projection
            .get_mut("NonKeyAttributes")
            .and_then(Value::as_array_mut)
        {
            attributes.sort_by_key(ToString::to_string);
        }
        json!({"IndexName": index["IndexName"], "KeySchema": index["KeySchema"], "Projection": projection})
    });
    indexes.collect()
}

fn sorted(list: &Value, key: &str) -> Vec<Value> {
    let mut list = list.as_array().cloned().unwrap_or_default();
    list.sort_by_key(|entry| entry[key].to_string());
    list
}

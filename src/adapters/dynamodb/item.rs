//! JSON values as DynamoDB's, and back.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use super::Item;
use crate::ports::Error;

/// A JSON value as an attribute.
pub(super) fn attribute(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(values) => AttributeValue::L(values.into_iter().map(attribute).collect()),
        Value::Object(map) => AttributeValue::M(attributes(map)),
    }
}

/// A JSON object as an item.
pub(super) fn attributes(map: Map<String, Value>) -> Item {
    map.into_iter()
        .map(|(name, value)| (name, attribute(value)))
        .collect()
}

/// A serialisable struct as an attribute.
pub(super) fn attribute_of<T: Serialize>(value: &T) -> Result<AttributeValue, Error> {
    serde_json::to_value(value)
        .map(attribute)
        .map_err(|e| Error::permanent(e.to_string()))
}

/// An attribute as JSON. Kinds that this program never writes (binaries, sets) become null.
pub(super) fn value(attribute: AttributeValue) -> Value {
    match attribute {
        AttributeValue::Bool(flag) => Value::Bool(flag),
        AttributeValue::N(text) => number(&text).map_or(Value::Null, Value::Number),
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::L(values) => values.into_iter().map(value).collect(),
        AttributeValue::M(map) => Value::Object(object(map)),
        _ => Value::Null,
    }
}

/// An item as a JSON object.
pub(super) fn object(item: Item) -> Map<String, Value> {
    item.into_iter()
        .map(|(name, attribute)| (name, value(attribute)))
        .collect()
}

/// What an attribute's JSON means as `T`.
pub(super) fn typed<T: DeserializeOwned>(what: &str, json: Value) -> Result<T, Error> {
    serde_json::from_value(json).map_err(|e| Error::permanent(format!("{what} can't be read: {e}")))
}

/// The string attribute `name`.
pub(super) fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// The number attribute `name`.
pub(super) fn integer<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn number(text: &str) -> Option<Number> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    Number::from_f64(text.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_survives_the_way_through_attributes() {
        let json = json!({
            "text": "", "whole": 18_446_744_073_709_551_615_u64, "negative": -1, "part": 0.1, "flag": false,
            "none": null, "list": [1, "a", {"b": []}], "map": {"c": {}}
        });
        assert_eq!(value(attribute(json.clone())), json);
    }
}

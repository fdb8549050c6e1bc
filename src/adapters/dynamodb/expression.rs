//! Conditions and updates as DynamoDB's expressions. Every name goes by a placeholder, since some of ours (`state`,
//! `queue`) are reserved words there.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use super::item;
use crate::model::Epoch;
use crate::submission::{Change, RecordKey};

/// A condition with what its placeholders stand for.
#[derive(Debug, Default)]
pub(super) struct Condition {
    pub(super) text: String,
    pub(super) names: Option<HashMap<String, String>>,
    pub(super) values: Option<HashMap<String, AttributeValue>>,
}

impl Condition {
    /// Nothing stands under the key.
    pub(super) fn absent() -> Self {
        Self {
            text: "attribute_not_exists(pk)".to_owned(),
            ..Self::default()
        }
    }

    /// Something stands under the key.
    pub(super) fn present() -> Self {
        Self {
            text: "attribute_exists(pk)".to_owned(),
            ..Self::default()
        }
    }

    /// What stands there has this version.
    pub(super) fn version(version: u64) -> Self {
        let mut names = Placeholders::default();
        let text = format!("{} = {}", names.name("version"), names.value(json!(version)));
        names.condition(text)
    }

    /// The record `key` stands there.
    pub(super) fn stands(key: &RecordKey) -> Self {
        let mut names = Placeholders::default();
        let text = names.stands(key);
        names.condition(text)
    }
}

/// A whole conditional update.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) expression: String,
    pub(super) condition: Condition,
}

impl Update {
    /// `change` to the record `key`; with `epoch` only where no scheduler of a later epoch has written.
    pub(super) fn of(key: &RecordKey, change: &Change, epoch: Option<Epoch>) -> Self {
        let mut names = Placeholders::default();
        let mut set: Vec<String> = change
            .set
            .iter()
            .map(|(name, value)| format!("{} = {}", names.name(name), names.value(value.clone())))
            .collect();
        if !change.append.is_empty() {
            let (history, none) = (names.name("history"), names.value(json!([])));
            let new = names.value(Value::Array(change.append.clone()));
            set.push(format!(
                "{history} = list_append(if_not_exists({history}, {none}), {new})"
            ));
        }
        let remove: Vec<String> = change.remove.iter().map(|name| names.name(name)).collect();
        let mut expression = String::new();
        for (clause, parts) in [("SET", set), ("REMOVE", remove)] {
            if !parts.is_empty() {
                expression.push_str(&format!("{clause} {} ", parts.join(", ")));
            }
        }
        let mut text = names.stands(key);
        if let Some(Epoch(epoch)) = epoch {
            let (name, mine) = (names.name("epoch"), names.value(json!(epoch)));
            text.push_str(&format!(
                " AND (attribute_not_exists({name}) OR {name} <= {mine})"
            ));
        }
        Self {
            expression,
            condition: names.condition(text),
        }
    }
}

#[derive(Default)]
struct Placeholders {
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Placeholders {
    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#{name}");
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    fn value(&mut self, value: Value) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), item::attribute(value));
        placeholder
    }

    fn stands(&mut self, key: &RecordKey) -> String {
        format!(
            "{} = {} AND {} = {}",
            self.name("version"),
            self.value(json!(key.version)),
            self.name("incarnation"),
            self.value(json!(key.incarnation)),
        )
    }

    fn condition(self, text: String) -> Condition {
        Condition {
            text,
            names: Some(self.names),
            values: Some(self.values),
        }
    }
}

//! Compares a document with the JSON Schema of the raw types: unknown keys, wrong types and unknown words, all at once.
//! What is wrong is told and taken out, so that the rest can still be checked.

use serde_json::{Map, Value};

use super::faults::{Checks, did_you_mean};

/// Takes out of `document` whatever `schema` doesn't allow.
pub(super) fn prune(document: &mut Value, schema: &Value, checks: &mut Checks) {
    let empty = Map::new();
    let walker = Walker {
        definitions: schema.get("$defs").and_then(Value::as_object).unwrap_or(&empty),
    };
    if !walker.walk(document, schema, "", checks) {
        *document = Value::Object(Map::new());
    }
}

struct Walker<'a> {
    definitions: &'a Map<String, Value>,
}

impl Walker<'_> {
    /// Whether `value`, perhaps with parts taken out, can stay.
    fn walk(&self, value: &mut Value, schema: &Value, path: &str, checks: &mut Checks) -> bool {
        let branches = self.branches(schema);
        let Some(branch) = branches.iter().find(|s| has_type(s, value)) else {
            let types: Vec<_> = branches.iter().flat_map(|s| type_names(s)).collect();
            checks.fault(path, describe(value), either(&types));
            return false;
        };
        let words = words(&branches);
        match value {
            Value::Object(object) => {
                self.walk_object(object, branch, path, checks);
                true
            }
            Value::Array(items) => self.walk_items(items, branch, path, checks),
            Value::String(word) if !words.is_empty() && !words.contains(&word.as_str()) => {
                let near = did_you_mean(word, words.iter().copied());
                checks.fault(path, &*word, format!("one of {}{near}", words.join(", ")));
                false
            }
            Value::Number(number) if !in_range(number, branch) => {
                checks.fault(path, &*number, bounds(branch));
                false
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        }
    }

    fn walk_object(&self, object: &mut Map<String, Value>, schema: &Value, path: &str, checks: &mut Checks) {
        let none = Map::new();
        let known = schema
            .get("properties")
            .and_then(Value::as_object)
            .unwrap_or(&none);
        let open = match schema.get("additionalProperties") {
            Some(Value::Bool(open)) => *open,
            Some(_) | None => true,
        };
        object.retain(|key, value| {
            let at = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            match known.get(key).or_else(|| schema.get("additionalProperties")) {
                Some(schema) if !schema.is_boolean() => self.walk(value, schema, &at, checks),
                Some(_) | None if open => true,
                Some(_) | None => {
                    let near = did_you_mean(key, known.keys().map(String::as_str));
                    checks.fault(&at, "an unknown key", format!("{}{near}", known_keys(known)));
                    false
                }
            }
        });
    }

    /// A faulty item that is an object becomes an empty one, so that the places of the others stay; a list of anything
    /// else goes as a whole.
    fn walk_items(&self, items: &mut [Value], schema: &Value, path: &str, checks: &mut Checks) -> bool {
        let Some(item_schema) = schema.get("items") else {
            return true;
        };
        let objects = self
            .branches(item_schema)
            .iter()
            .any(|s| has_type(s, &Value::Object(Map::new())));
        let mut all = true;
        for (n, item) in items.iter_mut().enumerate() {
            let stays = self.walk(item, item_schema, &format!("{path}[{n}]"), checks);
            if !stays && objects {
                *item = Value::Object(Map::new());
            }
            all &= stays || objects;
        }
        all
    }

    /// The alternatives of a schema, references followed.
    fn branches<'s>(&'s self, schema: &'s Value) -> Vec<&'s Value> {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            let name = name.trim_start_matches("#/$defs/");
            return self
                .definitions
                .get(name)
                .map_or_else(Vec::new, |s| self.branches(s));
        }
        let any = schema.get("anyOf").or_else(|| schema.get("oneOf"));
        match any.and_then(Value::as_array) {
            Some(several) => several.iter().flat_map(|s| self.branches(s)).collect(),
            None => vec![schema],
        }
    }
}

fn type_names(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        Some(_) | None => Vec::new(),
    }
}

fn has_type(schema: &Value, value: &Value) -> bool {
    let names = type_names(schema);
    names.is_empty()
        || names.iter().any(|name| match *name {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            "integer" => value.is_u64() || value.is_i64(),
            "number" => value.is_number(),
            _ => false,
        })
}

/// The words that an enumeration allows; none where any text is.
fn words<'s>(branches: &[&'s Value]) -> Vec<&'s str> {
    let several = branches
        .iter()
        .filter_map(|s| s.get("enum"))
        .filter_map(Value::as_array)
        .flatten();
    let single = branches.iter().filter_map(|s| s.get("const"));
    several.chain(single).filter_map(Value::as_str).collect()
}

fn in_range(number: &serde_json::Number, schema: &Value) -> bool {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let Some(n) = number.as_f64() else {
        return false;
    };
    bound("minimum").is_none_or(|least| n >= least) && most(schema).is_none_or(|most| n <= most)
}

fn most(schema: &Value) -> Option<f64> {
    let told = schema.get("maximum").and_then(Value::as_f64);
    told.or(match schema.get("format").and_then(Value::as_str) {
        Some("uint32") => Some(f64::from(u32::MAX)),
        Some(_) | None => None,
    })
}

fn bounds(schema: &Value) -> String {
    let least = schema.get("minimum").and_then(Value::as_f64);
    match (least, most(schema)) {
        (Some(least), Some(most)) => format!("a whole number of {least} to {most}"),
        (Some(least), None) => format!("a whole number of at least {least} that isn't absurdly large"),
        (None, Some(most)) => format!("a whole number of at most {most}"),
        (None, None) => "a smaller number".to_owned(),
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

fn either(types: &[&str]) -> String {
    let name = |t: &&str| match *t {
        "object" => Some("a mapping"),
        "array" => Some("a list"),
        "string" => {
            Some("a text (in quotes, where it looks like a number; a duration has its unit, such as 12s)")
        }
        "boolean" => Some("true or false"),
        "integer" => Some("a whole number"),
        "number" => Some("a number"),
        _ => None,
    };
    let mut names: Vec<_> = types.iter().filter_map(name).collect();
    names.dedup();
    names.join(" or ")
}

fn known_keys(known: &Map<String, Value>) -> String {
    let keys: Vec<_> = known.keys().map(String::as_str).collect();
    format!("one of {}", keys.join(", "))
}

//! JSON as we accept it: UTF-8, not nested too deeply, and no key twice.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::{Violation, shorten};

/// The deepest nesting that is read.
const DEPTH_MAX: usize = 100;
/// The longest place that a fault spells out.
const PATH_MAX: usize = 400;

/// Parses `body`, or says what is wrong with it and where.
pub fn parse(body: &[u8]) -> Result<Value, Violation> {
    let text = std::str::from_utf8(body).map_err(|error| {
        Violation::new(
            "",
            format!("a byte that isn't UTF-8 at offset {}", error.valid_up_to()),
            "JSON in UTF-8",
        )
    })?;
    if text.trim().is_empty() {
        return Err(Violation::new("", "an empty body", "a JSON object"));
    }
    let depth = depth(text);
    if depth > DEPTH_MAX {
        let expected = format!("JSON of at most {DEPTH_MAX} levels");
        return Err(Violation::new(
            "",
            format!("JSON nested {depth} levels deep"),
            expected,
        ));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let Strict(value) = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| fault(&error))?;
    let end = deserializer.end();
    end.map_err(|error| Violation::new("", error, "one JSON value and nothing after it"))?;
    Ok(value)
}

/// What is wrong, and in which object.
fn fault(error: &serde_path_to_error::Error<serde_json::Error>) -> Violation {
    // Where it broke off before a place could be named, the path is unknown: the whole document is meant.
    let path = error.path().to_string().replace('?', "");
    let path = if path == "." {
        String::new()
    } else {
        shorten(&path, PATH_MAX)
    };
    let expected = match error.inner().classify() {
        serde_json::error::Category::Data => "each key once, and numbers that a double can hold",
        serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof
        | serde_json::error::Category::Io => "well-formed JSON",
    };
    Violation::new(path, error.inner(), expected)
}

/// How deeply `text` is nested, strings left out; found before parsing, so that the parser's stack isn't needed for it.
fn depth(text: &str) -> usize {
    let (mut deepest, mut now, mut in_string, mut escaped) = (0, 0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                now += 1;
                deepest = deepest.max(now);
            }
            b'}' | b']' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A value whose objects have no key twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Value, E> {
        Number::from_f64(v)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(de::Error::custom(format_args!(
                    "the key {key:?} stands twice in one object"
                )));
            }
            let Strict(value) = access.next_value()?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

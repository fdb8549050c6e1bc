//! The fields of a JSON body, read whole: every fault is told at once, and an unknown field is one.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::auth::Auth;
use super::problem::Problem;
use crate::error::Violation;
use crate::lookup::parse_duration;

/// The longest reason and the longest author, in characters.
const TEXT_MAX: usize = 256;

/// The fields of a request, taken out one by one; every fault is told at once.
pub(super) struct Fields {
    given: Map<String, Value>,
    known: Vec<&'static str>,
    violations: Vec<Violation>,
    pub(super) now: Timestamp,
}

impl Fields {
    /// The object that `body` is; `example` is told where it is none.
    pub(super) fn of(
        body: Result<Bytes, BytesRejection>,
        example: &str,
        now: Timestamp,
    ) -> Result<Self, Box<Problem>> {
        let body = body.map_err(|rejection| Box::new(rejection.into()))?;
        match serde_json::from_slice::<Value>(&body) {
            Ok(Value::Object(given)) => Ok(Self {
                given,
                known: Vec::new(),
                violations: Vec::new(),
                now,
            }),
            Ok(other) => Err(not_an_object(&other.to_string(), example).into()),
            Err(error) => Err(not_an_object(&error.to_string(), example).into()),
        }
    }

    /// Notes a fault of the field `name`.
    pub(super) fn fault(&mut self, name: &str, found: impl Into<String>, expected: impl Into<String>) {
        self.violations
            .push(Violation::new(name, found.into(), expected.into()));
    }

    /// Whether the field is given and hasn't been taken out yet.
    pub(super) fn has(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// A text without the white space around it.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let expected = format!("a text of 1 to {TEXT_MAX} characters");
        match self.given.remove(name)? {
            Value::String(text) if (1..=TEXT_MAX).contains(&text.trim().chars().count()) => {
                Some(text.trim().to_owned())
            }
            other => {
                self.fault(name, other.to_string(), expected);
                None
            }
        }
    }

    /// Why it is wished.
    pub(super) fn reason(&mut self) -> String {
        let given = self.given.contains_key("reason");
        let reason = self.text("reason");
        if !given {
            self.fault("reason", "nothing", "why: others will ask");
        }
        reason.unwrap_or_default()
    }

    /// A time, or a duration from now on.
    pub(super) fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        let text = self.text(name)?;
        let ahead = |text: &str| {
            let duration = SignedDuration::try_from(parse_duration(text).ok()?).ok()?;
            self.now.checked_add(duration).ok()
        };
        let time = Timestamp::from_str(&text).ok().or_else(|| ahead(&text));
        if time.is_none() {
            self.fault(
                name,
                format!("{text:?}"),
                "a time such as 2026-11-23T18:00:00Z, or a duration from now such as 10m",
            );
        }
        time
    }

    /// Who wishes it: as they call themselves, else that the API was asked.
    pub(super) fn author(&mut self, auth: &Auth) -> Option<String> {
        let by_token = || match auth {
            Auth::None => None,
            Auth::Bearer(_) => Some("api".to_owned()),
        };
        self.text("author").or_else(by_token)
    }

    /// A text, read by its type's own rule.
    pub(super) fn parse<T: FromStr>(&mut self, name: &'static str, expected: &str) -> Option<T> {
        let text = self.text(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.fault(name, format!("{text:?}"), expected);
        }
        value
    }

    /// true or false; absent: false.
    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        self.known.push(name);
        match self.given.remove(name) {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(other) => {
                self.fault(name, other.to_string(), "true or false");
                false
            }
        }
    }

    /// A text as it stands; an empty one is none.
    pub(super) fn verbatim(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        match self.given.remove(name)? {
            Value::String(text) if !text.is_empty() => Some(text),
            other => {
                self.fault(name, other.to_string(), "a text that isn't empty");
                None
            }
        }
    }

    /// An object whose values are texts, with at least one.
    pub(super) fn texts(&mut self, name: &'static str) -> BTreeMap<String, String> {
        self.known.push(name);
        let expected = "an object with at least one label, such as {\"team\": \"data\"}";
        let entries = match self.given.remove(name) {
            None => return BTreeMap::new(),
            Some(Value::Object(entries)) if !entries.is_empty() => entries,
            Some(other) => {
                self.fault(name, other.to_string(), expected);
                return BTreeMap::new();
            }
        };
        let mut texts = BTreeMap::new();
        for (key, value) in entries {
            match value {
                Value::String(text) => {
                    texts.insert(key, text);
                }
                other => self.fault(&format!("{name}.{key}"), other.to_string(), "a text"),
            }
        }
        texts
    }

    /// Every fault, fields that nobody took included.
    pub(super) fn finish(mut self) -> Result<(), Box<Problem>> {
        let expected = format!("one of {}", self.known.join(", "));
        for name in self.given.keys() {
            self.violations
                .push(Violation::new(name.clone(), "an unknown field", expected.clone()));
        }
        if self.violations.is_empty() {
            return Ok(());
        }
        Err(Problem::invalid("the wish has faults", self.violations).into())
    }
}

fn not_an_object(found: &str, example: &str) -> Problem {
    let expected = format!("a JSON object such as {example}");
    let violation = Violation::new("", found.to_owned(), expected);
    Problem::invalid("the body can't be read", vec![violation])
}

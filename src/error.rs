//! What every error of the program can say of itself: who must act on it, and where a bad value stood.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a caller may do about an error. Decided once, in the adapter that saw the failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The same call may succeed later; `retry_after` is the other side's own word on when, if it gave one.
    Transient {
        /// The delay that the other side asked for.
        retry_after: Option<Duration>,
    },
    /// Somebody else changed what the call relied on: read again and decide anew.
    Conflict,
    /// The same call will fail for ever.
    Permanent,
}

/// Every error of a port answers this.
pub trait Classify {
    /// The class of this error.
    fn class(&self) -> Class;
}

/// One fault of one field: where it stands, what was found, what is allowed.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
pub struct Violation {
    /// The JSON path of the field, such as `driver.memory` or `volumes[0].name`; empty for the whole document.
    pub path: String,
    /// What was found there, shortened to at most 200 characters.
    pub found: String,
    /// What is allowed there, or what to write instead.
    pub expected: String,
}

impl Violation {
    /// A violation at `path`. A record must be able to hold many: `found` is shortened to 200 characters, the others to
    /// 400.
    pub fn new(path: impl Into<String>, found: impl std::fmt::Display, expected: impl Into<String>) -> Self {
        Self {
            path: shorten(&path.into(), 400),
            found: shorten(&found.to_string(), 200),
            expected: shorten(&expected.into(), 400),
        }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = if self.path.is_empty() {
            "the document"
        } else {
            &self.path
        };
        write!(f, "{place}: found {}, expected {}", self.found, self.expected)
    }
}

/// `text` with at most `max` characters; a cut is shown by `…`.
pub fn shorten(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(max.saturating_sub(1)).collect();
    short.push('…');
    short
}

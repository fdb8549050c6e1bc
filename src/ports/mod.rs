//! What the broker asks of the outside, as traits with their contracts. `broker` and `api` call them, `adapters` fulfil
//! them, and none of the three sees another.

pub mod cluster;
pub mod queue;
pub mod service;
pub mod store;
mod wishes;

use std::time::Duration;

use crate::error::{Class, Classify};

/// A failure of a port, classified by the adapter that saw it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    class: Class,
    message: String,
    too_large: bool,
}

impl Error {
    /// What was to be stored is larger than the store can hold.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self {
            too_large: true,
            ..Self::permanent(message)
        }
    }

    /// Whether what was to be stored is larger than the store can hold.
    pub fn is_too_large(&self) -> bool {
        self.too_large
    }

    /// The same call may succeed later.
    pub fn transient(message: impl Into<String>) -> Self {
        Self {
            too_large: false,
            class: Class::Transient { retry_after: None },
            message: message.into(),
        }
    }

    /// The same call may succeed after `delay`, as the other side says.
    pub fn throttled(message: impl Into<String>, delay: Option<Duration>) -> Self {
        Self {
            too_large: false,
            class: Class::Transient { retry_after: delay },
            message: message.into(),
        }
    }

    /// The same call will fail for ever.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self {
            too_large: false,
            class: Class::Permanent,
            message: message.into(),
        }
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        self.class
    }
}

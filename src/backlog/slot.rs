//! A backlog entry in memory: 88 bytes, beside its ID's text and what it shares with others.

use std::sync::Arc;

use jiff::Timestamp;

use super::Shape;
use crate::model::{Attempt, Incarnation, QueueName, SubmissionId, Version};
use crate::submission::BacklogEntry;

/// Nanoseconds since the Unix epoch. Times outside of the years 1678 to 2261 are cut to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64);

impl Moment {
    /// Stands for "no such time".
    const NONE: Self = Self(i64::MAX);

    /// The time itself.
    pub fn time(self) -> Timestamp {
        Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or(Timestamp::MAX)
    }

    fn optional(time: Option<Timestamp>) -> Self {
        time.map_or(Self::NONE, Self::from)
    }

    pub(super) fn present(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}

impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Self {
        let nanoseconds = time
            .as_nanosecond()
            .clamp(i128::from(i64::MIN), i128::from(i64::MAX - 1));
        Self(i64::try_from(nanoseconds).unwrap_or(i64::MAX - 1))
    }
}

/// An incarnation in 16 bytes: ours are 32 hexadecimal digits; any other text is kept as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    Digits([u32; 4]),
    Text(Box<Incarnation>),
}

impl From<&Incarnation> for Mark {
    fn from(incarnation: &Incarnation) -> Self {
        let text = incarnation.as_str();
        match u128::from_str_radix(text, 16) {
            Ok(value) if format!("{value:032x}") == text => {
                let bytes = value.to_be_bytes();
                Self::Digits(std::array::from_fn(|i| {
                    u32::from_be_bytes([bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]])
                }))
            }
            Ok(_) | Err(_) => Self::Text(Box::new(incarnation.clone())),
        }
    }
}

impl Mark {
    fn text(&self) -> Option<Incarnation> {
        match self {
            Self::Digits(parts) => parts
                .iter()
                .map(|part| format!("{part:08x}"))
                .collect::<String>()
                .parse()
                .ok(),
            Self::Text(text) => Some(text.as_ref().clone()),
        }
    }
}

/// One entry.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: SubmissionId,
    pub(super) shape: Arc<Shape>,
    pub(super) version: Version,
    pub(super) accepted: Moment,
    not_before: Moment,
    timeout: Moment,
    pub(super) mark: Mark,
    pub(super) queue: u32,
    pub(super) priority: i32,
    attempt: Attempt,
    tries: u32,
}

impl Slot {
    pub(super) fn new(entry: &BacklogEntry, queue: u32, shape: Arc<Shape>) -> Self {
        Self {
            id: entry.id.clone(),
            shape,
            version: entry.version,
            accepted: entry.accepted_at.into(),
            not_before: Moment::optional(entry.not_before),
            timeout: Moment::optional(entry.queue_timeout_at),
            mark: Mark::from(&entry.incarnation),
            queue,
            priority: entry.priority,
            attempt: entry.attempt,
            tries: entry.tries,
        }
    }

    pub(super) fn not_before(&self) -> Option<Moment> {
        self.not_before.present()
    }

    pub(super) fn timeout(&self) -> Option<Moment> {
        self.timeout.present()
    }

    /// The entry that this slot was made from; absent only for a mark that no incarnation gave.
    pub(super) fn entry(&self, queue: &QueueName) -> Option<BacklogEntry> {
        Some(BacklogEntry {
            id: self.id.clone(),
            incarnation: self.mark.text()?,
            version: self.version,
            queue: queue.clone(),
            priority: self.priority,
            accepted_at: self.accepted.time(),
            demand: self.shape.demand.clone(),
            attempt: self.attempt,
            tries: self.tries,
            not_before: self.not_before().map(Moment::time),
            queue_timeout_at: self.timeout().map(Moment::time),
            selector: self.shape.selector.clone(),
            spark_version: self.shape.spark_version.clone(),
            excluded_clusters: self.shape.excluded_clusters.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_stays_small() {
        assert!(size_of::<Slot>() <= 96, "{} bytes", size_of::<Slot>());
    }

    #[test]
    fn an_incarnation_survives_its_mark() {
        let random = Incarnation::random();
        for text in [random.as_str(), "plain", "00ff", &"0".repeat(32), &"F".repeat(32)] {
            let incarnation: Incarnation = text.parse().unwrap();
            assert_eq!(Mark::from(&incarnation).text(), Some(incarnation));
        }
    }
}

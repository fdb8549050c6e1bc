//! What the active scheduler knows, written down part by part for pods that don't schedule.
//!
//! A part is looked at every five seconds at most, and written where it has changed or its text is half a minute old.
//! Large ones are written less often, so that no cluster costs much more than a kilobyte a second.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::lookup::moment;
use crate::model::ClusterName;

/// How often a part is looked at, at most.
const EVERY: Duration = Duration::from_secs(5);
/// When it is written again though nothing has changed: readers tell its age.
const AGAIN: Duration = Duration::from_secs(30);
/// Bytes of text that make a part wait a second longer; packed they are about one kilobyte.
const SECOND: usize = 8 * 1024;

/// A part of what is known, and when it was so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told<T> {
    /// When.
    #[serde(with = "moment::required")]
    pub at: Timestamp,
    /// What.
    pub known: T,
}

/// The domain as a whole, or one cluster.
pub type Part = Option<ClusterName>;

/// When each part was looked at and written.
#[derive(Debug, Default)]
pub struct Outlooks {
    parts: HashMap<Part, Look>,
}

#[derive(Debug)]
struct Look {
    due: Duration,
    written_at: Duration,
    print: u64,
}

impl Outlooks {
    /// The first of `parts` that is to be looked at now.
    pub fn due(&self, parts: impl IntoIterator<Item = Part>, now: Duration) -> Option<Part> {
        let is_due = |part: &Part| self.parts.get(part).is_none_or(|look| look.due <= now);
        parts.into_iter().find(is_due)
    }

    /// A part was looked at: whether it is to be written. `steady` is what doesn't change by itself; `size` that of the
    /// text.
    pub fn looked(&mut self, part: Part, steady: &impl Serialize, size: usize, now: Duration) -> bool {
        let print = print(steady);
        let pause = EVERY.max(Duration::from_secs((size / SECOND) as u64));
        let last = self.parts.get(&part);
        let same = last.filter(|look| look.print == print);
        let written_at = same.map(|look| look.written_at);
        let write = written_at.is_none_or(|at| now.saturating_sub(at) >= AGAIN);
        let look = Look {
            due: now.saturating_add(pause),
            written_at: written_at.filter(|_| !write).unwrap_or(now),
            print,
        };
        self.parts.insert(part, look);
        write
    }

    /// A part couldn't be written: it is looked at anew.
    pub fn unwritten(&mut self, part: &Part) {
        if let Some(look) = self.parts.get_mut(part) {
            look.print = 0;
        }
    }
}

fn print(steady: &impl Serialize) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(steady)
        .unwrap_or_default()
        .hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_part_is_written_when_it_has_changed_and_now_and_then_the_large_ones_less_often() {
        let mut outlooks = Outlooks::default();
        let parts = || [None, Some("a".parse().unwrap())];
        assert_eq!(outlooks.due(parts(), seconds(0)), Some(None));
        assert!(outlooks.looked(None, &1, 100, seconds(0)));
        let a = outlooks.due(parts(), seconds(0)).unwrap();
        assert!(outlooks.looked(a.clone(), &1, 20 * SECOND, seconds(0)));
        assert_eq!(outlooks.due(parts(), seconds(4)), None);
        assert_eq!(outlooks.due(parts(), seconds(5)), Some(None));
        assert!(!outlooks.looked(None, &1, 100, seconds(5)), "nothing has changed");
        assert!(outlooks.looked(None, &2, 100, seconds(10)));
        assert_eq!(outlooks.due(parts(), seconds(12)), None, "the large one waits");
        assert_eq!(outlooks.due(parts(), seconds(20)), Some(None));
        assert!(!outlooks.looked(None, &2, 100, seconds(35)));
        assert_eq!(outlooks.due(parts(), seconds(36)), Some(a));
        assert!(
            outlooks.looked(None, &2, 100, seconds(40)),
            "its age would tell too much"
        );
        outlooks.unwritten(&None);
        assert!(outlooks.looked(None, &2, 100, seconds(45)));
    }
}

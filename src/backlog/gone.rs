//! What left the backlog lately: an index that lags behind the table may still show it as QUEUED.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::slot::Mark;
use crate::model::{SubmissionId, Version};

/// How long a departure is remembered: twice the longest lag that the index is allowed.
const MEMORY: Duration = Duration::from_secs(120);

/// Departures of the last two minutes.
#[derive(Debug, Default)]
pub(super) struct Gone {
    departures: HashMap<SubmissionId, (Mark, Version, Duration)>,
    by_time: VecDeque<(Duration, SubmissionId)>,
}

impl Gone {
    /// Remembers that the record had left QUEUED in `version`, as known at `now`.
    pub(super) fn remember(&mut self, id: &SubmissionId, mark: Mark, version: Version, now: Duration) {
        let version = match self.departures.get(id) {
            Some((known, newer, _)) if *known == mark => version.max(*newer),
            Some(_) | None => version,
        };
        self.departures.insert(id.clone(), (mark, version, now));
        self.by_time.push_back((now, id.clone()));
        self.forget(now);
    }

    /// Whether a row in `version` tells of a time before the departure.
    pub(super) fn knows(&self, id: &SubmissionId, mark: &Mark, version: Version) -> bool {
        self.departures
            .get(id)
            .is_some_and(|(known, gone, _)| known == mark && version <= *gone)
    }

    fn forget(&mut self, now: Duration) {
        while let Some((at, id)) = self.by_time.front() {
            if *at + MEMORY > now {
                break;
            }
            if self.departures.get(id).is_some_and(|(_, _, last)| last == at) {
                self.departures.remove(id);
            }
            self.by_time.pop_front();
        }
    }
}

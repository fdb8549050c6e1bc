//! What came of cancelling many submissions at once, and where the search for them goes on.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cursor::InvalidCursor;
use crate::model::{ClusterName, QueueName, SubmissionId};
use crate::submission::{Record, State};

/// The most submissions that are told one by one; of those that couldn't be cancelled, as many again.
pub const LISTED: usize = 1000;

/// What became of one submission that was to be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum CancelOutcome {
    /// It is CANCELLED.
    Cancelled,
    /// The wish stands; its attempt is being stopped.
    Cancelling,
    /// It ended before the wish was written, and keeps its end.
    Ended,
    /// The wish couldn't be written.
    Failed,
}

/// One submission that was to be cancelled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancelledOne {
    /// The submission ID.
    #[schema(value_type = String)]
    pub submission_id: SubmissionId,
    /// Where it stands now.
    pub state: State,
    /// Its job queue.
    #[schema(value_type = String)]
    pub queue: QueueName,
    /// The application's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_name: Option<String>,
    /// The cluster of its current attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub cluster: Option<ClusterName>,
    /// What became of it; absent in a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CancelOutcome>,
    /// Why it couldn't be cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl CancelledOne {
    /// `record`, of which `outcome` came.
    pub fn of(record: &Record, outcome: Option<CancelOutcome>) -> Self {
        Self {
            submission_id: record.id.clone(),
            state: record.state,
            queue: record.queue.clone(),
            application_name: record.application_name.clone(),
            cluster: record.cluster.clone(),
            outcome,
            why: None,
        }
    }
}

/// What came of cancelling many.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cancellations {
    /// Whether nothing was done but counted.
    pub dry_run: bool,
    /// Submissions that match, hadn't ended when they were read and weren't being cancelled already.
    pub matched: u64,
    /// Of these, those that are CANCELLED.
    pub cancelled: u64,
    /// Of these, those whose attempt is being stopped.
    pub cancelling: u64,
    /// Of these, those that ended before the wish was written.
    pub ended: u64,
    /// Of these, those that couldn't be cancelled.
    pub failed: u64,
    /// Submissions beside these that match and whose end had been asked for before.
    pub asked_before: u64,
    /// The first 1,000 that matched, and the first that couldn't be cancelled.
    pub submissions: Vec<CancelledOne>,
    /// Whether more matched than are in `submissions`.
    pub truncated: bool,
    /// Why the call ended early: the store was away, or the process stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<String>,
    /// Where the next call goes on; absent where everything was gone through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Cancellations {
    /// Counts and lists one.
    pub fn add(&mut self, one: CancelledOne) {
        self.matched += 1;
        match one.outcome {
            None => {}
            Some(CancelOutcome::Cancelled) => self.cancelled += 1,
            Some(CancelOutcome::Cancelling) => self.cancelling += 1,
            Some(CancelOutcome::Ended) => self.ended += 1,
            Some(CancelOutcome::Failed) => self.failed += 1,
        }
        self.list(one);
    }

    /// Adds what the next call told.
    pub fn append(&mut self, next: Self) {
        self.matched += next.matched;
        self.cancelled += next.cancelled;
        self.cancelling += next.cancelling;
        self.ended += next.ended;
        self.failed += next.failed;
        self.asked_before += next.asked_before;
        for one in next.submissions {
            self.list(one);
        }
        self.truncated |= next.truncated;
        self.interrupted = next.interrupted;
        self.next_cursor = next.next_cursor;
    }

    fn list(&mut self, one: CancelledOne) {
        // What went wrong is to be seen although a thousand went well before it.
        let most = match one.outcome {
            Some(CancelOutcome::Failed) => 2 * LISTED,
            None | Some(CancelOutcome::Cancelled | CancelOutcome::Cancelling | CancelOutcome::Ended) => {
                LISTED
            }
        };
        if self.submissions.len() < most {
            self.submissions.push(one);
        } else {
            self.truncated = true;
        }
    }
}

/// A part of the store that is searched for submissions which haven't ended, in the order of the search: what waits may
/// be placed meanwhile, and is then found among what is live.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SearchPart {
    /// What is QUEUED, of one shard.
    #[serde(rename = "b")]
    Backlog(u32),
    /// What is live on one cluster.
    #[serde(rename = "l")]
    Live(ClusterName),
}

/// Where a search stands: at the start of one part, or behind one of its entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchCursor {
    /// The part.
    #[serde(rename = "p")]
    pub part: SearchPart,
    /// The last entry that was gone through: its accepted time (in the backlog, which runs by it) and its ID.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub after: Option<(Timestamp, SubmissionId)>,
}

impl SearchCursor {
    /// As text that is legal in a URL.
    pub fn encode(&self) -> String {
        // Strings, numbers and times always have a JSON form.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// From text.
    pub fn decode(text: &str) -> Result<Self, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        serde_json::from_slice(&bytes).map_err(|_| InvalidCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::submission::NewRecord;

    fn one(n: usize, outcome: CancelOutcome) -> CancelledOne {
        let record = Record::queued(NewRecord {
            id: format!("job-{n}").parse().unwrap(),
            domain: "default".parse().unwrap(),
            queue: "dev".parse().unwrap(),
            fingerprint: "f".into(),
            at: Timestamp::UNIX_EPOCH,
        });
        CancelledOne::of(&record, Some(outcome))
    }

    #[test]
    fn the_first_thousand_are_listed_and_failures_behind_them_too() {
        let mut told = Cancellations::default();
        for n in 0..LISTED {
            told.add(one(n, CancelOutcome::Cancelled));
        }
        assert!(!told.truncated);
        told.add(one(LISTED, CancelOutcome::Failed));
        assert!(!told.truncated);
        told.add(one(LISTED + 1, CancelOutcome::Ended));
        assert!(told.truncated);
        assert_eq!((told.submissions.len(), told.matched), (LISTED + 1, 1002));
        assert_eq!((told.cancelled, told.failed, told.ended), (1000, 1, 1));
        assert_eq!(
            told.submissions.last().unwrap().submission_id.as_str(),
            "job-1000"
        );
    }

    #[test]
    fn what_several_calls_told_is_added_up_and_the_last_says_where_it_ends() {
        let mut first = Cancellations {
            next_cursor: Some("on".into()),
            asked_before: 1,
            ..Cancellations::default()
        };
        first.add(one(1, CancelOutcome::Cancelled));
        let mut second = Cancellations::default();
        second.add(one(2, CancelOutcome::Cancelling));
        first.append(second);
        assert_eq!((first.matched, first.cancelled, first.cancelling), (2, 1, 1));
        assert_eq!((first.asked_before, first.submissions.len()), (1, 2));
        assert_eq!(first.next_cursor, None);
    }

    #[test]
    fn a_cursor_survives_its_text_form_and_foreign_text_is_none() {
        let after = (Timestamp::UNIX_EPOCH, "job:1".parse().unwrap());
        for (part, after) in [
            (SearchPart::Backlog(3), Some(after)),
            (SearchPart::Live("spark-a".parse().unwrap()), None),
        ] {
            let cursor = SearchCursor { part, after };
            assert_eq!(SearchCursor::decode(&cursor.encode()), Ok(cursor));
        }
        for text in ["", "x", "e30", "not a cursor"] {
            assert_eq!(SearchCursor::decode(text), Err(InvalidCursor), "{text}");
        }
    }

    #[test]
    fn the_backlog_is_searched_before_what_is_live() {
        let live = |name: &str| SearchPart::Live(name.parse().unwrap());
        assert!(SearchPart::Backlog(7) < live("a"));
        assert!(live("a") < live("b"));
    }
}

//! What it means that a submission arrives under an ID that a record already holds.

use jiff::Timestamp;

use super::record::Record;
use super::state::State;

/// What to do with an arrival whose ID is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The same submission again: nothing to do, the original stands.
    Duplicate,
    /// Another spec under the same ID: the original stands, the arrival is refused.
    Conflict,
    /// The stored record doesn't hold its ID: the arrival takes its place.
    Replace,
    /// A cancel came first: the arrival takes its place and is CANCELLED at once.
    Cancelled,
}

/// Decides by what is stored. A REJECTED record doesn't hold its ID, and an expired one counts as absent; an arrival
/// that is itself rejected never displaces a record that stands.
pub fn arrive(stored: &Record, arriving: &Record, now: Timestamp) -> Arrival {
    if stored.is_expired(now) {
        return Arrival::Replace;
    }
    if stored.is_tombstone() {
        return if arriving.state == State::Rejected {
            Arrival::Replace
        } else {
            Arrival::Cancelled
        };
    }
    let same = stored.fingerprint == arriving.fingerprint;
    match stored.state {
        // The same faulty message again adds nothing; anything else takes the free ID.
        State::Rejected if same && arriving.state == State::Rejected => Arrival::Duplicate,
        State::Rejected => Arrival::Replace,
        State::Queued
        | State::Dispatching
        | State::Submitted
        | State::Held
        | State::Running
        | State::Retrying
        | State::Cancelling
        | State::Succeeded
        | State::Failed
        | State::Cancelled => {
            if same {
                Arrival::Duplicate
            } else {
                Arrival::Conflict
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::submission::NewRecord;

    fn record(fingerprint: &str, state: State) -> Record {
        let mut record = Record::queued(NewRecord {
            id: "job-1".parse().unwrap(),
            domain: "default".parse().unwrap(),
            queue: "dev".parse().unwrap(),
            fingerprint: fingerprint.into(),
            at: Timestamp::UNIX_EPOCH,
        });
        record.state = state;
        record
    }

    fn decide(stored: Record, arriving: Record) -> Arrival {
        arrive(&stored, &arriving, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_same_spec_is_a_duplicate_and_another_a_conflict_in_every_state_that_holds_its_id() {
        for state in State::ALL.iter().copied().filter(|s| *s != State::Rejected) {
            assert_eq!(
                decide(record("a", state), record("a", State::Queued)),
                Arrival::Duplicate
            );
            assert_eq!(
                decide(record("a", state), record("b", State::Queued)),
                Arrival::Conflict
            );
        }
    }

    #[test]
    fn a_rejected_record_makes_way() {
        assert_eq!(
            decide(record("a", State::Rejected), record("b", State::Queued)),
            Arrival::Replace
        );
        assert_eq!(
            decide(record("a", State::Rejected), record("a", State::Queued)),
            Arrival::Replace
        );
        assert_eq!(
            decide(record("a", State::Rejected), record("a", State::Rejected)),
            Arrival::Duplicate
        );
    }

    #[test]
    fn a_cancel_that_came_first_is_honoured() {
        let stored = Record::tombstone(
            "job-1".parse().unwrap(),
            "default".parse().unwrap(),
            Timestamp::UNIX_EPOCH,
            3600,
        );
        assert_eq!(decide(stored, record("a", State::Queued)), Arrival::Cancelled);
    }

    #[test]
    fn an_expired_record_counts_as_absent() {
        let mut stored = record("a", State::Succeeded);
        stored.expires_at = Some(0);
        assert_eq!(decide(stored, record("b", State::Queued)), Arrival::Replace);
    }
}

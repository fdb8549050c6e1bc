//! The brake: a missing object isn't called lost while too many others of its cluster are missing as well (the design's
//! §10, "Lost"). The record says so, in the state in which it is, until a person confirms it or the object is back.

use jiff::Timestamp;

use super::event::Step;
use super::sentence::sentence;
use super::step::touched;
use crate::submission::{Reason, Record, State, Verdict};

/// The doubt begins with `message`, or is over.
pub(super) fn doubted(record: &Record, at: Timestamp, message: Option<&str>) -> Step {
    match record.state {
        State::Submitted | State::Held | State::Running => {}
        State::Queued
        | State::Dispatching
        | State::Retrying
        | State::Cancelling
        | State::Succeeded
        | State::Failed
        | State::Cancelled
        | State::Rejected => return Step::Illegal,
    }
    let in_doubt = record.verdict.reason == Some(Reason::LostUnconfirmed);
    if in_doubt == message.is_some() {
        return Step::Ignored;
    }
    let mut next = touched(record, at);
    let before = || (record.state == State::Held).then_some(Reason::Suspended);
    let reason = message.map(|_| Reason::LostUnconfirmed).or_else(before);
    next.verdict = Verdict {
        reason,
        message: message.map(|text| sentence(text).0),
        message_detail: None,
        reason_at: reason.map(|_| at),
    };
    Step::Next(Box::new(next))
}

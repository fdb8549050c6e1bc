//! What can't be told without a person's word: a missing object isn't called lost while too many others of its cluster
//! are missing as well (the design's §10, "Lost"), nor a driver that doesn't go while its node may be alive ("Retry by
//! cause"). The record says so, in the state in which it is.

use jiff::Timestamp;

use super::event::Step;
use super::sentence::sentence;
use super::step::touched;
use crate::submission::{Reason, Record, State, Verdict};

/// The doubt begins, or is over.
pub(super) fn doubted(record: &Record, at: Timestamp, doubt: Option<&(Reason, String)>) -> Step {
    if !record.state.is_followed() {
        return Step::Illegal;
    }
    if is_in_doubt(record) == doubt.is_some() {
        return Step::Ignored;
    }
    let mut next = touched(record, at);
    let before = || (record.state == State::Held).then_some(Reason::Suspended);
    let reason = doubt.map(|(reason, _)| *reason).or_else(before);
    next.verdict = Verdict {
        reason,
        message: doubt.map(|(_, text)| sentence(text).0),
        message_detail: None,
        reason_at: reason.map(|_| at),
    };
    Step::Next(Box::new(next))
}

/// A person's word, where there is a doubt about its driver's node.
pub(super) fn loss_said(record: &Record, at: Timestamp, why: &str) -> Step {
    if !record.state.is_followed() || record.verdict.reason != Some(Reason::NodeLost) {
        return Step::Illegal;
    }
    if record.loss_said.is_some() {
        return Step::Ignored;
    }
    let mut next = touched(record, at);
    next.loss_said = Some(why.to_owned());
    Step::Next(Box::new(next))
}

fn is_in_doubt(record: &Record) -> bool {
    [Some(Reason::LostUnconfirmed), Some(Reason::NodeLost)].contains(&record.verdict.reason)
}

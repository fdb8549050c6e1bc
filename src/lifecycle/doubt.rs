//! What can't be told without a person's word: a missing object isn't called lost while too many others of its cluster
//! are missing as well (the design's §10, "Lost"), nor a driver that doesn't go while its node may be alive ("Retry by
//! cause"). And what a person may have to mend: a driver that can't start. The record says so, in the state in which it
//! is.

use jiff::Timestamp;

use super::event::Step;
use super::sentence::sentence;
use super::step::touched;
use crate::model::ObjectUid;
use crate::submission::{Overdue, Reason, Record, State, Verdict};

/// The doubt about a missing object begins with `message`, or is over.
pub(super) fn doubted(record: &Record, at: Timestamp, message: Option<&str>) -> Step {
    if !record.state.is_followed() {
        return Step::Illegal;
    }
    let in_doubt = record.verdict.reason == Some(Reason::LostUnconfirmed);
    if in_doubt == message.is_some() {
        return Step::Ignored;
    }
    let mut next = touched(record, at);
    next.verdict = verdict(
        record,
        at,
        message.map(|message| (Reason::LostUnconfirmed, message)),
    );
    Step::Next(Box::new(next))
}

/// The driver doesn't go, or that is over. A record whose attempt is being stopped keeps its verdict, which decides its end.
pub(super) fn overdue(record: &Record, at: Timestamp, driver: Option<&(ObjectUid, String)>) -> Step {
    let stops = matches!(record.state, State::Retrying | State::Cancelling);
    if !stops && !record.state.is_followed() {
        return Step::Illegal;
    }
    let known = record.overdue.as_ref().map(|overdue| &overdue.driver);
    if known == driver.map(|(uid, _)| uid) {
        return Step::Ignored;
    }
    let mut next = touched(record, at);
    next.overdue = driver.map(|(uid, message)| Overdue {
        driver: uid.clone(),
        message: sentence(message).0,
        lost: None,
    });
    if !stops {
        let doubt = driver.map(|(_, message)| (Reason::NodeLost, message.as_str()));
        next.verdict = verdict(record, at, doubt);
    }
    Step::Next(Box::new(next))
}

/// The driver doesn't start for a reason that its cluster tells, or that is over. What else there is to tell goes before.
pub(super) fn waits(record: &Record, at: Timestamp, message: Option<&str>) -> Step {
    if !record.state.is_followed() {
        return Step::Illegal;
    }
    let told = record.verdict.reason == Some(Reason::DriverWaiting);
    let other = record.verdict.reason.is_some() && !told;
    if other || (!told && message.is_none()) {
        return Step::Ignored;
    }
    let mut next = touched(record, at);
    next.verdict = verdict(
        record,
        at,
        message.map(|message| (Reason::DriverWaiting, message)),
    );
    if told && next.verdict.message == record.verdict.message {
        return Step::Ignored;
    }
    Step::Next(Box::new(next))
}

/// A person's word on the driver that doesn't go.
pub(super) fn loss_said(record: &Record, at: Timestamp, why: &str) -> Step {
    let Some(overdue) = &record.overdue else {
        return Step::Illegal;
    };
    if overdue.lost.is_some() {
        return Step::Ignored;
    }
    let mut next = touched(record, at);
    next.overdue = Some(Overdue {
        lost: Some(why.to_owned()),
        ..overdue.clone()
    });
    Step::Next(Box::new(next))
}

/// Of a doubt, or of a record about which there is none.
fn verdict(record: &Record, at: Timestamp, doubt: Option<(Reason, &str)>) -> Verdict {
    let before = || (record.state == State::Held).then_some(Reason::Suspended);
    let reason = doubt.map(|(reason, _)| reason).or_else(before);
    Verdict {
        reason,
        message: doubt.map(|(_, text)| sentence(text).0),
        message_detail: None,
        reason_at: reason.map(|_| at),
    }
}

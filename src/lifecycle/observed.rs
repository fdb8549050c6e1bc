//! What a look at the cluster says of an attempt (the design's §10, "One observation" to "The driver's word").

use jiff::Timestamp;

use super::ending::{again_uncounted, end, fail};
use super::event::Step;
use super::step::{Rules, moved, submitted, touched};
use crate::submission::{RawState, Reason, Record, RestartPolicy, State};
use crate::watch::{Driver, DriverEnd, DriverPhase, DriverSight, DriverStop, ObjectState, Observation};

pub(super) fn observe(rules: &Rules, record: &Record, seen: &Observation, at: Timestamp) -> Step {
    match record.state {
        State::Dispatching => match (&seen.object, &seen.driver) {
            (Some(object), _) => Step::Next(Box::new(submitted(record, at, Some(object.uid.clone())))),
            // A driver without its object is followed alone.
            (None, DriverSight::Seen(_)) => Step::Next(Box::new(submitted(record, at, None))),
            (None, DriverSight::Unseen | DriverSight::Absent) => Step::Ignored,
        },
        State::Submitted | State::Held | State::Running => match &seen.driver {
            DriverSight::Seen(driver) if is_spent(record, driver) => {
                by_object(rules, record, seen, false, at)
            }
            DriverSight::Seen(driver) => by_driver(rules, record, seen, driver, at),
            DriverSight::Unseen => by_object(rules, record, seen, false, at),
            DriverSight::Absent => by_object(rules, record, seen, true, at),
        },
        State::Retrying | State::Cancelling => too_late(rules, record, seen, at),
        State::Queued | State::Succeeded | State::Failed | State::Cancelled | State::Rejected => {
            Step::Ignored
        }
    }
}

/// Whether it is the driver whose stop made the record HELD: that end has been taken in, and what is resumed has a driver
/// of its own.
pub fn is_spent(record: &Record, driver: &Driver) -> bool {
    let known = record.driver_uid.as_ref();
    let same = match record.state {
        State::Held => known.is_none_or(|uid| *uid == driver.uid),
        // Of a record that wasn't held before, no driver is known yet.
        State::Submitted => known == Some(&driver.uid),
        State::Queued
        | State::Dispatching
        | State::Running
        | State::Retrying
        | State::Cancelling
        | State::Succeeded
        | State::Failed
        | State::Cancelled
        | State::Rejected => false,
    };
    let stopped = driver.stop.is_some() && matches!(&driver.phase, DriverPhase::Ended(end) if !end.success);
    same && stopped
}

/// The driver's word goes before the object's, whose status lags and can be wrong.
fn by_driver(rules: &Rules, record: &Record, seen: &Observation, driver: &Driver, at: Timestamp) -> Step {
    let record = &noted(record, seen, Some(driver));
    match &driver.phase {
        DriverPhase::Running { since } => running(record, at, since.unwrap_or(at)),
        DriverPhase::Ended(ended) => driver_ended(rules, record, seen, driver, ended, at),
        DriverPhase::Waiting { .. } => suspension(record, seen, at),
        // Says nothing; COMPLETED is believed all the same.
        DriverPhase::Unknown => match seen.object.as_ref().and_then(ObjectState::known_raw) {
            Some(RawState::Completed) => by_object(rules, record, seen, false, at),
            Some(_) | None => Step::Ignored,
        },
    }
}

fn driver_ended(
    rules: &Rules,
    record: &Record,
    seen: &Observation,
    driver: &Driver,
    ended: &DriverEnd,
    at: Timestamp,
) -> Step {
    // Without its object nobody runs it again: any end is final.
    if record.restart_policy == RestartPolicy::Always && seen.object.is_some() {
        return Step::Ignored;
    }
    let mut unseen = record.clone();
    let record = &with_end(record, driver, ended);
    if ended.success {
        return end(rules, record, at, State::Succeeded, None, "");
    }
    if driver.stop.is_some() {
        match stopped_for(seen.object.as_ref()) {
            Stopped::Suspension => return held(record, at),
            Stopped::Rerun => return Step::Ignored,
            Stopped::Nothing => {}
        }
    }
    let rerun_possible = match record.restart_policy {
        RestartPolicy::Never | RestartPolicy::OnFailure(0) => false,
        RestartPolicy::OnFailure(_) | RestartPolicy::Always => true,
    };
    let raw = seen.object.as_ref().and_then(ObjectState::known_raw);
    if rerun_possible && raw == Some(RawState::Completed) {
        // Another driver, which nobody saw, has ended with 0 since.
        unseen.driver_uid = None;
        return by_object(rules, &unseen, seen, false, at);
    }
    let object_is_done = seen.object.is_none() || raw.is_some_and(RawState::is_terminal);
    if rerun_possible && !object_is_done && !waited_enough(rules.pickup_of(record), ended, at) {
        return Step::Ignored;
    }
    let message = end_sentence(driver, ended);
    failed(rules, record, seen, at, ended.cause, &message, ended.ran)
}

/// Why a driver was stopped from outside, by its object's word.
enum Stopped {
    /// Another party suspends the application.
    Suspension,
    /// The operator is about to run it again.
    Rerun,
    /// For nothing that the object tells of.
    Nothing,
}

/// Whether the object tells why its driver was stopped: it is suspended, or about to be run again.
pub fn stops_its_driver(object: &ObjectState) -> bool {
    !matches!(stopped_for(Some(object)), Stopped::Nothing)
}

fn stopped_for(object: Option<&ObjectState>) -> Stopped {
    let Some(object) = object else {
        return Stopped::Nothing;
    };
    if object.suspended {
        return Stopped::Suspension;
    }
    match object.known_raw() {
        Some(RawState::Suspending | RawState::Suspended | RawState::Resuming) => Stopped::Suspension,
        Some(RawState::Invalidating | RawState::PendingRerun) => Stopped::Rerun,
        Some(
            RawState::New
            | RawState::Submitted
            | RawState::Running
            | RawState::Completed
            | RawState::Failed
            | RawState::SubmissionFailed
            | RawState::Succeeding
            | RawState::Failing
            | RawState::Unknown,
        )
        | None => Stopped::Nothing,
    }
}

/// The attempt failed. `ran`: a driver is known to have run, or may have by what is told of it here.
fn failed(
    rules: &Rules,
    record: &Record,
    seen: &Observation,
    at: Timestamp,
    cause: Reason,
    message: &str,
    ran: bool,
) -> Step {
    // Of a second driver the operator tells only after the first one, which may have run.
    let ran_before = seen
        .object
        .as_ref()
        .is_some_and(|object| object.execution_attempts > 1);
    let ran = ran || ran_before || record.started_at.is_some();
    if seen.fails_all && !ran && !seen.unwatched && !record.cancel_requested {
        return again_uncounted(record, at, cause, message);
    }
    if ran || !seen.unwatched || record.retry.on.contains(&cause) {
        return fail(rules, record, at, cause, message, ran);
    }
    // First, since a long message is cut at its end.
    let message = format!(
        "not run again, since its cluster was out of sight and a driver may have run unseen: {message}"
    );
    fail(rules, record, at, cause, &message, true)
}

fn waited_enough(limit: std::time::Duration, ended: &DriverEnd, at: Timestamp) -> bool {
    ended
        .finished_at
        .is_some_and(|t| at.duration_since(t).unsigned_abs() >= limit)
}

fn end_sentence(driver: &Driver, ended: &DriverEnd) -> String {
    let word = ended.word.as_deref().unwrap_or("no reason given");
    let stop = match driver.stop {
        Some(DriverStop::Deleting { .. }) => "; its pod was being deleted",
        Some(DriverStop::Disrupted) | None => "",
    };
    match ended.exit_code {
        Some(code) => format!("the driver ended with exit code {code} ({word}){stop}"),
        None if ended.ran && ended.cause == Reason::NodeLost => {
            format!("the driver's node was lost, and with it the container's word ({word}){stop}")
        }
        None if ended.ran => format!("the driver's pod ended without the container's word ({word}){stop}"),
        None => format!("the driver's pod ended before the driver started ({word}){stop}"),
    }
}

/// No driver in sight: the object's word, as far as it can be believed.
fn by_object(rules: &Rules, record: &Record, seen: &Observation, driver_absent: bool, at: Timestamp) -> Step {
    let Some(object) = &seen.object else {
        return Step::Ignored;
    };
    let mut record = noted(record, seen, None);
    match object.known_raw() {
        Some(RawState::Running) => running(&record, at, at),
        Some(RawState::Completed) => {
            record.finished_at = object.terminated_at;
            end(rules, &record, at, State::Succeeded, None, "")
        }
        // FAILED isn't believed while a driver may still be there.
        Some(RawState::Failed) if driver_absent => {
            record.finished_at = object.terminated_at;
            failed_object(rules, record, seen, object, at)
        }
        Some(
            RawState::Suspending
            | RawState::Suspended
            | RawState::New
            | RawState::Submitted
            | RawState::Resuming
            | RawState::Failed
            | RawState::SubmissionFailed
            | RawState::PendingRerun
            | RawState::Invalidating
            | RawState::Succeeding
            | RawState::Failing
            | RawState::Unknown,
        )
        | None => suspension(&record, seen, at),
    }
}

/// Whether it failed, by its operator's word, as one fails whose driver's pod was deleted: the driver existed, and ended by
/// SIGTERM or SIGKILL (143, 137) or without its operator's knowledge.
pub fn misses_its_driver(object: &ObjectState) -> bool {
    let message = object.error_message.as_deref().unwrap_or_default();
    let by_itself =
        exit_code(message).is_some_and(|(code, word)| word == "OOMKilled" || ![143, 137].contains(&code));
    object.known_raw() == Some(RawState::Failed) && object.tells_of_driver() && !by_itself
}

/// FAILED with the driver absent: by what its message tells.
fn failed_object(
    rules: &Rules,
    mut record: Record,
    seen: &Observation,
    object: &ObjectState,
    at: Timestamp,
) -> Step {
    let message = object
        .error_message
        .clone()
        .unwrap_or_else(|| "the operator gave no message".into());
    if let Some((code, word)) = exit_code(&message) {
        // The operator saw the container end: its message carries the code.
        record.exit_code = Some(code);
        let cause = if word == "OOMKilled" {
            Reason::OutOfMemory
        } else {
            Reason::ApplicationFailed
        };
        return fail(rules, &record, at, cause, &message, true);
    }
    if misses_its_driver(object) {
        return fail(rules, &record, at, Reason::Lost, &message, true);
    }
    let cause = if message.contains("exceeded quota") {
        Reason::NoCapacity
    } else {
        Reason::SubmissionFailed
    };
    failed(rules, &record, seen, at, cause, &message, false)
}

/// The code and the reason in the operator's `driver container failed with ExitCode: N, Reason: R`.
fn exit_code(message: &str) -> Option<(i32, &str)> {
    let (_, rest) = message.split_once("ExitCode: ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit() && c != '-').next()?;
    let word = rest
        .split_once("Reason: ")
        .map_or("", |(_, r)| r.split([',', ' ', '\n']).next().unwrap_or(""));
    Some((digits.parse().ok()?, word))
}

fn running(record: &Record, at: Timestamp, since: Timestamp) -> Step {
    if record.state == State::Running {
        return Step::Ignored;
    }
    let mut next = moved(record, at, State::Running, None, "");
    next.started_at = Some(since);
    Step::Next(Box::new(next))
}

/// Into HELD and out of it, as the object is suspended and released by another party.
fn suspension(record: &Record, seen: &Observation, at: Timestamp) -> Step {
    let Some(object) = &seen.object else {
        return Step::Ignored;
    };
    match object.known_raw() {
        // Suspended by ourselves, and not yet released or not yet taken up again by the operator.
        Some(_) | None if object.two_phase && (record.state == State::Submitted || !object.suspended) => {
            Step::Ignored
        }
        Some(RawState::Suspending | RawState::Suspended) => held(record, at),
        Some(RawState::Submitted | RawState::New) if record.state == State::Held && !object.suspended => {
            Step::Next(Box::new(moved(record, at, State::Submitted, None, "")))
        }
        Some(
            RawState::New
            | RawState::Submitted
            | RawState::Running
            | RawState::Completed
            | RawState::Failed
            | RawState::SubmissionFailed
            | RawState::PendingRerun
            | RawState::Invalidating
            | RawState::Succeeding
            | RawState::Failing
            | RawState::Resuming
            | RawState::Unknown,
        )
        | None => Step::Ignored,
    }
}

fn held(record: &Record, at: Timestamp) -> Step {
    if record.state == State::Held {
        return Step::Ignored;
    }
    let message = "the cluster's own queue system holds the application";
    // The end of the driver that was stopped for it isn't the attempt's.
    let mut record = record.clone();
    record.exit_code = None;
    record.finished_at = None;
    Step::Next(Box::new(moved(
        &record,
        at,
        State::Held,
        Some(Reason::Suspended),
        message,
    )))
}

/// A success that was seen after we had begun to stop the attempt stands: the cancel came too late.
fn too_late(rules: &Rules, record: &Record, seen: &Observation, at: Timestamp) -> Step {
    if record.restart_policy == RestartPolicy::Always {
        return Step::Ignored;
    }
    if let DriverSight::Seen(driver) = &seen.driver {
        return match &driver.phase {
            DriverPhase::Ended(ended) if ended.success => {
                let record = with_end(&noted(record, seen, Some(driver)), driver, ended);
                end(rules, &record, at, State::Succeeded, None, "")
            }
            DriverPhase::Ended(_)
            | DriverPhase::Waiting { .. }
            | DriverPhase::Running { .. }
            | DriverPhase::Unknown => Step::Ignored,
        };
    }
    match seen.object.as_ref().and_then(ObjectState::known_raw) {
        Some(RawState::Completed) => end(rules, &noted(record, seen, None), at, State::Succeeded, None, ""),
        Some(_) | None => Step::Ignored,
    }
}

/// The record with what rides on its next transition: the raw state and Spark's own ID.
fn noted(record: &Record, seen: &Observation, driver: Option<&Driver>) -> Record {
    let mut next = touched(record, record.updated_at);
    next.version = record.version;
    if let Some(object) = &seen.object {
        next.raw_state = Some(object.raw.clone());
        next.spark_application_id = object.spark_application_id.clone().or(next.spark_application_id);
        next.driver_pod = object.driver_pod.clone().or(next.driver_pod);
    }
    if let Some(driver) = driver {
        next.driver_pod = Some(driver.pod.clone());
        next.driver_uid = Some(driver.uid.clone());
        next.spark_application_id = driver.spark_application_id.clone().or(next.spark_application_id);
    }
    next
}

fn with_end(record: &Record, driver: &Driver, ended: &DriverEnd) -> Record {
    let mut next = record.clone();
    next.driver_uid = Some(driver.uid.clone());
    next.exit_code = ended.exit_code;
    next.started_at = ended.started_at.or(next.started_at);
    next.finished_at = ended.finished_at;
    next
}

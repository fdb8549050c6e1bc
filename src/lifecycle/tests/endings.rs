//! Ends, and what they depend on.

use super::*;

#[test]
fn a_cancel_that_came_too_late_keeps_the_success() {
    let cancelling = next(
        &submitted(),
        Happening::Stopped {
            reason: Reason::Cancelled,
            message: "on request".into(),
        },
    );
    let end = DriverSight::Seen(Box::new(driver(ended(0, Reason::ApplicationFailed))));
    assert_eq!(
        next(&cancelling, sees(Some(object("RUNNING")), end)).state,
        State::Succeeded
    );
    assert_eq!(
        next(&cancelling, Happening::AttemptOver { not_before: None }).state,
        State::Cancelled
    );
}

#[test]
fn a_run_time_out_ends_in_failure() {
    let stopping = next(
        &submitted(),
        Happening::Stopped {
            reason: Reason::RunTimeout,
            message: "too long".into(),
        },
    );
    let record = next(&stopping, Happening::AttemptOver { not_before: None });
    assert_eq!(
        (record.state, record.verdict.reason),
        (State::Failed, Some(Reason::RunTimeout))
    );
}

#[test]
fn a_record_expires_only_once_nothing_that_was_given_up_is_left() {
    let message = "silent".to_owned();
    let given_up = next(&placed(), Happening::Abandoned { message });
    assert_eq!((given_up.state, given_up.abandoned.len()), (State::Queued, 1));
    let cancelled = next(&given_up, Happening::CancelRequested);
    assert_eq!((cancelled.state, cancelled.expires_at), (State::Cancelled, None));
    let gone = |record: &Record, attempt| {
        happens(
            record,
            Happening::AbandonedGone {
                attempt: Attempt(attempt),
            },
        )
    };
    assert_eq!(gone(&cancelled, 7), Step::Ignored);
    let Step::Next(closed) = gone(&cancelled, 1) else {
        panic!("it is closed")
    };
    assert_eq!(
        (closed.state, closed.version),
        (State::Cancelled, cancelled.version.next())
    );
    assert!(closed.abandoned.is_empty() && closed.expires_at.is_some());
    assert_eq!(gone(&closed, 1), Step::Ignored);
    let message = "silent".to_owned();
    assert_eq!(
        happens(&submitted(), Happening::Abandoned { message }),
        Step::Illegal
    );
}

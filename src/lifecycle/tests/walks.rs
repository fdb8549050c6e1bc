//! Every walk that the rules allow.

use super::*;

#[expect(clippy::too_many_lines, reason = "one of each: a table")]
fn every_happening() -> Vec<Happening> {
    let mut all = vec![
        Happening::Placed {
            cluster: "a".parse().unwrap(),
            namespace: "n".into(),
            epoch: Epoch(2),
            placement: Box::new(Placement {
                cluster: "a".into(),
                policy: "weighted".into(),
                ..Placement::default()
            }),
        },
        Happening::Restamped { epoch: Epoch(2) },
        Happening::NothingDone {
            reason: Reason::ClusterUnhealthy,
            message: String::new(),
            counted: false,
            exclude_cluster: false,
            not_before: None,
        },
        Happening::Refused {
            reason: Reason::InvalidSpec,
            message: "m".into(),
        },
        Happening::Created { uid: uid() },
        Happening::Lost,
        Happening::LossConfirmed {
            reason: Reason::Lost,
            message: String::new(),
        },
        Happening::Doubted {
            message: Some("m".into()),
        },
        Happening::Doubted { message: None },
        Happening::Overdue {
            driver: Some((uid(), "m".into())),
        },
        Happening::Overdue { driver: None },
        Happening::LossSaid { why: "m".into() },
        Happening::CancelRequested,
        Happening::Stopped {
            reason: Reason::Cancelled,
            message: String::new(),
        },
        Happening::NotStarted {
            reason: Reason::PickupTimeout,
            message: String::new(),
            fails_all: false,
        },
        Happening::AttemptOver { not_before: None },
        Happening::Abandoned {
            message: String::new(),
        },
        Happening::AbandonedGone { attempt: Attempt(1) },
        Happening::QueueTimedOut {
            message: String::new(),
        },
    ];
    let phases = [
        DriverPhase::Waiting { why: None },
        DriverPhase::Running { since: None },
        ended(0, Reason::ApplicationFailed),
        ended(1, Reason::OutOfMemory),
        DriverPhase::Unknown,
    ];
    for word in RawState::ALL {
        all.push(sees(Some(object(word.as_str())), DriverSight::Absent));
        all.push(sees(Some(object(word.as_str())), DriverSight::Unseen));
        for phase in &phases {
            all.push(sees(
                Some(object(word.as_str())),
                DriverSight::Seen(Box::new(driver(phase.clone()))),
            ));
        }
    }
    all
}

/// The walks of the design's §7, a repeat left out.
pub(crate) fn is_legal(from: State, to: State) -> bool {
    use State::*;
    match from {
        Queued => matches!(to, Dispatching | Failed | Cancelled),
        Dispatching => matches!(to, Submitted | Queued | Failed | Cancelling),
        Submitted | Held | Running => {
            matches!(
                to,
                Submitted | Held | Running | Succeeded | Failed | Retrying | Cancelling
            ) && from != to
        }
        Retrying => matches!(to, Queued | Succeeded | Cancelling),
        Cancelling => matches!(to, Cancelled | Succeeded | Failed),
        Succeeded | Failed | Cancelled | Rejected => false,
    }
}

#[test]
fn every_walk_of_four_steps_is_legal_and_every_write_grows_the_version() {
    let mut records = vec![queued()];
    let happenings = every_happening();
    for _ in 0..4 {
        let mut reached: Vec<Record> = Vec::new();
        for record in &records {
            for happening in &happenings {
                let Step::Next(next) = happens(record, happening.clone()) else {
                    continue;
                };
                assert_eq!(next.version, record.version.next(), "{happening:?}");
                assert!(
                    next.state == record.state || is_legal(record.state, next.state),
                    "{:?} to {:?} by {happening:?}",
                    record.state,
                    next.state
                );
                assert_eq!(
                    next.history.len() > record.history.len(),
                    next.state != record.state
                );
                if !reached
                    .iter()
                    .any(|r| r.state == next.state && r.verdict.reason == next.verdict.reason)
                {
                    reached.push(*next);
                }
            }
        }
        records = reached;
    }
}

#[test]
fn nothing_leaves_a_terminal_state() {
    for state in State::ALL.iter().copied().filter(|s| s.is_terminal()) {
        let mut record = submitted();
        record.state = state;
        for happening in every_happening() {
            assert_eq!(happens(&record, happening), Step::Ignored);
        }
    }
}

#[test]
fn history_keeps_its_first_and_last_transitions() {
    let mut record = submitted();
    for _ in 0..60 {
        record = next(&record, raw("SUSPENDED"));
        record = next(&record, sees(Some(object("SUBMITTED")), DriverSight::Absent));
    }
    assert_eq!(record.history.len(), crate::submission::HISTORY_MAX);
    assert_eq!(record.history[0].from, None);
    assert_eq!(record.history.last().unwrap().to, State::Submitted);

    // An intent appends to a list that it hasn't read.
    record.history.extend(record.history.clone());
    let record = next(&record, raw("SUSPENDED"));
    assert_eq!(record.history.len(), crate::submission::HISTORY_MAX);
    assert_eq!(record.history[0].from, None);
}

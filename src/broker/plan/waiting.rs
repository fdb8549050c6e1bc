//! A driver that doesn't start, and whose cluster says why: its image can't be pulled, no node has room. That is told, so
//! that a job which is stuck doesn't look as if it were well; nothing is decided by it.

use std::time::Duration;

use super::{Act, Circumstances, take};
use crate::broker::attempt::Attempt;
use crate::lifecycle::Happening;
use crate::model::timestamp_text;
use crate::submission::Reason;
use crate::watch::{Driver, DriverPhase};

/// How long a driver may wait before that is told, or no longer told: many wait for a moment.
const TOLD_AFTER: Duration = Duration::from_secs(60);
/// The kubelet's words for an image that can't be pulled take turns.
const IMAGE: [&str; 2] = ["ErrImagePull", "ImagePullBackOff"];

/// What the record is to be told of the driver: that it waits and why, or that this is over. `None`: nothing new.
pub(super) fn told(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Act> {
    let message = match wait(attempt) {
        Some((driver, why)) if at.since(driver.created_at?) >= TOLD_AFTER => {
            if is_told(attempt, why) {
                return None;
            }
            let since = timestamp_text(driver.created_at?);
            Some(format!(
                "its driver {} hasn't started since {since}: {why}",
                driver.pod
            ))
        }
        Some(_) => return None,
        None if tells_at(attempt, at).is_some() => return None,
        None => None,
    };
    take(&attempt.record, at, Happening::Waits { message })
}

/// When there is something to tell, where that lies ahead.
pub(super) fn tells_at(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Duration> {
    if let Some((driver, why)) = wait(attempt) {
        let left = TOLD_AFTER.checked_sub(at.since(driver.created_at?))?;
        return (!is_told(attempt, why) && !left.is_zero()).then(|| at.now + left);
    }
    let starts = attempt
        .sight
        .driver
        .as_ref()
        .is_some_and(|driver| matches!(driver.phase, DriverPhase::Waiting { .. }));
    // It has a node, or its image: most often it runs in a moment, and that tells the record.
    let due = attempt.sight.driver_at? + TOLD_AFTER;
    (starts && is_waiting(attempt) && at.now < due).then_some(due)
}

/// The driver that waits for something, and for what.
fn wait(attempt: &Attempt) -> Option<(&Driver, &str)> {
    let driver = attempt.sight.driver.as_ref()?;
    match &driver.phase {
        DriverPhase::Waiting { why } => Some((driver, why.as_deref()?)),
        DriverPhase::Running { .. } | DriverPhase::Ended(_) | DriverPhase::Unknown => None,
    }
}

fn is_waiting(attempt: &Attempt) -> bool {
    attempt.record.verdict.reason == Some(Reason::DriverWaiting)
}

/// Whether the record says so already, though perhaps of so many nodes more or less.
fn is_told(attempt: &Attempt, why: &str) -> bool {
    let told = attempt.record.verdict.message.as_deref().unwrap_or_default();
    let word = why.split(':').next().unwrap_or(why);
    let same = |other: &&str| told.contains(*other);
    is_waiting(attempt) && (same(&word) || IMAGE.contains(&word) && IMAGE.iter().any(same))
}

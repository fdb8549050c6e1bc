//! A driver that was told to go and doesn't, or of which nobody says what it does: its kubelet, which would tell, is
//! silent, and its node may be gone or cut off. That is told; only the pod's own end or a person's word ends the attempt
//! (the design's §10, "Retry by cause"). Of a node that is deleted or carries the taint `out-of-service` the cluster's own
//! garbage collector fails the pods, which is that end.

use std::time::Duration;

use super::{Act, Circumstances, take};
use crate::broker::attempt::Attempt;
use crate::lifecycle::Happening;
use crate::model::timestamp_text;
use crate::watch::{Driver, DriverPhase, DriverStop};

/// How long a driver may stand beyond its grace, or nothing be known of it, before its node is in doubt.
const OVERDUE: Duration = Duration::from_secs(300);

/// What the record is to be told of the driver: that it doesn't go, or that this is over. `None`: nothing new.
pub(super) fn told(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Act> {
    let record = &attempt.record;
    let driver = standing(attempt, at).map(|driver| {
        let doubt = match due(driver) {
            Some(due) => format!("was to be gone by {}, but", timestamp_text(due)),
            None => "may run or not:".to_owned(),
        };
        let message = format!(
            "its driver {} {doubt} its node says nothing of it; this ends once that node is deleted or has the taint \
             node.kubernetes.io/out-of-service, the pod has gone, or a person says `spark-broker confirm-lost {}`",
            driver.pod, record.id
        );
        (driver.uid.clone(), message)
    });
    take(record, at, Happening::Overdue { driver })
}

/// A person's word on the driver that stands there; `None` where nobody spoke of this one, or where it can't be seen.
pub(super) fn said(attempt: &Attempt, at: &Circumstances<'_>) -> Option<String> {
    let overdue = attempt.record.overdue.as_ref()?;
    let driver = standing(attempt, at).filter(|driver| at.in_sight && driver.uid == overdue.driver)?;
    let why = overdue.lost.as_ref()?;
    let message = format!(
        "the node of its driver {} is gone, as a person confirmed: {why}",
        driver.pod
    );
    Some(message)
}

/// When the driver is to be told of, where that lies ahead.
pub(super) fn tells_at(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Duration> {
    let left = OVERDUE.checked_sub(silent_for(attempt, at)?)?;
    (!left.is_zero()).then(|| at.now + left)
}

/// The driver that should have gone, or told of itself.
fn standing<'a>(attempt: &'a Attempt, at: &Circumstances<'_>) -> Option<&'a Driver> {
    let driver = attempt.sight.driver.as_ref()?;
    (silent_for(attempt, at)? >= OVERDUE).then_some(driver)
}

/// For how long the driver that stands there should have gone, or nothing has been known of it.
fn silent_for(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Duration> {
    let driver = attempt.sight.driver.as_ref()?;
    if attempt.sight.driver_gone || driver.has_ended() {
        return None;
    }
    if let Some(due) = due(driver) {
        return Some(at.since(due));
    }
    if driver.phase != DriverPhase::Unknown {
        return None;
    }
    // What was told before goes on: a takeover doesn't begin to count anew.
    let told = attempt.record.overdue.as_ref();
    if told.is_some_and(|told| told.driver == driver.uid) {
        return Some(OVERDUE);
    }
    Some(at.now.saturating_sub(attempt.sight.unknown_since?))
}

fn due(driver: &Driver) -> Option<jiff::Timestamp> {
    match driver.stop {
        Some(DriverStop::Deleting { due }) => Some(due),
        Some(DriverStop::Disrupted) | None => None,
    }
}

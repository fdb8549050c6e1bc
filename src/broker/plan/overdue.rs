//! A driver that was told to go and doesn't: its kubelet, which would end it, is silent, and its node may be gone or cut
//! off. That is told; only the pod's own end or a person's word ends the attempt (the design's §10, "Retry by cause").

use std::time::Duration;

use super::{Act, Circumstances, take};
use crate::broker::attempt::Attempt;
use crate::lifecycle::Happening;
use crate::model::timestamp_text;
use crate::watch::{Driver, DriverStop};

/// How long a driver may stand beyond its grace before its node is in doubt.
const OVERDUE: Duration = Duration::from_secs(300);

/// What the record is to be told of the driver: that it doesn't go, or that this is over. `None`: nothing new.
pub(super) fn told(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Act> {
    let record = &attempt.record;
    let driver = standing(attempt, at).map(|driver| {
        let message = format!(
            "its driver {} was to be gone by {}, but its node says nothing of it: this ends once the pod has gone or a \
             person says `spark-broker confirm-lost {}`",
            driver.pod,
            timestamp_text(due(driver).unwrap_or(at.wall)),
            record.id
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
    let driver = attempt
        .sight
        .driver
        .as_ref()
        .filter(|driver| !driver.has_ended())?;
    let left = OVERDUE.checked_sub(at.since(due(driver)?))?;
    (!left.is_zero()).then(|| at.now + left)
}

/// The driver that should have gone.
fn standing<'a>(attempt: &'a Attempt, at: &Circumstances<'_>) -> Option<&'a Driver> {
    let driver = attempt.sight.driver.as_ref()?;
    let stands = !attempt.sight.driver_gone && !driver.has_ended();
    (stands && at.since(due(driver)?) >= OVERDUE).then_some(driver)
}

fn due(driver: &Driver) -> Option<jiff::Timestamp> {
    match driver.stop {
        Some(DriverStop::Deleting { due }) => Some(due),
        Some(DriverStop::Disrupted) | None => None,
    }
}

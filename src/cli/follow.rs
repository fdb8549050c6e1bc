//! Following one submission to its end.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use super::client::{Client, Failure};
use super::view::View;
use crate::lookup::Status;
use crate::model::SubmissionId;

/// How long one request for the end waits.
const END_WAIT: Duration = Duration::from_secs(30);
/// How long one request for a change waits: short, since a change between two requests shows only after it.
const CHANGE_WAIT: Duration = Duration::from_secs(2);
/// How long an API that can't be used is asked again.
const AWAY_MAX: Duration = Duration::from_secs(120);
const AWAY_PAUSE: Duration = Duration::from_secs(2);

/// The status of `id` at its end; waits for the ID to appear first.
pub(super) fn wait(client: &Client, id: &SubmissionId) -> Result<Status, Failure> {
    loop {
        let status = patiently(|| client.status_after(id, END_WAIT, true))?;
        if status.terminal {
            return Ok(status);
        }
    }
}

/// Shows each change until the end.
pub(super) fn watch(
    client: &Client,
    id: &SubmissionId,
    view: &mut View<&mut dyn Write>,
) -> Result<Status, Failure> {
    let mut status = match patiently(|| client.status(id)) {
        Err(Failure::Unknown(_)) => patiently(|| client.status_after(id, END_WAIT, false))?,
        known => known?,
    };
    loop {
        view.update(std::slice::from_ref(&status))?;
        if status.terminal {
            return Ok(status);
        }
        status = patiently(|| client.status_after(id, CHANGE_WAIT, false))?;
    }
}

/// Asks again while the API is away: the job goes on meanwhile, and so should who waits for it.
fn patiently(ask: impl Fn() -> Result<Status, Failure>) -> Result<Status, Failure> {
    let since = Instant::now();
    loop {
        match ask() {
            Err(Failure::Unavailable(why)) if since.elapsed() < AWAY_MAX => {
                // Whoever doesn't read standard error isn't told.
                let _ = writeln!(std::io::stderr(), "{why}; asking again");
                thread::sleep(AWAY_PAUSE);
            }
            answer => return answer,
        }
    }
}

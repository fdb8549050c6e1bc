//! Scheduling cycles in a file, one JSON object a line: `--record-cycles`.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::assembly::StartError;
use crate::broker::scheduler::RecordCycle;
use crate::routing::RecordedCycle;

/// Writes cycles that had something to decide to the end of `path`. The scheduler waits for each write: for looking
/// into, not for every day. The first write that fails is the last one, and is told in the log.
pub(super) fn recorder(path: &Path) -> Result<RecordCycle, StartError> {
    let file = File::options().create(true).append(true).open(path);
    let file = file.map_err(|error| {
        StartError::Configuration(format!("--record-cycles: {}: {error}", path.display()))
    })?;
    let open = Mutex::new(Some(file));
    Ok(Arc::new(move |cycle| {
        if cycle.queues.is_empty() {
            return;
        }
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = open.as_mut() else { return };
        if let Err(error) = write(file, cycle) {
            tracing::warn!(%error, "cycles are recorded no longer");
            *open = None;
        }
    }))
}

fn write(file: &mut File, cycle: &RecordedCycle) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(cycle)?;
    line.push(b'\n');
    file.write_all(&line)
}

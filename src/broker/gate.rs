//! Whether the store takes writes: while it doesn't, nothing more is received, and what was received is held.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::ports::store::Store;

/// How often a closed gate is tried.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Open while the store takes writes. Clones share one gate.
#[derive(Debug, Clone)]
pub struct Gate(watch::Sender<Option<String>>);

impl Default for Gate {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

/// Why a submission queue can't be read, while it can't. Clones share one.
#[derive(Debug, Clone, Default)]
pub struct Reach(Arc<Mutex<Option<String>>>);

impl Reach {
    /// A receive came to this: `None` where it was answered.
    pub fn set(&self, fault: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Why it can't be read.
    pub fn fault(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Gate {
    /// A write failed: why.
    pub fn close(&self, why: &str) {
        self.0.send_if_modified(|state| {
            if state.is_none() {
                tracing::warn!(why, "the store takes no writes; intake pauses");
                *state = Some(why.to_owned());
                return true;
            }
            false
        });
    }

    /// Why it is closed.
    pub fn closed(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Returns once it is open.
    pub async fn opened(&self) {
        let mut changes = self.0.subscribe();
        // The sender lives as long as `self`.
        let _open = changes.wait_for(Option::is_none).await;
    }

    /// Opens the gate again by writes that succeed, until `stop`.
    pub async fn keep(self, store: Arc<dyn Store>, stop: CancellationToken) {
        let mut changes = self.0.subscribe();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                closed = changes.wait_for(Option::is_some) => if closed.is_err() { return },
            }
            if store.probe().await.is_ok() {
                tracing::info!("the store takes writes again");
                self.0.send_replace(None);
            } else {
                tokio::time::sleep(PROBE_EVERY).await;
            }
        }
    }
}

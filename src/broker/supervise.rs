//! The tasks that live as long as the process, with a policy for their end. A term as active scheduler keeps helpers and
//! acts of its own, and drops them when it ends.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What the end of a task means for the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It serves until shutdown: its end or panic before that ends the process.
    Essential,
    /// One piece of work: its end is normal, its panic is logged and ends the process, since what it held is unknown.
    Work,
}

/// The tasks of a process. Clones share the same set.
#[derive(Clone)]
pub struct Tasks {
    set: Arc<Mutex<JoinSet<()>>>,
    stop: CancellationToken,
    failed: CancellationToken,
}

impl Default for Tasks {
    fn default() -> Self {
        Self {
            set: Arc::default(),
            stop: CancellationToken::new(),
            failed: CancellationToken::new(),
        }
    }
}

impl Tasks {
    /// Cancelled when the process is to stop.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Cancelled when a task ended that must not.
    pub fn failed(&self) -> CancellationToken {
        self.failed.clone()
    }

    /// Starts `work` as a task called `name`.
    pub fn start(&self, kind: Kind, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let guard = EndGuard {
            kind,
            name,
            stop: self.stop.clone(),
            failed: self.failed.clone(),
            done: false,
        };
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        while set.try_join_next().is_some() {}
        set.spawn(async move {
            let mut guard = guard;
            work.await;
            guard.done = true;
        });
    }

    /// Asks every task to stop and waits for all of them.
    pub async fn shut_down(&self) {
        self.stop.cancel();
        let mut set = std::mem::take(&mut *self.set.lock().unwrap_or_else(PoisonError::into_inner));
        while set.join_next().await.is_some() {}
    }
}

/// Dropped at the end of a task, its panic included.
struct EndGuard {
    kind: Kind,
    name: &'static str,
    stop: CancellationToken,
    failed: CancellationToken,
    done: bool,
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        let unexpected = match self.kind {
            Kind::Essential => !self.stop.is_cancelled(),
            Kind::Work => !self.done && std::thread::panicking(),
        };
        if unexpected {
            tracing::error!(
                task = self.name,
                panicked = std::thread::panicking(),
                "a task ended that must not"
            );
            self.failed.cancel();
        }
    }
}

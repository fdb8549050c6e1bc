//! Brokers in processes of their own, and the only ways in which these tests look at them.

mod account;
mod broker;
mod history;
mod http;
mod process;

pub(crate) use account::{Account, job};
pub(crate) use broker::{Broker, Dev, configuration, serve, serve_at, serve_with};
use history::assert_legal;
pub(crate) use process::{Folder, Process, run, run_with};

use std::future::Future;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up: far more than it needs on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

/// What `look` finds, as soon as it finds something.
pub(crate) async fn eventually<T, F, Fut>(what: &str, mut look: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let since = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(since.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

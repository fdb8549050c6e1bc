//! A server on threads of its own, with a runtime of its own: SQLite blocks, and a test that pauses its own runtime's
//! clock must not stop the servers' clocks.

use std::future::Future;
use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::Error;

/// Resolves when the server is to stop.
pub(super) type Stop = oneshot::Receiver<()>;

/// Threads of a server that answer requests: the database takes one at a time, and reading and writing JSON is as much.
const WORKERS: usize = 2;
/// How long a server's last blocking work may hold the end of its thread.
const LAST_WORK: Duration = Duration::from_secs(2);

/// A running server.
#[derive(Debug)]
pub(super) struct Endpoint {
    url: String,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Endpoint {
    /// Runs what `serve` makes of the listener until it is told to stop.
    pub(super) fn start<F, S>(name: &'static str, listener: TcpListener, serve: F) -> Result<Self, Error>
    where
        F: FnOnce(TcpListener, Stop) -> S + Send + 'static,
        S: Future<Output = io::Result<()>>,
    {
        let failed = |source| Error::Thread { name, source };
        let url = format!("http://{}", listener.local_addr().map_err(failed)?);
        // A listener belongs to the runtime that it was made on, so it crosses over as the system's own.
        let listener = listener.into_std().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name(format!("embedded-{name}"))
            .enable_all()
            .build()
            .map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let work = move || {
            let served = runtime.block_on(async { serve(TcpListener::from_std(listener)?, stopped).await });
            if let Err(error) = served {
                tracing::error!(endpoint = name, %error, "embedded endpoint ended");
            }
            runtime.shutdown_timeout(LAST_WORK);
        };
        let thread = thread::Builder::new()
            .name(format!("embedded-{name}"))
            .spawn(work)
            .map_err(failed)?;
        Ok(Self { url, stop, thread })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Tells the server to stop and waits for its thread.
    pub(super) async fn stop(self) {
        // An error here says that the server has already ended.
        let _ = self.stop.send(());
        let _ = tokio::task::spawn_blocking(move || self.thread.join()).await;
    }
}

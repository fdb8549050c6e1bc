//! The DynamoDB endpoint: dynoxide over SQLite.
//!
//! The file is in WAL mode with SQLite's full synchronisation, so a write that was answered survives SIGKILL. Reads and
//! indexes are always consistent here, unlike DynamoDB's own indexes.

use std::io;
use std::path::Path;
use std::time::Duration;

use dynoxide::Database;
use tokio::net::TcpListener;

use super::Error;
use super::endpoint::Stop;

/// How often items past their TTL are deleted; the crate leaves the rhythm to us.
const TTL_SWEEP: Duration = Duration::from_secs(60);

/// How long requests under way may hold up the stop.
const LAST_REQUESTS: Duration = Duration::from_secs(2);

/// Opens the database: `dynamodb.sqlite` in `dir`, or in memory.
pub(super) fn open(dir: Option<&Path>) -> Result<Database, Error> {
    let (opened, path) = match dir {
        None => (Database::memory(), Path::new(":memory:").to_owned()),
        Some(dir) => {
            let path = dir.join("dynamodb.sqlite");
            (Database::new(&path.to_string_lossy()), path)
        }
    };
    opened.map_err(|error| Error::Data {
        path,
        message: error.to_string(),
    })
}

/// Serves until `stop`.
pub(super) async fn serve(database: Database, listener: TcpListener, stop: Stop) -> io::Result<()> {
    let (told, mut stopping) = tokio::sync::watch::channel(());
    let graceful = async move {
        let _ = stop.await;
        drop(told);
    };
    let mut server = std::pin::pin!(dynoxide::server::serve_with_shutdown(
        listener,
        database.clone(),
        graceful
    ));
    tokio::select! {
        served = &mut server => served.map_err(io::Error::other),
        () = sweep(database) => Ok(()),
        _ = stopping.changed() => match tokio::time::timeout(LAST_REQUESTS, server).await {
            Ok(served) => served.map_err(io::Error::other),
            // A client that sent half a request: it is cut off with the runtime.
            Err(_) => Ok(()),
        },
    }
}

async fn sweep(database: Database) {
    let mut ticks = tokio::time::interval(TTL_SWEEP);
    loop {
        ticks.tick().await;
        let database = database.clone();
        match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "deleting expired items failed"),
            Err(error) => tracing::warn!(%error, "deleting expired items failed"),
        }
    }
}

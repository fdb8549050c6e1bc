//! An SQS endpoint and a DynamoDB endpoint in this process, for any AWS SDK or CLI on this machine.
//!
//! They let `spark-broker dev` and the tests run the real adapters without an account. Both listen on 127.0.0.1 alone
//! and take any credentials. Records live in memory or, with a data directory, in an SQLite file that survives a kill.
//! Queues and their messages live in memory alone: they are gone with the process.

mod corrected;
mod dynamodb;
mod endpoint;
mod large_messages;
mod sqs;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tokio::net::TcpListener;

use crate::error::{Class, Classify};
use endpoint::Endpoint;

/// Where the endpoints listen and keep their data.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The port of the SQS endpoint; 0: any free one.
    pub sqs_port: u16,
    /// The port of the DynamoDB endpoint; 0: any free one.
    pub dynamodb_port: u16,
    /// The directory of the records, made where it is absent; `None`: in memory.
    pub data_dir: Option<PathBuf>,
}

/// Why the endpoints can't be had. All of it is for the user to mend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process listens there.
    #[error("port {port} on 127.0.0.1 is in use: choose another with {option}, or 0 for any free one")]
    PortInUse {
        /// The port.
        port: u16,
        /// The option that sets it.
        option: &'static str,
    },
    /// The system refuses to listen there for another reason.
    #[error("can't listen on 127.0.0.1:{port} ({option}): {source}")]
    Listen {
        /// The port.
        port: u16,
        /// The option that sets it.
        option: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Another process works in the data directory.
    #[error("the data directory {} is in use by another process (--data-dir)", path.display())]
    DataDirInUse {
        /// The directory.
        path: PathBuf,
    },
    /// The data directory, or the database in it, can't be used.
    #[error("can't keep data in {} (--data-dir): {message}", path.display())]
    Data {
        /// The directory or the file.
        path: PathBuf,
        /// What the system or SQLite says.
        message: String,
    },
    /// The system gives no thread for an endpoint.
    #[error("can't start the thread of the {name} endpoint: {source}")]
    Thread {
        /// The endpoint.
        name: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl Classify for Error {
    fn class(&self) -> Class {
        Class::Permanent
    }
}

/// The two running endpoints. Dropping it stops them, too, without waiting for their threads.
#[derive(Debug)]
pub struct Embedded {
    sqs: Endpoint,
    dynamodb: Endpoint,
    /// Held for as long as we work in the data directory.
    _data_lock: Option<File>,
}

impl Embedded {
    /// Starts both endpoints; they answer from the moment this returns.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let data_lock = options.data_dir.as_deref().map(lock).transpose()?;
        let sqs_listener = listen(options.sqs_port, "--sqs-port").await?;
        let dynamodb_listener = listen(options.dynamodb_port, "--dynamodb-port").await?;
        let database = dynamodb::open(options.data_dir.as_deref())?;
        Ok(Self {
            sqs: Endpoint::start("sqs", sqs_listener, sqs::serve)?,
            dynamodb: Endpoint::start("dynamodb", dynamodb_listener, |listener, stop| {
                dynamodb::serve(database, listener, stop)
            })?,
            _data_lock: data_lock,
        })
    }

    /// `http://127.0.0.1:<port>` of the SQS endpoint.
    pub fn sqs_url(&self) -> &str {
        self.sqs.url()
    }

    /// `http://127.0.0.1:<port>` of the DynamoDB endpoint.
    pub fn dynamodb_url(&self) -> &str {
        self.dynamodb.url()
    }

    /// Stops both and waits until their threads have ended and the database is closed.
    pub async fn stop(self) {
        self.sqs.stop().await;
        self.dynamodb.stop().await;
    }
}

async fn listen(port: u16, option: &'static str) -> Result<TcpListener, Error> {
    TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => Error::PortInUse { port, option },
            _ => Error::Listen { port, option, source },
        })
}

/// Two processes on one database would each take the other's records for its own leftovers.
fn lock(dir: &Path) -> Result<File, Error> {
    let unusable = |source: io::Error| Error::Data {
        path: dir.to_owned(),
        message: source.to_string(),
    };
    std::fs::create_dir_all(dir).map_err(unusable)?;
    let file = File::create(dir.join("lock")).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::DataDirInUse { path: dir.to_owned() }),
        Err(std::fs::TryLockError::Error(source)) => Err(unusable(source)),
    }
}

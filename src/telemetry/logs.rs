//! Structured logs on standard error: pretty on a terminal, JSON otherwise.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// Where the Kubernetes client calls each 5xx and each lost connection an error. Whoever made the call tells of it, with
/// the cluster's name and what follows.
const QUIET: &str = "kube_client::client::builder=off";

/// What keeps logs from being written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter can't be read.
    #[error("log filter {filter:?}: {message}; expected one such as `info` or `info,spark_broker=debug`")]
    Filter {
        /// The filter.
        filter: String,
        /// What is wrong with it.
        message: String,
    },
    /// Logs were set up before.
    #[error("logs are set up already")]
    Again,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Pretty where standard error is a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Sets up logs for the whole process, once. `filter` has the form of `RUST_LOG`: `info,spark_broker=debug`.
pub fn init(filter: &str, format: Format) -> Result<(), Error> {
    let unreadable = |e: &dyn std::fmt::Display| Error::Filter {
        filter: filter.to_owned(),
        message: e.to_string(),
    };
    let mut env_filter = EnvFilter::try_new(filter).map_err(|e| unreadable(&e))?;
    if !filter.contains("kube_client") {
        env_filter = env_filter.add_directive(QUIET.parse().map_err(|e| unreadable(&e))?);
    }
    let registry = tracing_subscriber::registry().with(env_filter);
    let pretty = match format {
        Format::Auto => std::io::stderr().is_terminal(),
        Format::Pretty => true,
        Format::Json => false,
    };
    let done = if pretty {
        registry
            .with(fmt::layer().with_writer(std::io::stderr).with_target(false))
            .try_init()
    } else {
        registry
            .with(
                fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_current_span(false)
                    .with_writer(std::io::stderr),
            )
            .try_init()
    };
    done.map_err(|_| Error::Again)
}

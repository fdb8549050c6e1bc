//! The binary, started as a user would and looked at through SQS, HTTP, the command line and `GetItem` alone.

#![allow(clippy::unwrap_used, reason = "a test may stop at a fault")]
#![allow(clippy::too_many_lines, reason = "a test reads as one piece")]

mod harness;

mod bad_input;
mod cancel;
mod cli;
mod configuration;
mod copied;
mod example_jobs;
mod explain;
mod identity;
mod kill;
mod lookup;
mod manifests;
mod outage;
mod reload;
mod shutdown;

#[path = "../support/ports.rs"]
mod ports;
#[path = "../support/proxy.rs"]
mod proxy;

//! The binary, started as a user would and looked at through SQS, HTTP, the command line and `GetItem` alone.

#![allow(clippy::unwrap_used)]

mod harness;

mod cli;
mod example_jobs;
mod lookup;

#[path = "../support/proxy.rs"]
mod proxy;

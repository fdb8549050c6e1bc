//! The binary, started as a user would and looked at through SQS, HTTP, the command line and `GetItem` alone.

#![allow(clippy::unwrap_used)]

mod harness;

mod bad_input;
mod cli;
mod configuration;
mod example_jobs;
mod identity;
mod kill;
mod lookup;
mod outage;
mod shutdown;

#[path = "../support/proxy.rs"]
#[allow(dead_code, reason = "nothing is counted here")]
mod proxy;

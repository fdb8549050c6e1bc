//! The program itself, `serve`, against a real API server: SQS and DynamoDB endpoints stand in the test process, the test
//! plays the operator (or starts the real one), and the broker has the rights that `deploy/` ships and no more.
//!
//! What is looked at is what a user sees: SQS, the HTTP API, and the objects on the API server.

#![cfg(test)]
#![allow(clippy::too_many_lines, reason = "a test reads as one piece")]
#![allow(clippy::unwrap_used, reason = "a test may stop at a fault")]

#[path = "../support/cluster/mod.rs"]
mod cluster;

#[allow(dead_code, unused_imports, reason = "the suite of the burst uses more of it")]
#[path = "../support/burst/mod.rs"]
mod bursts;

#[path = "../support/shapes/mod.rs"]
mod table;

#[allow(dead_code, reason = "the port's suite uses more of it")]
#[path = "../cluster_port/proxy.rs"]
mod network;

mod bed;
mod by_hand;
mod cancel;
mod cancelled;
mod cancels;
mod carried;
mod clusters;
mod demand;
mod commit;
mod dev;
mod examples;
mod drain;
mod failover;
mod fails_all;
mod kill;
mod lost;
mod objects;
mod operator;
mod outage;
mod reach;
mod removed;
mod restarts;
mod rights;
mod second;
mod seen;
mod shapes;
mod sources;
mod status;
mod stranger;
mod taken_away;
mod unfit;
mod unwatched;
mod waiting;

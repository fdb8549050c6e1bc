//! The whole path in one process: the broker assembled as `serve` assembles it, over embedded endpoints and simulated
//! clusters, judged by the store, by what passed on the wire, and by what the clusters were asked.

#![allow(clippy::unwrap_used, reason = "a test may stop at a fault")]
#![allow(clippy::too_many_lines, reason = "a test reads as one piece")]

mod calls;
mod contention;
mod provisionable;
mod shares;
mod windows;

#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/spine/mod.rs"]
mod spine;

//! The whole path in one process: the broker assembled as `serve` assembles it, over embedded endpoints and simulated
//! clusters (and one real one), judged by the store, by what passed on the wire, and by what the clusters were asked.

#![allow(clippy::unwrap_used, reason = "a test may stop at a fault")]
#![allow(clippy::too_many_lines, reason = "a test reads as one piece")]

mod calls;
mod clocks;
mod contention;
mod cycles;
mod drain;
mod filling;
mod kwok;
mod provisionable;
mod shares;
mod windows;

#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/spine/mod.rs"]
mod spine;
#[path = "../support/cluster/mod.rs"]
mod cluster;
#[path = "../real/clusters.rs"]
#[allow(dead_code, reason = "the suite of real clusters uses more of it")]
mod clusters;

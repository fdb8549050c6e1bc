//! The contract of the port `Cluster`, run on every adapter.

#[path = "../support/cluster/mod.rs"]
mod cluster;
mod eks;
mod faults;
mod plane;
mod proxy;
mod real;
mod simulated;
mod sources;
mod suite;
mod world;

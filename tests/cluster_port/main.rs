//! The contract of the port `Cluster`, run on every adapter.

mod simulated;
mod suite;
mod world;

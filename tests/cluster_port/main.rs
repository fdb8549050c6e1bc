//! The contract of the port `Cluster`, run on every adapter.

mod real;
mod simulated;
mod suite;
mod world;

//! The tests' own control plane holds what its users rely on.

#![cfg(test)]

#[path = "../support/cluster/mod.rs"]
mod cluster;

mod access;
mod control_plane;
mod crd;
mod operator;
mod stand_in;

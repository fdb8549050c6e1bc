//! What is delivered beside the binary: the Terraform module, applied to an AWS account of the tests' own, and the
//! Helm chart, rendered.

#![cfg(test)]

#[path = "../support/cluster/mod.rs"]
mod cluster;
#[path = "../support/ministack.rs"]
mod ministack;
#[path = "../support/table.rs"]
mod table;
#[path = "../support/tools.rs"]
mod tools;

mod chart;
mod terraform;

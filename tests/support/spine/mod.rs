//! The whole broker in this process: assembled as `serve` assembles it, over embedded endpoints and simulated clusters,
//! with what passes between the parts counted.

#![allow(dead_code, reason = "not every suite uses all of it")]

pub mod counted_cluster;
pub mod counted_queue;
pub mod jobs;
pub mod seen_store;
pub mod world;

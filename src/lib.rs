//! Spark Broker: an event-driven, queue-backed job broker for Apache Spark on EMR on EKS.
//!
//! The modules stand in the order in which a job passes them; a module uses only what is declared above it.

/// Of the program, its tests and its benches: records are many small pieces, in JSON and out of it, and the system's
/// allocator takes longer for each the longer the process runs (`cargo bench --bench freshness`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod error;
pub mod model;
pub mod telemetry;

pub mod submission;
pub mod spec;
pub mod message;
pub mod admission;
pub mod backlog;
pub mod routing;
pub mod watch;
pub mod acceptance;
pub mod lifecycle;
pub mod lookup;
pub mod ports;
pub mod broker;
pub mod adapters;
pub mod api;
pub mod config;
pub mod app;
pub mod cli;

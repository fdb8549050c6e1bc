//! The machinery that moves submissions: intake, election, scheduling, dispatch, following.

pub mod supervise;
pub mod gate;
pub mod lease;
pub mod storing;
mod memory;
mod sight;
pub mod attempt;
pub mod refusal;
pub mod plan;
pub mod hands;
pub mod unconnected;
pub mod removed;
pub mod health;
pub mod strangers;
pub mod abandoned;
pub mod wishes;
pub mod boards;
pub mod outlooks;
pub mod scheduler;
pub mod readers;
pub mod watching;
pub mod active;
pub mod intake;
pub mod explaining;
pub mod service;

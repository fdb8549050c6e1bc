//! The machinery that moves submissions: intake, election, scheduling, dispatch, following.

pub mod supervise;
pub mod lease;
pub mod attempt;
pub mod refusal;
pub mod plan;

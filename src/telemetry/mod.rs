//! What the program says of itself while it runs: logs and figures.

mod logs;
mod metrics;
mod once;

pub use logs::{Error, Format, init};
pub use metrics::{Metrics, Outcome};

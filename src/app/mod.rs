//! The program put together: ports fulfilled by adapters, the broker over them, the surfaces over the broker.

mod options;
mod run;
mod clusters;
mod recorder;
mod lasting;
mod assembly;
mod reload;
mod serve;
mod jobs;
mod dev;

use std::path::Path;

pub use assembly::{Places, Ports, StartError, assemble, put_together};
pub use clusters::Dial;
pub use dev::dev;
pub use lasting::Lasting;
pub use options::{DevOptions, Installation, ServeOptions, Viewer};
pub use run::{Parts, Running};
pub use serve::serve;

use crate::config::{Config, Faults};

/// Loads a configuration and checks it as `serve` does before it starts.
pub fn check_config(path: &Path) -> Result<Config, Faults> {
    Config::load(path)
}

/// The runtime of the whole process.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

//! The program put together: ports fulfilled by adapters, the broker over them, the surfaces over the broker.

mod options;
mod run;
mod clusters;
mod assembly;
mod serve;
mod jobs;
mod dev;

use std::path::Path;

pub use assembly::{Places, StartError, assemble};
pub use dev::dev;
pub use options::{DevOptions, ServeOptions, Viewer};
pub use run::{Parts, Running};
pub use serve::serve;

use crate::config::{Config, Faults};
use crate::error::Violation;
use crate::spec;

/// Loads a configuration and checks it as `serve` does before it starts: the partial job specs in it, too.
pub fn check_config(path: &Path) -> Result<Config, Faults> {
    checked(Config::load(path)?)
}

fn checked(config: Config) -> Result<Config, Faults> {
    let mut faults = Vec::new();
    for (place, partial) in config.partial_specs() {
        let of_place = |fault: Violation| Violation { path: format!("{place}.{}", fault.path), ..fault };
        faults.extend(spec::check(partial).into_iter().map(of_place));
    }
    if faults.is_empty() { Ok(config) } else { Err(Faults(faults)) }
}

/// The runtime of the whole process.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

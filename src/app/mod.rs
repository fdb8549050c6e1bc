//! The program put together: ports fulfilled by adapters, the broker over them, the surfaces over the broker.

mod options;
mod run;

use std::path::Path;
use std::process::ExitCode;

pub use options::{DevOptions, ServeOptions, Viewer};
pub use run::{Parts, Running};

use crate::config::{Config, Faults};

/// Loads a configuration and checks it as `serve` does before it starts.
pub fn check_config(path: &Path) -> Result<Config, Faults> {
    Config::load(path)
}

/// Runs the broker until it is told to stop.
pub fn serve(options: &ServeOptions) -> ExitCode {
    if let Err(faults) = check_config(&options.config) {
        eprintln!("{faults}");
        return ExitCode::from(78);
    }
    eprintln!("serve is not assembled yet");
    ExitCode::FAILURE
}

/// Runs the embedded default until it is told to stop or, with jobs, until all of them have ended.
pub fn dev(options: &DevOptions, viewer: &mut dyn Viewer) -> ExitCode {
    let _ = options;
    viewer.note("dev is not assembled yet");
    ExitCode::FAILURE
}

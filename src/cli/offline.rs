//! Commands that need no broker.

use std::io::{self, Write};
use std::path::Path;

use super::client::Failure;
use super::exit::Exit;

pub(super) fn check_config(path: &Path, out: &mut dyn Write) -> Result<Exit, Failure> {
    let config = crate::app::check_config(path)?;
    for warning in &config.warnings {
        writeln!(io::stderr(), "warning: {warning}")?;
    }
    writeln!(out, "{} is right", path.display())?;
    Ok(Exit::Done)
}

pub(super) fn openapi(out: &mut dyn Write) -> Result<Exit, Failure> {
    print(&crate::api::openapi(), out)
}

pub(super) fn config_schema(out: &mut dyn Write) -> Result<Exit, Failure> {
    print(&crate::config::schema(), out)
}

fn print(value: &impl serde::Serialize, out: &mut dyn Write) -> Result<Exit, Failure> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(Exit::Done)
}

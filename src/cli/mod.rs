//! The command line: `serve` and `dev` run the program; the other commands talk to its API.

mod arguments;
mod cancel;
mod client;
mod clusters;
mod commands;
mod documents;
mod exit;
mod explain;
mod follow;
mod kinds;
mod offline;
mod submit;
mod table;
#[cfg(test)]
mod tests;
mod view;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

pub use arguments::{ApiOptions, Cli, Command, Output};
pub use cancel::{Cancel, Selectors};
pub use client::{Client, Failure};
pub use clusters::{ClusterCommand, Clusters, ConfirmLost, Cordon, Drain, Listing, Named, Why};
pub use exit::Exit;
pub use view::View;

/// Reads the process's arguments and does what they ask for.
pub fn main() -> ExitCode {
    run(Cli::parse())
}

/// Does what `cli` asks for.
pub fn run(cli: Cli) -> ExitCode {
    let (log, log_format) = (cli.log, cli.log_format.into());
    match cli.command {
        Command::Serve(serve) => crate::app::serve(&serve.options(log, log_format)),
        Command::Dev(dev) => crate::app::dev(&dev.options(log, log_format), &mut View::on_stdout()),
        Command::Submit(arguments) => answered(|out| submit::submit(&arguments, out)),
        Command::Status(status) => answered(|out| commands::status(&status, out)),
        Command::List(list) => answered(|out| commands::list(&list, out)),
        Command::Explain(arguments) => answered(|out| explain::explain(&arguments, out)),
        Command::Cancel(cancel) => answered(|out| cancel::cancel(&cancel, out)),
        Command::ConfirmLost(arguments) => answered(|out| commands::confirm_lost(&arguments, out)),
        Command::Clusters(clusters) => answered(|out| clusters::clusters(&clusters, out)),
        Command::Queues(queues) => answered(|out| clusters::queues(&queues, out)),
        Command::CheckConfig { config } => answered(|out| offline::check_config(&config, out)),
        Command::Openapi => answered(offline::openapi),
        Command::ConfigSchema => answered(offline::config_schema),
    }
}

/// Runs a command that writes to standard output. A reader that went away early (`| head`) is no failure.
fn answered(command: impl FnOnce(&mut dyn Write) -> Result<Exit, Failure>) -> ExitCode {
    let mut out = io::stdout().lock();
    let result = command(&mut out).and_then(|exit| {
        out.flush()?;
        Ok(exit)
    });
    match result {
        Ok(exit) => exit.into(),
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done.into(),
        Err(failure) => {
            // Nobody is left to be told where standard error is gone too.
            let _ = writeln!(io::stderr(), "{failure}");
            failure.exit().into()
        }
    }
}

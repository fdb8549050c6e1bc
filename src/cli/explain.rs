//! `explain`: where every document of a file would go.

use std::io::{self, Write};
use std::slice;

use super::arguments::{Explain, Output};
use super::client::{Client, Failure};
use super::commands::json;
use super::documents;
use super::exit::Exit;
use super::submit::contents;
use crate::lookup::Outlook;

/// Exit code 0 where each would be placed, 1 where one would wait.
pub(super) fn explain(arguments: &Explain, out: &mut dyn Write) -> Result<Exit, Failure> {
    let client = Client::new(&arguments.api)?;
    let queue = arguments.queue.as_ref().map(|queue| queue.as_str());
    let documents = documents::read(&contents(slice::from_ref(&arguments.file))?, queue)?;
    let mut all = Exit::Done;
    for document in &documents {
        let outlook = client
            .explain(&document.body)
            .map_err(|failure| match documents.len() {
                1 => failure,
                _ => failure.about(&document.place.to_string()),
            })?;
        match arguments.api.output {
            Output::Json => json(&outlook, out)?,
            Output::Table => tell(&outlook, out)?,
        }
        if outlook.cluster.is_none() {
            all = Exit::Otherwise;
        }
    }
    Ok(all)
}

fn tell(outlook: &Outlook, out: &mut dyn Write) -> io::Result<()> {
    match (&outlook.cluster, &outlook.policy) {
        (Some(cluster), Some(policy)) => {
            let age = outlook.view_age_ms.unwrap_or_default();
            writeln!(
                out,
                "would go to {cluster} (policy {policy}, its view {age} ms old)"
            )?;
        }
        _ => {
            let reason = outlook.reason.map_or("", |reason| reason.as_str());
            writeln!(out, "would wait: {reason}")?;
        }
    }
    if let Some(message) = &outlook.message {
        writeln!(out, "  {message}")?;
    }
    for (cluster, why) in &outlook.others {
        writeln!(out, "  not {cluster}: {why}")?;
    }
    writeln!(out, "  in queue {} {} wait", outlook.queue, outlook.waiting)
}

//! `explain`: where each document of a file would go now.

use std::io::{self, Write};

use super::arguments::{Explain, Output};
use super::client::{Client, Failure};
use super::commands::json;
use super::exit::Exit;
use super::{documents, table};
use crate::lookup::{Explained, Source};
use crate::model::timestamp_text;

pub(super) fn explain(arguments: &Explain, out: &mut dyn Write) -> Result<Exit, Failure> {
    let client = Client::new(&arguments.api)?;
    let queue = arguments.queue.as_ref().map(|queue| queue.as_str());
    let documents = documents::read(&[documents::content_of(&arguments.file)?], queue)?;
    let several = documents.len() > 1;
    let mut all = Vec::new();
    for document in &documents {
        let told = client.explain(&document.body).map_err(|failure| {
            if several {
                failure.about(&document.place.to_string())
            } else {
                failure
            }
        })?;
        match arguments.api.output {
            Output::Json => all.push(told),
            Output::Table => {
                if several {
                    writeln!(out, "{}", document.place)?;
                }
                for_people(&told, out)?;
            }
        }
    }
    match (arguments.api.output, all.as_slice()) {
        (Output::Table, _) => {}
        (Output::Json, [one]) if !several => json(one, out)?,
        (Output::Json, all) => json(&all, out)?,
    }
    Ok(Exit::Done)
}

fn for_people(told: &Explained, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", told.message)?;
    writeln!(out, "{}", table::of_answers(&told.clusters))?;
    let from = match told.source {
        Source::Scheduler => "from the active scheduler",
        Source::Store => "as the active scheduler last wrote them",
    };
    let seconds = told.age_ms / 1000;
    writeln!(
        out,
        "figures of {}, {seconds} s old, {from}",
        timestamp_text(told.as_of)
    )
}

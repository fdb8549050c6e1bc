//! `submit`: every document of the given files, in order.

use std::io::{self, Write};

use super::arguments::{Output, Submit};
use super::client::{Client, Failure};
use super::commands::{json, show};
use super::documents::{self, Document};
use super::exit::Exit;
use super::{follow, table};
use crate::lookup::{Listing, Status};

pub(super) fn submit(arguments: &Submit, out: &mut dyn Write) -> Result<Exit, Failure> {
    let client = Client::new(&arguments.api)?;
    let queue = arguments.queue.as_ref().map(|queue| queue.as_str());
    let contents = arguments.files.iter().map(|path| documents::content_of(path));
    let documents = documents::read(&contents.collect::<Result<Vec<_>, _>>()?, queue)?;
    let mut statuses = Vec::new();
    let sent = send(&client, &documents, &mut statuses);
    if sent.is_ok() && arguments.wait {
        for status in &mut statuses {
            *status = follow::wait(&client, &status.submission_id)?;
        }
    }
    // Who is told of a refusal must know what went before it, too.
    show_all(&statuses, documents.len(), arguments.api.output, out)?;
    sent?;
    let worst = statuses.iter().map(|status| Exit::of_state(status.state));
    Ok(worst.fold(Exit::Done, |all, one| if one == Exit::Done { all } else { one }))
}

/// Sends the documents in order until one isn't accepted.
fn send(client: &Client, documents: &[Document], statuses: &mut Vec<Status>) -> Result<(), Failure> {
    for (number, document) in documents.iter().enumerate() {
        match client.submit(&document.body) {
            Ok(status) => statuses.push(status),
            Err(failure) if documents.len() == 1 => return Err(failure),
            Err(failure) => {
                let after = documents.len() - number - 1;
                let what = format!(
                    "{}; {number} before it were accepted, {after} after it weren't sent",
                    document.place
                );
                return Err(failure.about(&what));
            }
        }
    }
    Ok(())
}

fn show_all(statuses: &[Status], documents: usize, output: Output, out: &mut dyn Write) -> io::Result<()> {
    match (statuses, output) {
        ([], _) => Ok(()),
        ([status], _) if documents == 1 => show(status, output, out),
        (_, Output::Table) => writeln!(out, "{}", table::of_many(statuses, None)),
        (_, Output::Json) => json(
            &Listing {
                submissions: statuses.to_vec(),
                next_cursor: None,
            },
            out,
        ),
    }
}

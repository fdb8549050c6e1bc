//! Commands that talk to the API.

use std::io::{self, Write};

use serde::Serialize;

use super::arguments::{List, LostSubmission, Output, Status as StatusArguments};
use super::client::{Client, Failure};
use super::exit::Exit;
use super::view::View;
use super::{clusters, follow, table};
use crate::lookup::{Listing, Status};

/// The largest page that the API gives.
const PAGE_MAX: usize = 200;

pub(super) fn status(arguments: &StatusArguments, out: &mut dyn Write) -> Result<Exit, Failure> {
    let client = Client::new(&arguments.api)?;
    let output = arguments.api.output;
    let status = if arguments.watch {
        let mut view = match output {
            Output::Table => View::live(&mut *out),
            Output::Json => View::json(&mut *out),
        };
        let status = follow::watch(&client, &arguments.id, &mut view)?;
        return Ok(Exit::of_state(status.state));
    } else if arguments.wait {
        follow::wait(&client, &arguments.id)?
    } else {
        client.status(&arguments.id)?
    };
    show(&status, output, out)?;
    Ok(Exit::of_state(status.state))
}

pub(super) fn confirm_lost(arguments: &LostSubmission, out: &mut dyn Write) -> Result<Exit, Failure> {
    let body = clusters::body(&arguments.why);
    let status = Client::new(&arguments.api)?.confirm_lost(&arguments.id, &body)?;
    show(&status, arguments.api.output, out)?;
    Ok(Exit::Done)
}

pub(super) fn list(arguments: &List, out: &mut dyn Write) -> Result<Exit, Failure> {
    let client = Client::new(&arguments.api)?;
    let limit = arguments.limit as usize;
    let mut all = Listing {
        submissions: Vec::new(),
        next_cursor: None,
    };
    loop {
        let missing = limit - all.submissions.len();
        let page = client
            .list(&query(arguments, missing, all.next_cursor.take()))
            .map_err(wrong_usage)?;
        all.submissions.extend(page.submissions);
        all.next_cursor = page.next_cursor;
        if all.next_cursor.is_none() || all.submissions.len() >= limit {
            break;
        }
    }
    match arguments.api.output {
        Output::Json => json(&all, out)?,
        Output::Table => writeln!(out, "{}", table::of_many(&all.submissions, None))?,
    }
    Ok(Exit::Done)
}

fn query(arguments: &List, missing: usize, cursor: Option<String>) -> Vec<(&'static str, String)> {
    let given = [
        ("queue", arguments.queue.clone()),
        ("state", arguments.state.clone()),
        ("since", arguments.since.clone()),
        ("cursor", cursor),
        ("limit", Some(missing.min(PAGE_MAX).to_string())),
    ];
    given
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// What the API refuses of a list is what was written on the command line.
pub(super) fn wrong_usage(failure: Failure) -> Failure {
    match failure {
        refused @ Failure::Refused { .. } => Failure::Usage(refused.to_string()),
        other @ (Failure::Unavailable(_)
        | Failure::Unknown(_)
        | Failure::Usage(_)
        | Failure::Config(_)
        | Failure::Output(_)) => other,
    }
}

pub(super) fn show(status: &Status, output: Output, out: &mut dyn Write) -> io::Result<()> {
    match output {
        Output::Json => json(status, out),
        Output::Table => writeln!(out, "{}", table::of_one(status)),
    }
}

pub(super) fn json(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

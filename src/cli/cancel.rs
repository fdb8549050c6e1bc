//! Cancel one submission, or all that selectors mean.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;
use serde_json::{Value, json};

use super::arguments::{ApiOptions, Output};
use super::client::{Client, Failure};
use super::commands::{json, show, wrong_usage};
use super::exit::Exit;
use super::table;
use crate::lookup::Cancellations;
use crate::model::{ClusterName, QueueName, SubmissionId};
use crate::submission::State;

/// Options of `cancel`.
#[derive(Debug, Args)]
pub struct Cancel {
    /// The submission ID
    #[arg(required_unless_present = "selectors", conflicts_with = "selectors")]
    pub id: Option<SubmissionId>,
    /// Which ones instead.
    #[command(flatten)]
    pub selectors: Selectors,
    /// Only tell what would be cancelled
    #[arg(long, requires = "selectors")]
    pub dry_run: bool,
    /// Don't ask; needed where standard input is no terminal
    #[arg(long, short, requires = "selectors", conflicts_with = "dry_run")]
    pub yes: bool,
    /// The API.
    #[command(flatten)]
    pub api: ApiOptions,
}

/// Which submissions are meant: those that haven't ended and that everything given is true of.
#[derive(Debug, Clone, Args)]
#[group(id = "selectors", multiple = true)]
pub struct Selectors {
    /// All of this job queue
    #[arg(long, value_name = "NAME")]
    pub queue: Option<QueueName>,
    /// All whose application has this name, letter by letter
    #[arg(long, value_name = "NAME")]
    pub application_name: Option<String>,
    /// All whose spec has this label; repeatable, each must be there
    #[arg(long = "label", short, value_name = "KEY=VALUE", value_parser = label)]
    pub labels: Vec<(String, String)>,
    /// All that are on this cluster
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<ClusterName>,
    /// All in these states, joined by commas
    #[arg(long, value_name = "STATES")]
    pub state: Option<String>,
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("expected KEY=VALUE such as team=data".to_owned()),
    }
}

impl Selectors {
    /// The body that asks for their cancellation.
    fn body(&self) -> Result<Value, Failure> {
        let mut labels = BTreeMap::new();
        for (key, value) in &self.labels {
            if let Some(other) = labels.insert(key, value).filter(|other| *other != value) {
                let why = format!("--label {key}: {other} and {value}; no submission has both");
                return Err(Failure::Usage(why));
            }
        }
        let labels = Some(labels).filter(|labels| !labels.is_empty());
        let mut body = json!({
            "queue": self.queue, "applicationName": self.application_name, "labels": labels,
            "cluster": self.cluster, "state": self.state,
        });
        if let Some(fields) = body.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        Ok(body)
    }
}

pub(super) fn cancel(arguments: &Cancel, out: &mut dyn Write) -> Result<Exit, Failure> {
    let output = arguments.api.output;
    if let Some(id) = &arguments.id {
        let status = Client::new(&arguments.api)?.cancel(id)?;
        show(&status, output, out)?;
        let too_late = status.terminal && status.state != State::Cancelled;
        return Ok(if too_late { Exit::Otherwise } else { Exit::Done });
    }
    let body = arguments.selectors.body()?;
    let asks = !arguments.yes && !arguments.dry_run;
    if asks && !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        let why = "nobody can be asked here: say --yes, or --dry-run to see what would be cancelled";
        return Err(Failure::Usage(why.to_owned()));
    }
    let client = Client::new(&arguments.api)?;
    if asks {
        let count = all(&client, &body, true)?;
        if let Some(why) = &count.interrupted {
            return Err(Failure::Unavailable(why.clone()));
        }
        if count.matched > 0 && !confirmed(count.matched, &mut io::stdin().lock(), &mut io::stderr())? {
            writeln!(io::stderr(), "nothing was cancelled")?;
            return Ok(Exit::Otherwise);
        }
    }
    told(&all(&client, &body, arguments.dry_run)?, output, out)
}

/// Calls until everything was gone through, or the API can't go on.
fn all(client: &Client, body: &Value, dry_run: bool) -> Result<Cancellations, Failure> {
    let mut body = body.clone();
    body["dryRun"] = json!(dry_run);
    let mut sum = client.cancel_many(&body).map_err(wrong_usage)?;
    while let (Some(cursor), None) = (&sum.next_cursor, &sum.interrupted) {
        body["cursor"] = json!(cursor);
        match client.cancel_many(&body) {
            Ok(next) => sum.append(next),
            // What was done before is to be told.
            Err(failure) => sum.interrupted = Some(failure.to_string()),
        }
    }
    Ok(sum)
}

fn told(all: &Cancellations, output: Output, out: &mut dyn Write) -> Result<Exit, Failure> {
    match output {
        Output::Json => json(all, out)?,
        Output::Table => writeln!(out, "{}", table::of_cancellations(all))?,
    }
    match &all.interrupted {
        Some(why) => Err(Failure::Unavailable(format!(
            "not everything was gone through: {why}; the same command goes on"
        ))),
        None if all.failed > 0 => Ok(Exit::Otherwise),
        None => Ok(Exit::Done),
    }
}

/// Whether the person at the terminal wants `count` submissions to be cancelled.
fn confirmed(count: u64, input: &mut dyn BufRead, ask: &mut dyn Write) -> io::Result<bool> {
    write!(ask, "{} Cancel? [y/N] ", table::matching(count))?;
    ask.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for (answer, expected) in [
            ("y\n", true),
            (" YES \n", true),
            ("\n", false),
            ("", false),
            ("yep\n", false),
            ("n\n", false),
        ] {
            let mut asked = Vec::new();
            let confirmed = confirmed(2, &mut answer.as_bytes(), &mut asked).unwrap();
            assert_eq!(confirmed, expected, "{answer:?}");
            assert_eq!(
                String::from_utf8(asked).unwrap(),
                "2 submissions match. Cancel? [y/N] "
            );
        }
    }

    #[test]
    fn a_label_is_a_key_and_a_value() {
        assert_eq!(label("team=data=x"), Ok(("team".into(), "data=x".into())));
        assert_eq!(label("team="), Ok(("team".into(), String::new())));
        assert!(label("team").is_err() && label("=data").is_err());
    }
}

//! A live view of submissions: one table that is drawn anew on a terminal, a line for each change otherwise.

use std::collections::BTreeMap;
use std::io::{self, Stdout, Write};

use console::Term;

use super::table;
use crate::app::Viewer;
use crate::lookup::Status;
use crate::model::{SubmissionId, timestamp_text};
use crate::submission::{Reason, State};

/// What must differ for a line to be written anew. A message alone isn't news: waiting reasons count seconds and cores.
type Shown = (State, Option<Reason>, u32);

enum Form {
    /// A table over the lines drawn before.
    Table { drawn: usize },
    /// A line for each change.
    Lines,
    /// A JSON object for each change.
    Json,
}

/// Shows submissions on `W`.
pub struct View<W: Write> {
    out: W,
    form: Form,
    shown: BTreeMap<SubmissionId, Shown>,
}

impl View<Stdout> {
    /// A view on standard output: live where that is a terminal.
    pub fn on_stdout() -> Self {
        Self::live(io::stdout())
    }
}

impl<W: Write> View<W> {
    /// A table where standard output is a terminal, else lines.
    pub fn live(out: W) -> Self {
        let form = if Term::stdout().is_term() {
            Form::Table { drawn: 0 }
        } else {
            Form::Lines
        };
        Self::new(out, form)
    }

    /// A JSON object for each change.
    pub fn json(out: W) -> Self {
        Self::new(out, Form::Json)
    }

    fn new(out: W, form: Form) -> Self {
        Self {
            out,
            form,
            shown: BTreeMap::new(),
        }
    }

    /// Shows where `statuses` stand now.
    pub fn update(&mut self, statuses: &[Status]) -> io::Result<()> {
        let news: Vec<&Status> = statuses.iter().filter(|s| self.is_news(s)).collect();
        for status in &news {
            self.shown.insert(status.submission_id.clone(), facts(status));
        }
        match &mut self.form {
            Form::Table { drawn } => *drawn = draw(&mut self.out, *drawn, statuses)?,
            Form::Lines => {
                for status in news {
                    writeln!(self.out, "{}", line(status))?;
                }
            }
            Form::Json => {
                for status in news {
                    writeln!(self.out, "{}", serde_json::to_string(status)?)?;
                }
            }
        }
        self.out.flush()
    }

    /// Writes a line beside the submissions; a table is drawn anew below it.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        if let Form::Table { drawn } = &mut self.form {
            *drawn = 0;
        }
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    fn is_news(&self, status: &Status) -> bool {
        self.shown.get(&status.submission_id) != Some(&facts(status))
    }
}

impl<W: Write + Send> Viewer for View<W> {
    fn show(&mut self, statuses: &[Status]) {
        // A reader that has gone away is no reason to stop the broker.
        let _ = self.update(statuses);
    }

    fn note(&mut self, text: &str) {
        let _ = self.say(text);
    }
}

fn facts(status: &Status) -> Shown {
    (status.state, status.reason, status.attempts)
}

/// Draws the table in place of the `drawn` lines before; how many lines it has.
fn draw(out: &mut impl Write, drawn: usize, statuses: &[Status]) -> io::Result<usize> {
    let (height, width) = Term::stdout().size();
    let text = table::of_many(statuses, Some(width));
    // What doesn't fit on the screen couldn't be taken back: the last lines are the newest.
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(usize::from(height).saturating_sub(1));
    if drawn > 0 {
        // Cursor up, then erase to the end of the screen (ECMA-48: CUU, ED).
        write!(out, "\x1b[{drawn}A\x1b[J")?;
    }
    for line in &lines[first..] {
        writeln!(out, "{line}")?;
    }
    Ok(lines.len() - first)
}

fn line(status: &Status) -> String {
    let at = timestamp_text(status.reason_at.unwrap_or(status.updated_at));
    let cluster = status
        .cluster
        .as_ref()
        .map(|c| format!(" on {c}"))
        .unwrap_or_default();
    let why = table::why(status);
    let why = if why.is_empty() { why } else { format!(" ({why})") };
    format!("{at} {} {}{cluster}{why}", status.submission_id, status.state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::submission::{NewRecord, Record};

    fn status(id: &str, state: State) -> Status {
        let mut record = Record::queued(NewRecord {
            id: id.parse().unwrap(),
            domain: "default".parse().unwrap(),
            queue: "dev".parse().unwrap(),
            fingerprint: String::new(),
            at: "2026-11-23T12:00:00Z".parse().unwrap(),
        });
        record.state = state;
        Status::of(&record, None)
    }

    fn text(view: View<Vec<u8>>) -> String {
        String::from_utf8(view.out).unwrap()
    }

    #[test]
    fn a_line_is_written_for_each_change_and_only_then() {
        let mut view = View::new(Vec::new(), Form::Lines);
        view.update(&[status("a", State::Queued), status("b", State::Queued)])
            .unwrap();
        view.update(&[status("a", State::Queued), status("b", State::Running)])
            .unwrap();
        let expected = "2026-11-23T12:00:00.000Z a QUEUED\n2026-11-23T12:00:00.000Z b QUEUED\n\
                        2026-11-23T12:00:00.000Z b RUNNING\n";
        assert_eq!(text(view), expected);
    }

    #[test]
    fn a_table_replaces_the_lines_that_it_drew_before() {
        let mut view = View::new(Vec::new(), Form::Table { drawn: 0 });
        view.update(&[status("a", State::Queued)]).unwrap();
        view.update(&[status("a", State::Running)]).unwrap();
        let text = text(view);
        assert_eq!(text.matches("\x1b[2A\x1b[J").count(), 1, "{text:?}");
        assert!(text.ends_with('\n') && text.contains("RUNNING"));
    }
}

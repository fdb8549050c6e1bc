//! The documents of the files that `submit` is given: YAML or JSON, several in a file, parted by `---`.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use serde_json::{Map, Value};

use super::client::Failure;
use super::kinds;
use crate::error::Violation;
use crate::{message, spec};

/// One document of a file: something that can be sent.
#[derive(Debug)]
pub(super) struct Document {
    /// Where it stands.
    pub place: Place,
    /// What is sent.
    pub body: Vec<u8>,
}

/// Where a document stands, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    file: String,
    /// From 1, empty documents not counted; absent where the file has only one.
    number: Option<usize>,
    /// Kind and name, where it has both.
    what: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(number) = self.number {
            write!(f, ", document {number}")?;
        }
        match &self.what {
            Some(what) => write!(f, " ({what})"),
            None => Ok(()),
        }
    }
}

/// A file, or standard input where it is `-`.
pub(super) fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    if path != Path::new("-") {
        return std::fs::read(path);
    }
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Name and content of a file that was named on the command line.
pub(super) fn content_of(path: &Path) -> Result<(String, Vec<u8>), Failure> {
    let bytes =
        bytes_of(path).map_err(|error| Failure::Usage(format!("--file {}: {error}", path.display())))?;
    let name = match path.to_str() {
        Some("-") => "standard input".to_owned(),
        Some(_) | None => path.display().to_string(),
    };
    Ok((name, bytes))
}

/// The documents of `files` (name and content), or everything that keeps them from being sent: all are read before the
/// first is sent. A job spec that names no job queue is given `queue`.
pub(super) fn read(files: &[(String, Vec<u8>)], queue: Option<&str>) -> Result<Vec<Document>, Failure> {
    let mut found = Vec::new();
    let mut faults = Vec::new();
    for (file, bytes) in files {
        match parsed(bytes) {
            Ok(parsed) => found.extend(placed(file, parsed)),
            Err(fault) => faults.push(at(file, fault)),
        }
    }
    if found.is_empty() && faults.is_empty() {
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        return Err(Failure::Usage(format!("{}: nothing to submit", names.join(", "))));
    }
    // A single one is sent as soon as it can be read: the API tells its faults, and knows more of them.
    let thoroughly = found.len() > 1;
    let mut documents = Vec::new();
    let unreadable = faults.len();
    let mut faulty = unreadable;
    for (place, Parsed { mut value, written }) in found {
        let given = queue.is_some_and(|queue| give_queue(&mut value, queue));
        let body = written
            .filter(|_| !given)
            .unwrap_or_else(|| value.to_string().into_bytes());
        let wrong = wrong(&value, &body, thoroughly);
        faulty += usize::from(!wrong.is_empty());
        faults.extend(wrong.into_iter().map(|fault| at(&place, fault)));
        documents.push(Document { place, body });
    }
    if faults.is_empty() {
        return Ok(documents);
    }
    Err(Failure::Refused {
        detail: match documents.len() + unreadable {
            0 | 1 => "nothing was sent".to_owned(),
            all => format!("nothing was sent: {faulty} of {all} documents can't be submitted"),
        },
        violations: faults,
    })
}

/// A document before it is judged.
struct Parsed {
    value: Value,
    /// How a JSON file writes it.
    written: Option<Vec<u8>>,
}

/// The documents of one file that aren't empty. JSON is sent as it is written.
fn parsed(bytes: &[u8]) -> Result<Vec<Parsed>, Violation> {
    if let Ok(value) = serde_json::from_slice(bytes) {
        let written = Some(bytes.to_vec());
        return Ok(vec![Parsed { value, written }]);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let found = format!("a byte that isn't UTF-8 at offset {}", error.valid_up_to());
        Violation::new("", found, "YAML or JSON in UTF-8")
    })?;
    let all: Vec<Value> = serde_saphyr::from_multiple_with_options(text, yaml())
        .map_err(|error| Violation::new("", error, "well-formed YAML or JSON, each key once"))?;
    let parsed = |value| Parsed { value, written: None };
    Ok(all.into_iter().map(parsed).collect())
}

/// YAML as kubectl reads it where both readings are legal: `0644` is octal. A bare `yes` or `on` is a text, never a
/// silent truth value.
fn yaml() -> serde_saphyr::Options {
    serde_saphyr::options! {
        strict_booleans: true,
        legacy_octal_numbers: true,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::Reject,
        with_snippet: false,
    }
}

fn placed(file: &str, documents: Vec<Parsed>) -> Vec<(Place, Parsed)> {
    let several = documents.len() > 1;
    let placed = |(index, document): (usize, Parsed)| {
        let place = Place {
            file: file.to_owned(),
            number: several.then_some(index + 1),
            what: kinds::named(&document.value),
        };
        (place, document)
    };
    documents.into_iter().enumerate().map(placed).collect()
}

/// Writes `queue` into a manifest or a job spec that names none; whether it did.
fn give_queue(value: &mut Value, queue: &str) -> bool {
    let Value::Object(document) = value else {
        return false;
    };
    if !document.contains_key("kind") {
        return insert_missing(document, queue);
    }
    if message::names_queue(document) {
        return false;
    }
    let spec = document.get_mut("spec").and_then(Value::as_object_mut);
    spec.is_some_and(|spec| insert_missing(spec, queue))
}

fn insert_missing(spec: &mut Map<String, Value>, queue: &str) -> bool {
    if spec.get("queue").is_some_and(|own| !own.is_null()) {
        return false;
    }
    spec.insert("queue".to_owned(), Value::from(queue));
    true
}

/// What keeps a document from being sent.
fn wrong(value: &Value, body: &[u8], thoroughly: bool) -> Vec<Violation> {
    if let Some(fault) = kinds::refused(value) {
        return vec![fault];
    }
    // The ID is the API's to make: any that is valid does here.
    match message::decode_spec(body, "any") {
        Ok(submission) if thoroughly => spec::check(&submission.spec),
        Ok(_) => Vec::new(),
        Err(fault) => fault.violations,
    }
}

fn at(place: &impl fmt::Display, fault: Violation) -> Violation {
    let path = match fault.path.as_str() {
        "" => place.to_string(),
        path => format!("{place}: {path}"),
    };
    Violation { path, ..fault }
}

#[cfg(test)]
mod tests;

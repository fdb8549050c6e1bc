//! From what a cluster says to a sentence for people: the operator's `errorMessage` can be the whole standard error of
//! spark-submit, its warnings first and the reason somewhere in a Java stack trace.

use crate::error::shorten;

/// The longest sentence that a record carries for people, in characters.
const SENTENCE_MAX: usize = 512;
/// The most of the whole text that is kept beside it, in bytes.
const DETAIL_MAX: usize = 8 * 1024;

/// What the operator puts before the reason, from the outside inwards; the second stands twice in its 2.4.
const WRAPPINGS: [&str; 3] = [
    "failed to submit spark application: ",
    "failed to run spark-submit: ",
    "failed to run spark-submit: ",
];

/// The sentence in `raw` that says why, of at most 512 characters, and the whole text, cut at 8 KiB, where it says more
/// than the sentence.
pub(super) fn sentence(raw: &str) -> (String, Option<String>) {
    let raw = raw.trim();
    let inner = WRAPPINGS
        .iter()
        .fold(raw, |text, wrapping| text.strip_prefix(wrapping).unwrap_or(text));
    let why = match inner.lines().count() {
        0 | 1 => within_answer(inner),
        _ => why_of(inner),
    };
    // One line without anything to leave out is told whole, with where it came from.
    let why = if why == inner { raw } else { why };
    let sentence = shorten(why, SENTENCE_MAX);
    let detail = (sentence != raw).then(|| cut(raw).to_owned());
    (sentence, detail)
}

/// The line of a log with a stack trace that says why: the innermost cause, else the exception, else the last line that
/// isn't a frame of the stack.
fn why_of(text: &str) -> &str {
    let lines = || {
        text.lines()
            .map(str::trim_end)
            .filter(|line| !line.trim().is_empty())
    };
    let cause = lines()
        .filter_map(|line| line.strip_prefix("Caused by: "))
        .next_back();
    let thrown = lines().find_map(|line| line.strip_prefix("Exception in thread \"main\" "));
    let error = lines().find_map(|line| line.strip_prefix("Error: "));
    let last = lines().rfind(|line| !is_frame(line) && !is_chatter(line));
    let found = cause.or(thrown).or(error).or(last).or_else(|| lines().next());
    found.map_or(text, within_answer)
}

/// A line of a stack trace below its exception.
fn is_frame(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("at ") || (line.starts_with("... ") && line.ends_with(" more"))
}

/// A line of Spark's log that isn't about a failure.
fn is_chatter(line: &str) -> bool {
    line.contains(" INFO ") || line.contains(" WARN ")
}

/// What the API server said, in the words that Kubernetes' Java client puts around it.
fn within_answer(line: &str) -> &str {
    let Some((_, answer)) = line
        .split_once("Failure executing: ")
        .and_then(|(_, call)| call.split_once("Message: "))
    else {
        return line;
    };
    let answer = answer
        .split_once(" Received status: ")
        .map_or(answer, |(answer, _)| answer);
    // The client's own guess at any 403, a wrong one where admission refused.
    let guess = answer
        .strip_prefix("Forbidden!")
        .and_then(|rest| rest.split_once("doesn't have permission. "));
    let answer = guess.map_or(answer, |(_, answer)| answer);
    match answer.strip_suffix('.').unwrap_or(answer) {
        // Said nothing at all.
        "" => line,
        answer => answer,
    }
}

/// The beginning of `text`, as many whole characters as fit.
fn cut(text: &str) -> &str {
    let end = (0..=DETAIL_MAX.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests;

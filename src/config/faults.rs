//! Every fault of a configuration, gathered before any is told.

use std::fmt;

use crate::error::Violation;

/// Every fault of a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Violation>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.0.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

/// Gathers faults and warnings. A fault where one stands already, or below it, is its consequence and isn't told.
#[derive(Debug, Default)]
pub(super) struct Checks {
    faults: Vec<Violation>,
    warnings: Vec<String>,
}

impl Checks {
    pub(super) fn fault(&mut self, path: &str, found: impl fmt::Display, expected: impl Into<String>) {
        let consequence = self.faults.iter().any(|f| covers(&f.path, path));
        if !consequence {
            self.faults.push(Violation::new(path, found, expected));
        }
    }

    /// A key that must be there.
    pub(super) fn required<T>(&mut self, path: &str, value: Option<T>, expected: &str) -> Option<T> {
        if value.is_none() {
            self.fault(path, "nothing", expected);
        }
        value
    }

    pub(super) fn warn(&mut self, sentence: impl Into<String>) {
        self.warnings.push(sentence.into());
    }

    /// The warnings where there is no fault.
    pub(super) fn finish(self) -> Result<Vec<String>, Faults> {
        if self.faults.is_empty() {
            Ok(self.warnings)
        } else {
            Err(Faults(self.faults))
        }
    }
}

/// Whether a fault at `upper` explains one at `path`: the same place, or a place around it. The whole document explains
/// nothing but itself.
fn covers(upper: &str, path: &str) -> bool {
    let Some(rest) = path.strip_prefix(upper) else {
        return false;
    };
    rest.is_empty() || (!upper.is_empty() && rest.starts_with(['.', '[']))
}

/// `near` among `words`, where one is close enough to be meant: `, did you mean …?`
pub(super) fn did_you_mean<'a>(found: &str, words: impl Iterator<Item = &'a str>) -> String {
    let distance = |word: &str| strsim::damerau_levenshtein(&found.to_lowercase(), &word.to_lowercase());
    let nearest = words.map(|word| (distance(word), word)).min();
    match nearest {
        Some((far, word)) if far <= 2.max(found.len() / 3) => format!(", did you mean {word}?"),
        Some(_) | None => String::new(),
    }
}

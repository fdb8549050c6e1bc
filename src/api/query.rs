//! Query strings and path parameters, read whole: every fault is told at once, and an unknown parameter is one.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;

use super::problem::Problem;
use crate::error::Violation;
use crate::lookup::parse_duration;
use crate::model::SubmissionId;

/// The ID in a path, as it was written.
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(rejection) => Err(Problem::invalid(rejection.body_text(), Vec::new())),
        }
    }
}

/// The parameters of a request, taken out one by one; [`Parameters::finish`] then tells of every fault.
pub(super) struct Parameters {
    given: BTreeMap<String, String>,
    known: Vec<&'static str>,
    violations: Vec<Violation>,
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Problem::invalid(rejection.body_text(), Vec::new()))?;
        let mut parameters = Self {
            given: BTreeMap::new(),
            known: Vec::new(),
            violations: Vec::new(),
        };
        for (name, value) in pairs {
            if parameters.given.insert(name.clone(), value.clone()).is_some() {
                parameters
                    .violations
                    .push(Violation::new(name, value, "to be given once"));
            }
        }
        Ok(parameters)
    }
}

impl Parameters {
    /// The parameter `name`, read by `read`, which says what it expects of a value it can't read.
    pub(super) fn take<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.known.push(name);
        let text = self.given.remove(name)?;
        match read(&text) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.violations
                    .push(Violation::new(name, format!("{text:?}"), expected));
                None
            }
        }
    }

    /// A parameter that is read by its type's own rule.
    pub(super) fn parse<T: FromStr>(&mut self, name: &'static str, expected: &str) -> Option<T> {
        self.take(name, |text| text.parse().map_err(|_| expected.to_owned()))
    }

    /// A duration of at most `most`.
    pub(super) fn duration(&mut self, name: &'static str, most: Duration) -> Option<Duration> {
        self.take(name, |text| {
            let duration = parse_duration(text).map_err(|e| e.to_string())?;
            if duration > most {
                return Err(format!("at most {} s", most.as_secs()));
            }
            Ok(duration)
        })
    }

    /// Every fault, parameters that nobody took included.
    pub(super) fn finish(mut self) -> Result<(), Box<Problem>> {
        let expected = match self.known.as_slice() {
            [] => "no parameter".to_owned(),
            known => format!("one of {}", known.join(", ")),
        };
        for name in self.given.keys() {
            self.violations.push(Violation::new(
                name.clone(),
                "an unknown parameter",
                expected.clone(),
            ));
        }
        if self.violations.is_empty() {
            return Ok(());
        }
        Err(Problem::invalid("the query string has faults", self.violations).into())
    }
}

/// The ID in a path.
pub(super) fn submission_id(text: &str) -> Result<SubmissionId, Box<Problem>> {
    text.parse().map_err(|error: crate::model::InvalidName| {
        let violation = Violation::new("submissionId", format!("{:?}", error.found), error.expected);
        Problem::invalid("the path holds no submission ID", vec![violation]).into()
    })
}

//! Cancel many submissions at once: what is to be cancelled, and the call.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::extract::rejection::BytesRejection;
use serde_json::Value;

use super::fields::Fields;
use super::problem::{self, Problem};
use super::query::Parameters;
use super::search::Search;
use super::{Api, list};
use crate::lookup::{Cancellations, SearchCursor};
use crate::model::{ClusterName, QueueName};
use crate::submission::{Record, SpecTexts, State};

/// What a body may look like.
const EXAMPLE: &str = r#"{"queue": "dev", "dryRun": true}"#;

/// Which submissions are meant: those that everything given is true of.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Selector {
    /// The job queue.
    pub(super) queue: Option<QueueName>,
    /// The application's name, letter by letter.
    pub(super) application_name: Option<String>,
    /// Labels of the spec; each must be there with this value.
    pub(super) labels: BTreeMap<String, String>,
    /// The cluster of the current attempt.
    pub(super) cluster: Option<ClusterName>,
    /// Some of these states; empty: any in which a submission hasn't ended.
    pub(super) states: Vec<State>,
}

impl Selector {
    fn read(fields: &mut Fields) -> Self {
        // Names that the configuration doesn't know are legal: what is left of them is a good reason to cancel.
        let selector = Self {
            queue: fields.parse("queue", "the name of a job queue"),
            application_name: fields.verbatim("applicationName"),
            labels: fields.texts("labels"),
            cluster: fields.parse("cluster", "the name of a cluster"),
            states: read_states(fields),
        };
        if selector.cluster.is_some() && selector.states == [State::Queued] {
            fields.fault(
                "state",
                "QUEUED together with cluster",
                "what is QUEUED is on no cluster",
            );
        }
        selector
    }

    /// Whether it is true of `record`, as far as that is known without its labels.
    pub(super) fn fits(&self, record: &Record) -> bool {
        let same_queue = self.queue.as_ref().is_none_or(|queue| record.queue == *queue);
        let same_name = self.application_name.is_none() || record.application_name == self.application_name;
        let there = self.cluster.is_none() || record.cluster == self.cluster;
        let in_state = self.states.is_empty() || self.states.contains(&record.state);
        same_queue && same_name && there && in_state
    }

    /// Whether the effective spec has every label.
    pub(super) fn fits_labels(&self, specs: &SpecTexts) -> bool {
        let spec = specs.effective.as_deref().unwrap_or_default();
        let spec: Value = serde_json::from_str(spec).unwrap_or_default();
        let has = |(key, value): (&String, &String)| spec["labels"][key].as_str() == Some(value);
        self.labels.iter().all(has)
    }

    /// Whether what is QUEUED can match.
    pub(super) fn wants_queued(&self) -> bool {
        self.cluster.is_none() && (self.states.is_empty() || self.states.contains(&State::Queued))
    }

    /// Whether what is live can match.
    pub(super) fn wants_live(&self) -> bool {
        self.states.is_empty() || self.states.iter().any(|state| state.is_live())
    }

    /// The clusters to be searched: the one that is meant, else all that are known.
    pub(super) fn clusters<'a>(&'a self, known: &'a [ClusterName]) -> BTreeSet<&'a ClusterName> {
        match &self.cluster {
            Some(cluster) => BTreeSet::from([cluster]),
            None => known.iter().collect(),
        }
    }
}

/// States joined by commas, as lists take them; none of those that end.
fn read_states(fields: &mut Fields) -> Vec<State> {
    let Some(text) = fields.text("state") else {
        return Vec::new();
    };
    let words = State::ALL.iter().filter(|state| !state.is_terminal());
    let words: Vec<_> = words.map(|state| state.as_str()).collect();
    match list::read_states(&text) {
        Ok(states) if states.iter().all(|state| !state.is_terminal()) => states,
        Ok(_) | Err(_) => {
            let expected = format!("some of {}, joined by commas", words.join(", "));
            fields.fault("state", format!("{text:?}"), expected);
            Vec::new()
        }
    }
}

/// Cancel every submission that hasn't ended and that all given selectors are true of, each as a single cancel does it.
/// A call goes through what there is for at most some 15 seconds and 10,000 matches; where `nextCursor` is in the
/// answer, the same body with it as `cursor` goes on.
#[utoipa::path(
    post, path = "/v1/cancellations",
    request_body(
        content = serde_json::Value, content_type = "application/json",
        description = "`{\"queue\": …, \"applicationName\": …, \"labels\": {…}, \"cluster\": …, \"state\": …, \"dryRun\": …, \"cursor\": …}`; \
                       at least one of the first five. `labels` are those of the spec with the layers of the configuration, \
                       `state` takes several, joined by commas",
    ),
    responses(
        (status = 200, description = "What became of each; in a dry run, what would be cancelled", body = Cancellations),
        (status = 400, description = "Invalid, with every violation", body = problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away, and nothing was found yet", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn cancel_many(
    Extract(api): Extract<Api>,
    parameters: Parameters,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Cancellations>, Problem> {
    parameters.finish()?;
    let mut fields = Fields::of(body, EXAMPLE, api.clock.now())?;
    let given = ["queue", "applicationName", "labels", "cluster", "state"];
    if !given.iter().any(|name| fields.has(name)) {
        let expected = format!("at least one of {}", given.join(", "));
        fields.fault("", "nothing that says which submissions", expected);
    }
    let selector = Selector::read(&mut fields);
    let dry_run = fields.flag("dryRun");
    let cursor = fields.verbatim("cursor").and_then(|text| {
        SearchCursor::decode(&text)
            .map_err(|error| fields.fault("cursor", format!("{text:?}"), error.to_string()))
            .ok()
    });
    fields.finish()?;
    let told = Search::new(&api, &selector, dry_run).run(cursor).await?;
    tracing::info!(
        ?selector,
        dry_run,
        matched = told.matched,
        cancelled = told.cancelled,
        cancelling = told.cancelling,
        failed = told.failed,
        interrupted = told.interrupted,
        "submissions were cancelled together"
    );
    Ok(Json(told))
}

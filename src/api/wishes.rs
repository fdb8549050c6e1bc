//! What people wish of a cluster: closed, emptied, given up for lost.

use std::str::FromStr;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::auth::Auth;
use super::boards::{ClusterLine, cluster_line};
use super::problem::Problem;
use super::query::{Id, Parameters};
use super::{Api, problem};
use crate::error::Violation;
use crate::lookup::parse_duration;
use crate::model::ClusterName;
use crate::ports::store::{ClusterWish, Cordon, Drain, DrainThen, LostConfirmed, WishKind};

/// The longest reason and the longest author, in characters.
const TEXT_MAX: usize = 256;

/// The fields of a request, taken out one by one; every fault is told at once.
struct Fields {
    given: Map<String, Value>,
    known: Vec<&'static str>,
    violations: Vec<Violation>,
    now: Timestamp,
}

impl Fields {
    fn of(body: Result<Bytes, BytesRejection>, now: Timestamp) -> Result<Self, Box<Problem>> {
        let body = body.map_err(|rejection| Box::new(rejection.into()))?;
        match serde_json::from_slice::<Value>(&body) {
            Ok(Value::Object(given)) => Ok(Self {
                given,
                known: Vec::new(),
                violations: Vec::new(),
                now,
            }),
            Ok(other) => Err(not_an_object(&other.to_string()).into()),
            Err(error) => Err(not_an_object(&error.to_string()).into()),
        }
    }

    fn fault(&mut self, name: &str, found: impl Into<String>, expected: impl Into<String>) {
        self.violations
            .push(Violation::new(name, found.into(), expected.into()));
    }

    fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let expected = format!("a text of 1 to {TEXT_MAX} characters");
        match self.given.remove(name)? {
            Value::String(text) if (1..=TEXT_MAX).contains(&text.trim().chars().count()) => {
                Some(text.trim().to_owned())
            }
            other => {
                self.fault(name, other.to_string(), expected);
                None
            }
        }
    }

    fn reason(&mut self) -> String {
        let given = self.given.contains_key("reason");
        let reason = self.text("reason");
        if !given {
            self.fault("reason", "nothing", "why: others will ask");
        }
        reason.unwrap_or_default()
    }

    /// A time, or a duration from now on.
    fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        let text = self.text(name)?;
        let ahead = |text: &str| {
            let duration = SignedDuration::try_from(parse_duration(text).ok()?).ok()?;
            self.now.checked_add(duration).ok()
        };
        let time = Timestamp::from_str(&text).ok().or_else(|| ahead(&text));
        if time.is_none() {
            self.fault(
                name,
                format!("{text:?}"),
                "a time such as 2026-11-23T18:00:00Z, or a duration from now such as 10m",
            );
        }
        time
    }

    fn then(&mut self) -> DrainThen {
        match self.text("then").as_deref() {
            None | Some("leave") => DrainThen::Leave,
            Some("cancel") => DrainThen::Cancel,
            Some(other) => {
                self.fault("then", format!("{other:?}"), "leave or cancel");
                DrainThen::Leave
            }
        }
    }

    /// Who wishes it: as they call themselves, else that the API was asked.
    fn author(&mut self, auth: &Auth) -> Option<String> {
        let by_token = || match auth {
            Auth::None => None,
            Auth::Bearer(_) => Some("api".to_owned()),
        };
        self.text("author").or_else(by_token)
    }

    fn finish(mut self) -> Result<(), Box<Problem>> {
        let expected = format!("one of {}", self.known.join(", "));
        for name in self.given.keys() {
            self.violations
                .push(Violation::new(name.clone(), "an unknown field", expected.clone()));
        }
        if self.violations.is_empty() {
            return Ok(());
        }
        Err(Problem::invalid("the wish has faults", self.violations).into())
    }
}

fn not_an_object(found: &str) -> Problem {
    let violation = Violation::new(
        "",
        found.to_owned(),
        "a JSON object such as {\"reason\": \"upgrade\"}",
    );
    Problem::invalid("the body can't be read", vec![violation])
}

/// The cluster in a path, if the configuration names it.
fn named(api: &Api, text: &str) -> Result<ClusterName, Box<Problem>> {
    let known = api.clusters.iter().find(|name| name.as_str() == text);
    known.cloned().ok_or_else(|| {
        let names: Vec<_> = api.clusters.iter().map(ClusterName::as_str).collect();
        let detail = format!("there is no cluster {text:?}, but {}", names.join(", "));
        Problem::new(StatusCode::NOT_FOUND, "unknown-cluster", detail).into()
    })
}

async fn set(api: &Api, name: &ClusterName, wish: ClusterWish) -> Result<Json<ClusterLine>, Problem> {
    tracing::info!(cluster.name = %name, ?wish, "wished");
    api.coordination
        .set_cluster_wish(&api.domain, name, &wish)
        .await?;
    Ok(Json(cluster_line(api, name).await?))
}

async fn remove(api: &Api, name: &ClusterName, kind: WishKind) -> Result<Json<ClusterLine>, Problem> {
    api.coordination
        .remove_cluster_wish(&api.domain, name, kind, None)
        .await?;
    tracing::info!(cluster.name = %name, ?kind, "a wish was taken back");
    Ok(Json(cluster_line(api, name).await?))
}

/// Close a cluster to new submissions; those that are there go on. Body: `reason`, and optionally `until` (a time, or a
/// duration from now) and `author`.
#[utoipa::path(
    put, path = "/v1/clusters/{cluster}/cordon",
    params(("cluster" = String, Path, description = "The cluster's name")),
    request_body(content = serde_json::Value, description = "`{\"reason\": …, \"until\": …, \"author\": …}`", content_type = "application/json"),
    responses(
        (status = 200, description = "It is closed within seconds", body = ClusterLine),
        (status = 400, description = "Invalid, with every violation", body = problem::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such cluster", body = problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn cordon(
    State(api): State<Api>,
    Id(name): Id,
    parameters: Parameters,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<ClusterLine>, Problem> {
    parameters.finish()?;
    let name = named(&api, &name)?;
    let mut fields = Fields::of(body, api.clock.now())?;
    let cordon = Cordon {
        reason: fields.reason(),
        author: fields.author(&api.auth),
        at: fields.now,
        until: fields.time("until"),
    };
    if cordon.is_over(fields.now) {
        fields.fault("until", "a time that has passed", "a time to come");
    }
    fields.finish()?;
    set(&api, &name, ClusterWish::Cordon(cordon)).await
}

/// Open a cluster that was cordoned. A drain, if there is one, stands on.
#[utoipa::path(
    delete, path = "/v1/clusters/{cluster}/cordon",
    params(("cluster" = String, Path, description = "The cluster's name")),
    responses(
        (status = 200, description = "It isn't cordoned any more, within seconds", body = ClusterLine),
        (status = 404, description = "No such cluster", body = problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn uncordon(
    State(api): State<Api>,
    Id(name): Id,
    parameters: Parameters,
) -> Result<Json<ClusterLine>, Problem> {
    parameters.finish()?;
    remove(&api, &named(&api, &name)?, WishKind::Cordon).await
}

/// Empty a cluster: nothing new is placed there; at the deadline what never started waits for another cluster again, and
/// the rest is left or cancelled. Body: `reason`, `deadline` (a time, or a duration from now), and optionally `then`
/// (`leave`, the default, or `cancel`) and `author`.
#[utoipa::path(
    put, path = "/v1/clusters/{cluster}/drain",
    params(("cluster" = String, Path, description = "The cluster's name")),
    request_body(content = serde_json::Value, description = "`{\"reason\": …, \"deadline\": …, \"then\": …, \"author\": …}`", content_type = "application/json"),
    responses(
        (status = 200, description = "It is closed within seconds, and emptied from the deadline on", body = ClusterLine),
        (status = 400, description = "Invalid, with every violation", body = problem::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such cluster", body = problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn drain(
    State(api): State<Api>,
    Id(name): Id,
    parameters: Parameters,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<ClusterLine>, Problem> {
    parameters.finish()?;
    let name = named(&api, &name)?;
    let mut fields = Fields::of(body, api.clock.now())?;
    if !fields.given.contains_key("deadline") {
        fields.fault("deadline", "nothing", "by when it is to be empty, such as 10m");
    }
    let drain = Drain {
        reason: fields.reason(),
        author: fields.author(&api.auth),
        at: fields.now,
        deadline: fields.time("deadline").unwrap_or(fields.now),
        then: fields.then(),
    };
    fields.finish()?;
    set(&api, &name, ClusterWish::Drain(drain)).await
}

/// End a drain: the cluster is open again, unless it is cordoned. What was withdrawn or cancelled stays so.
#[utoipa::path(
    delete, path = "/v1/clusters/{cluster}/drain",
    params(("cluster" = String, Path, description = "The cluster's name")),
    responses(
        (status = 200, description = "It isn't drained any more, within seconds", body = ClusterLine),
        (status = 404, description = "No such cluster", body = problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn undrain(
    State(api): State<Api>,
    Id(name): Id,
    parameters: Parameters,
) -> Result<Json<ClusterLine>, Problem> {
    parameters.finish()?;
    remove(&api, &named(&api, &name)?, WishKind::Drain).await
}

/// Say that what is missing on a cluster is lost: the brake lets go of it. On a cluster that can't be reached, or behind
/// whose name another one answers, all that was live there is. Body: `reason`, and optionally `author`.
#[utoipa::path(
    post, path = "/v1/clusters/{cluster}/confirm-lost",
    params(("cluster" = String, Path, description = "The cluster's name")),
    request_body(content = serde_json::Value, description = "`{\"reason\": …, \"author\": …}`", content_type = "application/json"),
    responses(
        (status = 202, description = "The word stands; the scheduler carries it out and takes it away", body = ClusterLine),
        (status = 400, description = "Invalid, with every violation", body = problem::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such cluster", body = problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn confirm_lost(
    State(api): State<Api>,
    Id(name): Id,
    parameters: Parameters,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<ClusterLine>), Problem> {
    parameters.finish()?;
    let name = named(&api, &name)?;
    let mut fields = Fields::of(body, api.clock.now())?;
    let lost = LostConfirmed {
        reason: fields.reason(),
        author: fields.author(&api.auth),
        at: fields.now,
    };
    fields.finish()?;
    let line = set(&api, &name, ClusterWish::LostConfirmed(lost)).await?;
    Ok((StatusCode::ACCEPTED, line))
}

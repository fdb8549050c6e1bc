//! What people wish of a cluster: closed, emptied, given up for lost.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;

use super::boards::{ClusterLine, cluster_line};
use super::fields::Fields;
use super::problem::Problem;
use super::query::{Id, Parameters};
use super::{Api, problem};
use crate::model::ClusterName;
use crate::ports::store::{ClusterWish, Cordon, Drain, DrainThen, LostConfirmed, WishKind};

/// What a body may look like.
const EXAMPLE: &str = r#"{"reason": "upgrade"}"#;
const PAST: &str = "a time that has passed";

/// The cluster in a path, if it is known.
async fn named(api: &Api, text: &str) -> Result<ClusterName, Problem> {
    let known = api.known_clusters().await?;
    let found = known.iter().find(|name| name.as_str() == text);
    found.cloned().ok_or_else(|| {
        let names: Vec<_> = known.iter().map(ClusterName::as_str).collect();
        let detail = format!("there is no cluster {text:?}, but {}", names.join(", "));
        Problem::new(StatusCode::NOT_FOUND, "unknown-cluster", detail)
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
    let name = named(&api, &name).await?;
    let mut fields = Fields::of(body, EXAMPLE, api.clock.now())?;
    let cordon = Cordon {
        reason: fields.reason(),
        author: fields.author(&api.auth),
        at: fields.now,
        until: fields.time("until"),
    };
    if cordon.is_over(fields.now) {
        fields.fault("until", PAST, "a time to come");
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
    remove(&api, &named(&api, &name).await?, WishKind::Cordon).await
}

/// What becomes of the rest in a drain.
fn then(fields: &mut Fields) -> DrainThen {
    match fields.text("then").as_deref() {
        None | Some("leave") => DrainThen::Leave,
        Some("cancel") => DrainThen::Cancel,
        Some(other) => {
            fields.fault("then", format!("{other:?}"), "leave or cancel");
            DrainThen::Leave
        }
    }
}

/// Empty a cluster: nothing new is placed there. So that it is empty by the deadline, what never started waits for another
/// cluster again `timing.submitSettle` and a minute before it, and the rest is left, or cancelled a minute before it; where
/// the deadline is nearer, at once. Body: `reason`, `deadline` (a time, or a duration from now), and optionally `then`
/// (`leave`, the default, or `cancel`) and `author`.
#[utoipa::path(
    put, path = "/v1/clusters/{cluster}/drain",
    params(("cluster" = String, Path, description = "The cluster's name")),
    request_body(content = serde_json::Value, description = "`{\"reason\": …, \"deadline\": …, \"then\": …, \"author\": …}`", content_type = "application/json"),
    responses(
        (status = 200, description = "It is closed within seconds, and by the deadline rid of what is to go", body = ClusterLine),
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
    let name = named(&api, &name).await?;
    let mut fields = Fields::of(body, EXAMPLE, api.clock.now())?;
    if !fields.has("deadline") {
        fields.fault("deadline", "nothing", "when it is to be empty, such as 10m");
    }
    let drain = Drain {
        reason: fields.reason(),
        author: fields.author(&api.auth),
        at: fields.now,
        deadline: fields.time("deadline").unwrap_or(fields.now),
        then: then(&mut fields),
    };
    if drain.deadline < fields.now {
        fields.fault("deadline", PAST, "now (0s) or a time to come");
    }
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
    remove(&api, &named(&api, &name).await?, WishKind::Drain).await
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
    let name = named(&api, &name).await?;
    let mut fields = Fields::of(body, EXAMPLE, api.clock.now())?;
    let lost = LostConfirmed {
        reason: fields.reason(),
        author: fields.author(&api.auth),
        at: fields.now,
    };
    fields.finish()?;
    let line = set(&api, &name, ClusterWish::LostConfirmed(lost)).await?;
    Ok((StatusCode::ACCEPTED, line))
}

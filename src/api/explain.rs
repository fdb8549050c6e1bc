//! Where a job spec would go now.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;

use super::problem::Problem;
use super::query::Parameters;
use super::submissions::{rejected, text_of};
use super::{Api, problem};
use crate::lookup::Explained;
use crate::ports::service::Answered;

/// Where a job spec would go now if it were its turn, why not to each other cluster, and the figures used. Nothing is
/// taken in, nothing changes.
#[utoipa::path(
    post, path = "/v1/explain",
    request_body(content = serde_json::Value, description = "A job spec as JSON, at most 1 MiB", content_type = "application/json"),
    responses(
        (status = 200, description = "Where it would go, with the age of the figures", body = Explained),
        (status = 400, description = "Invalid, with every violation", body = problem::Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "No scheduler has told yet what it knows, or the store is away", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn explain(
    State(api): State<Api>,
    parameters: Parameters,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Explained>, Problem> {
    parameters.finish()?;
    let body = text_of(body)?;
    match api.service.explain(&body, api.auth.sender()).await? {
        Answered::Explained(explained) => Ok(Json(*explained)),
        Answered::Rejected {
            reason,
            id,
            violations,
        } => Err(rejected(reason, id, violations)),
        Answered::Unknown => Err(Problem {
            retry_after: Some(5),
            ..Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "nothing-known",
                "no active scheduler has told yet what it knows of the clusters; ask again",
            )
        }),
    }
}

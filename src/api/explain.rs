//! Where a job spec would go, asked without submitting it.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;

use super::problem::Problem;
use super::query::Parameters;
use super::submissions::{rejection, sender, utf8};
use super::{Api, problem};
use crate::lookup::Outlook;
use crate::ports::service::Explained;

/// Ask where a job spec would go now, and why not elsewhere. Nothing is submitted or changed.
#[utoipa::path(
    post, path = "/v1/explain",
    request_body(content = serde_json::Value, description = "A job spec as JSON, at most 1 MiB", content_type = "application/json"),
    responses(
        (status = 200, description = "Where it would go if it were its turn, or why it would wait", body = Outlook),
        (status = 400, description = "Invalid, with every violation", body = problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "This pod isn't the active scheduler, which alone knows; ask again", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn explain(
    State(api): State<Api>,
    parameters: Parameters,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Outlook>, Problem> {
    parameters.finish()?;
    let body = body?;
    utf8(&body)?;
    match api.service.explain(&body, sender(&api)).await {
        Explained::Answered(outlook) => Ok(Json(*outlook)),
        Explained::Rejected { reason, violations } => Err(Problem {
            reason: Some(reason),
            ..Problem::invalid(rejection(reason), violations)
        }),
        Explained::Elsewhere => Err(Problem::not_active()),
    }
}

//! One submission: submit, look up, cancel, give up for lost.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};

use super::fields::Fields;
use super::problem::Problem;
use super::query::{Id, Parameters, submission_id};
use super::waiting::{Until, WAIT_MAX};
use super::{Api, problem};
use crate::error::Violation;
use crate::lookup::{History, PlacementView, Status};
use crate::model::SubmissionId;
use crate::ports::service::{Cancelled, Confirmed, Submitted};
use crate::submission::{Reason, Record};

/// Submit a job spec. It is stored before the answer is sent.
#[utoipa::path(
    post, path = "/v1/submissions",
    request_body(content = serde_json::Value, description = "A job spec as JSON, at most 1 MiB", content_type = "application/json"),
    responses(
        (status = 202, description = "Accepted: it stands in the store", body = Status, headers(("Location" = String))),
        (status = 200, description = "The same submission stands already", body = Status, headers(("Location" = String))),
        (status = 400, description = "Invalid, with every violation", body = problem::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Another spec stands under this ID", body = problem::Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn submit(
    State(api): State<Api>,
    parameters: Parameters,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let body = text_of(body)?;
    match api.service.submit(&body, api.auth.sender()).await? {
        Submitted::Accepted(record) => Ok(standing(StatusCode::ACCEPTED, &record, Status::of(&record, None))),
        Submitted::Duplicate(record) => {
            let status = api.status_of(&record).await;
            Ok(standing(StatusCode::OK, &record, status))
        }
        Submitted::Conflict(record) => Err(Problem {
            reason: Some(Reason::Conflict),
            submission_id: Some(record.id.clone()),
            ..Problem::new(
                StatusCode::CONFLICT,
                "conflict",
                format!("another spec stands under the ID {}; it is untouched", record.id),
            )
        }),
        Submitted::Rejected {
            reason,
            id,
            violations,
        } => Err(rejected(reason, id, violations)),
    }
}

/// The body, if it is text.
pub(super) fn text_of(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Box<Problem>> {
    let body = body.map_err(|rejection| Box::new(rejection.into()))?;
    match std::str::from_utf8(&body) {
        Ok(_) => Ok(body),
        Err(error) => Err(Box::new(invalid_utf8(&body, error.valid_up_to()))),
    }
}

/// Every fault of a spec.
pub(super) fn rejected(reason: Reason, id: Option<SubmissionId>, violations: Vec<Violation>) -> Problem {
    Problem {
        reason: Some(reason),
        submission_id: id,
        ..Problem::invalid(rejection(reason), violations)
    }
}

fn standing(code: StatusCode, record: &Record, status: Status) -> Response {
    let location = format!("/v1/submissions/{}", record.id);
    (code, [(LOCATION, location)], Json(status)).into_response()
}

fn rejection(reason: Reason) -> String {
    format!("the submission isn't accepted ({reason}); each violation says what is allowed")
}

fn invalid_utf8(body: &[u8], at: usize) -> Problem {
    let byte = body.get(at).copied().unwrap_or_default();
    let found = format!("byte 0x{byte:02x} at offset {at}");
    Problem {
        reason: Some(Reason::InvalidMessage),
        ..Problem::invalid(
            "the body isn't UTF-8",
            vec![Violation::new("", found, "JSON in UTF-8")],
        )
    }
}

/// Look a submission up.
#[utoipa::path(
    get, path = "/v1/submissions/{id}",
    params(
        ("id" = String, Path, description = "The submission ID"),
        ("wait" = Option<String>, Query, description = "Wait at most so long, such as `30s`, for the ID to appear or its record to change"),
        ("until" = Option<String>, Query, description = "With `wait`: `change` (the default) or `end`"),
    ),
    responses(
        (status = 200, description = "Its status", body = Status),
        (status = 404, description = "An ID nobody knows", body = problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn status(
    State(api): State<Api>,
    Id(id): Id,
    mut parameters: Parameters,
) -> Result<Json<Status>, Problem> {
    let id = submission_id(&id)?;
    let wait = parameters.duration("wait", WAIT_MAX);
    let until = parameters.take("until", |text| match text {
        "change" => Ok(Until::Change),
        "end" => Ok(Until::End),
        _ => Err("change or end".to_owned()),
    });
    parameters.finish()?;
    let found = api
        .record_after(
            &id,
            wait.unwrap_or(Duration::ZERO),
            until.unwrap_or(Until::Change),
        )
        .await?;
    let record = found.ok_or_else(|| Problem::unknown_submission(&id))?;
    Ok(Json(api.status_of(&record).await))
}

/// Ask for a submission's end, also before it arrives.
#[utoipa::path(
    delete, path = "/v1/submissions/{id}",
    params(("id" = String, Path, description = "The submission ID")),
    responses(
        (status = 200, description = "It is CANCELLED, or had ended before: its status", body = Status),
        (status = 202, description = "The wish stands; the attempt is being stopped", body = Status),
        (status = 404, description = "An ID nobody knows: the wish is remembered for `timing.cancelMemory`, and a submission that arrives under it meanwhile is CANCELLED", body = problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn cancel(
    State(api): State<Api>,
    Id(id): Id,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let id = submission_id(&id)?;
    parameters.finish()?;
    let (code, record) = match api.service.cancel(&id).await? {
        Cancelled::Done(record) | Cancelled::Ended(record) => (StatusCode::OK, record),
        Cancelled::Requested(record) => (StatusCode::ACCEPTED, record),
        Cancelled::Unknown { until } => return Err(Problem::remembered(&id, until)),
    };
    Ok((code, Json(api.status_of(&record).await)).into_response())
}

/// Say that the node of a submission's driver is gone: for one whose driver was told to go and doesn't, as its message then
/// says. Its attempt is then over without a proof. Body: `reason`, and optionally `author`.
#[utoipa::path(
    post, path = "/v1/submissions/{id}/confirm-lost",
    params(("id" = String, Path, description = "The submission ID")),
    request_body(content = serde_json::Value, description = "`{\"reason\": …, \"author\": …}`", content_type = "application/json"),
    responses(
        (status = 202, description = "The word stands; the scheduler ends the attempt", body = Status),
        (status = 400, description = "Invalid, with every violation", body = problem::Problem, content_type = "application/problem+json"),
        (status = 404, description = "An ID nobody knows", body = problem::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its driver is in no such doubt", body = problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn confirm_lost(
    State(api): State<Api>,
    Id(id): Id,
    parameters: Parameters,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let id = submission_id(&id)?;
    parameters.finish()?;
    let mut fields = Fields::of(body, r#"{"reason": "its machine was removed"}"#, api.clock.now())?;
    let (reason, author) = (fields.reason(), fields.author(&api.auth));
    fields.finish()?;
    let why = author.map_or(reason.clone(), |author| format!("{reason} ({author})"));
    match api.service.confirm_lost(&id, &why).await? {
        Confirmed::Taken(record) => {
            tracing::warn!(submission.id = %id, why, "its driver's node is gone, says a person");
            Ok((StatusCode::ACCEPTED, Json(api.status_of(&record).await)).into_response())
        }
        Confirmed::NotInDoubt(record) => Err(Problem::not_in_doubt(&record)),
        Confirmed::Unknown => Err(Problem::unknown_submission(&id)),
    }
}

/// Every transition of a submission.
#[utoipa::path(
    get, path = "/v1/submissions/{id}/history",
    params(("id" = String, Path, description = "The submission ID")),
    responses(
        (status = 200, description = "Its transitions, oldest first", body = History),
        (status = 404, description = "An ID nobody knows", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn history(
    State(api): State<Api>,
    Id(id): Id,
    parameters: Parameters,
) -> Result<Json<History>, Problem> {
    parameters.finish()?;
    Ok(Json(History::from(&known(&api, &id).await?)))
}

/// Why a submission's cluster was chosen.
#[utoipa::path(
    get, path = "/v1/submissions/{id}/placement",
    params(("id" = String, Path, description = "The submission ID")),
    responses(
        (status = 200, description = "The placement of its current attempt, where one was made", body = PlacementView),
        (status = 404, description = "An ID nobody knows", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn placement(
    State(api): State<Api>,
    Id(id): Id,
    parameters: Parameters,
) -> Result<Json<PlacementView>, Problem> {
    parameters.finish()?;
    Ok(Json(PlacementView::from(&known(&api, &id).await?)))
}

async fn known(api: &Api, id: &str) -> Result<Record, Problem> {
    let id = submission_id(id)?;
    let record = api.record(&id).await?;
    record.ok_or_else(|| Problem::unknown_submission(&id))
}

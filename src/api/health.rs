//! Health and figures, on a port of their own.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::problem::{Problem, unknown_path};
use crate::ports::service::Service;
use crate::telemetry::Metrics;

/// What health is read from.
#[derive(Clone)]
pub struct Health {
    /// Knows what is missing.
    pub service: Arc<dyn Service>,
    /// The process's figures.
    pub metrics: Arc<Metrics>,
}

/// `/healthz` (the process answers), `/readyz` (it can do its work; 503 with every missing thing otherwise), `/metrics`.
pub fn health_router(health: Health) -> Router {
    Router::new()
        .route("/healthz", get(async || Json(json!({"status": "ok"}))))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(unknown_path)
        .with_state(health)
}

async fn ready(State(health): State<Health>) -> Response {
    let missing = health.service.readiness().missing;
    if missing.is_empty() {
        return Json(json!({"status": "ready"})).into_response();
    }
    let mut problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", missing.join("; "));
    problem.retry_after = Some(1);
    problem.missing = missing;
    problem.into_response()
}

async fn metrics(State(health): State<Health>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], health.metrics.render()).into_response()
}

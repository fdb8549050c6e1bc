//! What queues and clusters say of themselves.

use axum::Json;
use axum::extract::State;
use futures::future::try_join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Api;
use super::problem::{self, Problem};
use super::query::Parameters;
use crate::model::timestamp_text;
use crate::ports::store::WaitingHead;

/// All job queues.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Queues {
    /// In the configuration's order.
    pub(super) queues: Vec<QueueLine>,
}

/// One job queue as the active scheduler last saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct QueueLine {
    /// Its name.
    pub(super) name: String,
    /// How many submissions wait.
    pub(super) waiting: u64,
    /// How many are live.
    pub(super) live: u64,
    /// Why its heads wait.
    pub(super) heads: Vec<WaitingHead>,
    /// When that was written; absent where no scheduler has written yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<String>,
}

/// All clusters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Clusters {
    /// In the configuration's order.
    pub(super) clusters: Vec<ClusterLine>,
}

/// One cluster as the active scheduler last saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct ClusterLine {
    /// Its name.
    pub(super) name: String,
    /// Whether it takes jobs; absent where no scheduler has written yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) healthy: Option<bool>,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    /// How many submissions are live there.
    pub(super) live: u64,
    /// When that was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<String>,
}

fn text(at: Option<Timestamp>) -> Option<String> {
    at.map(timestamp_text)
}

/// The job queues and why their heads wait.
#[utoipa::path(
    get, path = "/v1/queues",
    responses(
        (status = 200, description = "The job queues", body = Queues),
        (status = 503, description = "The store is away", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn queues(State(api): State<Api>, parameters: Parameters) -> Result<Json<Queues>, Problem> {
    parameters.finish()?;
    let lines = api.queues.iter().map(async |name| {
        let board = api
            .coordination
            .queue(&api.domain, name)
            .await?
            .unwrap_or_default();
        Ok::<_, Problem>(QueueLine {
            name: name.to_string(),
            waiting: board.waiting,
            live: board.live,
            heads: board.heads,
            at: text(board.at),
        })
    });
    Ok(Json(Queues {
        queues: try_join_all(lines).await?,
    }))
}

/// The clusters and whether they take jobs.
#[utoipa::path(
    get, path = "/v1/clusters",
    responses(
        (status = 200, description = "The clusters", body = Clusters),
        (status = 503, description = "The store is away", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn clusters(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Json<Clusters>, Problem> {
    parameters.finish()?;
    let lines = api.clusters.iter().map(async |name| {
        let board = api.coordination.cluster(&api.domain, name).await?;
        let healthy = board.as_ref().map(|b| b.healthy);
        let board = board.unwrap_or_default();
        Ok::<_, Problem>(ClusterLine {
            name: name.to_string(),
            healthy,
            message: board.message,
            live: board.live,
            at: text(board.at),
        })
    });
    Ok(Json(Clusters {
        clusters: try_join_all(lines).await?,
    }))
}

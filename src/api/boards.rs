//! What queues and clusters say of themselves.

use axum::Json;
use axum::extract::State;
use futures::future::try_join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Api;
use super::problem::{self, Problem};
use super::query::Parameters;
use crate::model::{ClusterName, timestamp_text};
use crate::ports::store::{Cordon, Drain, LostConfirmed, WaitingHead};

/// All job queues.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Queues {
    /// In the configuration's order.
    pub queues: Vec<QueueLine>,
}

/// One job queue as the active scheduler last saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QueueLine {
    /// Its name.
    pub name: String,
    /// How many submissions wait.
    pub waiting: u64,
    /// How many are live.
    pub live: u64,
    /// Why its heads wait.
    pub heads: Vec<WaitingHead>,
    /// When that was written; absent where no scheduler has written yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// All clusters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Clusters {
    /// In the configuration's order, then those that it names no longer and on which something may still live.
    pub clusters: Vec<ClusterLine>,
}

/// One cluster as the active scheduler last saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterLine {
    /// Its name.
    pub name: String,
    /// Whether it answers and isn't resting after a fault: one that is `closed` takes no jobs though healthy. Absent where no
    /// scheduler has written yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy: Option<bool>,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How many submissions are live there.
    pub live: u64,
    /// Whether the configuration names it no longer: it takes no new jobs, and is told of until nothing lives there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
    /// Why missing objects aren't called lost, where too many are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake: Option<String>,
    /// How and why the active scheduler has closed it: the wish below has taken effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
    /// To be closed to new submissions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cordon: Option<Cordon>,
    /// To be emptied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<Drain>,
    /// A person's word that what is missing is lost, until it is carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_confirmed: Option<LostConfirmed>,
    /// When the first of these were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// A cluster as its item tells of it. A cordon that has ended by itself isn't told.
pub(super) async fn cluster_line(api: &Api, name: &ClusterName) -> Result<ClusterLine, Problem> {
    let board = api.coordination.cluster(&api.domain, name).await?;
    let wishes = api.coordination.cluster_wishes(&api.domain, name).await?;
    let (now, healthy) = (api.clock.now(), board.as_ref().map(|b| b.healthy));
    let board = board.unwrap_or_default();
    let removed = !api.clusters.contains(name);
    Ok(ClusterLine {
        name: name.to_string(),
        healthy,
        message: board.message,
        live: board.live,
        removed,
        brake: board.brake,
        closed: board.closed,
        cordon: wishes.cordon.filter(|cordon| !cordon.is_over(now)),
        drain: wishes.drain,
        lost_confirmed: wishes.lost_confirmed,
        at: text(board.at),
    })
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
    let names = api.known_clusters().await?;
    let lines = names.iter().map(|name| cluster_line(&api, name));
    Ok(Json(Clusters {
        clusters: try_join_all(lines).await?,
    }))
}

//! The HTTP API: submit, look up, list, cancel, and what queues and clusters say of themselves. Errors are RFC 9457
//! problems; the OpenAPI document is made from the handlers.

mod auth;
mod boards;
mod cancellations;
mod explain;
mod fields;
mod health;
mod list;
mod problem;
mod query;
mod recent;
mod search;
mod submissions;
#[cfg(test)]
mod tests;
mod waiting;
mod wishes;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use auth::Auth;
pub use boards::{ClusterLine, Clusters, QueueLine, Queues};
pub use health::{Health, health_router};
pub use problem::Problem;

use crate::model::{Clock, ClusterName, Domain, QueueName};
use crate::ports::Error;
use crate::ports::service::Service;
use crate::ports::store::{Coordination, Store};

/// The largest body of a request, in bytes.
pub const BODY_MAX: usize = 1024 * 1024;

/// What the API works with.
#[derive(Clone)]
pub struct Api {
    /// Where lookups read.
    pub store: Arc<dyn Store>,
    /// Where boards are read.
    pub coordination: Arc<dyn Coordination>,
    /// Takes submissions and cancels in.
    pub service: Arc<dyn Service>,
    /// For ages and the day that a list begins with.
    pub clock: Arc<dyn Clock>,
    /// The domain whose boards are shown.
    pub domain: Domain,
    /// The job queues that lists and boards cover.
    pub queues: Vec<QueueName>,
    /// The clusters that boards cover.
    pub clusters: Vec<ClusterName>,
    /// Who may call.
    pub auth: Auth,
    /// Cancelled when the process is about to stop: requests that wait answer then with what they have.
    pub stopping: CancellationToken,
}

impl Api {
    /// The clusters of the configuration, then those that have left it and on which something may still live.
    async fn known_clusters(&self) -> Result<Vec<ClusterName>, Error> {
        let mut known = self.clusters.clone();
        let sections = self.coordination.cluster_sections(&self.domain).await?;
        known.extend(sections.into_keys().filter(|name| !self.clusters.contains(name)));
        Ok(known)
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Spark Broker",
        description = "Submit Spark applications and look them up. Errors are RFC 9457 problems."
    ),
    components(schemas(Problem))
)]
struct Document;

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(submissions::submit, list::list))
        .routes(routes!(submissions::status, submissions::cancel))
        .routes(routes!(submissions::confirm_lost))
        .routes(routes!(submissions::history))
        .routes(routes!(submissions::placement))
        .routes(routes!(cancellations::cancel_many))
        .routes(routes!(explain::explain))
        .routes(routes!(boards::queues))
        .routes(routes!(boards::clusters))
        .routes(routes!(wishes::cordon, wishes::uncordon))
        .routes(routes!(wishes::drain, wishes::undrain))
        .routes(routes!(wishes::confirm_lost))
}

/// The OpenAPI document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().split_for_parts().1
}

/// All routes of the API.
pub fn router(deps: Api) -> axum::Router {
    let (router, document) = routes().split_for_parts();
    let guard = middleware::from_fn_with_state(deps.auth.clone(), auth::check);
    // Layers wrap the routes added before them: the document is for everybody, /v1 for those who may.
    router
        .layer(guard)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .route(
            "/openapi.json",
            axum::routing::get(move || async move { axum::Json(document) }),
        )
        .fallback(problem::unknown_path)
        .method_not_allowed_fallback(problem::unknown_method)
        .with_state(deps)
}

/// From the last accepted connection to the end of those that have sent nothing: what a caller has just written is read.
const LINGER: Duration = Duration::from_millis(100);

/// Serves `router` until `stop` and until the requests under way are answered.
pub async fn serve(listener: TcpListener, router: axum::Router, stop: CancellationToken) -> io::Result<()> {
    let open = Open {
        listener,
        stop: stop.clone(),
    };
    let shutdown = async move {
        stop.cancelled().await;
        tokio::time::sleep(LINGER).await;
    };
    axum::serve(open, router).with_graceful_shutdown(shutdown).await
}

/// A listener that accepts until `stop`; who calls later is for another that shares the socket.
struct Open {
    listener: TcpListener,
    stop: CancellationToken,
}

impl Listener for Open {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let accepted = Listener::accept(&mut self.listener);
        match self.stop.run_until_cancelled(accepted).await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

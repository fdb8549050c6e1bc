//! What people and their machines do in a run: they send jobs and cancels, look at what there is, close a cluster for a
//! while, and delete an object by hand. Whatever isn't answered they try again.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use spark_broker::adapters::simulated::SimulatedCluster;
use spark_broker::api::{Api, Auth, router};
use spark_broker::app::Parts;
use spark_broker::broker::explaining::Explainer;
use spark_broker::broker::gate::Gate;
use spark_broker::broker::service::Broker;
use spark_broker::broker::storing::Records;
use spark_broker::model::ObjectUid;
use spark_broker::ports::Error;
use spark_broker::ports::cluster::Cluster;
use spark_broker::ports::queue::SubmissionQueue;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::ledger::Ledger;
use crate::queue::MemoryQueue;
use crate::run::spec;
use crate::workload::{CANCELLED_BEFORE, CANCELLED_SOON, CANCELLED_WHILE_IT_RUNS, DELETED, specs};

const AGAIN: Duration = Duration::from_secs(1);
/// How long something is let run before it is stopped: it is known as RUNNING by then.
const WATCHED: Duration = Duration::from_secs(25);
/// From the first messages to the last one and the first look.
const LATER: Duration = Duration::from_secs(40);

/// They talk to a pod that doesn't lead.
pub struct People {
    api: axum::Router,
    queue: Arc<MemoryQueue>,
    ledger: Ledger,
}

/// Calls until there is an answer.
pub async fn answered<T, Fut: Future<Output = Result<T, Error>>>(call: impl Fn() -> Fut) -> T {
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(_) => sleep(AGAIN).await,
        }
    }
}

impl People {
    pub fn of(parts: &Parts, queue: &Arc<MemoryQueue>, ledger: &Ledger) -> Self {
        Self {
            api: surface(parts),
            queue: Arc::clone(queue),
            ledger: ledger.clone(),
        }
    }

    /// Does all that they do, until `scene` is over.
    pub async fn while_they_live<T>(&self, scene: impl Future<Output = T>) -> T {
        let living = async {
            tokio::join!(
                self.submit(),
                self.cancel_what_runs(),
                self.delete_by_hand(),
                self.look()
            );
            std::future::pending().await
        };
        tokio::select! {
            over = scene => over,
            () = living => unreachable!("it never ends"),
        }
    }

    async fn send(&self, body: &Value) {
        let body = body.to_string();
        answered(|| self.queue.send(&body)).await;
    }

    async fn submit(&self) {
        self.send(&json!({"cancel": CANCELLED_BEFORE})).await;
        let (late, soon): (Vec<_>, Vec<_>) = specs().into_iter().partition(|(id, _)| id == CANCELLED_BEFORE);
        for (_, spec) in soon {
            self.send(&spec).await;
        }
        self.send(&json!({"cancel": CANCELLED_SOON})).await;
        sleep(LATER).await;
        for (_, spec) in late {
            self.send(&spec).await;
        }
    }

    async fn cancel_what_runs(&self) {
        self.until_it_runs(CANCELLED_WHILE_IT_RUNS).await;
        self.send(&json!({"cancel": CANCELLED_WHILE_IT_RUNS})).await;
    }

    async fn delete_by_hand(&self) {
        let (cluster, name, uid) = self.until_it_runs(DELETED).await;
        answered(|| cluster.delete(&name, &uid)).await;
    }

    /// Where its object stands, some time after its driver has started.
    async fn until_it_runs(&self, id: &str) -> (Arc<SimulatedCluster>, String, ObjectUid) {
        loop {
            sleep(AGAIN).await;
            if let Some(found) = self.ledger.runs_on(id) {
                sleep(WATCHED).await;
                return found;
            }
        }
    }

    async fn look(&self) {
        sleep(LATER).await;
        self.ask("PUT", "/v1/clusters/b/cordon", &json!({"reason": "upgrade"}))
            .await;
        self.ask("GET", "/v1/submissions?queue=dev", &Value::Null).await;
        self.ask("GET", "/v1/queues", &Value::Null).await;
        self.ask("GET", "/v1/clusters", &Value::Null).await;
        self.ask("POST", "/v1/explain", &spec("asked")).await;
        sleep(WATCHED).await;
        self.ask("DELETE", "/v1/clusters/b/cordon", &Value::Null).await;
    }

    /// Asks until nothing is away.
    async fn ask(&self, method: &str, path: &str, body: &Value) {
        loop {
            let request = Request::builder().method(method).uri(path);
            let request = request.body(Body::from(body.to_string())).unwrap();
            let status = self.api.clone().oneshot(request).await.unwrap().status();
            if !status.is_server_error() {
                assert!(status.is_success(), "{method} {path}: {status}");
                return;
            }
            sleep(AGAIN).await;
        }
    }
}

/// The API of a pod that only looks things up.
fn surface(parts: &Parts) -> axum::Router {
    let (inputs, _) = mpsc::channel(1);
    let (_, held) = watch::channel(None);
    let service = Broker {
        acceptor: Arc::clone(&parts.acceptor),
        records: Records {
            store: Arc::clone(&parts.store),
            clock: Arc::clone(&parts.clock),
            rules: parts.rules.clone(),
            domain: parts.domain.clone(),
            cancel_memory: parts.cancel_memory,
        },
        gate: Gate::default(),
        queues: Vec::new(),
        arrivals: inputs.clone(),
        lease_seen: watch::channel(true).1,
        held: held.clone(),
        metrics: Arc::clone(&parts.metrics),
        explainer: Explainer {
            coordination: Arc::clone(&parts.coordination),
            domain: parts.domain.clone(),
            clock: Arc::clone(&parts.clock),
            inputs,
            held,
        },
    };
    router(Api {
        store: Arc::clone(&parts.store),
        coordination: Arc::clone(&parts.coordination),
        service: Arc::new(service),
        clock: Arc::clone(&parts.clock),
        domain: parts.domain.clone(),
        queues: parts
            .routing
            .queues
            .iter()
            .map(|queue| queue.name.clone())
            .collect(),
        clusters: parts
            .routing
            .clusters
            .iter()
            .map(|cluster| cluster.name.clone())
            .collect(),
        auth: Auth::None,
        stopping: CancellationToken::new(),
    })
}

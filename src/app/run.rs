//! A pod's life: everything started in order, run until a signal, and stopped within the grace.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::acceptance::Acceptor;
use crate::api;
use crate::broker::active::Candidate;
use crate::broker::explaining::Explainer;
use crate::broker::gate::{Gate, Reach};
use crate::broker::hands::{Hands, MakeObject};
use crate::broker::intake::Intake;
use crate::broker::lease::{Election, Held, Keeper};
use crate::broker::plan::Settling;
use crate::broker::removed::Sections;
use crate::broker::scheduler::{Input, RecordCycle};
use crate::broker::service::Broker;
use crate::broker::storing::Records;
use crate::broker::supervise::{Kind, Tasks};
use crate::lifecycle::Rules;
use crate::model::{Clock, ClusterName, Domain, InstallationId, QueueName};
use crate::ports::cluster::Cluster;
use crate::ports::queue::SubmissionQueue;
use crate::ports::service::Service;
use crate::ports::store::{Coordination, Store};
use crate::routing::Settings;
use crate::telemetry::Metrics;

/// New submissions that this pod's intake may be ahead of its scheduler; beyond, the scheduler reads them from the store.
const ARRIVALS: usize = 10_000;

/// What a pod is made of.
pub struct Parts {
    /// The scheduling domain.
    pub domain: Domain,
    /// Whose objects are ours.
    pub installation: InstallationId,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Records.
    pub store: Arc<dyn Store>,
    /// Lease and boards.
    pub coordination: Arc<dyn Coordination>,
    /// Submission queues, each with the job queue of specs that name none.
    pub queues: Vec<(Arc<dyn SubmissionQueue>, Option<QueueName>)>,
    /// The clusters.
    pub clusters: HashMap<ClusterName, Arc<dyn Cluster>>,
    /// What routing is told.
    pub routing: Settings,
    /// How clusters are reached, those too that aren't configured any more.
    pub sections: Sections,
    /// Makes records of requests.
    pub acceptor: Arc<Acceptor>,
    /// Makes objects of records.
    pub make_object: MakeObject,
    /// The rules of the lifecycle.
    pub rules: Rules,
    /// Settling times.
    pub settling: Settling,
    /// How long the lease lasts.
    pub lease: Duration,
    /// How long a cancel for an unknown ID is remembered, in seconds.
    pub cancel_memory: i64,
    /// Who may call the API.
    pub auth: api::Auth,
    /// Where the API listens.
    pub api: TcpListener,
    /// Where health and figures are served.
    pub health: TcpListener,
    /// How long a stop may take.
    pub grace: Duration,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Where scheduling cycles are written down, if they are.
    pub record_cycle: Option<RecordCycle>,
}

/// A pod that runs.
pub struct Running {
    tasks: Tasks,
    grace: Duration,
    /// Where the API listens.
    pub api: Option<SocketAddr>,
    /// Where health and figures are served.
    pub health: Option<SocketAddr>,
}

impl Parts {
    /// Starts everything.
    pub fn start(self) -> Running {
        let tasks = Tasks::default();
        let stop = tasks.stop();
        let (held, held_seen) = watch::channel(None);
        let (lease_seen, lease_was_seen) = watch::channel(false);
        let (arrivals, arrived) = mpsc::channel(ARRIVALS);
        let gate = Gate::default();
        let (api, health) = (self.api.local_addr().ok(), self.health.local_addr().ok());
        let grace = self.grace;

        tasks.start(
            Kind::Essential,
            "gate",
            gate.clone().keep(Arc::clone(&self.store), stop.clone()),
        );
        tasks.start(
            Kind::Essential,
            "election",
            self.election(held, lease_seen, gate.clone()).run(stop.clone()),
        );
        let scheduling = self
            .candidate(held_seen.clone())
            .serve(held_seen.clone(), arrived, stop.clone());
        tasks.start(Kind::Essential, "scheduler", scheduling);
        let queues = self.start_intake(&tasks, &gate, &arrivals);
        let explainer = Explainer {
            coordination: Arc::clone(&self.coordination),
            domain: self.domain.clone(),
            clock: Arc::clone(&self.clock),
            inputs: arrivals.clone(),
            held: held_seen.clone(),
        };
        let broker: Arc<dyn Service> = Arc::new(Broker {
            acceptor: Arc::clone(&self.acceptor),
            records: self.records(),
            gate,
            queues,
            arrivals,
            lease_seen: lease_was_seen,
            held: held_seen,
            metrics: Arc::clone(&self.metrics),
            explainer,
        });
        self.serve(&tasks, broker, stop);
        Running {
            tasks,
            grace,
            api,
            health,
        }
    }

    fn records(&self) -> Records {
        Records {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            rules: self.rules.clone(),
            domain: self.domain.clone(),
            cancel_memory: self.cancel_memory,
        }
    }

    fn election(&self, held: watch::Sender<Option<Held>>, seen: watch::Sender<bool>, gate: Gate) -> Election {
        Election {
            coordination: Arc::clone(&self.coordination),
            clock: Arc::clone(&self.clock),
            domain: self.domain.clone(),
            keeper: Keeper::new(uuid::Uuid::new_v4().to_string(), self.lease),
            held,
            seen,
            gate,
            metrics: Arc::clone(&self.metrics),
        }
    }

    fn candidate(&self, held: watch::Receiver<Option<Held>>) -> Candidate {
        Candidate {
            domain: self.domain.clone(),
            installation: self.installation.clone(),
            rules: self.rules.clone(),
            settling: self.settling.clone(),
            hands: Hands::new(
                Arc::clone(&self.store),
                Arc::new(self.clusters.clone()),
                Arc::clone(&self.clock),
                held,
                Arc::clone(&self.make_object),
            ),
            routing: self.routing.clone(),
            sections: self.sections.clone(),
            coordination: Arc::clone(&self.coordination),
            metrics: Arc::clone(&self.metrics),
            record_cycle: self.record_cycle.clone(),
        }
    }

    fn start_intake(&self, tasks: &Tasks, gate: &Gate, arrivals: &mpsc::Sender<Input>) -> Vec<Reach> {
        let mut reaches = Vec::new();
        for (queue, default_queue) in &self.queues {
            let reach = Reach::default();
            let intake = Intake {
                queue: Arc::clone(queue),
                default_queue: default_queue.clone(),
                acceptor: Arc::clone(&self.acceptor),
                records: self.records(),
                gate: gate.clone(),
                arrivals: arrivals.clone(),
                metrics: Arc::clone(&self.metrics),
                reach: reach.clone(),
                stop: tasks.stop(),
                pollers: AtomicUsize::new(0),
            };
            Arc::new(intake).start(tasks);
            reaches.push(reach);
        }
        reaches
    }

    fn serve(self, tasks: &Tasks, service: Arc<dyn Service>, stop: CancellationToken) {
        let health = api::health_router(api::Health {
            service: Arc::clone(&service),
            metrics: self.metrics,
        });
        let router = api::router(api::Api {
            store: self.store,
            coordination: self.coordination,
            service,
            clock: self.clock,
            domain: self.domain,
            queues: self.routing.queues.iter().map(|q| q.name.clone()).collect(),
            clusters: self.routing.clusters.iter().map(|c| c.name.clone()).collect(),
            auth: self.auth,
            stopping: stop.clone(),
        });
        for (name, listener, router) in [("api", self.api, router), ("health", self.health, health)] {
            let stopped = stop.clone();
            tasks.start(Kind::Essential, name, async move {
                if let Err(error) = api::serve(listener, router, stopped).await {
                    tracing::error!(%error, "an HTTP server ended");
                }
            });
        }
    }
}

impl Running {
    /// The tasks, to start more beside them.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Runs until SIGTERM, SIGINT or `enough`, then stops within the grace. A second signal ends the process at once.
    pub async fn until(self, enough: CancellationToken) -> ExitCode {
        let mut signals = StopSignals::new();
        self.ended(&enough, &mut signals).await;
        tokio::select! {
            code = self.stop() => code,
            () = signals.next() => ExitCode::from(130),
        }
    }

    /// Returns when it is time to stop: at a signal, `enough`, or the end of a task that must not end.
    pub(super) async fn ended(&self, enough: &CancellationToken, signals: &mut StopSignals) {
        let failed = self.tasks.failed();
        tokio::select! {
            () = signals.next() => tracing::info!("stopping"),
            () = enough.cancelled() => {}
            () = failed.cancelled() => {}
        }
    }

    /// Stops within the grace.
    pub(super) async fn stop(self) -> ExitCode {
        tokio::select! {
            () = self.tasks.shut_down() => {}
            () = tokio::time::sleep(self.grace) => tracing::warn!("the grace for stopping is over"),
        }
        if self.tasks.failed().is_cancelled() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// SIGTERM and SIGINT. None that comes after the making is missed.
pub(super) struct StopSignals(Vec<Signal>);

impl StopSignals {
    pub(super) fn new() -> Self {
        let kinds = [SignalKind::terminate(), SignalKind::interrupt()];
        Self(kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect())
    }

    pub(super) async fn next(&mut self) {
        let mut signals = self.0.iter_mut();
        match (signals.next(), signals.next()) {
            (Some(one), Some(other)) => tokio::select! {
                _ = one.recv() => {}
                _ = other.recv() => {}
            },
            (Some(one), None) => _ = one.recv().await,
            (None, _) => std::future::pending().await,
        }
    }
}

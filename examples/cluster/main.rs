//! A cluster to play with, the one that the tests run on: a real Kubernetes control plane, Kubeflow's Spark operator with
//! Spark's own spark-submit, and nodes and pods that KWOK plays. It runs until Ctrl-C; then its processes and its folder
//! are gone.
//!
//! `cargo run --example cluster -- --webhook --nodes 3`

#[path = "../../tests/support/cluster/mod.rs"]
mod cluster;

use std::io::{self, Write};

use clap::Parser;
use cluster::{ControlPlane, Node, Operator, OperatorOptions, Options, User, WebhookOptions, documents};

/// The rights of the broker in a cluster that runs its jobs.
const RBAC: &str = include_str!("../../deploy/target-cluster/rbac.yaml");

/// Start a Kubernetes control plane with the Spark operator on this machine, and print its kubeconfig
#[derive(Debug, Parser)]
struct Arguments {
    /// Run the operator's webhook
    #[arg(long)]
    webhook: bool,
    /// The number of nodes, of 16 cores and 64 GiB each
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    nodes: u32,
    /// The namespace of the jobs
    #[arg(long, default_value = "spark-jobs", value_name = "NAME")]
    namespace: String,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let plane = ControlPlane::start(Options {
        service_accounts: true,
        ..Options::whole()
    })
    .await;
    let _operator = tokio::select! {
        operator = furnish(&plane, &arguments) => operator,
        stopped = stopped() => return stopped,
    };
    tell(&plane, &arguments)?;
    stopped().await
}

/// Nodes, operator and the broker's rights.
async fn furnish(plane: &ControlPlane, arguments: &Arguments) -> Operator {
    for number in 1..=arguments.nodes {
        plane
            .add_node(&Node::new(&format!("node-{number}"), "16", "64Gi"))
            .await;
    }
    let namespace = arguments.namespace.as_str();
    let options = OperatorOptions {
        webhook: arguments.webhook.then(|| WebhookOptions::new(false)),
        ..OperatorOptions::of(namespace)
    };
    let operator = Operator::start(plane, options).await;
    let subject = format!("kind: User\n    name: {}", User::Broker.name());
    let rights = RBAC
        .replace("spark-jobs", namespace)
        .replace("kind: Group\n    name: spark-broker", &subject);
    for object in documents(&rights) {
        plane.apply(&object, Some(namespace)).await;
    }
    operator
}

fn tell(plane: &ControlPlane, arguments: &Arguments) -> io::Result<()> {
    let admin = plane.kubeconfig(User::Admin);
    let broker = plane.kubeconfig(User::Broker);
    let (all, ours) = (User::Admin.name(), User::Broker.name());
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "kubeconfig {} (context {all}: may do everything)",
        admin.display()
    )?;
    writeln!(
        out,
        "kubeconfig {} (context {ours}: what deploy/target-cluster gives)",
        broker.display()
    )?;
    writeln!(
        out,
        "jobs in namespace {}, drivers as service account {}; logs in {}",
        arguments.namespace,
        cluster::DRIVER_ACCOUNT,
        plane.folder().display()
    )?;
    writeln!(
        out,
        "KUBECONFIG={} spark-broker dev --kube-context {ours}",
        broker.display()
    )?;
    writeln!(out, "Ctrl-C ends it")?;
    out.flush()
}

/// Returns when somebody asks for the end.
async fn stopped() -> io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

//! `spark-broker dev`: SQS and DynamoDB endpoints, table, queues and clusters in one process, the broker with its real
//! adapters over them.

use std::io::IsTerminal;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::assembly::{Places, StartError};
use super::reload::{Pods, Watched, text};
use super::{DevOptions, Installation, Lasting, Running, Viewer, check_config, jobs, runtime};
use crate::adapters::aws::Aws;
use crate::adapters::dynamodb::table;
use crate::adapters::embedded::{Embedded, Options};
use crate::adapters::sqs::create_queues;
use crate::config::{Config, Connect, QueueRef, Target};
use crate::model::{Domain, SubmissionId, SystemClock};
use crate::telemetry;

/// The built-in configuration.
const BUILT_IN: &str = include_str!("dev.yaml");

/// Runs the embedded default until it is told to stop or, with jobs, until all of them have ended.
pub fn dev(options: &DevOptions, viewer: &mut dyn Viewer) -> ExitCode {
    let text = options.config.as_deref().and_then(text);
    let started = telemetry::init(&options.log, options.log_format)
        .map_err(|error| StartError::Configuration(error.to_string()))
        .and_then(|()| configuration(options));
    let outcome = started.and_then(|config| {
        let runtime = runtime().map_err(|error| StartError::Unavailable(error.to_string()))?;
        runtime.block_on(run(options, config, text, viewer))
    });
    outcome.unwrap_or_else(|error| {
        viewer.note(&error.to_string());
        ExitCode::from(error.exit_code())
    })
}

fn configuration(options: &DevOptions) -> Result<Config, StartError> {
    let config = match &options.config {
        Some(path) => check_config(path),
        None => Config::check(BUILT_IN),
    };
    let mut config = config.map_err(|faults| StartError::Configuration(faults.to_string()))?;
    let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    config.api.listen = loopback(options.api_port);
    config.health = loopback(options.health_port);
    if !options.kube_contexts.is_empty() {
        real_clusters(&mut config, &options.kube_contexts)?;
    }
    Ok(config)
}

/// Clusters of the kubeconfig in the place of the simulated ones, each named after its context, all with the settings of
/// the first.
fn real_clusters(config: &mut Config, contexts: &[String]) -> Result<(), StartError> {
    let Some(model) = config.clusters.first().cloned() else {
        return Ok(());
    };
    config.clusters.clear();
    for context in contexts {
        let dns: String = context
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        let named = dns.trim_matches('-').parse();
        let name = named.map_err(|_| {
            StartError::Configuration(format!("--kube-context: {context:?} makes no cluster name"))
        })?;
        let mut cluster = model.clone();
        cluster.settings.name = name;
        cluster.rules.name = cluster.settings.name.clone();
        cluster.section = None;
        cluster.target = Target::SparkOperator(Connect::Kubeconfig {
            file: None,
            context: Some(context.clone()),
        });
        config.clusters.push(cluster);
    }
    Ok(())
}

async fn run(
    options: &DevOptions,
    config: Config,
    text: Option<String>,
    viewer: &mut dyn Viewer,
) -> Result<ExitCode, StartError> {
    let watched = Watched::new(options.config.clone(), text);
    let endpoints = Options {
        sqs_port: options.sqs_port,
        dynamodb_port: options.dynamodb_port,
        data_dir: options.data_dir.clone(),
    };
    let embedded = Embedded::start(endpoints)
        .await
        .map_err(|error| StartError::Configuration(error.to_string()))?;
    let aws = Aws::embedded(embedded.sqs_url(), embedded.dynamodb_url());
    let pods = Pods {
        read: || configuration(options),
        prepare: async |config: &Config| make(config, &aws).await,
        aws: aws.clone(),
        places: places(options),
    };
    let running = pods.parts(&config).await?.start();
    for line in greeting(&embedded, &running, &config) {
        viewer.note(&line);
    }
    let api = running.api;
    let enough = CancellationToken::new();
    let mut stopped = std::pin::pin!(pods.run(config.clone(), watched, running, enough.clone()));
    let code = tokio::select! {
        code = &mut stopped => code,
        ended = watch_jobs(options, &config, &aws, viewer) => {
            jobs::say_how_to_look_up(&ended?, api, viewer);
            // A person at a terminal looks around; a script wants its prompt back.
            if std::io::stdout().is_terminal() {
                viewer.note("still running: Ctrl-C ends it");
            } else {
                enough.cancel();
            }
            stopped.await
        }
    };
    embedded.stop().await;
    Ok(code)
}

/// Never returns where there are no jobs to watch.
async fn watch_jobs(
    options: &DevOptions,
    config: &Config,
    aws: &Aws,
    viewer: &mut dyn Viewer,
) -> Result<Vec<SubmissionId>, StartError> {
    match &options.jobs {
        Some(path) => jobs::drop_and_watch(path, config, aws, viewer).await,
        None => std::future::pending().await,
    }
}

/// Makes the table and the queues.
async fn make(config: &Config, aws: &Aws) -> Result<(), StartError> {
    let unavailable = |error: crate::ports::Error| StartError::Unavailable(error.to_string());
    table::ensure(&aws.dynamodb(), &config.store.table)
        .await
        .map_err(unavailable)?;
    for intake in &config.intake {
        if let QueueRef::Name(name) = &intake.queue {
            let dead_letter = intake
                .dead_letter_queue
                .clone()
                .unwrap_or_else(|| format!("{name}-dlq"));
            create_queues(&aws.sqs(), name, &dead_letter)
                .await
                .map_err(unavailable)?;
        }
    }
    Ok(())
}

fn places(options: &DevOptions) -> Places {
    // With a data directory the records of the last run go on; without, nobody else's objects must look like ours.
    let data_dir = options.data_dir.as_deref();
    let domain = match data_dir {
        Some(_) => None,
        None => random_domain(),
    };
    Places {
        domain,
        installation: Installation::Refuse,
        clock: Arc::new(SystemClock),
        data_dir: data_dir.map(|dir| dir.join("clusters")),
        record_cycles: options.record_cycles.clone(),
        lasting: Lasting::default(),
    }
}

fn random_domain() -> Option<Domain> {
    format!("dev-{:08x}", rand::random::<u32>()).parse().ok()
}

fn greeting(embedded: &Embedded, running: &Running, config: &Config) -> Vec<String> {
    let address = |address: Option<SocketAddr>| address.map_or_else(|| "?".into(), |a| a.to_string());
    let simulated = config
        .clusters
        .iter()
        .filter(|c| matches!(c.target, Target::Simulated { .. }))
        .count();
    let clusters: Vec<&str> = config.clusters.iter().map(|c| c.settings.name.as_str()).collect();
    let kind = if simulated > 0 {
        "simulated clusters"
    } else {
        "clusters"
    };
    vec![
        format!(
            "SQS       {}  (queue {})",
            embedded.sqs_url(),
            intake_names(config)
        ),
        format!(
            "DynamoDB  {}  (table {})",
            embedded.dynamodb_url(),
            config.store.table
        ),
        format!("API       http://{}", address(running.api)),
        format!("health    http://{}", address(running.health)),
        format!("{kind}: {}", clusters.join(", ")),
    ]
}

fn intake_names(config: &Config) -> String {
    let name = |queue: &QueueRef| match queue {
        QueueRef::Name(name) => name.clone(),
        QueueRef::Url(url) => url.clone(),
    };
    config
        .intake
        .iter()
        .map(|intake| name(&intake.queue))
        .collect::<Vec<_>>()
        .join(", ")
}

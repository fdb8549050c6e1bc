//! `spark-broker serve`: a pod against AWS.

use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::assembly::Places;
use super::reload::{Pods, Watched, text};
use super::{Lasting, ServeOptions, check_config, runtime};
use crate::adapters::aws::{Aws, Endpoints};
use crate::config::Config;
use crate::model::SystemClock;
use crate::telemetry;

/// Runs the broker until it is told to stop. A bad configuration ends it with 78, a service out of reach with 69.
pub fn serve(options: &ServeOptions) -> ExitCode {
    let text = text(&options.config);
    let config = match check_config(&options.config) {
        Ok(config) => config,
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::from(78);
        }
    };
    if let Err(error) = telemetry::init(&options.log, options.log_format) {
        eprintln!("{error}");
        return ExitCode::from(2);
    }
    for warning in &config.warnings {
        tracing::warn!(warning, "the configuration is allowed, yet looks like a mistake");
    }
    match runtime() {
        Ok(runtime) => runtime.block_on(run(config, text, options)),
        Err(error) => {
            tracing::error!(%error, "the system gives no threads");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config, text: Option<String>, options: &ServeOptions) -> ExitCode {
    let watched = Watched::new(Some(options.config.clone()), text);
    let endpoints = Endpoints {
        sqs: config.endpoints.sqs.clone(),
        dynamodb: config.endpoints.dynamodb.clone(),
        eks: config.endpoints.eks.clone(),
    };
    let pods = Pods {
        read: || Ok(check_config(&options.config)?),
        prepare: async |_: &Config| Ok(()),
        aws: Aws::load(endpoints).await,
        places: Places {
            domain: None,
            installation: options.installation,
            clock: Arc::new(SystemClock),
            data_dir: None,
            record_cycles: options.record_cycles.clone(),
            lasting: Lasting::default(),
        },
    };
    match pods.parts(&config).await {
        Ok(parts) => {
            pods.run(config, watched, parts.start(), CancellationToken::new())
                .await
        }
        Err(error) => {
            tracing::error!(%error, "the broker can't start");
            ExitCode::from(error.exit_code())
        }
    }
}

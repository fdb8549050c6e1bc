//! What this program is when it starts itself: an endpoint of AWS, or a broker that the shipped program can't be.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use spark_broker::adapters::aws::{Aws, Endpoints};
use spark_broker::adapters::embedded::{Embedded, Options};
use spark_broker::app::{Installation, Lasting, Places, assemble, check_config};
use spark_broker::model::{Clock, SystemClock};
use spark_broker::telemetry;
use tokio_util::sync::CancellationToken;

use crate::seeded::{Bug, seed};

/// The first argument of a program that is to play a role.
pub const ROLE: &str = "--play";

/// Plays the role that `arguments` name after [`ROLE`].
pub fn play(arguments: &[String]) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    match arguments {
        [role] if role == "endpoints" => runtime.block_on(endpoints()),
        [role, config, ahead, bug] if role == "broker" => {
            runtime.block_on(broker(Path::new(config), ahead.parse().unwrap(), Bug::named(bug)))
        }
        other => panic!("no such role: {other:?}"),
    }
}

/// Serves SQS and DynamoDB until it is killed; tells where.
async fn endpoints() -> ExitCode {
    let embedded = Embedded::start(Options::default()).await.unwrap();
    println!("{} {} served", embedded.sqs_url(), embedded.dynamodb_url());
    std::future::pending().await
}

/// `serve` with a wall clock that is `ahead` by so many seconds, and perhaps with a bug.
async fn broker(config: &Path, ahead: i64, bug: Option<Bug>) -> ExitCode {
    let config = check_config(config).unwrap_or_else(|faults| panic!("{faults}"));
    telemetry::init("info", telemetry::Format::Json).unwrap();
    let endpoints = Endpoints {
        sqs: config.endpoints.sqs.clone(),
        dynamodb: config.endpoints.dynamodb.clone(),
        eks: None,
    };
    let aws = Aws::load(endpoints).await;
    let places = Places {
        domain: None,
        clock: Arc::new(Ahead(SignedDuration::from_secs(ahead))),
        installation: Installation::Refuse,
        data_dir: None,
        record_cycles: None,
        lasting: Lasting::default(),
    };
    let mut parts = assemble(&config, &aws, places)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    seed(&mut parts, bug);
    parts.start().until(CancellationToken::new()).await
}

/// The machine's clock, set wrong.
#[derive(Debug)]
struct Ahead(SignedDuration);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.0
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }
}

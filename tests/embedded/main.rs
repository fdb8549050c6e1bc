//! The adapters for SQS and DynamoDB: the contract suites of their ports, on the embedded endpoints or on those that
//! `SPARK_BROKER_TEST_AWS` names (one URL for both), and what the embedded endpoints themselves promise.

#![allow(clippy::unwrap_used, reason = "a test may stop at a fault")]

mod confirmed;
mod coordination;
mod costs;
mod endpoints;
mod fixture;
mod indexes;
mod installation;
mod queue;
mod records;
mod specs;
mod table;
mod wishes;

#[path = "../support/table.rs"]
mod documented_table;

use spark_broker::adapters::aws::Aws;
use spark_broker::adapters::embedded::{Embedded, Options};

/// Endpoints, clients for them, and names that no other test uses.
struct Harness {
    _embedded: Option<Embedded>,
    aws: Aws,
    suffix: String,
}

impl Harness {
    async fn start() -> Self {
        let (embedded, aws) =
            match std::env::var_os("SPARK_BROKER_TEST_AWS").and_then(|url| url.into_string().ok()) {
                Some(url) => (None, Aws::embedded(&url, &url)),
                None => {
                    let (embedded, aws) = embedded(Options::default()).await;
                    (Some(embedded), aws)
                }
            };
        Self {
            _embedded: embedded,
            aws,
            suffix: uuid::Uuid::new_v4().simple().to_string(),
        }
    }

    /// `base` made unique.
    fn name(&self, base: &str) -> String {
        format!("{base}-{}", self.suffix)
    }
}

async fn embedded(options: Options) -> (Embedded, Aws) {
    let embedded = Embedded::start(options).await.unwrap();
    let aws = Aws::embedded(embedded.sqs_url(), embedded.dynamodb_url());
    (embedded, aws)
}

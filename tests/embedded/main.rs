//! The adapters for SQS and DynamoDB against the embedded endpoints: the contract suites of the ports, and what the
//! endpoints themselves promise.

#![allow(clippy::unwrap_used)]

mod endpoints;
mod coordination;
mod queue;
mod store;
mod table;

use spark_broker::adapters::aws::Aws;
use spark_broker::adapters::embedded::{Embedded, Options};

/// Endpoints of a test's own, and clients for them.
struct Harness {
    embedded: Embedded,
    aws: Aws,
}

impl Harness {
    async fn start() -> Self {
        Self::with(Options::default()).await
    }

    async fn with(options: Options) -> Self {
        let embedded = Embedded::start(options).await.unwrap();
        let aws = Aws::embedded(embedded.sqs_url(), embedded.dynamodb_url());
        Self { embedded, aws }
    }
}

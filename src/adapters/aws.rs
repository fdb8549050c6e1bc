//! AWS clients: where credentials, region and endpoints come from, how long a call may take, and what a failure means.
//!
//! The SDK's standard retries stay on, three tries in all: they bridge a reset connection or one throttled request.
//! Whoever calls decides about anything longer, by the error's class. A retried write may have happened at its first
//! try: conditional writes recognise that, and a message that is sent twice is received twice.

use std::fmt::Display;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::ports;

/// Tries of one call, the first included.
const TRIES: u32 = 3;
/// For a TCP and TLS connection.
const CONNECT: Duration = Duration::from_secs(3);
/// From the request to the first byte of the answer. Above the 20 s of a long poll, which is silent until its end.
const SQS_READ: Duration = Duration::from_secs(25);
/// One try of a DynamoDB call; a healthy one takes milliseconds.
const DYNAMODB_TRY: Duration = Duration::from_secs(5);
/// The pause before the first retry grows from about this; the SDK's own default is a second.
const DYNAMODB_BACKOFF: Duration = Duration::from_millis(50);

/// Endpoints in place of AWS's own; absent: the SDK's choice, which heeds `AWS_ENDPOINT_URL_SQS` and the like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Endpoints {
    /// URL of the SQS endpoint.
    pub sqs: Option<String>,
    /// URL of the DynamoDB endpoint.
    pub dynamodb: Option<String>,
    /// URL of the EKS endpoint.
    pub eks: Option<String>,
}

/// Makes clients that share credentials and region.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
    endpoints: Endpoints,
}

impl Aws {
    /// Credentials and region by the SDK's own chain: environment, profile, web identity, container, instance.
    pub async fn load(endpoints: Endpoints) -> Self {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
            .load()
            .await;
        Self { config, endpoints }
    }

    /// For the embedded endpoints, which take any credentials. Reads nothing from the environment, so that a `dev` on a
    /// machine with real credentials never leaves it.
    pub fn embedded(sqs_url: &str, dynamodb_url: &str) -> Self {
        let credentials = Credentials::new("embedded", "embedded", None, None, "embedded");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
            .build();
        let endpoints = Endpoints {
            sqs: Some(sqs_url.to_owned()),
            dynamodb: Some(dynamodb_url.to_owned()),
            eks: None,
        };
        Self { config, endpoints }
    }

    /// The EKS endpoint in place of AWS's own.
    pub fn eks_endpoint(&self) -> Option<&str> {
        self.endpoints.eks.as_deref()
    }

    /// Credentials, region and the rest, for other clients.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// A client for SQS.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SQS_READ)
            .build();
        let mut config = aws_sdk_sqs::config::Builder::from(&self.config).timeout_config(timeouts);
        if let Some(url) = &self.endpoints.sqs {
            config = config.endpoint_url(url);
        }
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    /// A client for DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::from_conf(self.dynamodb_config().build())
    }

    /// A client for DynamoDB whose answers `watcher` sees.
    pub fn dynamodb_seen_by(
        &self,
        watcher: impl aws_sdk_dynamodb::config::Intercept + 'static,
    ) -> aws_sdk_dynamodb::Client {
        let config = self.dynamodb_config().interceptor(watcher);
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    fn dynamodb_config(&self) -> aws_sdk_dynamodb::config::Builder {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(DYNAMODB_TRY)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(TRIES)
            .with_initial_backoff(DYNAMODB_BACKOFF);
        let mut config = aws_sdk_dynamodb::config::Builder::from(&self.config)
            .timeout_config(timeouts)
            .retry_config(retries);
        if let Some(url) = &self.endpoints.dynamodb {
            config = config.endpoint_url(url);
        }
        config
    }
}

/// Codes of errors that pass: throttling, faults on the other side, and rights that a person may mend, under
/// the names that the services give them. No message is to blame for any of them.
const PASSING: [&str; 23] = [
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InvalidSignatureException",
    "KMS.ThrottlingException",
    "KmsAccessDenied",
    "KmsThrottled",
    "OverLimit",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "UnrecognizedClientException",
];

/// What an SDK error means to the caller of a port. `call` names the operation and what it was for.
pub(super) fn port_error<E>(call: impl Display, error: SdkError<E, HttpResponse>) -> ports::Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let text = match error.as_service_error().map(|e| (e.code(), e.message())) {
        Some((Some(code), message)) => format!("{call}: {code}: {}", message.unwrap_or_default()),
        Some((None, _)) | None => format!("{call}: {}", chain(&error)),
    };
    match &error {
        // Never sent: a parameter is missing or malformed.
        SdkError::ConstructionFailure(_) => ports::Error::permanent(text),
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            let passing = context.err().code().is_some_and(|code| PASSING.contains(&code));
            let oversized = context.err().code() == Some("ValidationException")
                && context.err().message().is_some_and(|m| m.contains("Item size"));
            if oversized {
                ports::Error::too_large(text)
            } else if passing || status >= 500 || status == 429 {
                ports::Error::throttled(text, retry_after(context.raw()))
            } else {
                ports::Error::permanent(text)
            }
        }
        // Time-outs, connections that failed or broke, answers that make no sense, and credentials that can't be had now.
        _ => ports::Error::transient(text),
    }
}

/// The error and its causes. The SDK's own display of both adds the whole answer, bodies of messages included.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

//! The file as it is written. Every key is optional here: what must be there is checked later, together with all else.
//! The JSON Schema is made from these types.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Number, Value};

use super::raw_cluster::RawCluster;
use crate::routing::{Order, Policy};

/// A part of a job spec, merged with others into the effective one.
pub(super) type PartialSpec = Map<String, Value>;

/// Settings of Spark Broker.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Spark Broker configuration")]
pub(super) struct Raw {
    /// The set of job queues and clusters that are scheduled together. Default: `default`.
    pub(super) domain: Option<String>,
    /// The submission queues.
    pub(super) intake: Option<Vec<RawIntake>>,
    /// The table.
    pub(super) store: Option<RawStore>,
    /// The HTTP API.
    pub(super) api: Option<RawApi>,
    /// Health and figures.
    pub(super) health: Option<RawHealth>,
    /// How long a stop may take, such as `25s`, the default.
    pub(super) shutdown_grace: Option<String>,
    /// The lease of the active scheduler.
    pub(super) lease: Option<RawLease>,
    /// Times of the protocol.
    pub(super) timing: Option<RawTiming>,
    /// A partial job spec that yields to all else.
    pub(super) defaults: Option<PartialSpec>,
    /// A partial job spec that wins over the user's.
    pub(super) overrides: Option<PartialSpec>,
    /// Images by Spark version and type, for specs that name none.
    pub(super) images: Option<Vec<RawImage>>,
    /// The job queues.
    pub(super) queues: Option<Vec<RawQueue>>,
    /// The clusters.
    pub(super) clusters: Option<Vec<RawCluster>>,
    /// AWS.
    pub(super) aws: Option<RawAws>,
}

/// A submission queue.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawIntake {
    /// Its name; or `queueUrl`.
    pub(super) queue_name: Option<String>,
    /// Its URL; or `queueName`.
    pub(super) queue_url: Option<String>,
    /// Its dead-letter queue. Default: the one of its redrive policy.
    pub(super) dead_letter_queue_name: Option<String>,
    /// The job queue of specs that name none.
    pub(super) default_queue: Option<String>,
}

/// The table.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawStore {
    /// Its name. Default: `spark-broker`.
    pub(super) table: Option<String>,
    /// How long ended records are kept. Default: `30d`.
    pub(super) retention: Option<String>,
}

/// The HTTP API.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawApi {
    /// Address and port. Default: `127.0.0.1:8080`.
    pub(super) listen: Option<String>,
    /// Who may call; required where `listen` is beyond loopback.
    pub(super) auth: Option<RawAuth>,
}

/// Who may call: the word `none`, or a file with a bearer token.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawAuth {
    /// `none`: everybody.
    Word(String),
    /// Those who hold a token.
    File(RawTokenFile),
}

/// A file with a bearer token.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawTokenFile {
    /// Its path.
    pub(super) token_file: Option<String>,
}

/// Health and figures.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawHealth {
    /// Address and port. Default: `0.0.0.0:8081`.
    pub(super) listen: Option<String>,
}

/// The lease of the active scheduler.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawLease {
    /// How long a silent holder is waited for. Default: `12s`.
    pub(super) duration: Option<String>,
}

/// Times of the protocol.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawTiming {
    /// Between two sights of an object's absence before its attempt is given up. Default: `90s`.
    pub(super) create_settle: Option<String>,
    /// How long after an object's deletion its pods may still appear. Default: `3m`.
    pub(super) submit_settle: Option<String>,
    /// How long after a record's end its unfinished object is left alone. Default: `10m`.
    pub(super) end_settle: Option<String>,
    /// How long an object must be missing before its submission is lost; and a cluster be unreachable before a confirmed
    /// loss means all that is there. Default: `60s`.
    pub(super) lost_settle: Option<String>,
    /// How long a cluster with `onUnreachable: move` may be silent before jobs on their way to it go elsewhere. Default:
    /// `10m`.
    pub(super) failover_after: Option<String>,
    /// How long a cancel for an unknown ID is remembered. Default: `1h`.
    pub(super) cancel_memory: Option<String>,
}

/// An image for specs that name none.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawImage {
    /// For this Spark version.
    pub(super) spark_version: Option<String>,
    /// For these types: `Java`, `Scala`, `Python`, `R`. Default: all.
    pub(super) types: Option<Vec<String>>,
    /// The image.
    pub(super) image: Option<String>,
}

/// A job queue.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawQueue {
    /// Its name: a DNS label.
    pub(super) name: Option<String>,
    /// Its weight against the other queues. Default: 1.
    #[schemars(range(min = 1))]
    pub(super) weight: Option<u32>,
    /// How a cluster is picked. Default: `weighted`.
    pub(super) policy: Option<Policy>,
    /// Whether later submissions may pass a head that fits nowhere. Default: `best-effort-fifo`.
    pub(super) order: Option<Order>,
    /// How many submissions, from the head, are considered in a cycle. Default: 100.
    #[schemars(range(min = 1))]
    pub(super) lookahead: Option<u32>,
    /// How long a head lets others pass before a cluster is held for it. Default: `15m`.
    pub(super) max_bypass: Option<String>,
    /// Its limits.
    pub(super) limits: Option<RawQueueLimits>,
    /// A partial job spec that yields to the user's.
    pub(super) defaults: Option<PartialSpec>,
    /// A partial job spec that wins over the user's.
    pub(super) overrides: Option<PartialSpec>,
    /// What alone is allowed; absent: everything.
    pub(super) allow: Option<RawAllow>,
    /// What is forbidden.
    pub(super) deny: Option<RawDeny>,
}

/// Limits of a job queue.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawQueueLimits {
    /// Most live submissions.
    #[schemars(range(min = 1))]
    pub(super) max_live: Option<u64>,
    /// Most cores of its live submissions together, as a Kubernetes quantity.
    pub(super) cores: Option<RawQuantity>,
    /// Most memory of its live submissions together, as a Kubernetes quantity.
    pub(super) memory: Option<RawQuantity>,
    /// Most executors of one submission.
    #[schemars(range(min = 1))]
    pub(super) max_executors: Option<u32>,
}

/// What alone is allowed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawAllow {
    /// Who may send.
    pub(super) senders: Option<Vec<String>>,
    /// Images.
    pub(super) images: Option<Vec<String>>,
    /// Service accounts.
    pub(super) service_accounts: Option<Vec<String>>,
}

/// What is forbidden.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawDeny {
    /// Keys of `sparkConf`, as regular expressions.
    pub(super) spark_conf: Option<Vec<String>>,
}

/// A Kubernetes quantity: a number, or text such as `500m` or `4Ti`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawQuantity {
    /// A bare number.
    Number(Number),
    /// A number with a suffix.
    Text(String),
}

/// AWS.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawAws {
    /// Endpoints in place of AWS's own.
    pub(super) endpoints: Option<RawEndpoints>,
}

/// URLs of endpoints.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawEndpoints {
    /// Of SQS.
    pub(super) sqs: Option<String>,
    /// Of DynamoDB.
    pub(super) dynamodb: Option<String>,
    /// Of EKS.
    pub(super) eks: Option<String>,
    /// Of STS.
    pub(super) sts: Option<String>,
}

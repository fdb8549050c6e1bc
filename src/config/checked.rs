//! The settings once they are known to be right.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::acceptance::{ClusterRules, Layers, QueueRules};
use crate::model::{Domain, QueueName, Resources};
use crate::routing::{ClusterSettings, QueueSettings};
use crate::spec::Image;

/// All settings of a process.
#[derive(Debug, Clone)]
pub struct Config {
    /// The scheduling domain.
    pub domain: Domain,
    /// The submission queues.
    pub intake: Vec<Intake>,
    /// The table.
    pub store: StoreSettings,
    /// The HTTP API.
    pub api: ApiSettings,
    /// Where health and figures listen.
    pub health: SocketAddr,
    /// How long a stop may take.
    pub shutdown_grace: Duration,
    /// How long a silent holder of the lease is waited for.
    pub lease: Duration,
    /// Times of the protocol.
    pub timing: Timing,
    /// Global defaults and overrides.
    pub layers: Layers,
    /// Images by Spark version and type.
    pub images: Vec<Image>,
    /// The job queues, at least one.
    pub queues: Vec<Queue>,
    /// The clusters, at least one.
    pub clusters: Vec<Cluster>,
    /// Endpoints in place of AWS's own.
    pub endpoints: Endpoints,
    /// What is allowed and still looks like a mistake, one sentence each.
    pub warnings: Vec<String>,
}

/// A submission queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    /// The queue; never a FIFO queue.
    pub queue: QueueRef,
    /// Its dead-letter queue's name; absent: by its redrive policy.
    pub dead_letter_queue: Option<String>,
    /// The job queue of specs that name none.
    pub default_queue: Option<QueueName>,
}

/// What names a submission queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueRef {
    /// Its name, in the account and region of the AWS SDK's own chain.
    Name(String),
    /// Its URL.
    Url(String),
}

/// The table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// Its name.
    pub table: String,
    /// How long ended records are kept.
    pub retention: Duration,
}

/// The HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Who may call.
    pub auth: AuthSettings,
}

/// Who may call the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthSettings {
    /// Everybody.
    None,
    /// Whoever holds the bearer token in this file.
    TokenFile(PathBuf),
}

/// Times of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Between two sights of an object's absence before its attempt is given up.
    pub create_settle: Duration,
    /// How long after an object's deletion its pods may still appear.
    pub submit_settle: Duration,
    /// How long after a record's end its unfinished object is left alone.
    pub end_settle: Duration,
    /// How long an object must be missing before its submission is lost, and stand before a driver's end counts whose pod
    /// was deleted.
    pub lost_settle: Duration,
    /// How long a cluster may be silent before jobs on their way to it go elsewhere.
    pub failover_after: Duration,
    /// How long a cancel for an unknown ID is remembered.
    pub cancel_memory: Duration,
}

/// A job queue.
#[derive(Debug, Clone)]
pub struct Queue {
    /// What routing is told.
    pub settings: QueueSettings,
    /// Its defaults, overrides and guard rails.
    pub rules: QueueRules,
}

/// A cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// What routing is told.
    pub settings: ClusterSettings,
    /// How it is reached.
    pub target: Target,
    /// The queue of the capacity source `yunikorn`.
    pub yunikorn: Option<Yunikorn>,
    /// How long ended objects stay there, its defaults and overrides.
    pub rules: ClusterRules,
    /// Its section of the file, as JSON text; absent where it isn't of the file.
    pub section: Option<String>,
}

/// What stands behind a cluster's name.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A namespace with a Spark operator.
    SparkOperator(Connect),
    /// Simulated in the process.
    Simulated {
        /// How many nodes.
        nodes: u32,
        /// What each of them has.
        node: Resources,
    },
}

/// How an API server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connect {
    /// By a kubeconfig.
    Kubeconfig {
        /// Its path; absent: where kubectl looks.
        file: Option<PathBuf>,
        /// Its context; absent: the current one.
        context: Option<String>,
    },
    /// EKS, with a token minted from AWS credentials.
    Eks {
        /// The EKS cluster's name.
        name: String,
        /// Its region; absent: the AWS SDK's own.
        region: Option<String>,
        /// A role to assume first.
        role_arn: Option<String>,
    },
    /// The cluster that this process runs in.
    InCluster,
    /// By address and token file.
    Token {
        /// The API server's URL.
        server: String,
        /// Its certificate authority; absent: the machine's own.
        certificate_authority: Option<PathBuf>,
        /// A file with a bearer token.
        token_file: PathBuf,
    },
}

/// A queue of YuniKorn's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yunikorn {
    /// Its full path.
    pub queue: String,
    /// Its partition.
    pub partition: String,
    /// Where the REST API is.
    pub at: YunikornAt,
}

/// Where YuniKorn's REST API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum YunikornAt {
    /// At this URL.
    Url(String),
    /// Behind a service of the cluster, by the API server's proxy.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its port.
        port: u16,
    },
}

/// Endpoints in place of AWS's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Endpoints {
    /// Of SQS.
    pub sqs: Option<String>,
    /// Of DynamoDB.
    pub dynamodb: Option<String>,
    /// Of EKS.
    pub eks: Option<String>,
    /// Of STS.
    pub sts: Option<String>,
}

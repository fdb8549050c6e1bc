//! What can be written on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::cancel::Cancel;
use super::clusters::{Clusters, Listing, Why};
use crate::app::{DevOptions, Installation, ServeOptions};
use crate::model::{QueueName, SubmissionId};
use crate::telemetry::Format;

const EXIT_CODES: &str = "Exit codes: 0 done or succeeded, 1 ended otherwise or refused, 2 wrong usage, 3 unknown ID, \
                          69 a service is unavailable, 78 bad configuration";

/// Spark Broker: drop a Spark job on a queue; it runs on one of your clusters and can be looked up by its ID.
#[derive(Debug, Parser)]
#[command(name = "spark-broker", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Cli {
    /// What is logged, such as `info` or `info,spark_broker=debug`
    #[arg(
        long,
        global = true,
        env = "SPARK_BROKER_LOG",
        default_value = "info",
        value_name = "FILTER"
    )]
    pub log: String,
    /// How a log line looks
    #[arg(long, global = true, env = "SPARK_BROKER_LOG_FORMAT", default_value = "auto")]
    pub log_format: LogFormat,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise
    Auto,
    /// For people
    Pretty,
    /// One JSON object a line
    Json,
}

impl From<LogFormat> for Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Auto => Self::Auto,
            LogFormat::Pretty => Self::Pretty,
            LogFormat::Json => Self::Json,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the broker
    Serve(Serve),
    /// Run everything in one process, without account or cluster: SQS and DynamoDB endpoints, broker, simulated clusters
    Dev(Dev),
    /// Submit SparkApplication manifests or job specs
    Submit(Submit),
    /// Look a submission up
    Status(Status),
    /// List submissions, newest first
    List(List),
    /// Ask for the end of a submission, or of all of a queue, label, application name, cluster or state
    Cancel(Cancel),
    /// Say that the node of a submission's driver is gone, where its status says that the driver doesn't go
    ConfirmLost(LostSubmission),
    /// Tell where a job would go now, and why not elsewhere; submits nothing
    Explain(Explain),
    /// Clusters: list, close, empty or give up one
    Clusters(Clusters),
    /// List the job queues and why their heads wait
    Queues(Listing),
    /// Check a configuration, telling every fault at once
    CheckConfig {
        /// The configuration file
        #[arg(long, short, env = "SPARK_BROKER_CONFIG", value_name = "FILE")]
        config: PathBuf,
    },
    /// Print the OpenAPI document of the HTTP API
    Openapi,
    /// Print the JSON Schema of the configuration
    ConfigSchema,
}

/// Options of `confirm-lost`.
#[derive(Debug, Args)]
pub struct LostSubmission {
    /// The submission ID
    pub id: SubmissionId,
    /// Why.
    #[command(flatten)]
    pub why: Why,
    /// The API.
    #[command(flatten)]
    pub api: ApiOptions,
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// The configuration file; read again when it changes, and on SIGHUP
    #[arg(long, short, env = "SPARK_BROKER_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
    /// What to do where the table is a copy of another, or was restored; without it the broker refuses to start
    #[arg(long, value_name = "WHAT")]
    pub installation: Option<CopiedTable>,
    /// Write each scheduling cycle to this file, one JSON object a line: what it was given and what it decided
    #[arg(long, value_name = "FILE")]
    pub record_cycles: Option<PathBuf>,
}

/// What to do with a copied table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CopiedTable {
    /// The table that it was copied from is gone: go on as the same installation
    Keep,
    /// Be another installation: nothing on the clusters is ours
    New,
}

impl Serve {
    pub(super) fn options(self, log: String, log_format: Format) -> ServeOptions {
        ServeOptions {
            config: self.config,
            installation: match self.installation {
                None => Installation::Refuse,
                Some(CopiedTable::Keep) => Installation::Keep,
                Some(CopiedTable::New) => Installation::New,
            },
            record_cycles: self.record_cycles,
            log,
            log_format,
        }
    }
}

/// Options of `dev`.
#[derive(Debug, Args)]
pub struct Dev {
    /// Port of the SQS endpoint; 0: any
    #[arg(long, default_value_t = 9324, value_name = "PORT")]
    pub sqs_port: u16,
    /// Port of the DynamoDB endpoint; 0: any
    #[arg(long, default_value_t = 8000, value_name = "PORT")]
    pub dynamodb_port: u16,
    /// Port of the HTTP API; 0: any
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    pub api_port: u16,
    /// Port of health and figures; 0: any
    #[arg(long, default_value_t = 8081, value_name = "PORT")]
    pub health_port: u16,
    /// Keep data in this directory; default: in memory
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// A context of the kubeconfig in place of the simulated clusters; repeatable
    #[arg(long = "kube-context", value_name = "CONTEXT")]
    pub kube_contexts: Vec<String>,
    /// Drop these jobs (a file or a directory), show them until all have ended, then stop
    #[arg(long, value_name = "PATH")]
    pub jobs: Option<PathBuf>,
    /// A configuration in place of the built-in one
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Write each scheduling cycle to this file, one JSON object a line: what it was given and what it decided
    #[arg(long, value_name = "FILE")]
    pub record_cycles: Option<PathBuf>,
}

impl Dev {
    pub(super) fn options(self, log: String, log_format: Format) -> DevOptions {
        DevOptions {
            sqs_port: self.sqs_port,
            dynamodb_port: self.dynamodb_port,
            api_port: self.api_port,
            health_port: self.health_port,
            data_dir: self.data_dir,
            kube_contexts: self.kube_contexts,
            jobs: self.jobs,
            config: self.config,
            record_cycles: self.record_cycles,
            log,
            log_format,
        }
    }
}

/// How the API is reached, and how answers look.
#[derive(Debug, Clone, Args)]
pub struct ApiOptions {
    /// The API's address
    #[arg(
        long,
        env = "SPARK_BROKER_API",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    pub api: String,
    /// A file with the API's bearer token
    #[arg(long, env = "SPARK_BROKER_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// How the answer looks
    #[arg(long, short, default_value = "table", value_name = "FORM")]
    pub output: Output,
}

/// How an answer looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Table,
    /// For programs: the JSON that the API gives
    Json,
}

/// Options of `submit`.
#[derive(Debug, Args)]
pub struct Submit {
    /// A file with SparkApplication manifests or job specs, YAML or JSON, parted by `---`; `-`: standard input;
    /// repeatable
    #[arg(long = "file", short, value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The job queue of those that name none
    #[arg(long, value_name = "NAME")]
    pub queue: Option<QueueName>,
    /// Wait for its end
    #[arg(long)]
    pub wait: bool,
    /// The API.
    #[command(flatten)]
    pub api: ApiOptions,
}

/// Options of `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// A file with job specs or SparkApplication manifests, as for `submit`; `-`: standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The job queue of those that name none
    #[arg(long, value_name = "NAME")]
    pub queue: Option<QueueName>,
    /// The API.
    #[command(flatten)]
    pub api: ApiOptions,
}

/// Options of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// The submission ID
    pub id: SubmissionId,
    /// Show each change until its end
    #[arg(long, conflicts_with = "wait")]
    pub watch: bool,
    /// Wait for its end
    #[arg(long)]
    pub wait: bool,
    /// The API.
    #[command(flatten)]
    pub api: ApiOptions,
}

/// Options of `list`.
#[derive(Debug, Args)]
pub struct List {
    /// Only this job queue
    #[arg(long)]
    pub queue: Option<String>,
    /// Only these states, joined by commas
    #[arg(long)]
    pub state: Option<String>,
    /// Accepted since: a time, or a duration back from now such as 24h
    #[arg(long)]
    pub since: Option<String>,
    /// Most submissions
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// The API.
    #[command(flatten)]
    pub api: ApiOptions,
}

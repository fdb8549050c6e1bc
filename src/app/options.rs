//! What the command line tells the program.

use std::path::PathBuf;

use crate::lookup::Status;
use crate::telemetry::Format;

/// What to do with a table that is a copy of another, or was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Installation {
    /// Refuse to start.
    #[default]
    Refuse,
    /// The table that it was copied from is gone: go on as the same installation.
    Keep,
    /// Be another installation: nothing on the clusters is ours.
    New,
}

/// Options of `serve`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeOptions {
    /// The configuration file.
    pub config: PathBuf,
    /// What to do with a copied table.
    pub installation: Installation,
    /// The file to which scheduling cycles are written; absent: none.
    pub record_cycles: Option<PathBuf>,
    /// What is logged, in the form of `RUST_LOG`.
    pub log: String,
    /// How a log line looks.
    pub log_format: Format,
}

/// Options of `dev`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevOptions {
    /// Port of the SQS endpoint on 127.0.0.1; 0: any.
    pub sqs_port: u16,
    /// Port of the DynamoDB endpoint on 127.0.0.1; 0: any.
    pub dynamodb_port: u16,
    /// Port of the API on 127.0.0.1; 0: any.
    pub api_port: u16,
    /// Port of health and figures on 127.0.0.1; 0: any.
    pub health_port: u16,
    /// Where data is kept; absent: in memory.
    pub data_dir: Option<PathBuf>,
    /// Contexts of the kubeconfig in place of the simulated clusters.
    pub kube_contexts: Vec<String>,
    /// A file or a directory of job specs to drop on the queue and to show until all have ended.
    pub jobs: Option<PathBuf>,
    /// A configuration in place of the built-in one.
    pub config: Option<PathBuf>,
    /// The file to which scheduling cycles are written; absent: none.
    pub record_cycles: Option<PathBuf>,
    /// What is logged, in the form of `RUST_LOG`.
    pub log: String,
    /// How a log line looks.
    pub log_format: Format,
}

/// Where `dev` shows the jobs that it dropped.
pub trait Viewer: Send {
    /// Shows where all of them stand now; called again after each change.
    fn show(&mut self, statuses: &[Status]);

    /// Says something beside them.
    fn note(&mut self, line: &str);
}

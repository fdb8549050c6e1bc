//! A cluster as it is written in the file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::raw::{PartialSpec, RawQuantity};
use crate::model::Taint;

/// A cluster.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawCluster {
    /// Its name: a DNS label.
    pub(super) name: Option<String>,
    /// Its weight against the other clusters. Default: 1.
    #[schemars(range(min = 1))]
    pub(super) weight: Option<u32>,
    /// `spark-operator`, the default, or `simulated`.
    #[serde(rename = "type")]
    pub(super) kind: Option<RawKind>,
    /// The namespace of its objects.
    pub(super) namespace: Option<String>,
    /// How its API server is reached.
    pub(super) connect: Option<RawConnect>,
    /// The nodes of a simulated cluster.
    pub(super) simulated: Option<RawSimulated>,
    /// The job queues it serves. Default: all.
    pub(super) queues: Option<Vec<String>>,
    /// The Spark versions it serves. Default: all.
    pub(super) spark_versions: Option<Vec<String>>,
    /// Where its capacity is read from.
    pub(super) capacity: Option<RawCapacity>,
    /// How fast it is given objects.
    pub(super) pacing: Option<RawPacing>,
    /// Its limits.
    pub(super) limits: Option<RawClusterLimits>,
    /// What happens to jobs on their way to a cluster that doesn't answer: they `wait`, the default, or `move` elsewhere
    /// after `timing.failoverAfter`. Without `commit: two-phase` one that moved may have begun to run where it was.
    pub(super) on_unreachable: Option<String>,
    /// How an attempt is committed. `one-phase`, the default: the object is created to run. `two-phase`: it is created
    /// suspended and released once the record says SUBMITTED, so that one that lands late never runs; this needs an
    /// operator of 2.4 or later.
    pub(super) commit: Option<String>,
    /// How long ended objects stay on the cluster. Default: `24h`.
    pub(super) time_to_live: Option<String>,
    /// A partial job spec that yields to the user's.
    pub(super) defaults: Option<PartialSpec>,
    /// A partial job spec that wins over all else.
    pub(super) overrides: Option<PartialSpec>,
}

/// What kind of cluster it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawKind {
    /// A namespace with a Spark operator.
    #[default]
    SparkOperator,
    /// Nodes, operator and run times simulated in the process.
    Simulated,
}

/// How an API server is reached: `{kubeContext, kubeconfig}`, `{eks}`, `{inCluster: true}`, or
/// `{server, certificateAuthority, tokenFile}`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawConnect {
    /// A context of the kubeconfig. Default: its current one.
    pub(super) kube_context: Option<String>,
    /// The kubeconfig's path. Default: where kubectl looks.
    pub(super) kubeconfig: Option<String>,
    /// An EKS cluster.
    pub(super) eks: Option<RawEks>,
    /// The cluster that the broker runs in.
    pub(super) in_cluster: Option<bool>,
    /// The API server's URL.
    pub(super) server: Option<String>,
    /// A file with the certificate authority of the API server. Default: the machine's own.
    pub(super) certificate_authority: Option<String>,
    /// A file with a bearer token; read again when it changes.
    pub(super) token_file: Option<String>,
}

/// An EKS cluster.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawEks {
    /// Its name.
    pub(super) name: Option<String>,
    /// Its region. Default: the AWS SDK's own.
    pub(super) region: Option<String>,
    /// A role to assume, for a cluster of another account.
    pub(super) role_arn: Option<String>,
}

/// The nodes of a simulated cluster, all alike.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawSimulated {
    /// How many. Default: 4.
    pub(super) nodes: Option<u32>,
    /// Cores of each. Default: 16.
    pub(super) cores: Option<RawQuantity>,
    /// Memory of each. Default: `64Gi`.
    pub(super) memory: Option<RawQuantity>,
}

/// Where capacity is read from.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawCapacity {
    /// `nodes`, `quota`, `yunikorn`, `static`: the one that has least counts, resource by resource. Default: none; then
    /// `maxLive` and `maxPending` alone decide.
    pub(super) sources: Option<Vec<String>>,
    /// What the autoscaler may still add to the nodes.
    pub(super) provisionable: Option<RawProvisionable>,
    /// The queue of the source `yunikorn`.
    pub(super) yunikorn: Option<RawYunikorn>,
    /// The figures of the source `static`; what isn't named isn't limited.
    #[serde(rename = "static")]
    pub(super) fixed: Option<RawStatic>,
}

/// A queue of YuniKorn's, and where its REST API is: `url` or `service`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawYunikorn {
    /// The queue's full path, such as `root.spark`.
    pub(super) queue: Option<String>,
    /// Its partition. Default: `default`.
    pub(super) partition: Option<String>,
    /// The REST API, reached directly.
    pub(super) url: Option<String>,
    /// The REST API, reached through the API server's service proxy.
    pub(super) service: Option<RawService>,
}

/// A service of the cluster.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawService {
    /// Its namespace. Default: `yunikorn`.
    pub(super) namespace: Option<String>,
    /// Its name. Default: `yunikorn-service`.
    pub(super) name: Option<String>,
    /// Its port. Default: 9080.
    #[schemars(range(min = 1, max = 65535))]
    pub(super) port: Option<u16>,
}

/// Fixed amounts.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawStatic {
    /// Cores altogether.
    pub(super) cores: Option<RawQuantity>,
    /// Memory altogether.
    pub(super) memory: Option<RawQuantity>,
    /// Pods altogether.
    pub(super) pods: Option<u64>,
    /// Extended resources altogether, by their Kubernetes name.
    pub(super) extended: Option<BTreeMap<String, u64>>,
}

/// What an autoscaler may still add.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawProvisionable {
    /// Cores altogether.
    pub(super) cores: Option<RawQuantity>,
    /// Memory altogether.
    pub(super) memory: Option<RawQuantity>,
    /// Extended resources altogether, by their Kubernetes name.
    pub(super) extended: Option<BTreeMap<String, u64>>,
    /// The largest node that it can add.
    pub(super) largest_node: Option<RawNode>,
}

/// The shape of a node.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawNode {
    /// Its cores.
    pub(super) cores: Option<RawQuantity>,
    /// Its memory.
    pub(super) memory: Option<RawQuantity>,
    /// How many pods it takes. Default: 110.
    #[schemars(range(min = 1))]
    pub(super) pods: Option<u64>,
    /// Its extended resources, by their Kubernetes name.
    pub(super) extended: Option<BTreeMap<String, u64>>,
    /// Its labels. Without labels and taints both are unknown, and no job is kept away by them.
    pub(super) labels: Option<BTreeMap<String, String>>,
    /// Its taints.
    pub(super) taints: Option<Vec<Taint>>,
}

/// How fast a cluster is given objects.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawPacing {
    /// Objects per minute in the long run. Default: unlimited.
    #[schemars(range(min = 1))]
    pub(super) submissions_per_minute: Option<u32>,
    /// Objects at once after a rest; only beside `submissionsPerMinute`. Default: 5.
    #[schemars(range(min = 1))]
    pub(super) burst: Option<u32>,
    /// Most objects being created or not yet picked up by the operator. Default: 20.
    #[schemars(range(min = 1))]
    pub(super) max_pending: Option<u32>,
}

/// Limits of a cluster.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawClusterLimits {
    /// Most live submissions.
    #[schemars(range(min = 1))]
    pub(super) max_live: Option<u64>,
}

//! Clusters.

use std::path::PathBuf;
use std::time::Duration;

use super::faults::{Checks, did_you_mean};
use super::layers::{Level, layers};
use super::raw::{
    RawCapacity, RawCluster, RawConnect, RawKind, RawNode, RawPacing, RawProvisionable, RawSimulated,
};
use super::{Cluster, Connect, Target};
use crate::acceptance::ClusterRules;
use crate::model::{Bytes, ClusterName, Millicores, QueueName, Resources};
use crate::routing::{CapacitySource, ClusterLimits, ClusterSettings, Pacing, Provisionable};

const TIME_TO_LIVE_DEFAULT: Duration = Duration::from_secs(24 * 3600);
const BURST_DEFAULT: u32 = 5;
const MAX_PENDING_DEFAULT: u32 = 20;
/// The kubelet's own default (`maxPods`, kubernetes.io, "KubeletConfiguration").
const PODS_PER_NODE: u64 = 110;
const SIMULATED_NAMESPACE: &str = "spark-jobs";
const CONNECT_FORMS: &str = "one of {kubeContext, kubeconfig}, {eks: {name, region, roleArn}}, {inCluster: true}, \
                             {server, certificateAuthority, tokenFile}";

/// The clusters that are right.
pub(super) fn clusters(
    raw: Option<Vec<RawCluster>>,
    queues: &[QueueName],
    checks: &mut Checks,
) -> Vec<Cluster> {
    let raw = raw.unwrap_or_default();
    if raw.is_empty() {
        checks.fault("clusters", "no cluster", "at least one");
    }
    let names = raw.iter().enumerate();
    checks.unique(names.map(|(n, c)| (format!("clusters[{n}].name"), c.name.as_deref())));
    raw.into_iter()
        .enumerate()
        .filter_map(|(n, raw)| cluster(raw, &format!("clusters[{n}]"), queues, checks))
        .collect()
}

fn cluster(raw: RawCluster, path: &str, queues: &[QueueName], checks: &mut Checks) -> Option<Cluster> {
    let at = |key: &str| format!("{path}.{key}");
    one_word(
        &at("onUnreachable"),
        raw.on_unreachable.as_deref(),
        "wait",
        checks,
    );
    one_word(&at("commit"), raw.commit.as_deref(), "one-phase", checks);
    let kind = raw.kind.unwrap_or_default();
    let namespace = match kind {
        RawKind::Simulated => raw.namespace.or_else(|| Some(SIMULATED_NAMESPACE.to_owned())),
        RawKind::SparkOperator => {
            checks.required(&at("namespace"), raw.namespace, "the namespace of its objects")
        }
    };
    let namespace = checks.text(&at("namespace"), namespace);
    let target = match kind {
        RawKind::SparkOperator => operator(raw.connect, raw.simulated, path, checks),
        RawKind::Simulated => simulated(raw.connect, raw.simulated.unwrap_or_default(), path, checks),
    };
    let (sources, provisionable) = capacity(raw.capacity.unwrap_or_default(), &at("capacity"), checks);
    let served = raw
        .queues
        .map(|names| served(&names, &at("queues"), queues, checks));
    let time_to_live = checks.duration(
        &at("timeToLive"),
        raw.time_to_live.as_deref(),
        TIME_TO_LIVE_DEFAULT,
    );
    let layers = layers(raw.defaults, raw.overrides, &at(""), Level::Cluster, checks);
    let name: Option<ClusterName> = checks.name(&at("name"), raw.name.as_deref());
    let (name, namespace) = (name?, namespace?);
    let spark_versions = raw.spark_versions.unwrap_or_default();
    Some(Cluster {
        rules: ClusterRules {
            name: name.clone(),
            namespace: namespace.clone(),
            spark_versions: spark_versions.clone(),
            time_to_live: Some(time_to_live.as_secs()),
            layers,
        },
        settings: ClusterSettings {
            name,
            weight: raw.weight.unwrap_or(1),
            namespace,
            queues: served,
            spark_versions,
            sources,
            provisionable,
            pacing: pacing(&raw.pacing.unwrap_or_default()),
            limits: ClusterLimits {
                max_live: raw.limits.unwrap_or_default().max_live,
            },
        },
        target: target?,
    })
}

fn one_word(path: &str, found: Option<&str>, allowed: &str, checks: &mut Checks) {
    if let Some(word) = found.filter(|word| *word != allowed) {
        checks.fault(path, format!("{word:?}"), allowed);
    }
}

fn served(names: &[String], path: &str, queues: &[QueueName], checks: &mut Checks) -> Vec<QueueName> {
    if names.is_empty() {
        checks.fault(
            path,
            "an empty list",
            "at least one job queue, or no such key for all of them",
        );
    }
    let places = names.iter().enumerate();
    checks.unique(places.map(|(n, name)| (format!("{path}[{n}]"), Some(name.as_str()))));
    let mut served = Vec::new();
    for (n, name) in names.iter().enumerate() {
        match queues.iter().find(|q| q.as_str() == name) {
            Some(queue) => served.push(queue.clone()),
            None => unknown_queue(&format!("{path}[{n}]"), name, queues, checks),
        }
    }
    served
}

/// Tells of a job queue that isn't configured.
pub(super) fn unknown_queue(path: &str, name: &str, queues: &[QueueName], checks: &mut Checks) {
    let known: Vec<_> = queues.iter().map(QueueName::as_str).collect();
    let near = did_you_mean(name, known.iter().copied());
    checks.fault(
        path,
        format!("{name:?}, an unknown job queue"),
        format!("one of {}{near}", known.join(", ")),
    );
}

fn pacing(raw: &RawPacing) -> Pacing {
    Pacing {
        submissions_per_minute: raw.submissions_per_minute,
        burst: raw.burst.unwrap_or(BURST_DEFAULT),
        max_pending: Some(raw.max_pending.unwrap_or(MAX_PENDING_DEFAULT)),
    }
}

fn operator(
    connect: Option<RawConnect>,
    simulated: Option<RawSimulated>,
    path: &str,
    checks: &mut Checks,
) -> Option<Target> {
    if simulated.is_some() {
        checks.fault(
            &format!("{path}.simulated"),
            "a setting",
            "no such key, or type: simulated",
        );
    }
    let path = format!("{path}.connect");
    let connect = checks.required(&path, connect, CONNECT_FORMS)?;
    self::connect(connect, &path, checks).map(Target::SparkOperator)
}

fn connect(raw: RawConnect, path: &str, checks: &mut Checks) -> Option<Connect> {
    let forms = [
        raw.kube_context.is_some() || raw.kubeconfig.is_some(),
        raw.eks.is_some(),
        raw.in_cluster.is_some(),
        raw.server.is_some() || raw.certificate_authority.is_some() || raw.token_file.is_some(),
    ];
    let given = forms.iter().filter(|given| **given).count();
    if given != 1 {
        let found = if given == 0 { "nothing" } else { "several at once" };
        checks.fault(path, found, CONNECT_FORMS);
        return None;
    }
    let at = |key: &str| format!("{path}.{key}");
    if let Some(eks) = raw.eks {
        let name = checks.required(&at("eks.name"), eks.name, "the EKS cluster's name");
        return Some(Connect::Eks {
            name: checks.text(&at("eks.name"), name)?,
            region: checks.text(&at("eks.region"), eks.region),
            role_arn: checks.text(&at("eks.roleArn"), eks.role_arn),
        });
    }
    if let Some(inside) = raw.in_cluster {
        if !inside {
            checks.fault(&at("inCluster"), "false", "true, or no such key");
        }
        return Some(Connect::InCluster);
    }
    if raw.kube_context.is_some() || raw.kubeconfig.is_some() {
        return Some(Connect::Kubeconfig {
            file: checks.text(&at("kubeconfig"), raw.kubeconfig).map(PathBuf::from),
            context: checks.text(&at("kubeContext"), raw.kube_context),
        });
    }
    let server = checks.required(&at("server"), raw.server, "the API server's URL");
    let token_file = checks.required(&at("tokenFile"), raw.token_file, "a file with a bearer token");
    let server = checks.url(&at("server"), server, &["https"]);
    Some(Connect::Token {
        server: server?,
        certificate_authority: checks
            .text(&at("certificateAuthority"), raw.certificate_authority)
            .map(PathBuf::from),
        token_file: checks.text(&at("tokenFile"), token_file)?.into(),
    })
}

fn simulated(
    connect: Option<RawConnect>,
    raw: RawSimulated,
    path: &str,
    checks: &mut Checks,
) -> Option<Target> {
    if connect.is_some() {
        checks.fault(
            &format!("{path}.connect"),
            "a setting",
            "no such key for a simulated cluster",
        );
    }
    let cores = checks.cores(&format!("{path}.simulated.cores"), raw.cores.as_ref());
    let memory = checks.memory(&format!("{path}.simulated.memory"), raw.memory.as_ref());
    Some(Target::Simulated {
        nodes: raw.nodes.unwrap_or(4),
        node: Resources::new(
            cores.unwrap_or(Millicores(16_000)),
            memory.unwrap_or(Bytes::mib(64 * 1024)),
            PODS_PER_NODE,
        ),
    })
}

fn capacity(
    raw: RawCapacity,
    path: &str,
    checks: &mut Checks,
) -> (Vec<CapacitySource>, Option<Provisionable>) {
    let mut sources = Vec::new();
    for (n, source) in raw.sources.unwrap_or_default().iter().enumerate() {
        match source.as_str() {
            "nodes" if sources.is_empty() => sources.push(CapacitySource::Nodes),
            other => checks.fault(
                &format!("{path}.sources[{n}]"),
                format!("{other:?}"),
                "nodes, once",
            ),
        }
    }
    let place = format!("{path}.provisionable");
    if raw.provisionable.is_some() && sources.is_empty() {
        checks.fault(
            &place,
            "a setting without sources: [nodes]",
            "no such key, or sources: [nodes]",
        );
    }
    let provisionable = raw.provisionable.and_then(|p| provisionable(p, &place, checks));
    (sources, provisionable)
}

fn provisionable(raw: RawProvisionable, path: &str, checks: &mut Checks) -> Option<Provisionable> {
    let at = |key: &str| format!("{path}.{key}");
    let node = checks.required(
        &at("largestNode"),
        raw.largest_node,
        "{cores, memory} of the largest node",
    );
    let node = node.and_then(|node| largest_node(node, &at("largestNode"), checks));
    let cores = checks.required(&at("cores"), raw.cores, "cores altogether");
    let memory = checks.required(&at("memory"), raw.memory, "memory altogether");
    let cores = checks.cores(&at("cores"), cores.as_ref());
    let memory = checks.memory(&at("memory"), memory.as_ref());
    let (node, cores, memory) = (node?, cores?, memory?);
    // The pods of all nodes together aren't limited: each node's own limit counts.
    let mut total = Resources::new(cores, memory, 0);
    total.extended = raw.extended.unwrap_or_default();
    if node.cpu > total.cpu || node.memory > total.memory {
        checks.fault(
            &at("largestNode"),
            "a node larger than the whole",
            "at most cores and memory altogether",
        );
    }
    Some(Provisionable {
        total,
        largest_node: node,
    })
}

fn largest_node(raw: RawNode, path: &str, checks: &mut Checks) -> Option<Resources> {
    let at = |key: &str| format!("{path}.{key}");
    let cores = checks.required(&at("cores"), raw.cores, "its cores");
    let memory = checks.required(&at("memory"), raw.memory, "its memory");
    let cores = checks.cores(&at("cores"), cores.as_ref());
    let memory = checks.memory(&at("memory"), memory.as_ref());
    let mut node = Resources::new(cores?, memory?, raw.pods.unwrap_or(PODS_PER_NODE));
    node.extended = raw.extended.unwrap_or_default();
    Some(node)
}

//! Where a cluster's capacity is read from, and what its autoscaler may still add.

use std::sync::Arc;

use super::checked::{Yunikorn, YunikornAt};
use super::faults::{Checks, did_you_mean};
use super::raw_cluster::{
    RawCapacity, RawKind, RawNode, RawProvisionable, RawService, RawStatic, RawYunikorn,
};
use crate::model::{NodeTraits, Resources};
use crate::routing::{Amounts, CapacitySource, Provisionable};

/// The kubelet's own default (`maxPods`, kubernetes.io, "KubeletConfiguration").
const PODS_PER_NODE: u64 = 110;
/// Where YuniKorn's own Helm chart puts its service.
const YUNIKORN_NAMESPACE: &str = "yunikorn";
const YUNIKORN_SERVICE: &str = "yunikorn-service";
const YUNIKORN_PORT: u16 = 9080;
const AMOUNTS: &str = "some of cores, memory, pods, extended";
const ALL: [CapacitySource; 4] = [
    CapacitySource::Nodes,
    CapacitySource::Quota,
    CapacitySource::Yunikorn,
    CapacitySource::Static,
];

/// What is configured of a cluster's capacity.
#[derive(Debug, Default)]
pub(super) struct Capacity {
    pub(super) sources: Vec<CapacitySource>,
    pub(super) provisionable: Option<Provisionable>,
    pub(super) yunikorn: Option<Yunikorn>,
    /// The figures of the source `static`.
    pub(super) fixed: Amounts,
}

/// Sources and what belongs to each.
pub(super) fn capacity(raw: RawCapacity, kind: RawKind, path: &str, checks: &mut Checks) -> Capacity {
    let at = |key: &str| format!("{path}.{key}");
    let sources = sources(&raw.sources.unwrap_or_default(), kind, &at("sources"), checks);
    let parts = [
        (
            "provisionable",
            raw.provisionable.is_some(),
            CapacitySource::Nodes,
            None,
        ),
        (
            "yunikorn",
            raw.yunikorn.is_some(),
            CapacitySource::Yunikorn,
            Some("{queue, url} or {queue, service}"),
        ),
        (
            "static",
            raw.fixed.is_some(),
            CapacitySource::Static,
            Some(AMOUNTS),
        ),
    ];
    for (key, given, source, needed) in parts {
        let named = sources.contains(&source);
        let source = source.as_str();
        if given && !named {
            let found = format!("a setting without sources: [{source}]");
            checks.fault(&at(key), found, format!("no such key, or sources: [{source}]"));
        }
        if let Some(expected) = needed.filter(|_| named && !given) {
            checks.fault(&at(key), "nothing", expected);
        }
    }
    Capacity {
        provisionable: raw
            .provisionable
            .and_then(|p| provisionable(p, &at("provisionable"), checks)),
        yunikorn: raw.yunikorn.and_then(|y| yunikorn(y, &at("yunikorn"), checks)),
        fixed: raw
            .fixed
            .map(|f| fixed(f, &at("static"), checks))
            .unwrap_or_default(),
        sources,
    }
}

fn sources(raw: &[String], kind: RawKind, path: &str, checks: &mut Checks) -> Vec<CapacitySource> {
    let names = raw.iter().enumerate();
    checks.unique(names.map(|(n, name)| (format!("{path}[{n}]"), Some(name.as_str()))));
    let mut found = Vec::new();
    for (n, word) in raw.iter().enumerate() {
        let at = format!("{path}[{n}]");
        let words = ALL.map(CapacitySource::as_str);
        match (ALL.into_iter().find(|source| source.as_str() == word), kind) {
            (None, _) => {
                let near = did_you_mean(word, words.into_iter());
                checks.fault(
                    &at,
                    format!("{word:?}"),
                    format!("one of {}{near}", words.join(", ")),
                );
            }
            (Some(CapacitySource::Quota | CapacitySource::Yunikorn), RawKind::Simulated) => {
                checks.fault(
                    &at,
                    format!("{word:?} of a simulated cluster"),
                    "nodes or static there",
                );
            }
            (Some(source), _) if !found.contains(&source) => found.push(source),
            (Some(_), _) => {}
        }
    }
    found
}

fn yunikorn(raw: RawYunikorn, path: &str, checks: &mut Checks) -> Option<Yunikorn> {
    let at = |key: &str| format!("{path}.{key}");
    let queue = checks.required(&at("queue"), raw.queue, "a queue's full path, such as root.spark");
    let queue = queue.filter(|queue| {
        let mut steps = queue.split('.');
        let right = steps.next() == Some("root") && !steps.any(str::is_empty);
        if !right {
            let found = format!("{queue:?}");
            checks.fault(&at("queue"), found, "a queue's full path, such as root.spark");
        }
        right
    });
    let partition = raw.partition.unwrap_or_else(|| "default".to_owned());
    let partition = checks.text(&at("partition"), Some(partition));
    let place = match (raw.url, raw.service) {
        (Some(_), Some(_)) => {
            checks.fault(path, "url and service", "one of them");
            None
        }
        (None, None) => {
            checks.fault(path, "neither url nor service", "one of them");
            None
        }
        (Some(url), None) => checks
            .url(&at("url"), Some(url), &["http", "https"])
            .map(YunikornAt::Url),
        (None, Some(service)) => service_of(service, &at("service"), checks),
    };
    Some(Yunikorn {
        queue: queue?,
        partition: partition?,
        at: place?,
    })
}

fn service_of(raw: RawService, path: &str, checks: &mut Checks) -> Option<YunikornAt> {
    let mut label = |key: &str, given: Option<String>, default: &str| {
        let name = given.unwrap_or_else(|| default.to_owned());
        let right = name.parse::<crate::model::ClusterName>().is_ok();
        if !right {
            // Namespaces, services and clusters are named by the same rule: a DNS label.
            let expected = "a DNS label: at most 63 of a-z, 0-9 and -";
            checks.fault(&format!("{path}.{key}"), format!("{name:?}"), expected);
        }
        right.then_some(name)
    };
    let namespace = label("namespace", raw.namespace, YUNIKORN_NAMESPACE);
    let name = label("name", raw.name, YUNIKORN_SERVICE);
    Some(YunikornAt::Service {
        namespace: namespace?,
        name: name?,
        port: raw.port.unwrap_or(YUNIKORN_PORT),
    })
}

fn fixed(raw: RawStatic, path: &str, checks: &mut Checks) -> Amounts {
    let at = |key: &str| format!("{path}.{key}");
    let mut amounts: Amounts = raw.extended.unwrap_or_default();
    let empty = raw.cores.is_none() && raw.memory.is_none() && raw.pods.is_none();
    if empty && amounts.is_empty() {
        checks.fault(path, "no amount", AMOUNTS);
    }
    let cores = checks
        .cores(&at("cores"), raw.cores.as_ref())
        .map(|cores| cores.0);
    let memory = checks
        .memory(&at("memory"), raw.memory.as_ref())
        .map(|memory| memory.0);
    let named = [("cpu", cores), ("memory", memory), ("pods", raw.pods)];
    amounts.extend(
        named
            .into_iter()
            .filter_map(|(name, n)| Some((name.to_owned(), n?))),
    );
    amounts
}

fn provisionable(raw: RawProvisionable, path: &str, checks: &mut Checks) -> Option<Provisionable> {
    let at = |key: &str| format!("{path}.{key}");
    let node = checks.required(
        &at("largestNode"),
        raw.largest_node,
        "{cores, memory} of the largest node",
    );
    let traits = node.as_ref().and_then(traits);
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
    for (name, n) in &node.extended {
        let most = total.extended.get(name).copied().unwrap_or(0);
        if *n > most {
            let path = at(&format!("largestNode.extended[{name:?}]"));
            checks.fault(&path, n, format!("at most {most}, as extended has altogether"));
        }
    }
    Some(Provisionable {
        total,
        largest_node: node,
        traits,
    })
}

/// Labels and taints of the nodes that are added, if something is said of them.
fn traits(raw: &RawNode) -> Option<Arc<NodeTraits>> {
    let (labels, taints) = (raw.labels.clone(), raw.taints.clone());
    let said = labels.is_some() || taints.is_some();
    said.then(|| {
        Arc::new(NodeTraits {
            labels: labels.unwrap_or_default(),
            taints: taints.unwrap_or_default(),
        })
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

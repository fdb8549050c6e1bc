//! Clusters.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::Cluster;
use super::capacity::capacity;
use super::faults::{Checks, did_you_mean};
use super::layers::{Level, layers};
use super::raw_cluster::{RawCluster, RawKind, RawPacing};
use super::targets::target;
use crate::acceptance::{ClusterRules, Layers};
use crate::model::{ClusterName, QueueName};
use crate::routing::{ClusterLimits, ClusterSettings, ConstraintLayers, Pacing};
use crate::spec;

const TIME_TO_LIVE_DEFAULT: Duration = Duration::from_secs(24 * 3600);
const BURST_DEFAULT: u32 = 5;
const MAX_PENDING_DEFAULT: u32 = 20;
const SIMULATED_NAMESPACE: &str = "spark-jobs";

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

fn cluster(mut raw: RawCluster, path: &str, queues: &[QueueName], checks: &mut Checks) -> Option<Cluster> {
    let at = |key: &str| format!("{path}.{key}");
    let (moves, two_phase) = modes(&raw, path, checks);
    let target = target(&mut raw, path, checks);
    let namespace = namespace(
        raw.kind.unwrap_or_default(),
        raw.namespace,
        &at("namespace"),
        checks,
    );
    let (kind, place) = (raw.kind.unwrap_or_default(), at("capacity"));
    let capacity = capacity(raw.capacity.unwrap_or_default(), kind, &place, checks);
    let served = |names: Vec<String>| served(&names, &at("queues"), queues, checks);
    let queues = raw.queues.map(served);
    let stay = raw.time_to_live.as_deref();
    let time_to_live = checks.duration(&at("timeToLive"), stay, TIME_TO_LIVE_DEFAULT);
    let layers = layers(raw.defaults, raw.overrides, &at(""), Level::Cluster, checks);
    let pacing = pacing(&raw.pacing.unwrap_or_default(), &at("pacing"), checks);
    let name: Option<ClusterName> = checks.name(&at("name"), raw.name.as_deref());
    let (name, namespace) = (name?, namespace?);
    let spark_versions = raw.spark_versions.unwrap_or_default();
    Some(Cluster {
        settings: ClusterSettings {
            name: name.clone(),
            weight: raw.weight.unwrap_or(1),
            namespace: namespace.clone(),
            queues,
            spark_versions: spark_versions.clone(),
            moves,
            sources: capacity.sources,
            provisionable: capacity.provisionable,
            fixed: capacity.fixed,
            constraints: constraints(&layers),
            pacing,
            limits: ClusterLimits {
                max_live: raw.limits.unwrap_or_default().max_live,
            },
        },
        rules: ClusterRules {
            name,
            namespace,
            spark_versions,
            two_phase,
            time_to_live: Some(time_to_live.as_secs()),
            layers,
        },
        target: target?,
        yunikorn: capacity.yunikorn,
        section: None,
    })
}

/// The cluster of a section that stood in a configuration before. It serves nobody: which job queues it named is of no
/// interest, and they may be gone.
pub(super) fn removed(mut section: Value, checks: &mut Checks) -> Option<Cluster> {
    if let Some(keys) = section.as_object_mut() {
        keys.remove("queues");
    }
    match RawCluster::deserialize(section) {
        Ok(raw) => cluster(raw, "cluster", &[], checks),
        Err(error) => {
            checks.fault("cluster", error, "a section of a configuration");
            None
        }
    }
}

fn constraints(layers: &Layers) -> ConstraintLayers {
    ConstraintLayers {
        defaults: spec::node_constraints(&layers.defaults),
        overrides: spec::node_constraints(&layers.overrides),
    }
}

/// Whether jobs move away from a cluster that can't be reached, and whether they are committed in two phases.
fn modes(raw: &RawCluster, path: &str, checks: &mut Checks) -> (bool, bool) {
    let at = |key: &str| format!("{path}.{key}");
    let unreachable = raw.on_unreachable.as_deref();
    let moves = second_word(unreachable, ["wait", "move"], &at("onUnreachable"), checks);
    let commit = raw.commit.as_deref();
    let two_phase = second_word(commit, ["one-phase", "two-phase"], &at("commit"), checks);
    (moves, two_phase)
}

fn namespace(kind: RawKind, name: Option<String>, path: &str, checks: &mut Checks) -> Option<String> {
    let name = match kind {
        RawKind::Simulated => name.or_else(|| Some(SIMULATED_NAMESPACE.to_owned())),
        RawKind::SparkOperator => checks.required(path, name, "the namespace of its objects"),
    };
    let name = checks.text(path, name)?;
    // Namespaces and clusters are named by the same rule: a DNS label.
    if name.parse::<ClusterName>().is_err() {
        checks.fault(
            path,
            format!("{name:?}"),
            "a DNS label: at most 63 of a-z, 0-9 and -",
        );
        return None;
    }
    Some(name)
}

/// Whether the second of two words was written; the first is the default.
fn second_word(found: Option<&str>, words: [&str; 2], path: &str, checks: &mut Checks) -> bool {
    if let Some(word) = found.filter(|word| !words.contains(word)) {
        checks.fault(path, format!("{word:?}"), words.join(" or "));
    }
    found == Some(words[1])
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

fn pacing(raw: &RawPacing, path: &str, checks: &mut Checks) -> Pacing {
    if let (Some(burst), None) = (raw.burst, raw.submissions_per_minute) {
        checks.fault(
            &format!("{path}.burst"),
            format!("{burst} without submissionsPerMinute"),
            "no such key, or submissionsPerMinute beside it",
        );
    }
    Pacing {
        submissions_per_minute: raw.submissions_per_minute,
        burst: raw.burst.unwrap_or(BURST_DEFAULT),
        max_pending: Some(raw.max_pending.unwrap_or(MAX_PENDING_DEFAULT)),
    }
}

//! Partial job specs: the same fields as in a job spec, as far as they mean something at their level.

use super::faults::Checks;
use super::raw::PartialSpec;
use crate::acceptance::Layers;
use crate::spec;

/// Fields that name one submission, and so can't be settled for many.
const OF_ONE_SUBMISSION: [&str; 2] = ["submissionId", "queue"];

/// Fields that are read before a cluster is chosen.
const BEFORE_THE_CLUSTER: [&str; 7] = [
    "submissionId",
    "queue",
    "priority",
    "clusters",
    "namespace",
    "timeouts",
    "retry",
];

/// Where partial job specs stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// For every submission, or for those of a job queue.
    Submissions,
    /// For the objects of a cluster.
    Cluster,
}

/// Defaults and overrides below `path`, which ends in a dot unless it is empty.
pub(super) fn layers(
    defaults: Option<PartialSpec>,
    overrides: Option<PartialSpec>,
    path: &str,
    level: Level,
    checks: &mut Checks,
) -> Layers {
    let layers = Layers {
        defaults: defaults.unwrap_or_default(),
        overrides: overrides.unwrap_or_default(),
    };
    check(&layers.defaults, &format!("{path}defaults"), level, checks);
    check(&layers.overrides, &format!("{path}overrides"), level, checks);
    layers
}

fn check(partial: &PartialSpec, path: &str, level: Level, checks: &mut Checks) {
    let (without_effect, why): (&[&str], _) = match level {
        Level::Submissions => (&OF_ONE_SUBMISSION, "no such field: each submission has its own"),
        Level::Cluster => (
            &BEFORE_THE_CLUSTER,
            "no such field: it is read before a cluster is chosen",
        ),
    };
    let before = match level {
        Level::Submissions => Vec::new(),
        Level::Cluster => spec::sizing(partial),
    };
    for place in before {
        let expected = "no such field: what a job needs is reckoned before a cluster is chosen";
        checks.fault(&format!("{path}.{place}"), "a setting", expected);
    }
    for name in without_effect.iter().filter(|name| partial.contains_key(**name)) {
        checks.fault(&format!("{path}.{name}"), "a setting", why);
    }
    for fault in spec::check(partial) {
        checks.fault(&format!("{path}.{}", fault.path), fault.found, fault.expected);
    }
}

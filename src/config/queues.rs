//! Job queues.

use std::time::Duration;

use super::Queue;
use super::faults::Checks;
use super::layers::{Level, layers};
use super::raw::{RawAllow, RawQueue, RawQueueLimits};
use crate::acceptance::QueueRules;
use crate::admission::Policy;
use crate::model::{QueueName, Resources};
use crate::routing::{QueueLimits, QueueSettings};

const LOOKAHEAD_DEFAULT: usize = 100;
const MAX_BYPASS_DEFAULT: Duration = Duration::from_secs(15 * 60);

/// The job queues that are right.
pub(super) fn queues(raw: Option<Vec<RawQueue>>, checks: &mut Checks) -> Vec<Queue> {
    let raw = raw.unwrap_or_default();
    if raw.is_empty() {
        checks.fault("queues", "no job queue", "at least one, such as [{name: dev}]");
    }
    let names = raw.iter().enumerate();
    checks.unique(names.map(|(n, q)| (format!("queues[{n}].name"), q.name.as_deref())));
    raw.into_iter()
        .enumerate()
        .filter_map(|(n, queue)| self::queue(queue, &format!("queues[{n}]"), checks))
        .collect()
}

fn queue(raw: RawQueue, path: &str, checks: &mut Checks) -> Option<Queue> {
    let limits = raw.limits.unwrap_or_default();
    let max_bypass = checks.duration(
        &format!("{path}.maxBypass"),
        raw.max_bypass.as_deref(),
        MAX_BYPASS_DEFAULT,
    );
    let policy = Policy {
        max_executors: limits.max_executors,
        ..policy(raw.allow, raw.deny.unwrap_or_default().spark_conf, path, checks)
    };
    let limits = queue_limits(&limits, &format!("{path}.limits"), checks);
    let layers = layers(
        raw.defaults,
        raw.overrides,
        &format!("{path}."),
        Level::Submissions,
        checks,
    );
    let name_path = format!("{path}.name");
    let name: Option<QueueName> = checks.name(&name_path, raw.name.as_deref());
    if name.as_ref() == Some(&QueueName::none()) {
        checks.fault(
            &name_path,
            "none",
            "another name: what belongs to no queue stands under this one",
        );
    }
    Some(Queue {
        settings: QueueSettings {
            name: name?,
            weight: raw.weight.unwrap_or(1),
            policy: raw.policy.unwrap_or_default(),
            order: raw.order.unwrap_or_default(),
            lookahead: raw.lookahead.map_or(LOOKAHEAD_DEFAULT, |n| n as usize),
            max_bypass,
            limits,
        },
        rules: QueueRules { layers, policy },
    })
}

fn queue_limits(raw: &RawQueueLimits, path: &str, checks: &mut Checks) -> QueueLimits {
    let cores = checks.cores(&format!("{path}.cores"), raw.cores.as_ref());
    let memory = checks.memory(&format!("{path}.memory"), raw.memory.as_ref());
    let resources = Resources::new(cores.unwrap_or_default(), memory.unwrap_or_default(), 0);
    QueueLimits {
        max_live: raw.max_live,
        resources: (cores.is_some() || memory.is_some()).then_some(resources),
    }
}

fn policy(allow: Option<RawAllow>, denied: Option<Vec<String>>, path: &str, checks: &mut Checks) -> Policy {
    let allow = allow.unwrap_or_default();
    let mut denied_spark_conf = Vec::new();
    for (n, pattern) in denied.unwrap_or_default().iter().enumerate() {
        match regex::Regex::new(pattern) {
            Ok(regex) => denied_spark_conf.push(regex),
            Err(error) => {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim();
                let place = format!("{path}.deny.sparkConf[{n}]");
                checks.fault(&place, format!("{pattern:?} ({why})"), "a regular expression");
            }
        }
    }
    Policy {
        senders: allow.senders,
        images: allow.images,
        service_accounts: allow.service_accounts,
        denied_spark_conf,
        max_executors: None,
    }
}

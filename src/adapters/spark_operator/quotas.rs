//! What the resource quotas of a namespace leave (kubernetes.io, "Resource Quotas").

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::quantity::amount;
use crate::model::Resources;
use crate::routing::Pool;

/// One resource of one quota.
#[derive(Debug, Clone, PartialEq)]
struct Limit {
    /// Its name among requests.
    resource: String,
    hard: u64,
    /// Absent: not counted yet, and until it is the API server admits nothing that it limits.
    used: Option<u64>,
}

/// The quotas that count for our pods.
#[derive(Debug, Default)]
pub(super) struct Quotas(BTreeMap<String, Vec<Limit>>);

impl Quotas {
    /// Takes a quota in, in the place of what was known of it.
    pub(super) fn quota(&mut self, quota: &ResourceQuota) {
        let Some(name) = &quota.metadata.name else { return };
        match quota.spec.as_ref().filter(|spec| counts_our_pods(spec)) {
            Some(spec) => _ = self.0.insert(name.clone(), limits(spec, quota)),
            None => _ = self.0.remove(name),
        }
    }

    /// A quota is gone.
    pub(super) fn quota_gone(&mut self, quota: &ResourceQuota) {
        if let Some(name) = &quota.metadata.name {
            self.0.remove(name);
        }
    }

    /// What the quotas leave, one pool each. `made`: pods of ours that were seen. Quotas and pods are watched one by one:
    /// a pod that was seen is in use, though its quota may tell a moment later.
    pub(super) fn pools(&self, made: &[(String, Resources)]) -> Vec<Pool> {
        let ours = made
            .iter()
            .fold(Resources::default(), |sum, (_, requests)| sum.plus(requests));
        self.0
            .iter()
            .map(|(name, limits)| pool(name, limits, &ours))
            .collect()
    }
}

fn pool(name: &str, limits: &[Limit], ours: &Resources) -> Pool {
    let mut pool = Pool {
        name: name.to_owned(),
        ..Pool::default()
    };
    for limit in limits {
        let used = |used: u64| used.max(ours.get(&limit.resource));
        let free = limit.used.map_or(0, |n| limit.hard.saturating_sub(used(n)));
        for (amounts, amount) in [(&mut pool.total, limit.hard), (&mut pool.free, free)] {
            let least = amounts.entry(limit.resource.clone()).or_insert(u64::MAX);
            *least = (*least).min(amount);
        }
    }
    pool
}

/// Whether all that a quota's scopes ask for is true of every Spark pod: it requests something and has no deadline. What
/// asks for more (a priority class, an affinity across namespaces) can't be said of all jobs alike and isn't counted.
fn counts_our_pods(spec: &ResourceQuotaSpec) -> bool {
    let selector = spec.scope_selector.as_ref();
    let mut selected = selector
        .and_then(|selector| selector.match_expressions.as_ref())
        .into_iter()
        .flatten();
    let mut scopes = spec.scopes.iter().flatten();
    let is_ours = |scope: &str| matches!(scope, "NotTerminating" | "NotBestEffort");
    scopes.all(|scope| is_ours(scope))
        && selected.all(|wanted| is_ours(&wanted.scope_name) && wanted.operator == "Exists")
}

fn limits(spec: &ResourceQuotaSpec, quota: &ResourceQuota) -> Vec<Limit> {
    let status = quota.status.as_ref();
    let enforced = status.and_then(|status| status.hard.as_ref());
    let used = status.and_then(|status| status.used.as_ref());
    let read = |of: Option<&BTreeMap<String, Quantity>>, key: &str, resource: &str| {
        of.and_then(|amounts| amount(resource, amounts.get(key)?))
    };
    let hard = spec.hard.iter().flatten();
    hard.filter_map(|(key, hard)| {
        let resource = requested(key)?;
        let hard = amount(resource, hard)?;
        // Changed limits are enforced once the status has them.
        let enforced = read(enforced, key, resource);
        Some(Limit {
            resource: resource.to_owned(),
            hard: enforced.map_or(hard, |enforced| enforced.min(hard)),
            used: enforced.and(read(used, key, resource)),
        })
    })
    .collect()
}

/// The resource that a quota's key limits by requests; limits, storage and numbers of objects aren't known of a job.
fn requested(key: &str) -> Option<&str> {
    match key.strip_prefix("requests.").unwrap_or(key) {
        resource @ ("cpu" | "memory") => Some(resource),
        "pods" if key == "pods" => Some("pods"),
        extended if extended.contains('/') && key.starts_with("requests.") => {
            (!extended.contains(".storageclass.storage.k8s.io/")).then_some(extended)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;

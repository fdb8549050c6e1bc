//! Amounts of what a cluster has and a job needs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

macro_rules! amount {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);
    };
}

amount!(
    /// Processor time in thousandths of a core.
    Millicores
);
amount!(
    /// Memory in bytes.
    Bytes
);

impl Bytes {
    /// `n` MiB.
    pub const fn mib(n: u64) -> Self {
        Self(n.saturating_mul(1024 * 1024))
    }
}

/// A vector of resources: what a demand needs, a node has, a cluster can take. Arithmetic saturates.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resources {
    /// Processor time in thousandths of a core.
    #[serde(default)]
    pub cpu: Millicores,
    /// Memory in bytes.
    #[serde(default)]
    pub memory: Bytes,
    /// Number of pods.
    #[serde(default)]
    pub pods: u64,
    /// Extended resources by their Kubernetes name, such as `nvidia.com/gpu`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extended: BTreeMap<String, u64>,
}

impl Resources {
    /// CPU, memory and pods without extended resources.
    pub fn new(cpu: Millicores, memory: Bytes, pods: u64) -> Self {
        Self {
            cpu,
            memory,
            pods,
            extended: BTreeMap::new(),
        }
    }

    /// The sum, resource by resource.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.combine(other, u64::saturating_add)
    }

    /// The difference, resource by resource, never below 0.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.combine(other, u64::saturating_sub)
    }

    /// `n` times this vector.
    #[must_use]
    pub fn times(&self, n: u64) -> Self {
        Self {
            cpu: Millicores(self.cpu.0.saturating_mul(n)),
            memory: Bytes(self.memory.0.saturating_mul(n)),
            pods: self.pods.saturating_mul(n),
            extended: self
                .extended
                .iter()
                .map(|(name, v)| (name.clone(), v.saturating_mul(n)))
                .collect(),
        }
    }

    /// The larger of both, resource by resource.
    #[must_use]
    pub fn max(&self, other: &Self) -> Self {
        self.combine(other, u64::max)
    }

    /// The smaller of both, resource by resource; an extended resource that only one names counts as 0 in the other.
    #[must_use]
    pub fn min(&self, other: &Self) -> Self {
        self.combine(other, u64::min)
    }

    /// Whether `self` fits into `room` in every resource.
    pub fn fits(&self, room: &Self) -> bool {
        self.first_shortage(room).is_none()
    }

    /// The first resource in which `self` exceeds `room`: its name, what is needed and what there is.
    pub fn first_shortage(&self, room: &Self) -> Option<(String, u64, u64)> {
        self.beside(room)
            .find(|(_, need, have)| need > have)
            .map(|(name, need, have)| (name.to_owned(), need, have))
    }

    /// The amount of the resource that Kubernetes calls `name`; CPU in millicores, memory in bytes.
    pub fn get(&self, name: &str) -> u64 {
        match name {
            "cpu" => self.cpu.0,
            "memory" => self.memory.0,
            "pods" => self.pods,
            extended => self.extended.get(extended).copied().unwrap_or(0),
        }
    }

    /// Another amount of the resource that Kubernetes calls `name`.
    pub fn set(&mut self, name: &str, amount: u64) {
        match name {
            "cpu" => self.cpu = Millicores(amount),
            "memory" => self.memory = Bytes(amount),
            "pods" => self.pods = amount,
            extended => _ = self.extended.insert(extended.to_owned(), amount),
        }
    }

    /// Every resource with its Kubernetes name and amount.
    pub fn named(&self) -> impl Iterator<Item = (&str, u64)> {
        [
            ("cpu", self.cpu.0),
            ("memory", self.memory.0),
            ("pods", self.pods),
        ]
        .into_iter()
        .chain(self.extended.iter().map(|(name, v)| (name.as_str(), *v)))
    }

    /// Every resource with its Kubernetes name, the amount and how much `other` has of it.
    pub fn beside<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a str, u64, u64)> {
        [
            ("cpu", self.cpu.0, other.cpu.0),
            ("memory", self.memory.0, other.memory.0),
            ("pods", self.pods, other.pods),
        ]
        .into_iter()
        .chain(
            self.extended
                .iter()
                .map(|(name, v)| (name.as_str(), *v, other.get(name))),
        )
    }

    fn combine(&self, other: &Self, op: fn(u64, u64) -> u64) -> Self {
        let names = self.extended.keys().chain(other.extended.keys());
        Self {
            cpu: Millicores(op(self.cpu.0, other.cpu.0)),
            memory: Bytes(op(self.memory.0, other.memory.0)),
            pods: op(self.pods, other.pods),
            extended: names
                .map(|n| (n.clone(), op(self.get(n), other.get(n))))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_fits_only_when_every_resource_does() {
        let room = Resources::new(Millicores(4000), Bytes::mib(8192), 10);
        let mut need = Resources::new(Millicores(4000), Bytes::mib(8192), 10);
        assert!(need.fits(&room));
        need.extended.insert("nvidia.com/gpu".into(), 1);
        assert_eq!(need.first_shortage(&room), Some(("nvidia.com/gpu".into(), 1, 0)));
    }
}

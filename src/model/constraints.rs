//! On which nodes a pod may go, beside what it requests: node selectors and tolerations (kubernetes.io, "Assigning Pods to
//! Nodes" and "Taints and Tolerations"). Affinities aren't looked at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Labels that name one node, and would make every node another kind: they are kept of no node, and what selects by them
/// is taken to find its node.
pub const NAMES_OF_NODES: [&str; 2] = ["kubernetes.io/hostname", "alpha.eksctl.io/instance-id"];

/// What a node says of itself beside its resources.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct NodeTraits {
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its taints that keep pods away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
}

/// What keeps pods away that don't tolerate it.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value; often empty.
    #[serde(default)]
    pub value: String,
    /// What it does.
    pub effect: TaintEffect,
}

/// What a taint does. `PreferNoSchedule` keeps nothing away and isn't one of them.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
pub enum TaintEffect {
    /// Pods aren't put there.
    NoSchedule,
    /// Nor may they stay.
    NoExecute,
}

impl std::fmt::Display for Taint {
    /// As kubectl writes it: `key=value:Effect`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key, value, effect } = self;
        match value.is_empty() {
            true => write!(f, "{key}:{effect:?}"),
            false => write!(f, "{key}={value}:{effect:?}"),
        }
    }
}

/// On which nodes the pods of one kind may go.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct Constraints {
    /// Labels that the node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that don't keep them away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
}

/// Taints that don't keep a pod away.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct Toleration {
    /// The key; absent: every key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The value; absent: every value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The effect; absent: every effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<TaintEffect>,
}

/// What keeps a pod off a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bar<'a> {
    /// It has another value for this label, or none.
    Label(&'a str, &'a str),
    /// It has this taint.
    Taint(&'a Taint),
}

impl Toleration {
    fn tolerates(&self, taint: &Taint) -> bool {
        self.key.as_ref().is_none_or(|key| *key == taint.key)
            && self.value.as_ref().is_none_or(|value| *value == taint.value)
            && self.effect.is_none_or(|effect| effect == taint.effect)
    }
}

impl Constraints {
    /// Whether every node without a taint will do.
    pub fn is_empty(&self) -> bool {
        self.node_selector.is_empty() && self.tolerations.is_empty()
    }

    /// What keeps the pod off the node, if anything does.
    pub fn barred<'a>(&'a self, node: &'a NodeTraits) -> Option<Bar<'a>> {
        let mut wanted = self.node_selector.iter();
        let missing = wanted.find(|(name, value)| node.labels.get(*name) != Some(value));
        let tolerated = |taint: &&Taint| !self.tolerations.iter().any(|t| t.tolerates(taint));
        missing
            .map(|(name, value)| Bar::Label(name, value))
            .or_else(|| node.taints.iter().find(tolerated).map(Bar::Taint))
    }

    /// These over `defaults` and under `overrides`, as JSON merge patch has it: labels one by one, tolerations as a whole.
    #[must_use]
    pub fn between(&self, defaults: &Self, overrides: &Self) -> Self {
        let mut node_selector = defaults.node_selector.clone();
        node_selector.extend(self.node_selector.clone());
        node_selector.extend(overrides.node_selector.clone());
        let lists = [&overrides.tolerations, &self.tolerations, &defaults.tolerations];
        let tolerations = lists.into_iter().find(|list| !list.is_empty());
        Self {
            node_selector,
            tolerations: tolerations.cloned().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn spot() -> NodeTraits {
        NodeTraits {
            labels: text(&[("pool", "spot"), ("zone", "a")]),
            taints: vec![Taint {
                key: "dedicated".into(),
                value: "spark".into(),
                effect: TaintEffect::NoSchedule,
            }],
        }
    }

    fn toleration(key: Option<&str>, value: Option<&str>, effect: Option<TaintEffect>) -> Toleration {
        Toleration {
            key: key.map(str::to_owned),
            value: value.map(str::to_owned),
            effect,
        }
    }

    #[test]
    fn a_node_takes_what_selects_it_and_tolerates_its_taints() {
        let node = spot();
        let mut pod = Constraints::default();
        assert_eq!(pod.barred(&node), Some(Bar::Taint(&node.taints[0])));
        assert_eq!(pod.barred(&NodeTraits::default()), None);
        for right in [
            toleration(Some("dedicated"), Some("spark"), Some(TaintEffect::NoSchedule)),
            toleration(Some("dedicated"), None, None),
            toleration(None, None, None),
        ] {
            pod.tolerations = vec![right];
            assert_eq!(pod.barred(&node), None);
        }
        for wrong in [
            toleration(Some("dedicated"), Some("other"), None),
            toleration(Some("other"), None, None),
            toleration(Some("dedicated"), None, Some(TaintEffect::NoExecute)),
        ] {
            pod.tolerations = vec![wrong];
            assert_eq!(pod.barred(&node), Some(Bar::Taint(&node.taints[0])));
        }
        pod.tolerations = vec![toleration(None, None, None)];
        pod.node_selector = text(&[("pool", "spot")]);
        assert_eq!(pod.barred(&node), None);
        pod.node_selector = text(&[("pool", "spot"), ("zone", "b")]);
        assert_eq!(pod.barred(&node), Some(Bar::Label("zone", "b")));
        assert_eq!(
            pod.barred(&NodeTraits::default()),
            Some(Bar::Label("pool", "spot"))
        );
    }

    #[test]
    fn labels_are_merged_one_by_one_and_tolerations_as_a_whole() {
        let of = |labels: &[(&str, &str)], key: Option<&str>| Constraints {
            node_selector: text(labels),
            tolerations: key
                .map(|key| toleration(Some(key), None, None))
                .into_iter()
                .collect(),
        };
        let own = of(&[("pool", "own"), ("zone", "own")], None);
        let merged = own.between(
            &of(&[("pool", "d"), ("disk", "d")], Some("d")),
            &of(&[("zone", "o")], None),
        );
        assert_eq!(
            merged,
            of(&[("disk", "d"), ("pool", "own"), ("zone", "o")], Some("d"))
        );
        let own = of(&[], Some("own"));
        assert_eq!(own.between(&of(&[], Some("d")), &of(&[], None)), own);
        let forced = of(&[], Some("o"));
        assert_eq!(own.between(&of(&[], None), &forced), forced);
    }
}

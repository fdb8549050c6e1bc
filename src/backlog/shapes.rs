//! What many submissions have in common, kept once: demand, selector, version, excluded clusters.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{ClusterName, Demand, Resources};
use crate::submission::BacklogEntry;

/// What decides where a submission may run: equal for jobs made from the same template, and shared between them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shape {
    /// What it needs.
    pub demand: Demand,
    /// Where it may run; empty: anywhere.
    pub selector: Vec<ClusterName>,
    /// The Spark version it asks for.
    pub spark_version: Option<String>,
    /// Where it can't run.
    pub excluded_clusters: Vec<ClusterName>,
}

impl From<&BacklogEntry> for Shape {
    fn from(entry: &BacklogEntry) -> Self {
        Self {
            demand: entry.demand.clone(),
            selector: entry.selector.clone(),
            spark_version: entry.spark_version.clone(),
            excluded_clusters: entry.excluded_clusters.clone(),
        }
    }
}

/// An order over shapes: equal keys, equal shapes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Text(Box<str>),
}

impl Key {
    fn of(shape: &Shape) -> Self {
        let mut parts = vec![Part::Number(u64::from(shape.demand.executors))];
        vector(&shape.demand.driver, &mut parts);
        vector(&shape.demand.executor, &mut parts);
        for constraints in [
            &shape.demand.driver_constraints,
            &shape.demand.executor_constraints,
        ] {
            let selector = constraints.node_selector.iter();
            texts(
                selector.flat_map(|(name, value)| [name.as_str(), value.as_str()]),
                &mut parts,
            );
            let tolerations = constraints.tolerations.iter().map(|one| format!("{one:?}"));
            let tolerations: Vec<String> = tolerations.collect();
            texts(tolerations.iter().map(String::as_str), &mut parts);
        }
        texts(shape.selector.iter().map(ClusterName::as_str), &mut parts);
        texts(shape.spark_version.iter().map(String::as_str), &mut parts);
        texts(
            shape.excluded_clusters.iter().map(ClusterName::as_str),
            &mut parts,
        );
        Self(parts)
    }
}

fn vector(resources: &Resources, parts: &mut Vec<Part>) {
    parts.push(Part::Number(resources.extended.len() as u64));
    for (name, amount) in resources.named().skip(3) {
        parts.push(Part::Text(name.into()));
        parts.push(Part::Number(amount));
    }
    parts.extend([resources.cpu.0, resources.memory.0, resources.pods].map(Part::Number));
}

fn texts<'a>(texts: impl Iterator<Item = &'a str>, parts: &mut Vec<Part>) {
    let start = parts.len();
    parts.extend(texts.map(|text| Part::Text(text.into())));
    let count = parts.len() - start;
    parts.insert(start, Part::Number(count as u64));
}

/// The shapes in use.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    known: BTreeMap<Key, Arc<Shape>>,
}

impl Shapes {
    /// The one copy of `shape`.
    pub(super) fn share(&mut self, shape: Shape) -> Arc<Shape> {
        let key = Key::of(&shape);
        self.known.entry(key).or_insert_with(|| Arc::new(shape)).clone()
    }

    /// Forgets the shape when `shape` was its last user.
    pub(super) fn give_back(&mut self, shape: Arc<Shape>) {
        // The table's own copy and the one given back.
        if Arc::strong_count(&shape) <= 2 {
            self.known.remove(&Key::of(&shape));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}

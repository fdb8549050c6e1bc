//! How one field of a job spec is read: its name and its kind.

use serde_json::Value;

use crate::error::Violation;

/// A field of an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    /// Its key.
    pub name: &'static str,
    /// How its value is read.
    pub kind: Kind,
    /// Whether the object is refused without it, once every layer is merged.
    pub required: bool,
}

/// Checks a value whose type Kubernetes defines: the value, its path, where faults go.
pub(crate) type KubeCheck = fn(&Value, &str, &mut Vec<Violation>);

/// How a value is read, and so what is accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// One value.
    Scalar(Scalar),
    /// A list of texts.
    Texts,
    /// A map of texts.
    TextMap,
    /// Labels in Kubernetes' syntax; those under `spark-broker/` are the broker's.
    Labels,
    /// Annotations with keys in Kubernetes' syntax; `spark-broker/submission-id` is the broker's.
    Annotations,
    /// Spark's configuration.
    SparkConf,
    /// Kubernetes quantities by resource.
    Quantities,
    /// An object with these fields.
    Object(&'static [Field]),
    /// A list of such objects.
    Objects(&'static [Field]),
    /// A map of such objects.
    ObjectMap(&'static [Field]),
    /// A value of one of Kubernetes' own types.
    Kube(KubeCheck),
    /// A list of them.
    KubeList(KubeCheck),
    /// The broker's own: names of clusters.
    Clusters,
    /// The broker's own: causes that are retried.
    Causes,
}

/// How a single value is read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scalar {
    /// Any text.
    Text,
    /// A text that isn't empty.
    Name,
    /// True or false.
    Bool,
    /// A whole number between both, inclusive.
    Int(i64, i64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// An amount of memory as Spark reads it.
    SparkMemory,
    /// An amount of CPU as Kubernetes reads it.
    Cpu,
    /// An amount of memory as Kubernetes reads it, or as the operator turns Spark's form into that.
    MemoryLimit,
    /// A number above 0 written as a text, such as `0.2`.
    Factor,
    /// A length of time: `30s`, `15m`, `2h`, `1d` or whole seconds.
    Duration,
    /// The broker's own: the name of a job queue.
    Queue,
    /// The broker's own: a submission ID.
    SubmissionId,
    /// Refused by name: why, or what to write instead.
    Refused(&'static str),
}

/// An optional field of one value.
pub(crate) const fn scalar(name: &'static str, scalar: Scalar) -> Field {
    field(name, Kind::Scalar(scalar))
}

/// A field of one value that must be there once every layer is merged.
pub(crate) const fn required(name: &'static str, scalar: Scalar) -> Field {
    Field {
        required: true,
        ..field(name, Kind::Scalar(scalar))
    }
}

/// An optional field.
pub(crate) const fn field(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        required: false,
    }
}

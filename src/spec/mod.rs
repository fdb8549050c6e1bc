//! A job spec: camelCase JSON, a superset of `SparkApplication` v1beta2's `spec`. Every field is carried or refused,
//! never dropped.

mod path;
mod placeholder;
mod memory;
mod quantity;
mod duration;
mod field;
mod kube;
mod schema;
mod labels;
mod conf;
mod broker;
mod scalar;
mod check;
mod layers;
mod job;
mod merged;
mod complete;
mod containers;
mod constraints;
mod demand;
mod object;
mod sizing;

pub use check::{check, limited};
pub use complete::{has_image, missing};
pub use constraints::node_constraints;
pub use demand::{demand, most_executors};
pub use duration::duration;
pub use job::JobSpec;
pub use labels::KUEUE_QUEUE;
pub use layers::{Image, application_type, expand, fill_image, merge};
pub use object::{ObjectMarks, object};
pub use path::at;
pub use schema::UNBUILT;
pub use sizing::sizing;

#[cfg(test)]
mod check_tests;
#[cfg(test)]
mod containers_tests;
#[cfg(test)]
mod demand_tests;
#[cfg(test)]
mod field_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod submit_tests;

//! A job spec: camelCase JSON, a superset of `SparkApplication` v1beta2's `spec`. Every field is carried or refused,
//! never dropped.

mod quantity;
mod schema;
mod rules;
mod check;
mod layers;
mod job;
mod demand;
mod object;

pub use check::check;
pub use demand::demand;
pub use job::{JobSpec, duration};
pub use layers::{Image, application_type, expand, fill_image, merge};
pub use object::{ObjectMarks, object};
pub use rules::at;

#[cfg(test)]
mod check_tests;
#[cfg(test)]
mod demand_tests;

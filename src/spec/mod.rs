//! The job spec: what it may say, what of it is the broker's, what becomes of it, and what it needs of a cluster.
//!
//! A spec passes [`check`] as the user sent it, is merged with its [`Layers`] into the effective spec ([`effective`]), which
//! [`read`] checks as a whole and summarises as a [`JobSpec`]; [`object_spec`] is what a cluster gets of it.

mod broker;
mod check;
mod conf;
mod containers;
mod demand;
mod duration;
mod field;
mod image;
mod job;
mod kube;
mod labels;
mod layers;
mod memory;
mod merged;
mod object;
mod path;
mod placeholder;
mod quantity;
mod schema;

use serde_json::{Map, Value};

pub use broker::RETRIED_CAUSES;
pub use demand::demand;
pub use image::{ImageRule, application_type};
pub use job::{JobSpec, read};
pub use layers::{Layers, patch};
pub use object::object_spec;
pub use placeholder::{PLACEHOLDERS, expand};
pub use schema::{EXECUTORS_MAX, UNBUILT};

use crate::error::Violation;
use check::Extent;

/// Every fault of a spec as a user sends it, which other layers may still complete.
pub fn check(user: &Map<String, Value>) -> Vec<Violation> {
    let mut faults = Vec::new();
    check::object(user, &[schema::APPLICATION, schema::BROKER], Extent::Part, "", &mut faults);
    faults
}

/// Every fault of a layer of the configuration; paths begin at the layer. A layer names no submission.
pub fn check_layer(layer: &Map<String, Value>) -> Vec<Violation> {
    let mut faults = check(layer);
    for name in ["submissionId", "queue"].into_iter().filter(|name| layer.contains_key(*name)) {
        faults.push(Violation::new(name, "a field of one submission", "no such field in defaults or overrides"));
    }
    faults
}

/// The effective spec: the user's between its layers, with type and image, and with the placeholders that `known` names.
pub fn effective(
    user: &Map<String, Value>,
    layers: &Layers<'_>,
    images: &[ImageRule],
    known: &[(&str, &str)],
) -> Map<String, Value> {
    let mut spec = layers.merge(user);
    image::fill(&mut spec, images);
    spec.values_mut().for_each(|value| expand(value, known));
    spec
}

#[cfg(test)]
mod tests;

//! Settings from one YAML file: read into a raw shape, then checked. Every fault is told at once, with its path.

mod capacity;
mod checked;
mod faults;
mod fields;
mod layers;
mod clusters;
mod not_built;
mod process;
mod quantity;
mod queues;
mod raw;
mod raw_cluster;
mod shape;
mod targets;
#[cfg(test)]
mod tests;
mod warnings;

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

pub use checked::{
    ApiSettings, AuthSettings, Cluster, Config, Connect, Endpoints, Intake, Queue, QueueRef, StoreSettings,
    Target, Timing, Yunikorn, YunikornAt,
};
pub use faults::Faults;

use crate::error::Violation;
use crate::routing::Settings;
use faults::Checks;
use raw::Raw;

impl Config {
    /// Reads and checks the file at `path`.
    pub fn load(path: &Path) -> Result<Self, Faults> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let found = format!("{}: {error}", path.display());
            Faults(vec![Violation::new("", found, "a readable file")])
        })?;
        Self::check(&text)
    }

    /// Checks the text of a configuration.
    pub fn check(text: &str) -> Result<Self, Faults> {
        let unreadable = |error: &dyn std::fmt::Display| {
            Faults(vec![Violation::new(
                "",
                error,
                "one YAML document with unique keys",
            )])
        };
        let mut document: Value =
            serde_saphyr::from_str_with_options(text, yaml()).map_err(|e| unreadable(&e))?;
        if document.is_null() {
            document = Value::Object(Map::new());
        }
        let sections = document["clusters"].as_array().cloned().unwrap_or_default();
        let mut checks = Checks::default();
        not_built::refuse(&mut document, &mut checks);
        shape::prune(&mut document, &schema(), &mut checks);
        // What the schema allows, the raw types read; should they differ, that too is told and not passed over.
        let raw = Raw::deserialize(document).unwrap_or_else(|error| {
            checks.fault("", error, "a value of another form");
            Raw::default()
        });
        let config = process::config(raw, &mut checks);
        let warnings = checks.finish()?;
        match config {
            Some(mut config) => {
                // Without a fault, every section has become a cluster.
                for (cluster, section) in config.clusters.iter_mut().zip(sections) {
                    cluster.section = Some(section.to_string());
                }
                Ok(Self { warnings, ..config })
            }
            None => Err(unreadable(&"a document that can't be used")),
        }
    }

    /// What routing is told; a cluster's view older than `view_limit` doesn't count.
    pub fn routing(&self, view_limit: Duration) -> Settings {
        Settings {
            queues: self.queues.iter().map(|q| q.settings.clone()).collect(),
            clusters: self.clusters.iter().map(|c| c.settings.clone()).collect(),
            view_limit,
        }
    }
}

impl Cluster {
    /// The cluster of `section`, which is that of an earlier configuration.
    pub fn removed(section: &str) -> Result<Self, Faults> {
        let unreadable = |error: &dyn std::fmt::Display| {
            Faults(vec![Violation::new("", error, "a cluster's section as JSON")])
        };
        let section = serde_json::from_str(section).map_err(|error| unreadable(&error))?;
        let mut checks = Checks::default();
        let cluster = clusters::removed(section, &mut checks);
        checks.finish()?;
        cluster.ok_or_else(|| unreadable(&"a section that can't be used"))
    }
}

/// YAML 1.2: `n` and `no` are texts, and an infinite number is a fault and not a missing one.
fn yaml() -> serde_saphyr::Options {
    serde_saphyr::options! {
        strict_booleans: true,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::Reject,
        with_snippet: false,
    }
}

/// The JSON Schema of the file.
pub fn schema() -> Value {
    schemars::schema_for!(Raw).to_value()
}

//! KWOK's part: nodes that are ready, pods that run, and Spark drivers that end as their annotations tell.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::folders::support;
use super::tools::{Tool, module_folder};

/// How a driver pod behaves, told by its annotations (`driver.annotations` of a job spec reach the pod).
///
/// A driver without these annotations runs until it is deleted.
#[derive(Debug, Clone, Default)]
pub struct Driver {
    /// How long it runs, as Go writes durations (`1.5s`, `2m`).
    pub runs_for: Option<String>,
    /// With which code its container ends; 0 if none.
    pub exit_code: Option<i32>,
    /// The reason that the container's end shows (`OOMKilled`); `Completed` or `Error` if none.
    pub reason: Option<String>,
    /// Evicted at the end of its time: phase Failed, reason `Evicted`, condition DisruptionTarget.
    pub evicted: bool,
    /// With which code its container ends once the pod is being deleted; if none, the pod goes without that.
    pub stops_with: Option<i32>,
}

impl Driver {
    /// Runs for `time`, then ends with 0.
    pub fn succeeds_after(time: &str) -> Self {
        Self {
            runs_for: Some(time.to_owned()),
            ..Self::default()
        }
    }

    /// Runs for `time`, then ends with `exit_code`.
    pub fn fails_after(time: &str, exit_code: i32) -> Self {
        Self {
            exit_code: Some(exit_code),
            ..Self::succeeds_after(time)
        }
    }

    /// Runs for `time`, then is killed for want of memory.
    pub fn out_of_memory_after(time: &str) -> Self {
        Self {
            reason: Some("OOMKilled".to_owned()),
            ..Self::fails_after(time, 137)
        }
    }

    /// Runs for `time`, then is evicted.
    pub fn evicted_after(time: &str) -> Self {
        Self {
            evicted: true,
            ..Self::fails_after(time, 137)
        }
    }

    /// Runs until its pod is deleted, then ends by SIGTERM.
    pub fn runs_until_stopped() -> Self {
        Self {
            stops_with: Some(143),
            ..Self::default()
        }
    }

    /// The annotations that tell this.
    pub fn annotations(&self) -> Value {
        let texts = [
            ("runs-for", self.runs_for.clone()),
            ("exit-code", self.exit_code.map(|code| code.to_string())),
            ("reason", self.reason.clone()),
            ("evicted", self.evicted.then(|| "true".to_owned())),
            ("stops-with", self.stops_with.map(|code| code.to_string())),
        ];
        let told = texts
            .into_iter()
            .filter_map(|(key, text)| Some((format!("driver.test/{key}"), json!(text?))));
        Value::Object(told.collect())
    }
}

/// The arguments of `kwok` for a control plane that lives in `folder`.
pub fn arguments(folder: &Path) -> Vec<String> {
    let stages = folder.join("stages.yaml");
    fs::write(&stages, all_stages()).expect("the folder of a control plane can be written");
    vec![
        "--manage-all-nodes=true".to_owned(),
        format!("--config={}", stages.display()),
    ]
}

/// Version 0.8 stops if no stage is named; its own lie in its module's folder.
fn all_stages() -> String {
    let module = module_folder(Tool::Kwok, "sigs.k8s.io/kwok").join("kustomize/stage");
    let stages = [
        module.join("node/fast/node-initialize.yaml"),
        module.join("node/heartbeat/node-heartbeat.yaml"),
        module.join("pod/fast/pod-ready.yaml"),
        module.join("pod/fast/pod-complete.yaml"),
        module.join("pod/fast/pod-delete.yaml"),
        support().join("kwok/driver-end.yaml"),
        support().join("kwok/driver-evicted.yaml"),
        support().join("kwok/driver-stopped.yaml"),
    ];
    let texts =
        stages.map(|path| fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}")));
    texts.join("\n---\n")
}

//! What a submission needs from a cluster before its driver can start with its first executors.

use serde::{Deserialize, Serialize};

use super::{Constraints, Resources};

/// The driver's requests, one executor's requests, and how many executors Spark starts with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Demand {
    /// What the driver's pod requests.
    pub driver: Resources,
    /// What each executor's pod requests.
    pub executor: Resources,
    /// The initial number of executors; never dynamic allocation's maximum.
    pub executors: u32,
    /// On which nodes the driver may go.
    #[serde(default, skip_serializing_if = "Constraints::is_empty")]
    pub driver_constraints: Constraints,
    /// On which nodes each executor may go.
    #[serde(default, skip_serializing_if = "Constraints::is_empty")]
    pub executor_constraints: Constraints,
}

impl Demand {
    /// Driver and initial executors together.
    pub fn total(&self) -> Resources {
        self.driver.plus(&self.executor.times(u64::from(self.executors)))
    }
}

//! Where a job spec would go now, told without submitting it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Demand, QueueName};
use crate::routing::Explanation;
use crate::submission::{BacklogEntry, Reason};

/// What the active scheduler would do with a job spec if it were its turn now, by the functions that place. Absent fields
/// are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outlook {
    /// Its job queue.
    #[schema(value_type = String)]
    pub queue: QueueName,
    /// How many submissions wait in that queue; those of them that go first may take what is free.
    pub waiting: u64,
    /// What its pods request: cores in thousandths, memory in bytes.
    #[schema(value_type = Object)]
    pub demand: Demand,
    /// Where it would go; absent where it would wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The policy that would choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The age of the chosen cluster's view, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view_age_ms: Option<u64>,
    /// Why it would wait, for machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What would hold it whatever the cluster, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why not there, cluster by cluster, with the figures.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<String, String>,
}

impl Outlook {
    /// What `explanation` says of `entry`, while `waiting` others wait in its queue.
    pub fn of(entry: &BacklogEntry, explanation: Explanation, waiting: u64) -> Self {
        let why = &explanation.why;
        let refused = why.refusals.iter();
        let refused = refused.map(|refusal| (refusal.cluster.to_string(), refusal.cause.to_string()));
        let mut outlook = Self {
            queue: entry.queue.clone(),
            waiting,
            demand: entry.demand.clone(),
            cluster: None,
            policy: None,
            view_age_ms: None,
            reason: explanation.reason,
            message: Some(why.general.clone()).filter(|text| !text.is_empty()),
            others: refused.collect(),
        };
        if let Some(placement) = explanation.placement {
            outlook.cluster = Some(placement.cluster);
            outlook.policy = Some(placement.policy);
            outlook.view_age_ms = Some(placement.view_age_ms);
            outlook.others = placement.others;
        }
        outlook
    }
}

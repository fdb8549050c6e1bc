//! Why a submission is where it is, as its record keeps it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Resources;

/// Why a cluster was chosen.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// The chosen cluster.
    pub cluster: String,
    /// The policy that chose among the clusters that passed every filter.
    pub policy: String,
    /// How old the chosen cluster's view was, in milliseconds; absent where its room isn't measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view_age_ms: Option<u64>,
    /// Clusters that passed every filter, the chosen first, then at most seven in the configuration's order, each with
    /// the figures that the policy compared, as they were before this placement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    /// For each other cluster, why not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<String, String>,
}

/// A cluster that a placement could choose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Its name.
    pub cluster: String,
    /// Its weight.
    pub weight: u32,
    /// How many submissions that were allowed on the same clusters had been placed there: what `weighted` counts.
    pub placed: u64,
    /// Its live submissions.
    pub live: u64,
    /// The most of them; absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_live: Option<u64>,
    /// The age of its view in milliseconds; absent where its room isn't measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view_age_ms: Option<u64>,
    /// What was free there of the resources that the submission needs; absent where its room isn't measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub free: Option<Resources>,
    /// What it has of them altogether, what its autoscaler may add included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub capacity: Option<Resources>,
}

//! Sources as they are written down for pods that don't schedule.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Pool, PoolFigures, Pools, Recent, Told};
use crate::model::Resources;
use crate::routing::CapacitySource;
use crate::routing::figures::milliseconds;

/// A source as it was written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::routing) struct PoolsOutlook {
    source: CapacitySource,
    pub(in crate::routing) age_ms: Option<u64>,
    fault: Option<String>,
    /// As the source told them.
    pools: Vec<PoolFigures>,
    /// What isn't counted yet of the pods to come.
    #[serde(default)]
    kept: Resources,
    /// The most that pods of ours used of late.
    #[serde(default)]
    ours: Resources,
}

impl Pools {
    pub(in crate::routing) fn outlook(&self, now: Duration) -> Vec<PoolsOutlook> {
        let told = self.told.iter();
        told.map(|(source, told)| PoolsOutlook {
            source: *source,
            age_ms: told.at.map(|at| milliseconds(now.saturating_sub(at))),
            fault: told.fault.as_deref().map(str::to_owned),
            pools: told.figures(*source, |pool| pool.free.clone()).collect(),
            kept: told.promised.clone(),
            ours: told.ours.most.max(&told.ours.before),
        })
        .collect()
    }

    /// As they were written down at `then`.
    pub(in crate::routing) fn restored(written: Vec<PoolsOutlook>, then: Duration) -> Self {
        let told = written.into_iter().map(|source| {
            let pools = source.pools.into_iter().map(|pool| Pool {
                name: pool.name,
                total: pool.total,
                free: pool.free,
            });
            let told = Told {
                at: source
                    .age_ms
                    .map(|age| then.saturating_sub(Duration::from_millis(age))),
                fault: source.fault.map(Arc::from),
                pools: pools.collect(),
                kept: BTreeMap::new(),
                promised: source.kept,
                ours: Recent {
                    most: source.ours,
                    ..Recent::default()
                },
            };
            (source.source, told)
        });
        Self {
            told: told.collect(),
            lives: BTreeMap::new(),
        }
    }
}

//! Whether a job's pods are certain of nodes, counted apart from the code that is judged.

use super::super::reference::{Unbound, are_certain, surely_fits};
use super::{Outside, kind_of};
use crate::model::{Demand, Resources};

impl Outside {
    /// Whether the job's pods and those still to come here are certain of nodes. Of a job that isn't even on the empty
    /// cluster, the best is hoped for.
    pub(super) fn is_certain(
        &self,
        cluster: &str,
        demand: &Demand,
        may: impl Fn(bool, usize) -> bool,
    ) -> bool {
        let nodes = &self.nodes[cluster];
        let empty: Vec<Resources> = nodes.iter().map(|node| node.allocatable.clone()).collect();
        let requested = self.requested(cluster);
        let free: Vec<Resources> = empty
            .iter()
            .zip(&requested)
            .map(|(all, used)| all.minus(used))
            .collect();
        let pods_of = |demand: &Demand, bound: usize, may: &dyn Fn(bool, usize) -> bool| -> Unbound {
            let pod = |pod: usize| {
                let need = if pod == 0 {
                    &demand.driver
                } else {
                    &demand.executor
                };
                (need.clone(), (0..nodes.len()).map(|n| may(pod == 0, n)).collect())
            };
            (bound..=demand.executors as usize).map(pod).collect()
        };
        let here = self.running.iter().filter(|job| job.cluster == cluster);
        let mut pods: Unbound = here
            .flat_map(|job| {
                let may = |driver, node| super::may(kind_of(&job.id), driver, node);
                pods_of(&job.demand, job.bound.len(), &may)
            })
            .collect();
        if pods.is_empty() {
            return surely_fits(demand, &free, &may) || !surely_fits(demand, &empty, &may);
        }
        pods.extend(pods_of(demand, 0, &may));
        let whole = empty
            .iter()
            .fold(Resources::default(), |sum, node| sum.plus(node));
        are_certain(&pods, &free, &whole)
    }
}

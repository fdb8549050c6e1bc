//! Slow and simple judges, written from the definitions and not from the code they judge.

use crate::model::{Demand, Resources};

/// Whether a driver and its executors fit into `rooms`: every node is tried for the driver, then executors are put one by
/// one wherever one fits. `may`: whether the driver (`true`) or an executor may go to the node of that number.
pub(super) fn fits(demand: &Demand, rooms: &[Resources], may: impl Fn(bool, usize) -> bool) -> bool {
    (0..rooms.len()).any(|driver| {
        if !may(true, driver) || !demand.driver.fits(&rooms[driver]) {
            return false;
        }
        let mut rooms = rooms.to_vec();
        rooms[driver] = rooms[driver].minus(&demand.driver);
        (0..demand.executors).all(|_| {
            let mut open = rooms.iter_mut().enumerate().filter(|(n, _)| may(false, *n));
            match open.find(|(_, room)| demand.executor.fits(room)) {
                Some((_, room)) => {
                    *room = room.minus(&demand.executor);
                    true
                }
                None => false,
            }
        })
    })
}

/// Weighted progressive filling in whole cores of one resource: how many jobs of `cost` each queue has when nothing more
/// fits, always serving the queue with the lowest use per weight.
pub(super) fn filling(weights: &[u64], costs: &[u64], capacity: u64) -> Vec<u64> {
    let mut used = vec![0u64; weights.len()];
    let mut jobs = vec![0u64; weights.len()];
    loop {
        let free = capacity - used.iter().sum::<u64>();
        let next = (0..weights.len()).filter(|q| costs[*q] <= free).min_by(|a, b| {
            (used[*a] * weights[*b])
                .cmp(&(used[*b] * weights[*a]))
                .then(a.cmp(b))
        });
        let Some(queue) = next else { return jobs };
        used[queue] += costs[queue];
        jobs[queue] += 1;
    }
}

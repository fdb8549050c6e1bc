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
/// goes. The queue with the lowest use per weight is asked next; one that was refused isn't asked again. Once one that has
/// less than its part of what is in use found no room, those that have theirs or more are refused.
pub(super) fn filling(weights: &[u64], costs: &[u64], capacity: u64) -> Vec<u64> {
    let mut used = vec![0u64; weights.len()];
    let mut jobs = vec![0u64; weights.len()];
    let mut open: Vec<usize> = (0..weights.len()).collect();
    let mut claimed = false;
    loop {
        let next = open.iter().copied().min_by(|a, b| {
            (used[*a] * weights[*b])
                .cmp(&(used[*b] * weights[*a]))
                .then(a.cmp(b))
        });
        let Some(queue) = next else { return jobs };
        let (all, sum) = (used.iter().sum::<u64>(), weights.iter().sum::<u64>());
        let is_short = used[queue] * sum < weights[queue] * all;
        let fits = costs[queue] <= capacity - all;
        if fits && (is_short || !claimed) {
            used[queue] += costs[queue];
            jobs[queue] += 1;
        } else {
            claimed |= is_short;
            open.retain(|other| *other != queue);
        }
    }
}

/// Whether the executors fit whichever node the driver is put on, also if that had no room for it.
pub(super) fn surely_fits(demand: &Demand, rooms: &[Resources], may: impl Fn(bool, usize) -> bool) -> bool {
    let alone = Demand {
        driver: Resources::default(),
        ..demand.clone()
    };
    (0..rooms.len()).filter(|n| may(true, *n)).all(|driver| {
        let mut rooms = rooms.to_vec();
        rooms[driver] = rooms[driver].minus(&demand.driver);
        fits(&alone, &rooms, |is_driver, n| is_driver || may(false, n))
    })
}

/// Pods that aren't on a node yet: what each requests, and on which nodes it may go.
pub(super) type Unbound = Vec<(Resources, Vec<bool>)>;

/// Whether each of the pods is certainly left a node, by two plain rules. Every other pod closes one node at most: there
/// are more nodes than others. Or the others together don't request enough to close all, by the larger part of what
/// the nodes have altogether.
pub(super) fn are_certain(pods: &Unbound, rooms: &[Resources], whole: &Resources) -> bool {
    let parts = |of: &Resources| {
        let part = |of: u64, whole: u64| of as f64 / whole.max(1) as f64;
        [
            part(of.cpu.0, whole.cpu.0),
            part(of.memory.0, whole.memory.0),
            part(of.pods, whole.pods),
        ]
    };
    pods.iter().enumerate().all(|(n, (need, may))| {
        let open: Vec<&Resources> = rooms
            .iter()
            .zip(may)
            .filter(|(room, may)| **may && need.fits(room))
            .map(|(room, _)| room)
            .collect();
        let others = pods.iter().enumerate().filter(|(other, _)| *other != n);
        let requested: f64 = others
            .map(|(_, (other, _))| parts(other).into_iter().fold(0.0, f64::max))
            .sum();
        let gaps: f64 = open
            .iter()
            .map(|room| parts(&room.minus(need)).into_iter().fold(f64::INFINITY, f64::min))
            .sum();
        open.len() >= pods.len() || requested < gaps
    })
}

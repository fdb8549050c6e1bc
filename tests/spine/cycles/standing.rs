//! A cluster in a recorded cycle, and whether a demand finds room there.

use spark_broker::model::{Demand, Resources};
use spark_broker::routing::{RecordedCluster, RecordedPlacement};

/// A cluster as the placements so far have left it.
pub(super) struct Standing<'a> {
    pub(super) before: &'a RecordedCluster,
    pub(super) live: u64,
    pub(super) pending: u64,
    pub(super) tokens: Option<u64>,
    pub(super) free: Vec<Resources>,
    /// What is free with nothing kept.
    pub(super) bare: Vec<Resources>,
    /// What pods request that are to come.
    pub(super) to_come: Vec<Resources>,
}

impl Standing<'_> {
    /// What is taken is the demand, pod by pod, each from one node that had it.
    pub(super) fn takes(&mut self, placement: &RecordedPlacement, demand: &Demand) {
        let id = &placement.submission_id;
        let mut executors = 0;
        for (n, (place, amount)) in placement.taken.iter().enumerate() {
            let free = &mut self.free[*place as usize];
            assert!(amount.fits(free), "{id}: {amount:?} of {free:?}");
            *free = free.minus(amount);
            if n == 0 {
                assert_eq!(*amount, demand.driver, "{id}");
            } else {
                assert_eq!(*amount, demand.executor.times(amount.pods), "{id}");
                executors += amount.pods;
            }
        }
        assert_eq!(executors, u64::from(demand.executors), "{id}");
        self.to_come.extend(pods(demand, &demand.total()));
        self.live += 1;
        self.pending += 1;
        self.tokens = self.tokens.map(|tokens| tokens - 1);
    }

    /// Whether driver and executors find places: the driver is tried on every node, executors are put one by one
    /// wherever one fits. What is owed to pods without a place isn't free.
    pub(super) fn fits(&self, demand: &Demand) -> bool {
        let owed = &self.before.room.as_ref().unwrap().owed;
        let free = self
            .free
            .iter()
            .fold(Resources::default(), |sum, one| sum.plus(one));
        if !demand.total().fits(&free.minus(owed)) {
            return false;
        }
        let mut drivers = (0..self.free.len()).filter(|node| demand.driver.fits(&self.free[*node]));
        drivers.any(|driver| beside(&self.free, driver, demand))
    }

    /// Whether each pod to come, and each of `demand`, is certainly left a node. Every pod closes one node at most to
    /// another: it is where there are more nodes than others. It also is where the others together don't request enough
    /// to close all, by the larger part of what the nodes have altogether. Of a demand that isn't certain of the empty
    /// cluster the best is hoped for.
    pub(super) fn surely_fits(&self, demand: &Demand) -> bool {
        let nodes = &self.before.room.as_ref().unwrap().nodes;
        let empty: Vec<Resources> = nodes.iter().map(|node| node.allocatable.clone()).collect();
        if self.to_come.is_empty() {
            let surely = |free: &[Resources]| (0..free.len()).all(|driver| beside(free, driver, demand));
            return surely(&self.bare) || !surely(&empty);
        }
        let whole = empty.iter().fold(Resources::default(), |sum, one| sum.plus(one));
        let parts = |of: &Resources| -> Vec<f64> {
            let named = whole.named().filter(|(_, whole)| *whole > 0);
            named
                .map(|(name, whole)| of.get(name) as f64 / whole as f64)
                .collect()
        };
        let most = |of: &Resources| parts(of).into_iter().fold(0.0, f64::max);
        let least = |of: &Resources| parts(of).into_iter().fold(f64::INFINITY, f64::min);
        let mut all = self.to_come.clone();
        all.extend(pods(demand, &demand.total()));
        let requested: f64 = all.iter().map(most).sum();
        all.iter().all(|pod| {
            let open: Vec<&Resources> = self.bare.iter().filter(|room| pod.fits(room)).collect();
            let gaps: f64 = open.iter().map(|room| least(&room.minus(pod))).sum();
            open.len() >= all.len() || requested - most(pod) < gaps
        })
    }
}

/// Whether the executors find places, put one by one wherever one fits, with the driver on that node.
fn beside(free: &[Resources], driver: usize, demand: &Demand) -> bool {
    let mut free = free.to_vec();
    free[driver] = free[driver].minus(&demand.driver);
    (0..demand.executors).all(|_| {
        let room = free.iter_mut().find(|room| demand.executor.fits(room));
        room.is_some_and(|room| {
            *room = room.minus(&demand.executor);
            true
        })
    })
}

/// The pods that together request `amount`.
pub(super) fn pods(demand: &Demand, amount: &Resources) -> Vec<Resources> {
    let executors = demand.executor.times(amount.pods);
    let mut pods = vec![demand.executor.clone(); amount.pods as usize];
    if *amount != executors {
        pods[0] = demand.driver.clone();
    }
    pods
}

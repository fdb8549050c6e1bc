//! Virtual time: jobs are placed, run for as long as they were told to, and end. Cycles follow events alone, as the
//! scheduler's do: something came, something ended, or the router said that time will change something.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::harness::*;
use crate::model::{ClusterName, Demand};
use crate::routing::{ClusterSettings, QueueSettings};

pub(super) struct Simulation {
    pub(super) world: World,
    clusters: Vec<ClusterName>,
    run_times: BTreeMap<String, Duration>,
    ends: BTreeSet<(Duration, String)>,
    /// When each job started, and where.
    pub(super) started: BTreeMap<String, (Duration, String)>,
}

impl Simulation {
    pub(super) fn new(queues: Vec<QueueSettings>, clusters: Vec<ClusterSettings>) -> Self {
        let names = clusters.iter().map(|cluster| cluster.name.clone()).collect();
        Self {
            world: World::new(queues, clusters),
            clusters: names,
            run_times: BTreeMap::new(),
            ends: BTreeSet::new(),
            started: BTreeMap::new(),
        }
    }

    pub(super) fn submit(&mut self, name: &str, queue: &str, demand: Demand, runs_for: Duration) {
        self.world.submit(name, queue, demand);
        self.run_times.insert(name.to_owned(), runs_for);
    }

    /// A cycle now; how many it placed.
    pub(super) fn cycle(&mut self) -> usize {
        let now = self.world.mono;
        for name in &self.clusters {
            self.world.router.still_current(name, now);
        }
        let placed = self.world.placed();
        for (id, cluster) in &placed {
            if let Some(runs_for) = self.run_times.remove(id) {
                self.ends.insert((now + runs_for, id.clone()));
            }
            self.started.insert(id.clone(), (now, cluster.clone()));
        }
        placed.len()
    }

    /// Goes on to the next event, `until` at the latest, and makes a cycle there; which jobs ended.
    pub(super) fn step(&mut self, until: Duration) -> Vec<String> {
        let ends = self.ends.first().map(|(at, _)| *at);
        let changes = self.world.router.next_change(self.world.mono);
        self.world.mono = ends.into_iter().chain(changes).min().unwrap_or(until).min(until);
        let mut ended = Vec::new();
        while let Some((at, _)) = self.ends.first()
            && *at <= self.world.mono
        {
            let Some((_, id)) = self.ends.pop_first() else {
                break;
            };
            self.world.router.released(&super::harness::id(&id));
            ended.push(id);
        }
        self.cycle();
        ended
    }
}

//! Twenty clusters, each with a pace, ten times overloaded for hours: none gets less than its budget, none more, and none
//! has more than `maxPending` objects in flight.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::harness::*;
use crate::model::SubmissionId;
use crate::routing::Pacing;

const CLUSTERS: usize = 20;
const RATE: u32 = 25;
const BURST: u32 = 5;
const MAX_PENDING: u32 = 20;
const HOURS: u64 = 2;
/// Ten times what all clusters take.
const ARRIVALS_A_MINUTE: usize = 10 * CLUSTERS * RATE as usize;
const END: Duration = Duration::from_secs(HOURS * 3_600);

struct Hours {
    world: World,
    /// When an object that is being created, or lies there, is picked up, and when a job ends.
    picked_up: BTreeSet<(Duration, SubmissionId)>,
    ends: BTreeSet<(Duration, SubmissionId)>,
    on: BTreeMap<SubmissionId, usize>,
    pending: Vec<u32>,
    most_pending: u32,
    creates: Vec<Vec<Duration>>,
    made: usize,
}

impl Hours {
    fn new() -> Self {
        let clusters = (0..CLUSTERS).map(|n| {
            let mut cluster = cluster(&format!("c{n}"), 1);
            cluster.sources = Vec::new();
            cluster.pacing = Pacing {
                submissions_per_minute: Some(RATE),
                burst: BURST,
                max_pending: Some(MAX_PENDING),
            };
            cluster
        });
        let queues = vec![queue("dev", 1), queue("prod", 3)];
        Self {
            world: World::new(queues, clusters.collect()),
            picked_up: BTreeSet::new(),
            ends: BTreeSet::new(),
            on: BTreeMap::new(),
            pending: vec![0; CLUSTERS],
            most_pending: 0,
            creates: vec![Vec::new(); CLUSTERS],
            made: 0,
        }
    }

    fn arrive(&mut self) {
        for _ in 0..ARRIVALS_A_MINUTE {
            let queue = ["dev", "prod"][self.made % 2];
            self.world.submit(&format!("j-{}", self.made), queue, job(1, 1));
            self.made += 1;
        }
    }

    /// What is due now: operators pick objects up, jobs end.
    fn happen(&mut self) {
        let now = self.world.mono;
        while let Some((_, id)) = self.picked_up.pop_first_if(now) {
            assert!(self.world.router.picked_up(&id));
            self.pending[self.on[&id]] -= 1;
        }
        while let Some((_, id)) = self.ends.pop_first_if(now) {
            self.world.router.released(&id);
            self.on.remove(&id);
        }
    }

    fn cycle(&mut self) {
        let now = self.world.mono;
        for decision in self.world.cycle().placements {
            let cluster: usize = decision.cluster.as_str()[1..].parse().unwrap();
            self.creates[cluster].push(now);
            self.pending[cluster] += 1;
            self.most_pending = self.most_pending.max(self.pending[cluster]);
            let id = decision.entry.id;
            // The create takes a second. Operators are quick, but for ten minutes of each hour the first five clusters'
            // take so long that the window fills.
            let slow = cluster < 5 && now.as_secs() % 3_600 < 600;
            let picked_up = now + Duration::from_secs(if slow { 70 } else { 3 });
            self.picked_up.insert((picked_up, id.clone()));
            self.ends
                .insert((picked_up + Duration::from_secs(30), id.clone()));
            self.on.insert(id, cluster);
        }
    }

    fn run(&mut self) {
        let mut minute = Duration::ZERO;
        while self.world.mono < END {
            if self.world.mono >= minute {
                self.arrive();
                minute += Duration::from_secs(60);
            }
            self.happen();
            self.cycle();
            let events = [self.picked_up.first(), self.ends.first()].into_iter().flatten();
            let events = events.map(|(at, _)| *at);
            let change = self.world.router.next_change(self.world.mono);
            self.world.mono = events.chain(change).min().unwrap_or(minute).min(minute);
        }
    }
}

trait PopFirstIf {
    fn pop_first_if(&mut self, now: Duration) -> Option<(Duration, SubmissionId)>;
}

impl PopFirstIf for BTreeSet<(Duration, SubmissionId)> {
    fn pop_first_if(&mut self, now: Duration) -> Option<(Duration, SubmissionId)> {
        self.first().filter(|(at, _)| *at <= now)?;
        self.pop_first()
    }
}

#[test]
fn twenty_overloaded_clusters_keep_pace_burst_and_window_for_hours() {
    let mut hours = Hours::new();
    hours.run();
    assert_eq!(
        hours.most_pending, MAX_PENDING,
        "the slow operators' windows were full, and never more"
    );
    for (n, creates) in hours.creates.iter().enumerate() {
        // The slow ones have twenty objects in seventy seconds at most, for a sixth of the time.
        let slow = n < 5;
        let budget = f64::from(RATE) * 60.0 * HOURS as f64;
        let window = f64::from(MAX_PENDING) / 70.0 * 60.0;
        let expected = if slow {
            budget * (5.0 + window / f64::from(RATE)) / 6.0
        } else {
            budget
        };
        let apart = (creates.len() as f64 - expected).abs() / expected;
        assert!(
            apart <= 0.05,
            "c{n}: {} creates, {expected} expected",
            creates.len()
        );
        // Of any so many in a row the last is as late as the pace makes it.
        for (first, begun) in creates.iter().enumerate() {
            for (last, at) in creates.iter().enumerate().skip(first).take(200) {
                let earned = (*at - *begun).as_nanos() * u128::from(RATE) / 60_000_000_000;
                assert!(
                    (last - first + 1) as u128 <= u128::from(BURST) + earned,
                    "c{n} at {at:?}"
                );
            }
        }
    }
    let gaps = hours.creates[CLUSTERS - 1].windows(2).skip(BURST as usize);
    let longest = gaps.map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(
        longest <= Duration::from_millis(2_401),
        "a token isn't left lying: {longest:?}"
    );
}

//! A judge of recorded cycles, slow and simple: from what a cycle was given and what it placed, nobody within the
//! lookahead is left who fits. It asks nothing of the code that decides; that code is then asked whether it would decide
//! the same once more.

mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use spark_broker::model::{Demand, Resources, SubmissionId};
use spark_broker::routing::{
    Order, RecordedCluster, RecordedCycle, RecordedHead, RecordedPlacement, RecordedQueue, replay,
};
use standing::{Standing, pods};

/// Each so-many-th cycle is decided once more: that takes longer than to judge it.
const REPLAYED: u64 = 6;

/// What the judge has seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub cycles: u64,
    /// Which submission was placed on which cluster.
    pub placed: BTreeSet<(String, String)>,
    /// Submissions left within the lookahead, one for each cycle that left it.
    pub left: u64,
    /// Of those, what stood against some cluster.
    pub against: BTreeMap<&'static str, u64>,
}

/// Judges every cycle of the file. `demand` tells what a submission's driver, and each of its executors, requests;
/// `node` what each node has for pods.
pub fn judge(file: &Path, node: &Resources, demand: impl Fn(&str) -> Demand) -> Seen {
    let mut seen = Seen::default();
    for line in BufReader::new(File::open(file).unwrap()).lines() {
        let cycle: RecordedCycle = serde_json::from_str(&line.unwrap()).unwrap();
        for cluster in &cycle.clusters {
            is_honest(cluster, node, &demand, &cycle);
        }
        for head in cycle.queues.iter().flat_map(|queue| &queue.heads) {
            assert_eq!(head.demand, demand(head.submission_id.as_str()));
        }
        seen.cycles += 1;
        let placements = cycle.placements.iter();
        seen.placed
            .extend(placements.map(|one| (one.submission_id.to_string(), one.cluster.to_string())));
        Judge::new(&cycle, &demand).judge(&mut seen);
        if seen.cycles.is_multiple_of(REPLAYED) {
            replays(&cycle);
        }
    }
    seen
}

/// The code that decided it decides the same once more, from what was written of it alone.
fn replays(cycle: &RecordedCycle) {
    let placements = cycle.placements.iter();
    let recorded: Vec<_> = placements
        .map(|one| (one.submission_id.clone(), one.cluster.clone()))
        .collect();
    assert_eq!(
        replay(cycle),
        recorded,
        "{}",
        serde_json::to_string(cycle).unwrap()
    );
}

/// The view hides no room: what its nodes have left by their own figures is free, or kept for a job by name and no more
/// than that needs.
fn is_honest(
    cluster: &RecordedCluster,
    node: &Resources,
    demand: &impl Fn(&str) -> Demand,
    cycle: &RecordedCycle,
) {
    let Some(room) = &cluster.room else {
        panic!("room counts on every cluster here");
    };
    let sum = |all: &mut dyn Iterator<Item = Resources>| all.fold(Resources::default(), |a, b| a.plus(&b));
    for known in &room.nodes {
        assert_eq!(known.allocatable, *node, "{} at {}", cluster.name, cycle.at);
    }
    for kept in &room.kept {
        let whole = demand(kept.submission_id.as_str()).total();
        assert!(kept.amount.fits(&whole), "{kept:?} at {}", cycle.at);
    }
    let left = sum(&mut room.nodes.iter().map(|n| n.allocatable.minus(&n.requested)));
    let free = sum(&mut room.free.iter().cloned());
    let kept = sum(&mut room.kept.iter().map(|kept| kept.amount.clone())).minus(&room.owed);
    assert_eq!(free.plus(&kept), left, "{} at {}", cluster.name, cycle.at);
}

/// One cycle, played again.
struct Judge<'a> {
    cycle: &'a RecordedCycle,
    clusters: Vec<Standing<'a>>,
    queues: Vec<Line<'a>>,
    placed: BTreeSet<&'a str>,
}

/// A job queue as the placements so far have left it.
struct Line<'a> {
    before: &'a RecordedQueue,
    live: u64,
    used: Resources,
}

impl<'a> Judge<'a> {
    fn new(cycle: &'a RecordedCycle, demand: &impl Fn(&str) -> Demand) -> Self {
        let standing = |before: &'a RecordedCluster| {
            let room = before.room.as_ref().unwrap();
            let nodes = room.nodes.iter();
            let kept = room.kept.iter();
            Standing {
                before,
                live: before.live,
                pending: before.pending,
                tokens: before.pace_tokens,
                free: room.free.clone(),
                bare: nodes
                    .map(|node| node.allocatable.minus(&node.requested))
                    .collect(),
                to_come: kept
                    .flat_map(|kept| pods(&demand(kept.submission_id.as_str()), &kept.amount))
                    .collect(),
            }
        };
        let line = |before: &'a RecordedQueue| Line {
            before,
            live: before.live,
            used: before.used.clone(),
        };
        Self {
            cycle,
            clusters: cycle.clusters.iter().map(standing).collect(),
            queues: cycle.queues.iter().map(line).collect(),
            placed: BTreeSet::new(),
        }
    }

    fn judge(mut self, seen: &mut Seen) {
        for placement in &self.cycle.placements {
            self.plays(placement);
        }
        // It may not have looked any further.
        if self.cycle.placements.len() >= self.cycle.most {
            return;
        }
        for line in &self.queues {
            let passed = match line.before.order {
                Order::BestEffortFifo => line.before.lookahead,
                Order::StrictFifo => 1,
            };
            let heads = line.before.heads.iter();
            let left = heads.filter(|head| !self.placed.contains(head.submission_id.as_str()));
            for head in left.take(passed) {
                seen.left += 1;
                self.has_no_place(line, head, seen);
            }
        }
    }

    /// A placement keeps every limit, and takes room that is there.
    fn plays(&mut self, placement: &'a RecordedPlacement) {
        let (id, at) = (placement.submission_id.as_str(), self.cycle.at);
        let has = |line: &Line<'_>| {
            line.before
                .heads
                .iter()
                .any(|head| head.submission_id.as_str() == id)
        };
        let queue = self.queues.iter().position(has).unwrap();
        let head = self.queues[queue].before.heads.iter();
        let head = head
            .clone()
            .find(|head| head.submission_id.as_str() == id)
            .unwrap();
        let name = |cluster: &Standing<'_>| cluster.before.name == placement.cluster;
        let cluster = self.clusters.iter().position(name).unwrap();
        let (line, standing) = (&self.queues[queue], &self.clusters[cluster]);
        let against = line.full(head).or_else(|| self.closed(standing, line, head));
        // A hold ends with its holder's placement, and others may then use the cluster in the same cycle.
        let hold = standing.before.held_for.as_ref();
        let over = hold.is_some_and(|hold| self.placed.contains(hold.submission_id.as_str()));
        assert!(
            against.is_none() || against == Some("hold") && over,
            "{id} was placed at {at} against {against:?}"
        );
        let line = &mut self.queues[queue];
        line.live += 1;
        line.used = line.used.plus(&head.demand.total());
        self.clusters[cluster].takes(placement, &head.demand);
        self.placed.insert(id);
    }

    fn has_no_place(&self, line: &Line<'_>, head: &RecordedHead, seen: &mut Seen) {
        if let Some(why) = line.full(head) {
            *seen.against.entry(why).or_default() += 1;
            return;
        }
        for cluster in &self.clusters {
            let why = self.closed(cluster, line, head);
            let why = why
                .or_else(|| (!cluster.fits(&head.demand)).then_some("room"))
                .or_else(|| (!cluster.surely_fits(&head.demand)).then_some("pods to come"))
                .or_else(|| self.claimed(cluster, line).then_some("claimed"));
            let Some(why) = why else {
                panic!(
                    "{} was left, yet fits on {} at {}: {}",
                    head.submission_id,
                    cluster.before.name,
                    self.cycle.at,
                    serde_json::to_string(self.cycle).unwrap()
                );
            };
            *seen.against.entry(why).or_default() += 1;
        }
    }

    /// Whether a queue that uses less for its weight waits for room there: the cluster may be kept for it.
    fn claimed(&self, cluster: &Standing<'_>, line: &Line<'_>) -> bool {
        let has = self
            .clusters
            .iter()
            .flat_map(|cluster| &cluster.before.room.as_ref().unwrap().nodes);
        let has = has.fold(Resources::default(), |sum, node| sum.plus(&node.allocatable));
        let mut behind = self
            .queues
            .iter()
            .filter(|other| other.share(&has) < line.share(&has));
        behind.any(|other| {
            let heads = other.before.heads.iter();
            let left = heads.filter(|head| !self.placed.contains(head.submission_id.as_str()));
            left.take(other.before.lookahead).any(|head| {
                let demand = &head.demand;
                self.closed(cluster, other, head).is_none()
                    && !(cluster.fits(demand) && cluster.surely_fits(demand))
            })
        })
    }

    /// Why a cluster takes nothing of the kind now, whatever its room.
    fn closed(&self, cluster: &Standing<'_>, line: &Line<'_>, head: &RecordedHead) -> Option<&'static str> {
        let before = cluster.before;
        let room = before.room.as_ref()?;
        let served = before
            .queues
            .as_ref()
            .is_none_or(|all| all.contains(&line.before.name));
        let chosen = head.clusters.is_empty() || head.clusters.contains(&before.name);
        let excluded = head.excluded_clusters.contains(&before.name);
        let versions = &before.spark_versions;
        let version = head.spark_version.as_ref();
        let serves = versions.is_empty() || version.is_none_or(|wanted| versions.contains(wanted));
        let causes = [
            (!served || !chosen || excluded || !serves, "selection"),
            (before.unhealthy.is_some() || before.cordoned.is_some(), "health"),
            (room.age_ms.is_none_or(|age| age > room.age_limit_ms), "view"),
            (
                before.max_live.is_some_and(|most| cluster.live >= most),
                "maxLive",
            ),
            (
                before
                    .max_pending
                    .is_some_and(|most| cluster.pending >= u64::from(most)),
                "maxPending",
            ),
            (cluster.tokens == Some(0), "pace"),
            (self.kept_for_another(before, line, head), "hold"),
        ];
        causes.into_iter().find(|(holds, _)| *holds).map(|(_, why)| why)
    }

    /// A hold named in the record, for a head of its queue that has been passed for `maxBypass`, keeps away all but that
    /// head and those before it.
    fn kept_for_another(&self, cluster: &RecordedCluster, line: &Line<'_>, head: &RecordedHead) -> bool {
        let Some(hold) = &cluster.held_for else {
            return false;
        };
        let holder = self
            .queues
            .iter()
            .find(|line| line.before.name == hold.queue)
            .unwrap();
        assert!(hold.passed_for_ms >= holder.before.max_bypass_ms, "{hold:?}");
        let place = |id: &SubmissionId| {
            holder
                .before
                .heads
                .iter()
                .position(|head| head.submission_id == *id)
        };
        let before =
            line.before.name == hold.queue && place(&head.submission_id) <= place(&hold.submission_id);
        !before
    }
}

impl Line<'_> {
    /// The largest part of one resource that it uses, for its weight.
    fn share(&self, has: &Resources) -> f64 {
        let parts = self.used.named().filter(|(name, _)| has.get(name) > 0);
        let parts = parts.map(|(name, used)| used as f64 / has.get(name) as f64);
        parts.fold(0.0, f64::max) / f64::from(self.before.weight)
    }

    /// Which limit of the queue stands against one more.
    fn full(&self, head: &RecordedHead) -> Option<&'static str> {
        let live = self.before.max_live.is_some_and(|most| self.live >= most);
        let whole = self.used.plus(&head.demand.total());
        let limit = self.before.limit.as_ref();
        let used = limit.is_some_and(|limit| {
            let mut of_all = limit.named().filter(|(_, most)| *most > 0);
            of_all.any(|(name, most)| whole.get(name) > most)
        });
        (live || used).then_some("limit of the queue")
    }
}

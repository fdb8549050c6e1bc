//! The laws, each from what the world outside holds. A judge that isn't sure of some room says that there is none: what
//! it accuses is certain.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::reference::{are_certain, fits, surely_fits};
use super::outside::{Job, Outside, Place, pods};
use crate::model::{ClusterName, Demand, QueueName, Resources, SubmissionId};
use crate::routing::{Cause, Cycle, Order, QueueSettings, Waiting};

/// What may stand against a job on a cluster.
const GROUNDS: [&str; 7] = [
    "larger than the cluster",
    "cordoned",
    "unhealthy",
    "maxLive",
    "maxPending",
    "pace",
    "no room",
];

fn whole(nodes: &[Resources]) -> Resources {
    nodes
        .iter()
        .fold(Resources::default(), |sum, node| sum.plus(node))
}

/// Whether no span of time up to `at` has more than its burst and what it earned.
fn keeps_pace(place: &Place, starts: &[Duration], at: Duration) -> bool {
    let pacing = &place.settings.pacing;
    let Some(rate) = pacing.submissions_per_minute else {
        return true;
    };
    (0..starts.len()).all(|n| {
        let earned = (at - starts[n]).as_millis() * u128::from(rate) / 60_000;
        (starts.len() - n) as u128 <= u128::from(pacing.burst) + earned
    })
}

impl Outside {
    fn queue_of(&self, job: &Job) -> &QueueSettings {
        let mut queues = self.queues.iter();
        queues.find(|queue| queue.name == job.queue).unwrap()
    }

    fn used_by(&self, queue: &QueueSettings) -> (u64, Resources) {
        let of_it = self.running.iter().filter(|one| one.job.queue == queue.name);
        of_it.fold((0, Resources::default()), |(live, used), one| {
            (live + 1, used.plus(&one.job.demand.total()))
        })
    }

    fn live(&self, place: &Place) -> u64 {
        self.here(&place.settings.name).count() as u64
    }

    fn pending(&self, place: &Place) -> u64 {
        self.here(&place.settings.name).filter(|one| one.pending).count() as u64
    }

    pub(super) fn nothing_is_exceeded(&self) {
        for place in &self.places {
            let (settings, name) = (&place.settings, &place.settings.name);
            let demands = self.here(name).map(|one| one.job.demand.total());
            let used = demands.fold(Resources::default(), |sum, demand| sum.plus(&demand));
            let has = whole(&place.cleared());
            assert!(used.fits(&has), "{name} has {has:?} and runs {used:?}");
            let (live, pending) = (self.live(place), self.pending(place));
            assert!(
                settings.limits.max_live.is_none_or(|most| live <= most),
                "{name}: {live} live"
            );
            let most = settings.pacing.max_pending;
            assert!(
                most.is_none_or(|most| pending <= u64::from(most)),
                "{name}: {pending} pending"
            );
            let starts = &place.starts;
            assert!(keeps_pace(place, starts, self.world.mono), "{name}: {starts:?}");
        }
        for queue in &self.queues {
            let (live, used) = self.used_by(queue);
            let (limits, name) = (&queue.limits, &queue.name);
            assert!(
                limits.max_live.is_none_or(|most| live <= most),
                "{name}: {live} live"
            );
            let over = limits.resources.as_ref().and_then(|most| exceeds(&used, most));
            assert_eq!(over, None, "{name} uses {used:?}");
        }
    }

    /// What of its queue stands against one more job, whatever the cluster.
    fn queue_against(&self, job: &Job) -> Option<&'static str> {
        let queue = self.queue_of(job);
        let (live, used) = self.used_by(queue);
        if queue.limits.max_live.is_some_and(|most| live >= most) {
            return Some("the queue's maxLive");
        }
        let most = queue.limits.resources.as_ref()?;
        let need = job.demand.total();
        if exceeds(&need, most).is_some() {
            return Some("larger than the queue's limit");
        }
        exceeds(&used.plus(&need), most).map(|_| "the queue's limit")
    }

    /// What of a cluster stands against a job, but that it is kept for another.
    fn against(&self, job: &Job, place: &Place) -> Option<&'static str> {
        let mut grounds = GROUNDS.into_iter();
        grounds.find(|ground| self.stands(ground, job, place))
    }

    fn stands(&self, ground: &str, job: &Job, place: &Place) -> bool {
        let (limits, pacing) = (&place.settings.limits, &place.settings.pacing);
        match ground {
            "larger than the cluster" => is_too_large(&job.demand, place),
            "cordoned" => place.cordoned,
            "unhealthy" => place.unhealthy,
            "maxLive" => limits.max_live.is_some_and(|most| self.live(place) >= most),
            "maxPending" => pacing
                .max_pending
                .is_some_and(|most| self.pending(place) >= u64::from(most)),
            "pace" => {
                let now = self.world.mono;
                let one_more: Vec<Duration> = place.starts.iter().copied().chain([now]).collect();
                !keeps_pace(place, &one_more, now)
            }
            "no room" => !self.has_room(&job.demand, place),
            _ => false,
        }
    }

    /// Whether each pod is sure of a node now, and each of those that are still to come is, too. Of a job that isn't even
    /// on what strangers leave of the empty cluster, the best is hoped for.
    fn has_room(&self, demand: &Demand, place: &Place) -> bool {
        let (free, empty, cleared) = (self.free(place), place.empty(), place.cleared());
        let anywhere = |_, _| true;
        let to_come = self.here(&place.settings.name).flat_map(|one| one.to_come());
        let on_any = |need: &Resources| (need.clone(), vec![true; free.len()]);
        let mut all: Vec<_> = to_come.map(on_any).collect();
        if all.is_empty() {
            let sure = surely_fits(demand, &free, anywhere) || !surely_fits(demand, &cleared, anywhere);
            return sure && fits(demand, &free, anywhere);
        }
        all.extend(pods(demand).map(on_any));
        are_certain(&all, &free, &whole(&empty))
    }

    /// Whether no other of its queue is behind it for this job, as no cluster may take it before something changes that
    /// no job's end changes.
    fn is_aside(&self, job: &Job) -> bool {
        let queue = self.queue_of(job);
        let most = queue.limits.resources.as_ref();
        if most.is_some_and(|most| exceeds(&job.demand.total(), most).is_some()) {
            return true;
        }
        let away = |place: &Place| match queue.order {
            Order::BestEffortFifo => place.cordoned || place.unhealthy,
            Order::StrictFifo => false,
        };
        let mut places = self.places.iter();
        places.all(|place| away(place) || is_too_large(&job.demand, place))
    }

    fn all_are_away(&self) -> bool {
        let mut places = self.places.iter();
        places.all(|place| place.cordoned || place.unhealthy)
    }

    /// Of its queue, no more than the lookahead are passed, none under strict-fifo; and, where `cycle` says what they were
    /// told, none who fits.
    pub(super) fn passes_as_its_queue_allows(&mut self, job: &Job, cycle: Option<&Cycle>) {
        let queue = self.queue_of(job);
        let (order, lookahead) = (queue.order, queue.lookahead);
        let older = |other: &&Job| other.queue == job.queue && other.place < job.place;
        let in_the_way = self
            .waiting
            .iter()
            .filter(older)
            .filter(|other| !self.is_aside(other));
        let passed = in_the_way.count();
        match order {
            Order::StrictFifo => assert_eq!(passed, 0, "{} passes", job.id),
            Order::BestEffortFifo => assert!(passed < lookahead, "{} passes {passed}", job.id),
        }
        for other in self.waiting.iter().filter(older) {
            let told = cycle.and_then(|cycle| cycle.waiting.iter().find(|told| told.id == other.id));
            let fits = |place: &&Place| {
                let is_kept = told.is_some_and(|told| self.is_told_kept(other, told, place));
                self.queue_against(other).is_none() && self.against(other, place).is_none() && !is_kept
            };
            let fits = self.places.iter().find(fits).filter(|_| cycle.is_some());
            assert!(fits.is_none(), "{} passes {}, who fits", job.id, other.id);
        }
        match order {
            Order::StrictFifo => self.meet("placed by strict-fifo"),
            Order::BestEffortFifo if passed > 0 => self.meet("passed in best-effort-fifo"),
            Order::BestEffortFifo => {}
        }
    }

    fn is_told_kept(&self, job: &Job, told: &Waiting, place: &Place) -> bool {
        let refusals = &told.why.refusals;
        let of_it = refusals.iter().find(|one| one.cluster == place.settings.name);
        of_it.is_some_and(|one| match &one.cause {
            Cause::Held { holder } => self.is_kept_for(holder, job),
            Cause::Claimed { by } => self.is_ahead_of(job, by),
            _ => false,
        })
    }

    /// Whether a cluster may be kept from the job: for another one that waits, has been told so for as long as its queue's
    /// patience lasts, and isn't behind it in the same queue.
    fn is_kept_for(&self, holder: &SubmissionId, job: &Job) -> bool {
        let Some(holder) = self.waiting.iter().find(|other| other.id == *holder) else {
            return false;
        };
        let patience = self.queue_of(holder).max_bypass;
        let behind = holder.queue == job.queue && job.place <= holder.place;
        let since = self.told_since.get(&holder.id);
        !behind && since.is_some_and(|since| self.world.mono - *since >= patience)
    }

    /// Whether room may be kept from the job for those of another queue: that uses less for its weight.
    fn is_ahead_of(&self, job: &Job, by: &QueueName) -> bool {
        let has = self.places.iter().map(|place| whole(&place.empty()));
        let has = has.fold(Resources::default(), |sum, has| sum.plus(&has));
        let share = |queue: &QueueSettings| {
            let (_, used) = self.used_by(queue);
            let parts = used.named().filter(|(name, _)| has.get(name) > 0);
            let largest = parts.map(|(name, used)| used as f64 / has.get(name) as f64);
            largest.fold(0.0, f64::max) / f64::from(queue.weight)
        };
        let claimant = self.queues.iter().find(|queue| queue.name == *by);
        claimant.is_some_and(|claimant| share(claimant) < share(self.queue_of(job)))
    }

    /// All whom a queue's order lets the router look at are told, and every word is true.
    pub(super) fn everyone_is_told_why(&mut self, cycle: &Cycle) {
        let mut met = Vec::new();
        let mut kept = BTreeMap::new();
        for told in &cycle.waiting {
            let job = self.waiting.iter().find(|job| job.id == told.id);
            self.is_true(job.unwrap(), told, &mut kept, &mut met);
        }
        for queue in &self.queues {
            self.is_looked_through(queue, cycle, &mut met);
        }
        met.into_iter().for_each(|what| self.meet(what));
    }

    fn is_looked_through(&self, queue: &QueueSettings, cycle: &Cycle, met: &mut Vec<&'static str>) {
        let (mut in_the_way, mut beside) = (0, 0);
        let of_it = self.waiting.iter().filter(|job| job.queue == queue.name);
        for (n, job) in of_it.enumerate() {
            if in_the_way > 0 && queue.order == Order::StrictFifo {
                met.push("waits behind a head of strict-fifo");
                return;
            }
            // An outage makes nobody walk the backlog.
            if in_the_way >= queue.lookahead || beside >= queue.lookahead && self.all_are_away() {
                return;
            }
            let aside = self.is_aside(job);
            let is_told = cycle.waiting.iter().any(|told| told.id == job.id);
            let answers = &self.log;
            assert!(
                is_told || aside && n > 0,
                "{} isn't told why it waits: {answers:#?}",
                job.id
            );
            // What a full queue says to one it says to all.
            if self.queue_against(job) == Some("the queue's maxLive") {
                return;
            }
            in_the_way += usize::from(!aside);
            beside += usize::from(aside);
        }
    }

    /// A job is told of a limit of its queue, or of every cluster; and what it is told of stands.
    fn is_true<'a>(
        &self,
        job: &Job,
        told: &'a Waiting,
        kept: &mut BTreeMap<&'a ClusterName, &'a SubmissionId>,
        met: &mut Vec<&'static str>,
    ) {
        let refusals = &told.why.refusals;
        if refusals.is_empty() {
            let limit = self.queue_against(job);
            assert!(limit.is_some() && !told.why.general.is_empty(), "{told:?}");
            met.extend(limit);
            return;
        }
        let told_of = refusals.iter().map(|one| &one.cluster);
        let all = self.places.iter().map(|place| &place.settings.name);
        assert!(told_of.eq(all), "a reason for every cluster: {told:?}");
        for (refusal, place) in refusals.iter().zip(&self.places) {
            let ground = ground_of(&refusal.cause);
            met.push(ground);
            if let Cause::Claimed { by } = &refusal.cause {
                assert!(self.is_ahead_of(job, by), "{} was told {refusal}", job.id);
                let mut theirs = self.waiting.iter().filter(|other| other.queue == *by);
                let in_vain = !theirs.any(|other| strangers_leave_room(&other.demand, place));
                assert!(!in_vain, "{} was told {refusal}, in vain", job.id);
                continue;
            }
            let Cause::Held { holder } = &refusal.cause else {
                assert!(self.stands(ground, job, place), "{} was told {refusal}", job.id);
                continue;
            };
            assert!(self.is_kept_for(holder, job), "{} was told {refusal}", job.id);
            let of_it = self.waiting.iter().find(|other| other.id == *holder).unwrap();
            let in_vain = !strangers_leave_room(&of_it.demand, place);
            assert!(!in_vain, "{} was told {refusal}, in vain", job.id);
            let first = kept.entry(&refusal.cluster).or_insert(holder);
            assert_eq!(*first, holder, "{} is kept for one at most", refusal.cluster);
            let other_queue = |other: &Job| other.id == *holder && other.queue != job.queue;
            met.extend(
                self.waiting
                    .iter()
                    .any(other_queue)
                    .then_some("held for another queue"),
            );
        }
    }
}

fn ground_of(cause: &Cause) -> &'static str {
    match cause {
        Cause::TooSmall(_) => "larger than the cluster",
        Cause::Cordoned(_) => "cordoned",
        Cause::Unhealthy(_) => "unhealthy",
        Cause::MaxLive { .. } => "maxLive",
        Cause::MaxPending { .. } => "maxPending",
        Cause::Pace { .. } => "pace",
        Cause::NoRoom(_) => "no room",
        Cause::Held { .. } => "held",
        Cause::Claimed { .. } => "claimed",
        Cause::QueueNotServed
        | Cause::NotSelected
        | Cause::Excluded
        | Cause::SparkVersion { .. }
        | Cause::NoView { .. }
        | Cause::StaleView { .. } => "what these worlds don't have",
    }
}

/// Whether it doesn't fit on the empty cluster.
fn is_too_large(demand: &Demand, place: &Place) -> bool {
    !fits(demand, &place.empty(), |_, _| true)
}

/// Whether it fits once all of ours have ended.
fn strangers_leave_room(demand: &Demand, place: &Place) -> bool {
    fits(demand, &place.cleared(), |_, _| true)
}

/// Of which limited resource more is used than there may be.
fn exceeds<'a>(used: &Resources, most: &'a Resources) -> Option<&'a str> {
    let mut limited = most.named().filter(|(_, most)| *most > 0);
    limited
        .find(|(name, most)| used.get(name) > *most)
        .map(|(name, _)| name)
}

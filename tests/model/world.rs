//! Everything that the checker looks at: one submission's record, two schedulers, the clusters, the calls under way.

use jiff::Timestamp;
use spark_broker::model::Version;
use spark_broker::submission::{NewRecord, RawState, Reason, Record, State};

use super::cluster::{Cluster, ID, Object, Owner, Phase, Pod};
use super::mind::{Mind, Rec};
use super::store::Written;

/// What one of the two schedulers holds in memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Broker {
    /// The epoch of its term, while it believes in one.
    pub epoch: Option<u64>,
    /// Of the backlog, as once read.
    pub entry: Option<Rec>,
    pub slot: Option<Slot>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slot {
    pub mind: Mind,
    pub busy: bool,
    /// The outline that an intent was written over, until that is confirmed.
    pub unconfirmed: Option<Rec>,
    /// The settling time after the end is over.
    pub aged: bool,
}

/// A call on its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    /// Who waits for the answer, if anybody still does.
    pub from: Option<usize>,
    pub ask: Ask,
    /// Once carried out.
    pub answer: Option<Answer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Ask {
    Write {
        known: Rec,
        next: Rec,
    },
    Create {
        cluster: usize,
        name: (u32, u8),
        owner: Owner,
        two_phase: bool,
    },
    Look {
        cluster: usize,
        name: (u32, u8),
    },
    List {
        cluster: usize,
    },
    Release {
        cluster: usize,
        uid: u8,
    },
    Delete {
        cluster: usize,
        uid: u8,
    },
    DeletePods {
        cluster: usize,
        uids: Vec<u8>,
    },
    /// A leftover, the object before its driver.
    Remove {
        cluster: usize,
        object: Option<u8>,
        pod: Option<u8>,
    },
}

impl Ask {
    pub fn cluster(&self) -> Option<usize> {
        match self {
            Self::Write { .. } => None,
            Self::Create { cluster, .. } | Self::Look { cluster, .. } | Self::List { cluster } => {
                Some(*cluster)
            }
            Self::Release { cluster, .. } | Self::Delete { cluster, .. } => Some(*cluster),
            Self::DeletePods { cluster, .. } | Self::Remove { cluster, .. } => Some(*cluster),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Answer {
    Written(Written),
    Created(Object),
    AlreadyExists,
    OverQuota,
    Seen(Option<Object>),
    Pods(Vec<Pod>),
    Done,
}

/// The whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub record: Rec,
    pub epoch: u64,
    pub holder: Option<usize>,
    pub brokers: [Broker; 2],
    pub clusters: Vec<Cluster>,
    pub calls: Vec<Call>,
    /// The last UID given.
    pub uid: u8,
    pub faults: u8,
    pub cancels: u8,
    pub resends: u8,
    /// Attempts of this incarnation whose driver ended with 0.
    pub succeeded: Vec<u32>,
}

pub fn wall() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// The record that intake makes of the message.
pub fn accepted(incarnation: u8, tries: u32) -> Record {
    let mut record = Record::queued(NewRecord {
        id: ID.parse().unwrap(),
        domain: "default".parse().unwrap(),
        queue: "dev".parse().unwrap(),
        fingerprint: "f".into(),
        at: wall(),
    });
    record.incarnation = format!("i{incarnation}").parse().unwrap();
    record.version = Version(1);
    record.retry.max_attempts = tries;
    record.retry.on = vec![Reason::Lost, Reason::ApplicationFailed];
    record
}

impl World {
    pub fn owner_of(record: &Record) -> Owner {
        (
            record.incarnation.as_str()[1..].parse().unwrap(),
            record.attempt.0,
        )
    }

    /// Objects that an operator may start, or has started and not finished.
    fn open(&self) -> impl Iterator<Item = (usize, &Object)> {
        let open = |o: &&Object| !o.gone && !o.suspended && !is_done(o.raw);
        let all = self.clusters.iter().enumerate();
        all.flat_map(move |(c, cluster)| cluster.objects.iter().filter(open).map(move |o| (c, o)))
    }

    fn started(&self) -> impl Iterator<Item = (usize, &Pod)> {
        let all = self.clusters.iter().enumerate();
        let started = |pod: &&Pod| pod.phase == Phase::Running;
        all.flat_map(move |(c, cluster)| cluster.pods.iter().filter(started).map(move |pod| (c, pod)))
    }

    /// The first promise: never two released, unfinished objects, never two running drivers, never both of two attempts.
    pub fn one_run_at_most(&self) -> bool {
        let mut runs: Vec<_> = self.open().map(|(c, o)| (c, o.owner)).collect();
        runs.extend(self.started().map(|(c, pod)| (c, pod.owner)));
        runs.dedup();
        self.open().count() <= 1 && self.started().count() <= 1 && runs.len() <= 1
    }

    /// A record that tells of success had a driver of its own that ended with 0, and a cancelled one has none running.
    pub fn tells_the_truth(&self) -> bool {
        match self.record.0.state {
            State::Succeeded => self.succeeded.contains(&self.record.0.attempt.0),
            State::Cancelled => self.open().next().is_none() && self.started().next().is_none(),
            _ => true,
        }
    }

    /// At rest, with nothing under way and nothing to come.
    pub fn is_over(&self) -> bool {
        let idle = |slot: &Slot| slot.mind.attempt.record.state.is_terminal();
        let idle = self.brokers.iter().all(|b| b.slot.as_ref().is_none_or(idle));
        self.is_at_rest() && self.calls.is_empty() && self.resends == 0 && idle
    }

    /// Ended, and nothing of it is left that isn't finished.
    pub fn is_at_rest(&self) -> bool {
        let left = |c: &Cluster| {
            let open = c.objects.iter().any(|o| !o.gone && !is_done(o.raw));
            open || c.objects.iter().any(|o| o.submits > 0)
                || c.pods.iter().any(|pod| pod.phase == Phase::Running)
        };
        let record = &self.record.0;
        record.state.is_terminal() && record.abandoned.is_empty() && !self.clusters.iter().any(left)
    }
}

fn is_done(raw: RawState) -> bool {
    raw.is_terminal()
}

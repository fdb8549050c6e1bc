//! What a scheduler holds in memory, made finite: an attempt and a record as values that can be compared and hashed, with
//! time abstracted.
//!
//! Of each moment that an attempt remembers only its order is kept, and whether a settling time lies between it and the
//! next one. Pauses are dropped: the checker lets any time pass between two steps.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use spark_broker::broker::attempt::Attempt;
use spark_broker::broker::plan::is_taken_away;
use spark_broker::submission::{Record, State};
use spark_broker::watch::{Driver, ObjectState};

/// The time of every step.
pub const NOW: Duration = Duration::from_secs(1_000_000);
/// Every settling time.
pub const SETTLE: Duration = Duration::from_secs(100);
/// Between two moments without a settling time between them.
const SHORT: Duration = Duration::from_millis(1);

/// A record as the model compares it.
#[derive(Clone)]
pub struct Rec(pub Arc<Record>, u64);

impl Rec {
    /// `record` without what no decision looks at.
    pub fn new(mut record: Record) -> Self {
        record.history.clear();
        record.placement = None;
        record.not_before = None;
        record.raw_state = None;
        record.verdict.message = None;
        (record.driver_uid, record.driver_pod, record.exit_code) = (None, None, None);
        record.queue_timeout_at = None;
        let digest = digest_of(&record);
        Self(Arc::new(record), digest)
    }
}

fn digest_of(record: &Record) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&record.incarnation.as_str(), record.version, record.epoch).hash(&mut hasher);
    (record.state, record.verdict.reason, record.attempt, record.tries).hash(&mut hasher);
    (record.cancel_requested, record.expires_at, record.started_at).hash(&mut hasher);
    record.cluster.as_ref().map(|c| c.as_str()).hash(&mut hasher);
    record.object_uid.as_ref().map(|u| u.as_str()).hash(&mut hasher);
    for abandoned in &record.abandoned {
        (abandoned.attempt, abandoned.cluster.as_str()).hash(&mut hasher);
    }
    hasher.finish()
}

/// One attempt as a scheduler knows it, with the moment its call under way was asked at.
#[derive(Clone)]
pub struct Mind {
    /// What the program's own functions see.
    pub attempt: Arc<Attempt>,
    /// When the call under way was sent.
    pub asked: Option<Duration>,
    digest: u64,
}

impl Mind {
    pub fn new(attempt: Attempt) -> Self {
        Self::with(attempt, None)
    }

    /// `attempt` with its times in canonical form.
    pub fn with(mut attempt: Attempt, mut asked: Option<Duration>) -> Self {
        attempt.record = (*Rec::new(attempt.record).0).clone();
        let memory = &mut attempt.memory;
        (memory.pause_until, memory.delete_sent, memory.release_sent) = (None, None, None);
        (memory.failures, memory.deletes) = (0, 0);
        memory.creates = memory.creates.min(1);
        forget_what_is_over(&mut attempt, asked);
        settle_times(&mut times(&mut attempt, &mut asked));
        let digest = digest(&attempt, asked);
        Self {
            attempt: Arc::new(attempt),
            asked,
            digest,
        }
    }

    /// The same after a settling time.
    pub fn later(&self) -> Self {
        let (mut attempt, mut asked) = ((*self.attempt).clone(), self.asked);
        times(&mut attempt, &mut asked)
            .into_iter()
            .for_each(|time| *time -= SETTLE);
        Self::with(attempt, asked)
    }
}

/// What no decision looks at in this state, and what only guards the answer of a call under way.
fn forget_what_is_over(attempt: &mut Attempt, asked: Option<Duration>) {
    let (state, sight, memory) = (attempt.record.state, &mut attempt.sight, &mut attempt.memory);
    if state != State::Dispatching {
        (memory.own_intent, memory.creates, memory.create_error) = (false, 0, None);
        memory.unsure_write = false;
        (memory.ambiguous_at, memory.absent_at, memory.silent_since) = (None, None, None);
        // What has had its time to land, and was looked for since, matters no more.
        let looked = sight.looked.unwrap_or(Duration::ZERO);
        let open = |sent: &Duration| looked < *sent + SETTLE && !state.is_terminal();
        memory.in_flight_at = memory.in_flight_at.filter(open);
    }
    if matches!(state, State::Retrying | State::Cancelling) && memory.in_flight_at.is_none() {
        sight.looked = None;
    }
    if state.is_terminal() {
        (sight.pods, sight.looked, sight.object_gone, memory.no_pods_since) = (None, None, None, None);
    }
    attempt.sight.over_since = attempt.sight.over_since.filter(|_| is_taken_away(attempt));
    let sight = &mut attempt.sight;
    if asked.is_none() {
        sight.driver_at = None;
        sight.object_at = sight.object_at.filter(|_| sight.pods.is_some());
    }
}

fn times<'a>(attempt: &'a mut Attempt, asked: &'a mut Option<Duration>) -> Vec<&'a mut Duration> {
    let (sight, memory) = (&mut attempt.sight, &mut attempt.memory);
    let plain = [
        &mut sight.driver_at,
        &mut sight.over_since,
        &mut sight.looked,
        &mut sight.object_at,
        &mut memory.ambiguous_at,
        &mut memory.in_flight_at,
        &mut memory.absent_at,
        &mut memory.silent_since,
        &mut memory.no_pods_since,
        asked,
    ];
    let mut all: Vec<_> = plain.into_iter().flatten().collect();
    all.extend(sight.pods.as_mut().map(|(at, _)| at));
    all.extend(sight.object_gone.as_mut().map(|gone| &mut gone.at));
    all
}

fn settle_times(times: &mut [&mut Duration]) {
    times.sort_unstable_by(|a, b| b.cmp(a));
    let (mut was, mut becomes) = (None, NOW);
    for time in times {
        let gap = was.unwrap_or(NOW).saturating_sub(**time);
        if was.is_none() || !gap.is_zero() {
            becomes -= if gap > Duration::from_millis(500) {
                SETTLE
            } else {
                SHORT
            };
        }
        was = Some(**time);
        **time = becomes;
    }
}

fn digest(attempt: &Attempt, asked: Option<Duration>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let (sight, memory) = (&attempt.sight, &attempt.memory);
    digest_of(&attempt.record).hash(&mut hasher);
    sight.object.as_ref().map(object).hash(&mut hasher);
    sight.driver.as_ref().map(driver).hash(&mut hasher);
    sight.second.object.as_ref().map(object).hash(&mut hasher);
    sight.second.driver.as_ref().map(driver).hash(&mut hasher);
    sight.driver_gone.hash(&mut hasher);
    (sight.driver_at, sight.looked, sight.object_at, asked).hash(&mut hasher);
    sight.over_since.hash(&mut hasher);
    if let Some((at, pods)) = &sight.pods {
        at.hash(&mut hasher);
        for pod in pods {
            (pod.uid.as_str(), pod.driver.as_ref().map(driver)).hash(&mut hasher);
        }
    }
    let gone = sight.object_gone.as_ref();
    gone.map(|gone| {
        (
            gone.at,
            gone.last.as_ref().map(object),
            gone.seen.as_ref().map(object),
        )
    })
    .hash(&mut hasher);
    (
        memory.own_intent,
        memory.creates,
        (memory.ambiguous_at, memory.in_flight_at, memory.unsure_write),
        memory.absent_at,
    )
        .hash(&mut hasher);
    (memory.silent_since, memory.no_pods_since).hash(&mut hasher);
    memory
        .create_error
        .as_ref()
        .map(ToString::to_string)
        .hash(&mut hasher);
    hasher.finish()
}

fn object(object: &ObjectState) -> (&str, &str, bool, bool) {
    (
        object.uid.as_str(),
        &object.raw,
        object.suspended,
        object.error_message.is_some(),
    )
}

fn driver(driver: &Driver) -> (&str, String) {
    (driver.uid.as_str(), format!("{:?}", driver.phase))
}

impl PartialEq for Rec {
    fn eq(&self, other: &Self) -> bool {
        self.1 == other.1
    }
}
impl Eq for Rec {}
impl Hash for Rec {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.1.hash(state);
    }
}
impl std::fmt::Debug for Rec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (r, epoch) = (&self.0, self.0.epoch.map(|e| e.0));
        write!(
            f,
            "{}#{} v{} e{epoch:?} a{} on {:?}",
            r.state,
            r.incarnation,
            r.version,
            r.attempt,
            r.cluster.as_ref().map(|c| c.as_str())
        )?;
        write!(
            f,
            " cancel={} abandoned={}",
            r.cancel_requested,
            r.abandoned.len()
        )
    }
}

impl PartialEq for Mind {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}
impl Eq for Mind {}
impl Hash for Mind {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}
impl std::fmt::Debug for Mind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", Rec::new(self.attempt.record.clone()))
    }
}

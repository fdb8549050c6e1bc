//! What the lives on the clusters and the records in the table say together.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::lives::{Driver, Object};
use super::{Audit, Book, walk};
use crate::load::{Ends, Job};

/// Within this time what is delivered at once may land in any order.
const AT_ONCE: Duration = Duration::from_secs(1);

/// What the audit found; all lists but `exceptions`, `resubmitted` and `late` must be empty.
#[derive(Debug, Default)]
pub struct Findings {
    /// Accepted and not ended, or ended without what its end says having happened.
    pub lost: Vec<String>,
    /// Two released, unfinished objects or two started drivers of one submission, at an instant or one after the other.
    pub doubled: Vec<String>,
    /// The same where one-phase can't exclude it: an object landed after its attempt was given up, or, under `move`, stood
    /// on a cluster that was silent for too long.
    pub exceptions: Vec<String>,
    /// Cancelled ones whose driver was taken away before its end and then made again, for a moment, by the operator that was
    /// in the middle of submitting the object a second time: nobody but the operator can stop its spark-submit.
    pub resubmitted: Vec<String>,
    /// Objects that landed after their attempt was given up, released or not.
    pub late: Vec<String>,
    /// Left over after everything has settled.
    pub orphans: Vec<String>,
    /// Histories that aren't legal walks.
    pub illegal: Vec<String>,
    /// Ends other than the job's spec asks for.
    pub unexpected: Vec<String>,
}

impl Findings {
    /// Everything that is wrong.
    pub fn faults(&self) -> Vec<String> {
        let Self {
            lost,
            doubled,
            exceptions: _,
            resubmitted: _,
            late: _,
            orphans,
            illegal,
            unexpected,
        } = self;
        [lost, doubled, orphans, illegal, unexpected]
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }
}

/// Who looks at what.
pub struct Judge<'a> {
    pub audit: &'a Audit,
    pub book: &'a Book,
    pub installation: &'a str,
    pub records: &'a BTreeMap<String, Value>,
    /// Whether an object that lands late may run for a moment.
    pub one_phase: bool,
    /// Whether attempts on a silent cluster are given up.
    pub moves: bool,
}

/// A time in which something of a submission was surely alive.
struct Alive<'a> {
    what: &'static str,
    uid: &'a str,
    object: &'a str,
    name: &'a str,
    from: Duration,
    to: Duration,
    /// Whether it was taken away before its end.
    taken: bool,
}

impl Alive<'_> {
    fn told(&self) -> String {
        let (from, to) = (self.from.as_secs_f64(), self.to.as_secs_f64());
        let how = if self.taken {
            ", taken away before its end"
        } else {
            ""
        };
        format!("{} {} ({from:.1} s to {to:.1} s{how})", self.what, self.name)
    }
}

impl Judge<'_> {
    /// Everything that is wrong.
    pub fn findings(&self, jobs: &[Job]) -> Findings {
        let mut found = Findings::default();
        let mut alive: BTreeMap<&str, Vec<Alive<'_>>> = BTreeMap::new();
        for (uid, object) in self.objects() {
            alive
                .entry(&object.owner.submission)
                .or_default()
                .extend(self.object_alive(uid, object));
        }
        for (uid, driver) in self.drivers() {
            alive
                .entry(&driver.owner.submission)
                .or_default()
                .extend(self.driver_alive(uid, driver));
        }
        for (submission, alive) in &alive {
            self.doubles(submission, alive, &mut found);
        }
        for (uid, object) in self.objects() {
            if self.is_late(object) {
                found.late.push(format!("{} ({uid})", object.name));
            }
        }
        for job in jobs {
            self.end(job, &mut found);
        }
        self.orphans(&mut found);
        found
    }

    fn objects(&self) -> impl Iterator<Item = (&String, &Object)> {
        let ours = |object: &&Object| object.owner.installation == self.installation;
        self.book.objects.iter().filter(move |(_, object)| ours(object))
    }

    fn drivers(&self) -> impl Iterator<Item = (&String, &Driver)> {
        let ours = |driver: &&Driver| driver.owner.installation == self.installation;
        self.book.drivers.iter().filter(move |(_, driver)| ours(driver))
    }

    fn object_alive<'a>(&self, uid: &'a str, object: &'a Object) -> Option<Alive<'a>> {
        let span = |moment| self.audit.span(object.cluster, moment);
        let ends = [object.terminal, object.gone].into_iter().flatten();
        Some(Alive {
            what: "object",
            uid,
            object: uid,
            name: &object.name,
            from: span(object.released?).before,
            to: ends.map(|end| span(end).after).min().unwrap_or(Duration::MAX),
            taken: object.terminal.is_none() && object.gone.is_some(),
        })
    }

    fn driver_alive<'a>(&self, uid: &'a str, driver: &'a Driver) -> Option<Alive<'a>> {
        let span = |moment| self.audit.span(driver.cluster, moment);
        let ends = [driver.ended.map(|(at, _)| at), driver.gone]
            .into_iter()
            .flatten();
        Some(Alive {
            what: "driver",
            uid,
            object: &driver.object,
            name: &driver.name,
            from: span(driver.started?).before,
            to: ends.map(|end| span(end).after).min().unwrap_or(Duration::MAX),
            taken: driver.ended.is_none() && driver.gone.is_some(),
        })
    }

    /// Two of one kind at an instant, an object beside another's driver, or two drivers at any time.
    fn doubles(&self, submission: &str, alive: &[Alive<'_>], found: &mut Findings) {
        for (n, one) in alive.iter().enumerate() {
            for other in &alive[..n] {
                if one.uid == other.uid || (one.what != other.what && one.object == other.object) {
                    continue;
                }
                let (from, to) = (one.from.max(other.from), one.to.min(other.to));
                let at_once = from < to;
                if !at_once && (one.what, other.what) != ("driver", "driver") {
                    continue;
                }
                let how = if at_once {
                    format!("for {:?} at least", to.saturating_sub(from))
                } else {
                    "one after the other".to_owned()
                };
                let text = format!("{submission}: {} and {}, {how}", one.told(), other.told());
                let excused = |uid: &str| {
                    let object = self.book.objects.get(uid);
                    object.is_some_and(|o| self.is_late(o) || self.moves && self.was_given_up(o))
                };
                let first = if one.from < other.from { one } else { other };
                let cancelled = self
                    .records
                    .get(submission)
                    .is_some_and(|record| record["state"] == "CANCELLED");
                if !at_once && cancelled && one.object == other.object && first.taken {
                    found.resubmitted.push(text);
                } else if self.one_phase && (excused(one.object) || excused(other.object)) {
                    found.exceptions.push(text);
                } else {
                    found.doubled.push(text);
                }
            }
        }
    }

    /// Whether its attempt was given up before it was known to stand.
    fn was_given_up(&self, object: &Object) -> bool {
        let Some(record) = self.records.get(&object.owner.submission) else {
            return false;
        };
        let mut transitions = record["history"].as_array().into_iter().flatten();
        transitions.any(|transition| {
            (&transition["from"], &transition["to"]) == (&json!("DISPATCHING"), &json!("QUEUED"))
                && transition["attempt"] == object.owner.attempt
        })
    }

    /// Whether its attempt was given up, and it landed when that of a later one was there or about to be: what was held
    /// on the way is delivered all at once.
    fn is_late(&self, object: &Object) -> bool {
        let created = |object: &Object| self.audit.span(object.cluster, object.created);
        let landed = created(object).before;
        self.was_given_up(object)
            && self.objects().any(|(_, other)| {
                other.owner.submission == object.owner.submission
                    && other.owner.incarnation == object.owner.incarnation
                    && other.owner.attempt > object.owner.attempt
                    && landed + AT_ONCE > created(other).after
            })
    }

    fn end(&self, job: &Job, found: &mut Findings) {
        let id = &job.id;
        let Some(record) = self.records.get(id) else {
            found.lost.push(format!("{id}: no record"));
            return;
        };
        let state = record["state"].as_str().unwrap_or_default();
        if !["SUCCEEDED", "FAILED", "CANCELLED"].contains(&state) {
            found.lost.push(format!("{id}: {state} for good: {record:#}"));
            return;
        }
        if let Some(fault) = walk::fault(record) {
            found
                .illegal
                .push(format!("{id}: {fault}: {:#}", record["history"]));
        }
        let reason = record["reason"].as_str().unwrap_or_default();
        let code = match (state, reason) {
            ("SUCCEEDED", _) => Some(0),
            ("FAILED", "ApplicationFailed") => Some(3),
            _ => None,
        };
        let own = |driver: &&Driver| {
            driver.owner.submission == *id && record["incarnation"] == driver.owner.incarnation
        };
        let mut own = self.drivers().map(|(_, driver)| driver).filter(own);
        if let Some(code) = code
            && !own.any(|driver| driver.ended.is_some_and(|(_, found)| found == code))
        {
            found.lost.push(format!(
                "{id}: {state}, but no driver of its own ended with {code}"
            ));
        }
        let expected = match job.ends {
            Ends::Well => state == "SUCCEEDED",
            Ends::Badly => (state, reason) == ("FAILED", "ApplicationFailed"),
            Ends::Cancelled => state == "CANCELLED",
            Ends::CancelledOrWell => state == "CANCELLED" || state == "SUCCEEDED",
            // Only the first attempt's name is taken: one that was moved before that was seen goes well.
            Ends::NameTaken => {
                (state, reason) == ("FAILED", "NameTaken")
                    || (state == "SUCCEEDED" && record["attempt"].as_u64() > Some(1))
            }
        };
        if !expected {
            let told = (&record["reason"], &record["message"]);
            found.unexpected.push(format!(
                "{id}: {:?} was expected, {state} came, {told:?}: {:#}",
                job.ends, record["history"]
            ));
        }
    }

    fn orphans(&self, found: &mut Findings) {
        for (uid, object) in self.objects().filter(|(_, object)| object.gone.is_none()) {
            if object.terminal.is_none() {
                found.orphans.push(format!(
                    "object {} ({uid}) of cluster {} in state {:?}",
                    object.name, object.cluster, object.raw
                ));
            }
            if !self.records.contains_key(&object.owner.submission) {
                found
                    .orphans
                    .push(format!("object {} ({uid}) has no record", object.name));
            }
        }
        for (uid, driver) in self.drivers().filter(|(_, driver)| driver.gone.is_none()) {
            let alone = self
                .book
                .objects
                .get(&driver.object)
                .is_none_or(|object| object.gone.is_some());
            if driver.ended.is_none() || alone {
                found.orphans.push(format!(
                    "driver {} ({uid}) of cluster {}, ended {:?}, its object gone: {alone}",
                    driver.name, driver.cluster, driver.ended
                ));
            }
        }
    }
}

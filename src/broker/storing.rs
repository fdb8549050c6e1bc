//! How a submission comes to stand in the store: created, or measured against what stands there already.

use std::sync::Arc;

use jiff::Timestamp;

use crate::lifecycle::{Event, Happening, Rules, Step};
use crate::model::{Clock, Domain, SubmissionId};
use crate::ports::Error;
use crate::ports::service::{Cancelled, Confirmed};
use crate::ports::store::{Create, Store, Write};
use crate::submission::{Arrival, Change, HISTORY_MAX, Record, RecordKey, State, arrive};

/// What came of storing a submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    /// It stands now.
    New(Box<Record>),
    /// It stood already.
    Duplicate(Box<Record>),
    /// Another stands under its ID.
    Conflict(Box<Record>),
}

/// The records as every pod may write them: creating and cancelling.
#[derive(Clone)]
pub struct Records {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The rules of the lifecycle.
    pub rules: Rules,
    /// The domain.
    pub domain: Domain,
    /// How long a cancel for an unknown ID is remembered, in seconds.
    pub cancel_memory: i64,
}

impl Records {
    /// Brings `record` into the store, or says what stands in its way.
    pub async fn store(&self, record: &Record) -> Result<Stored, Error> {
        loop {
            let stored = match self.store.create(record).await? {
                Create::Created => return Ok(Stored::New(Box::new(record.clone()))),
                Create::Exists(stored) => stored,
            };
            let next = match arrive(&stored, record, self.clock.now()) {
                Arrival::Duplicate => return Ok(Stored::Duplicate(stored)),
                Arrival::Conflict => return Ok(Stored::Conflict(stored)),
                Arrival::Replace => succeeding(&stored, record.clone()),
                Arrival::Cancelled => self.cancelled_at_birth(&stored, record)?,
            };
            match self
                .store
                .replace(&RecordKey::from(stored.as_ref()), &next)
                .await?
            {
                Write::Done(record) => return Ok(Stored::New(record)),
                // Somebody else was quicker: look again at what stands now.
                Write::Stale(_) => {}
            }
        }
    }

    fn cancelled_at_birth(&self, stored: &Record, record: &Record) -> Result<Record, Error> {
        let born = succeeding(stored, record.clone());
        let event = Event {
            at: self.clock.now(),
            happening: Happening::CancelRequested,
        };
        match self.rules.step(&born, &event) {
            Step::Next(next) => Ok(*next),
            Step::Ignored | Step::Illegal => Err(Error::permanent("a new record can't be cancelled")),
        }
    }

    /// Asks for the end of `id`. Where nobody knows it, the wish is kept for the submission to come.
    pub async fn cancel(&self, id: &SubmissionId) -> Result<Cancelled, Error> {
        loop {
            let now = self.clock.now();
            let Some(record) = self.store.get(id).await?.filter(|r| !r.is_expired(now)) else {
                match self.unknown(id, now).await? {
                    Some(answer) => return Ok(answer),
                    None => continue,
                }
            };
            if record.is_tombstone() {
                return Ok(remembered(&record));
            }
            let event = Event {
                at: now,
                happening: Happening::CancelRequested,
            };
            let next = match self.rules.step(&record, &event) {
                Step::Next(next) => next,
                Step::Ignored | Step::Illegal if record.state.is_terminal() => {
                    return Ok(Cancelled::Ended(Box::new(record)));
                }
                Step::Ignored | Step::Illegal => return Ok(Cancelled::Requested(Box::new(record))),
            };
            let change = Change::between(&record, &next, self.store.shards());
            match self
                .store
                .update(&RecordKey::from(&record), &change, None)
                .await?
            {
                Write::Done(record) if record.state == State::Cancelled => {
                    return Ok(Cancelled::Done(record));
                }
                Write::Done(record) => return Ok(Cancelled::Requested(record)),
                Write::Stale(_) => {}
            }
        }
    }

    /// Takes a person's word that the node of its driver is gone.
    pub async fn confirm_lost(&self, id: &SubmissionId, why: &str) -> Result<Confirmed, Error> {
        loop {
            let now = self.clock.now();
            let known = |record: &Record| !record.is_expired(now) && !record.is_tombstone();
            let Some(record) = self.store.get(id).await?.filter(known) else {
                return Ok(Confirmed::Unknown);
            };
            let happening = Happening::LossSaid { why: why.to_owned() };
            let next = match self.rules.step(&record, &Event { at: now, happening }) {
                Step::Next(next) => next,
                Step::Ignored if !record.state.is_terminal() => {
                    return Ok(Confirmed::Taken(Box::new(record)));
                }
                Step::Ignored | Step::Illegal => return Ok(Confirmed::NotInDoubt(Box::new(record))),
            };
            let change = Change::between(&record, &next, self.store.shards());
            let key = RecordKey::from(&record);
            if let Write::Done(record) = self.store.update(&key, &change, None).await? {
                return Ok(Confirmed::Taken(record));
            }
        }
    }

    /// Nobody knows the ID; `None` where it has just become known.
    async fn unknown(&self, id: &SubmissionId, now: Timestamp) -> Result<Option<Cancelled>, Error> {
        let tombstone = Record::tombstone(id.clone(), self.domain.clone(), now, self.cancel_memory);
        match self.store.create(&tombstone).await? {
            Create::Created => Ok(Some(remembered(&tombstone))),
            Create::Exists(expired) if expired.is_expired(now) => {
                let key = RecordKey::from(expired.as_ref());
                match self.store.replace(&key, &tombstone).await? {
                    Write::Done(_) => Ok(Some(remembered(&tombstone))),
                    // A submission has just taken its place: that is what is to be cancelled.
                    Write::Stale(_) => Ok(None),
                }
            }
            Create::Exists(_) => Ok(None),
        }
    }
}

fn remembered(tombstone: &Record) -> Cancelled {
    let until = tombstone
        .expires_at
        .and_then(|at| Timestamp::from_second(at).ok());
    Cancelled::Unknown {
        until: until.unwrap_or(tombstone.updated_at),
    }
}

/// `record` in the place of `stored`: its version goes on, and its history keeps what came before.
fn succeeding(stored: &Record, mut record: Record) -> Record {
    record.version = stored.version.next();
    let mut history = stored.history.clone();
    history.append(&mut record.history);
    let surplus = history.len().saturating_sub(HISTORY_MAX);
    history.drain(1..1 + surplus);
    record.history = history;
    record
}

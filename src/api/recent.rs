//! Reads the index `recent` from now into the past: day by day, and within a day all partitions (queue and shard) merged
//! by accepted time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use futures::future::join_all;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::problem::Problem;
use crate::lookup::Cursor;
use crate::model::{QueueName, SubmissionId};
use crate::ports::store::Store;
use crate::submission::{Record, State};

/// Records fetched from a partition at a time.
const CHUNK: usize = 25;
/// What one request may go through before it answers with what it has, and a cursor: days and records.
const DAYS_MAX: usize = 31;
const RECORDS_MAX: usize = 2000;

/// What a list asks for.
pub(super) struct Wanted {
    pub(super) queues: Vec<QueueName>,
    /// Empty: all.
    pub(super) states: Vec<State>,
    pub(super) since: Timestamp,
    pub(super) limit: usize,
    pub(super) now: Timestamp,
}

/// Fills one page.
pub(super) struct Reader<'a> {
    store: &'a dyn Store,
    wanted: Wanted,
    page: Vec<Record>,
    gone_through: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(store: &'a dyn Store, wanted: Wanted) -> Self {
        Self {
            store,
            wanted,
            page: Vec::new(),
            gone_through: 0,
        }
    }

    /// One page from `cursor` on, and where the next begins.
    pub(super) async fn read(mut self, cursor: Cursor) -> Result<(Vec<Record>, Option<Cursor>), Problem> {
        let first_day = self.wanted.since.to_zoned(TimeZone::UTC).date();
        let mut cursor = cursor;
        for _ in 0..DAYS_MAX {
            let Ok(day) = cursor.day.parse::<Date>() else {
                return Ok((self.page, None));
            };
            if day < first_day {
                return Ok((self.page, None));
            }
            if let Some(rest) = self.read_day(cursor).await? {
                return Ok((self.page, Some(rest)));
            }
            let Ok(before) = day.yesterday() else {
                return Ok((self.page, None));
            };
            cursor = Cursor::at_day(before.to_string());
        }
        Ok((self.page, Some(cursor)))
    }

    /// Goes through one day; `Some` where the page or the budget ran out within it.
    async fn read_day(&mut self, mut cursor: Cursor) -> Result<Option<Cursor>, Problem> {
        let mut partitions = self.partitions(&cursor);
        for opened in join_all(partitions.iter_mut().map(|p| p.open(self.store, &self.wanted))).await {
            opened?;
        }
        loop {
            // The newest head of all partitions goes next.
            let newest = partitions
                .iter_mut()
                .filter(|p| !p.ready.is_empty())
                .min_by_key(|p| p.ready.front().map(|r| Reverse((r.accepted_at, r.id.clone()))));
            let Some((partition, record)) = newest.and_then(|p| {
                let record = p.ready.pop_front()?;
                Some((p, record))
            }) else {
                return Ok(None);
            };
            partition.fill(self.store, &self.wanted).await?;
            cursor.before = Some((record.accepted_at, record.id.clone()));
            cursor.taken.insert(partition.key.clone(), record.id.clone());
            self.gone_through += 1;
            if self.wanted.states.is_empty() || self.wanted.states.contains(&record.state) {
                self.page.push(record);
            }
            if self.page.len() >= self.wanted.limit || self.gone_through >= RECORDS_MAX {
                return Ok(Some(cursor));
            }
        }
    }

    fn partitions(&self, cursor: &Cursor) -> Vec<Partition> {
        let shards = self.store.shards();
        let all = self.wanted.queues.iter().flat_map(|queue| {
            (0..shards).map(move |shard| {
                let key = format!("{queue}#{shard}");
                Partition {
                    queue: queue.clone(),
                    shard,
                    day: cursor.day.clone(),
                    after: cursor.taken.get(&key).cloned(),
                    before: cursor.before.clone(),
                    key,
                    ids: VecDeque::new(),
                    more: More::Start,
                    ready: VecDeque::new(),
                }
            })
        });
        all.collect()
    }
}

enum More {
    Start,
    Page(String),
    End,
}

/// One partition of the index, read as far as needed.
struct Partition {
    key: String,
    queue: QueueName,
    shard: u32,
    day: String,
    after: Option<SubmissionId>,
    before: Option<(Timestamp, SubmissionId)>,
    ids: VecDeque<SubmissionId>,
    more: More,
    ready: VecDeque<Record>,
}

impl Partition {
    /// Goes behind the last ID that was taken. Where that is gone, everything is read again and `before` sorts out what
    /// was shown.
    async fn open(&mut self, store: &dyn Store, wanted: &Wanted) -> Result<(), Problem> {
        if let Some(after) = self.after.take() {
            let mut unfound = VecDeque::new();
            while let Some(mut page) = self.next_page(store).await? {
                if let Some(at) = page.iter().position(|id| *id == after) {
                    self.ids = page.split_off(at + 1).into();
                    unfound.clear();
                    break;
                }
                unfound.extend(page);
            }
            if !unfound.is_empty() {
                self.ids = unfound;
            }
        }
        self.fill(store, wanted).await
    }

    async fn next_page(&mut self, store: &dyn Store) -> Result<Option<Vec<SubmissionId>>, Problem> {
        let token = match std::mem::replace(&mut self.more, More::End) {
            More::Start => None,
            More::Page(token) => Some(token),
            More::End => return Ok(None),
        };
        let page = store.recent(&self.queue, &self.day, self.shard, token).await?;
        self.more = page.next.map_or(More::End, More::Page);
        Ok(Some(page.items))
    }

    /// Makes sure that a record is ready, if there is one left.
    async fn fill(&mut self, store: &dyn Store, wanted: &Wanted) -> Result<(), Problem> {
        while self.ready.is_empty() {
            if self.ids.is_empty() {
                match self.next_page(store).await? {
                    Some(page) => self.ids = page.into(),
                    None => return Ok(()),
                }
            }
            let chunk: Vec<_> = self.ids.drain(..self.ids.len().min(CHUNK)).collect();
            let records = if chunk.is_empty() {
                Vec::new()
            } else {
                store.get_many(&chunk).await?
            };
            let mut by_id: BTreeMap<_, _> = records.into_iter().map(|r| (r.id.clone(), r)).collect();
            let in_order = chunk.iter().filter_map(|id| by_id.remove(id));
            self.ready = in_order.filter(|r| self.shows(r, wanted)).collect();
        }
        Ok(())
    }

    fn shows(&self, record: &Record, wanted: &Wanted) -> bool {
        let unseen = self
            .before
            .as_ref()
            .is_none_or(|before| (record.accepted_at, &record.id) < (before.0, &before.1));
        unseen && record.accepted_at >= wanted.since && !record.is_expired(wanted.now)
    }
}

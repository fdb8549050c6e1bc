//! Goes through what hasn't ended, by the indexes `backlog` and `live`, and cancels what a selector means: a hundred at a
//! time, a few of them at once, and at a pace that leaves most of the store to others.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use tokio::time::Instant;

use super::Api;
use super::cancellations::Selector;
use super::problem::Problem;
use crate::error::{Class, Classify};
use crate::lookup::{CancelOutcome, Cancellations, CancelledOne, SearchCursor, SearchPart};
use crate::model::{ClusterName, QueueName, SubmissionId};
use crate::ports::Error;
use crate::ports::service::Cancelled;
use crate::ports::store::Page;
use crate::submission::{Record, State};

/// Records read at a time: what one BatchGetItem takes.
const CHUNK: usize = 100;
/// Specs read, or cancels under way, at once.
const AT_ONCE: usize = 4;
/// The least time that each record read takes, and each wish on top: at most 2,000 reads and 200 wishes a second. A new
/// on-demand table takes 12,000 units of reads and 4,000 of writes; a wish costs some ten.
const PACE_OF_READS: Duration = Duration::from_micros(500);
const PACE_OF_WISHES: Duration = Duration::from_millis(5);
/// After so long a call answers with what it has: proxies give up on silent requests after a minute, some after 30 s.
const TIME_MAX: Duration = Duration::from_secs(15);
/// Most matches of a call; the chunk that reaches it is finished.
const MATCHES_MAX: u64 = 10_000;

type Place = (jiff::Timestamp, SubmissionId);

/// An entry of an index.
struct Entry {
    place: Place,
    queue: QueueName,
}

/// One call's search.
pub(super) struct Search<'a> {
    api: &'a Api,
    selector: &'a Selector,
    deadline: Instant,
    told: Cancellations,
    /// What was told of: an index may show an entry twice.
    seen: HashSet<SubmissionId>,
    /// Behind the last entry that was dealt with.
    cursor: Option<SearchCursor>,
}

/// Why a search ends before its end.
enum Stop {
    /// The call has done its share, or the process stops.
    Share,
    /// The store doesn't answer.
    Away(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Away(error)
    }
}

impl<'a> Search<'a> {
    pub(super) fn new(api: &'a Api, selector: &'a Selector, dry_run: bool) -> Self {
        Self {
            api,
            selector,
            deadline: Instant::now() + TIME_MAX,
            told: Cancellations {
                dry_run,
                ..Cancellations::default()
            },
            seen: HashSet::new(),
            cursor: None,
        }
    }

    /// Goes on behind `from` until everything, or this call's share, was gone through. Errors: the store is away and
    /// nothing was found yet.
    pub(super) async fn run(mut self, from: Option<SearchCursor>) -> Result<Cancellations, Problem> {
        let clusters = self.api.known_clusters().await?;
        for part in self.parts(&clusters) {
            if from.as_ref().is_some_and(|from| part < from.part) {
                continue;
            }
            let after = from.as_ref().filter(|from| from.part == part);
            let after = after.and_then(|from| from.after.clone());
            self.cursor = Some(SearchCursor {
                part: part.clone(),
                after: after.clone(),
            });
            match self.search(&part, after).await {
                Ok(()) => {}
                Err(Stop::Share) => return Ok(self.unfinished(None)),
                Err(Stop::Away(error)) if self.told.matched == 0 => return Err(error.into()),
                Err(Stop::Away(error)) => return Ok(self.unfinished(Some(Problem::from(error).detail))),
            }
        }
        Ok(self.told)
    }

    fn unfinished(mut self, why: Option<String>) -> Cancellations {
        let stops = self.api.stopping.is_cancelled();
        self.told.interrupted = why.or_else(|| stops.then(|| "the process stops".to_owned()));
        self.told.next_cursor = self.cursor.map(|cursor| cursor.encode());
        self.told
    }

    fn parts(&self, known: &[ClusterName]) -> Vec<SearchPart> {
        let shards = if self.selector.wants_queued() {
            self.api.store.shards()
        } else {
            0
        };
        let clusters = self.selector.clusters(known).into_iter();
        let live = clusters.filter(|_| self.selector.wants_live()).cloned();
        (0..shards)
            .map(SearchPart::Backlog)
            .chain(live.map(SearchPart::Live))
            .collect()
    }

    /// Goes through one part.
    async fn search(&mut self, part: &SearchPart, after: Option<Place>) -> Result<(), Stop> {
        let mut token = None;
        loop {
            let page = self.page(part, after.as_ref(), token).await?;
            let last = page.items.last().map(|entry| entry.place.clone());
            let meant = |entry: &Entry| self.selector.queue.as_ref().is_none_or(|q| entry.queue == *q);
            let places: Vec<Place> = page.items.into_iter().filter(meant).map(|e| e.place).collect();
            for chunk in places.chunks(CHUNK) {
                let begun = Instant::now();
                let wishes = self.deal_with(chunk).await?;
                self.pass(part, chunk.last().cloned())?;
                let pause = PACE_OF_READS * count(chunk.len()) + PACE_OF_WISHES * wishes;
                tokio::select! {
                    () = tokio::time::sleep_until(begun + pause) => {}
                    () = self.api.stopping.cancelled() => {}
                }
            }
            token = page.next;
            if token.is_none() {
                return Ok(());
            }
            self.pass(part, last)?;
        }
    }

    /// Everything up to `place` has been dealt with; ends the call where that was its share.
    fn pass(&mut self, part: &SearchPart, place: Option<Place>) -> Result<(), Stop> {
        if let Some(after) = place {
            self.cursor = Some(SearchCursor {
                part: part.clone(),
                after: Some(after),
            });
            let over = Instant::now() >= self.deadline || self.told.matched >= MATCHES_MAX;
            if over || self.api.stopping.is_cancelled() {
                return Err(Stop::Share);
            }
        }
        Ok(())
    }

    /// A page of a part, as far as it lies behind `after`.
    async fn page(
        &self,
        part: &SearchPart,
        after: Option<&Place>,
        token: Option<String>,
    ) -> Result<Page<Entry>, Error> {
        let (store, domain) = (&self.api.store, &self.api.domain);
        let (mut items, next) = match part {
            SearchPart::Backlog(shard) => {
                let from = after.map(|(at, _)| *at);
                let page = store.backlog(domain, *shard, from, token).await?;
                let entry = |entry: crate::submission::BacklogEntry| Entry {
                    place: (entry.accepted_at, entry.id),
                    queue: entry.queue,
                };
                (page.items.into_iter().map(entry).collect::<Vec<_>>(), page.next)
            }
            SearchPart::Live(cluster) => {
                let page = store.live(domain, cluster, token).await?;
                let entry = |record: Record| Entry {
                    place: (record.accepted_at, record.id),
                    queue: record.queue,
                };
                (page.items.into_iter().map(entry).collect(), page.next)
            }
        };
        if let Some(after) = after {
            // The backlog runs by accepted time, what is live by ID.
            items.retain(|entry| match part {
                SearchPart::Backlog(_) => entry.place > *after,
                SearchPart::Live(_) => entry.place.1 > after.1,
            });
        }
        Ok(Page { items, next })
    }

    /// Cancels or counts what is meant of `places`; how many wishes were tried. What is decided of each is decided by
    /// its record as it stands now: an index lags.
    async fn deal_with(&mut self, places: &[Place]) -> Result<u32, Stop> {
        let ids: Vec<_> = places.iter().map(|(_, id)| id.clone()).collect();
        let records = self.api.store.get_many(&ids).await?;
        let fits = |record: &Record| {
            let unended = !record.state.is_terminal() && record.domain == self.api.domain;
            unended && self.selector.fits(record)
        };
        let mut records: Vec<_> = records.into_iter().filter(fits).collect();
        if !self.selector.labels.is_empty() {
            records = self.with_labels(records).await?;
        }
        records.retain(|record| self.seen.insert(record.id.clone()));
        records.sort_by_key(|record| (record.accepted_at, record.id.clone()));
        let (asked, meant): (Vec<_>, Vec<_>) = records.into_iter().partition(|r| r.cancel_requested);
        self.told.asked_before += asked.len() as u64;
        if self.told.dry_run {
            meant
                .iter()
                .for_each(|record| self.told.add(CancelledOne::of(record, None)));
            return Ok(0);
        }
        let wishes = count(meant.len());
        self.cancel(meant).await?;
        Ok(wishes)
    }

    /// Cancels each of `meant`, a few at once. Where the store goes away nothing more is begun, and what was begun is
    /// told.
    async fn cancel(&mut self, meant: Vec<Record>) -> Result<(), Error> {
        let (api, stop) = (self.api, &AtomicBool::new(false));
        let begin = |record: Record| async move {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let outcome = cancel(api, record).await;
            stop.fetch_or(outcome.is_err(), Ordering::Relaxed);
            outcome.map(Some)
        };
        let mut outcomes = stream::iter(meant).map(begin).buffered(AT_ONCE);
        let mut away = None;
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(one) => one.into_iter().for_each(|one| self.told.add(one)),
                Err(error) => away = Some(error),
            }
        }
        away.map_or(Ok(()), Err)
    }

    /// Those of `records` whose specs have the labels.
    async fn with_labels(&self, records: Vec<Record>) -> Result<Vec<Record>, Error> {
        let read = |record: Record| async move {
            let inline = record.spec.effective.is_some();
            let specs = if inline {
                record.spec.clone()
            } else {
                self.api.store.specs(&record).await?
            };
            Ok(self.selector.fits_labels(&specs).then_some(record))
        };
        let read = stream::iter(records).map(read).buffered(AT_ONCE);
        let read: Vec<Result<Option<Record>, Error>> = read.collect().await;
        read.into_iter().filter_map(Result::transpose).collect()
    }
}

/// A number of a chunk's entries.
fn count(entries: usize) -> u32 {
    u32::try_from(entries).unwrap_or(u32::MAX)
}

/// Cancels one, as anybody would. Errors: the store is away.
async fn cancel(api: &Api, record: Record) -> Result<CancelledOne, Error> {
    let failed = |why: String| CancelledOne {
        why: Some(why),
        ..CancelledOne::of(&record, Some(CancelOutcome::Failed))
    };
    let (record, outcome) = match api.service.cancel(&record.id).await {
        Ok(Cancelled::Done(now)) => (now, CancelOutcome::Cancelled),
        Ok(Cancelled::Requested(now)) => (now, CancelOutcome::Cancelling),
        // Where it ended because another asked for it, that is what was wished.
        Ok(Cancelled::Ended(now)) if now.state == State::Cancelled => (now, CancelOutcome::Cancelled),
        Ok(Cancelled::Ended(now)) => (now, CancelOutcome::Ended),
        Ok(Cancelled::Unknown { .. }) => return Ok(failed("its record is gone".to_owned())),
        Err(error) => match error.class() {
            Class::Transient { .. } | Class::Conflict => return Err(error),
            Class::Permanent => {
                tracing::error!(submission.id = %record.id, %error, "it can't be cancelled");
                return Ok(failed(
                    "its record can't be written; the broker's log says why".to_owned(),
                ));
            }
        },
    };
    Ok(CancelledOne::of(&record, Some(outcome)))
}

//! Lists of submissions, newest first.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State as Extract;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::Api;
use super::problem::{self, Problem};
use super::query::Parameters;
use super::recent::{Reader, Wanted};
use super::waiting::waiting_reason;
use crate::lookup::{Cursor, Listing, Status, parse_duration};
use crate::model::{ClusterName, QueueName};
use crate::ports::store::{ClusterBoard, QueueBoard};
use crate::submission::{Record, State};

/// How far a list reaches back where `since` is absent.
const SINCE_DEFAULT: Duration = Duration::from_secs(7 * 24 * 3600);
const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;

/// List submissions, newest first.
#[utoipa::path(
    get, path = "/v1/submissions",
    params(
        ("queue" = Option<String>, Query, description = "Only this job queue; default: all that are configured, and `none`, where REJECTED ones stand"),
        ("state" = Option<String>, Query, description = "Only these states, joined by commas: `QUEUED,RUNNING`"),
        ("since" = Option<String>, Query, description = "Accepted since: a time in RFC 3339 or a duration back from now, such as `24h`; default `7d`"),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most submissions of a page, 1 to 200; default 50"),
    ),
    responses(
        (status = 200, description = "A page; it may hold fewer than `limit`, and is the last one where `nextCursor` is absent", body = Listing),
        (status = 400, description = "A parameter is wrong", body = problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    Extract(api): Extract<Api>,
    mut parameters: Parameters,
) -> Result<Json<Listing>, Problem> {
    let now = api.clock.now();
    let queue: Option<QueueName> = parameters.parse("queue", "the name of a job queue");
    let states = parameters.take("state", read_states).unwrap_or_default();
    let since = parameters.take("since", |text| read_since(text, now));
    let cursor = parameters.take("cursor", |text| Cursor::decode(text).map_err(|e| e.to_string()));
    let limit = parameters.take("limit", read_limit);
    parameters.finish()?;
    let wanted = Wanted {
        queues: queue.map_or_else(|| all_queues(&api), |queue| vec![queue]),
        states,
        since: since.unwrap_or_else(|| back(now, SINCE_DEFAULT)),
        limit: limit.unwrap_or(LIMIT_DEFAULT),
        now,
    };
    let cursor = cursor.unwrap_or_else(|| Cursor::at_day(day_of(now)));
    let (records, next) = Reader::new(&*api.store, wanted).read(cursor).await?;
    Ok(Json(Listing {
        submissions: statuses(&api, &records).await?,
        next_cursor: next.map(|cursor| cursor.encode()),
    }))
}

/// The configured job queues, and what belongs to none: most of what is REJECTED.
fn all_queues(api: &Api) -> Vec<QueueName> {
    let mut queues = api.queues.clone();
    queues.push(QueueName::none());
    queues
}

/// The day of a time in UTC, as the index names it.
fn day_of(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

fn back(now: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    now.checked_sub(by).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(super) fn read_states(text: &str) -> Result<Vec<State>, String> {
    let words = State::ALL.iter().map(|s| s.as_str()).collect::<Vec<_>>();
    text.split(',')
        .map(|word| word.trim().parse::<State>())
        .collect::<Result<_, _>>()
        .map_err(|_| format!("some of {}, joined by commas", words.join(", ")))
}

fn read_since(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let by = parse_duration(text).map_err(|e| format!("{e}, or a time such as 2026-11-23T05:31:50Z"))?;
    Ok(back(now, by))
}

fn read_limit(text: &str) -> Result<usize, String> {
    let limit = text.parse().ok().filter(|n| (1..=LIMIT_MAX).contains(n));
    limit.ok_or_else(|| format!("a number from 1 to {LIMIT_MAX}"))
}

/// The status of each record; the board of a queue or cluster is read once for all of its submissions.
async fn statuses(api: &Api, records: &[Record]) -> Result<Vec<Status>, Problem> {
    let on_clusters: BTreeMap<&ClusterName, &Record> = records
        .iter()
        .filter(|record| record.state.is_live())
        .filter_map(|record| Some((record.cluster.as_ref()?, record)))
        .collect();
    let boards = on_clusters
        .into_iter()
        .map(async |(name, record)| (name, api.board_of(record).await));
    let clusters: BTreeMap<&ClusterName, Option<ClusterBoard>> = join_all(boards).await.into_iter().collect();
    let mut boards: BTreeMap<&QueueName, Option<QueueBoard>> = BTreeMap::new();
    for record in records.iter().filter(|r| r.state == State::Queued) {
        if !boards.contains_key(&record.queue) {
            let board = api.coordination.queue(&record.domain, &record.queue).await?;
            boards.insert(&record.queue, board);
        }
    }
    let mut statuses = Vec::with_capacity(records.len());
    for record in records {
        let board = boards.get(&record.queue).and_then(Option::as_ref);
        statuses.push(if record.state == State::Queued {
            Status::of(record, board.and_then(|board| waiting_reason(record, board)))
        } else {
            let board = record.cluster.as_ref().and_then(|name| clusters.get(name));
            api.followed(record, board.and_then(Option::as_ref))
        });
    }
    Ok(statuses)
}

//! The watches of one cluster, told as one stream of events.
//!
//! A session lists and watches everything; the first failure of any part, or the namespace's deletion, ends it as a whole,
//! is told as `Unreachable`, and after a pause the next session begins with full lists. So after each gap stands a `Listed`,
//! and nothing is told from a half-working set of watches. Where only the capacity can't be read, the session ends after
//! its `Listed`: what runs is followed all the same. The server ends each watch after some seconds, and it is resumed: a
//! connection that died silently shows when that doesn't happen.

mod streams;
mod view;

use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use kube::runtime::watcher;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use self::streams::{Broken, streams};
use self::view::View;
use super::SparkOperatorCluster;
use super::measures::Measures;
use super::{request, yunikorn};
use crate::model::Resources;
use crate::ports::cluster::{ClusterEvent, PoolsView};
use crate::routing::{CapacitySource, Pool};

/// YuniKorn is asked this often.
const YUNIKORN_EVERY: Duration = Duration::from_secs(2);
/// Capacity is told at most this often.
const CAPACITY_EVERY: Duration = Duration::from_millis(200);
/// The pause after the first failure; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(10);
/// A session that lasted so long was a good one: pauses begin anew.
const GOOD_SESSION: Duration = Duration::from_secs(60);
/// The same failure is told again after this.
const TELL_AGAIN: Duration = Duration::from_secs(5);

/// Why a session is over.
enum End {
    /// Nobody listens any more.
    Closed,
    /// The server no longer has what happened since; a new list has.
    Expired,
    /// The cluster can't be watched.
    Failed(String),
}

/// Sessions with pauses between them, until nobody listens.
pub(super) async fn run(cluster: &SparkOperatorCluster, events: &mpsc::Sender<ClusterEvent>) {
    let mut failures = 0;
    let mut told: Option<(String, Instant)> = None;
    loop {
        let began = Instant::now();
        let mut listed = false;
        let end = tokio::select! {
            end = session(cluster, events, &mut listed) => end,
            why = cluster.namespace_goes() => End::Failed(why),
            () = events.closed() => End::Closed,
        };
        if began.elapsed() > GOOD_SESSION {
            failures = 0;
        }
        if listed {
            told = None;
        }
        match end {
            End::Closed => return,
            End::Expired => {}
            End::Failed(reason) => {
                let again = told
                    .as_ref()
                    .is_none_or(|(text, at)| *text != reason || at.elapsed() > TELL_AGAIN);
                if again {
                    told = Some((reason.clone(), Instant::now()));
                    if events.send(ClusterEvent::Unreachable(reason)).await.is_err() {
                        return;
                    }
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause(failures)) => failures += 1,
            () = events.closed() => return,
        }
    }
}

/// Between half of and the whole doubled pause, so that many clusters' watches don't return at once.
fn pause(failures: u32) -> Duration {
    let whole = FIRST_PAUSE.saturating_mul(1 << failures.min(10)).min(LAST_PAUSE);
    whole.mul_f64(rand::random_range(0.5..=1.0))
}

/// One run of all watches until the first failure; `listed` tells whether the lists were told.
async fn session(
    cluster: &SparkOperatorCluster,
    events: &mpsc::Sender<ClusterEvent>,
    listed: &mut bool,
) -> End {
    let client = match cluster.client().await {
        Ok(client) => client,
        Err(error) => return End::Failed(error.to_string()),
    };
    let mut streams = streams(cluster, client);
    let mut view = View::new(Measures::new(
        cluster.installation.clone(),
        &cluster.namespace,
        &cluster.sources,
    ));
    let mut polls = tokio::time::interval(YUNIKORN_EVERY);
    polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asked = FuturesUnordered::new();
    let (mut fault, mut blind) = (None, None);
    let mut tick = tokio::time::interval(CAPACITY_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let out = tokio::select! {
            seen = streams.next() => match seen {
                Some(Ok(seen)) => match view.take(seen) {
                    Ok(out) => out,
                    Err(reason) => return End::Failed(reason),
                },
                Some(Err(broken)) if !broken.only_capacity || *listed => return ended(&broken),
                Some(Err(broken)) => {
                    blind.get_or_insert(broken);
                    Vec::new()
                }
                None => return End::Failed("the watches ended".into()),
            },
            _ = tick.tick() => view.capacity_if_changed(),
            _ = polls.tick(), if asked.is_empty() => {
                // Pods that are on nodes before the question are counted in the answer.
                asked.extend(view.is_complete().then(|| headroom(cluster, view.measures.bound())));
                Vec::new()
            }
            Some(answer) = asked.next() => told(answer, &mut fault),
        };
        for event in out {
            *listed |= matches!(event, ClusterEvent::Listed { .. });
            if events.send(event).await.is_err() {
                return End::Closed;
            }
        }
        if let Some(broken) = blind.as_ref().filter(|_| *listed) {
            return ended(broken);
        }
    }
}

/// YuniKorn's answer.
struct Headroom {
    pools: Result<Vec<Pool>, String>,
    /// What pods of ours request that were on nodes before the question, by object name.
    counted: Vec<(String, Resources)>,
}

/// Asks YuniKorn, where it is a source; `counted`: the pods that are on nodes already.
async fn headroom(cluster: &SparkOperatorCluster, counted: Vec<(String, Resources)>) -> Option<Headroom> {
    let queue = cluster.sources.yunikorn.as_ref()?;
    let pools = yunikorn::headroom(cluster, queue).await;
    Some(Headroom { pools, counted })
}

/// What YuniKorn's answer tells. A fault is logged once, until it is another.
fn told(answer: Option<Headroom>, fault: &mut Option<String>) -> Vec<ClusterEvent> {
    let source = CapacitySource::Yunikorn;
    let Some(Headroom { pools, counted }) = answer else {
        return Vec::new();
    };
    match pools {
        Ok(pools) => {
            *fault = None;
            vec![ClusterEvent::Pools(Box::new(PoolsView {
                source,
                pools,
                counted,
            }))]
        }
        Err(why) => {
            if fault.as_ref() != Some(&why) {
                tracing::warn!(why, "YuniKorn's headroom can't be read");
                *fault = Some(why.clone());
            }
            vec![ClusterEvent::Unread(source, why)]
        }
    }
}

fn ended(broken: &Broken) -> End {
    let Broken { what, error, .. } = broken;
    let status = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status,
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => {
            return End::Failed(format!("{what}: {}", request::chain(error)));
        }
    };
    match status.code {
        410 => End::Expired,
        code => End::Failed(format!("{what}: {code} {}: {}", status.reason, status.message)),
    }
}

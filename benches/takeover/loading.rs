//! The backlog of a takeover, page after page of every shard as the scheduler's reader asks for them, into the
//! scheduler's memory.

use std::time::{Duration, Instant};

use futures::future::join_all;
use spark_broker::backlog::Backlog;
use spark_broker::ports::store::Store;
use spark_broker::submission::BacklogEntry;
use tokio::sync::mpsc;

use crate::Row;
use crate::seed::{DOMAIN, queued};
use crate::spine::jobs::Job;
use crate::spine::world::World;
use crate::succession::{PATIENCE, intake};

/// Before a page is asked for again.
const PAUSE: Duration = Duration::from_millis(500);

/// Measures with `entries` waiting.
pub async fn measure(entries: usize) -> Vec<Row> {
    let world = World::start().await.uncounted();
    let intake = intake(&world).await;
    let job = Job::small("template");
    queued(&world, &intake, &job, "waiting", entries - 1).await;
    intake.stop().await;

    let (begun, mut backlog) = (Instant::now(), Backlog::new());
    let (pages, mut read) = mpsc::channel::<Vec<BacklogEntry>>(16);
    let reading = join_all((0..world.store.shards()).map(|shard| shard_into(&world, shard, pages.clone())));
    drop(pages);
    let inserting = async {
        while let Some(page) = read.recv().await {
            page.iter().for_each(|entry| {
                backlog.insert(entry);
            });
        }
    };
    tokio::join!(reading, inserting);
    assert_eq!(backlog.len(), entries);
    vec![Row {
        what: format!("{entries} waiting submissions from the store into the backlog"),
        took: begun.elapsed(),
        aim: "",
    }]
}

async fn shard_into(world: &World, shard: u32, pages: mpsc::Sender<Vec<BacklogEntry>>) {
    let (begun, domain, mut page) = (Instant::now(), DOMAIN.parse().unwrap(), None);
    loop {
        let read = match world.store.backlog(&domain, shard, None, page.clone()).await {
            Ok(read) => read,
            // All shards ask one endpoint at once.
            Err(error) if begun.elapsed() < PATIENCE => {
                eprintln!("a page is asked for again: {error}");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(error) => panic!("not read after {PATIENCE:?}: {error}"),
        };
        pages.send(read.items).await.unwrap();
        page = read.next;
        if page.is_none() {
            return;
        }
    }
}

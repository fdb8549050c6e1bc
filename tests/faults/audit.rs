//! What a run is found to have done wrong, from the outside: by the store, the queue and what was made on the clusters.

use std::collections::BTreeMap;
use std::time::Duration;

use spark_broker::submission::{Record, State};
use tokio::time::sleep;

use crate::ledger::Ledger;
use crate::queue::MemoryQueue;
use crate::store::MemoryStore;
use crate::workload::{REJECTED, ends};

/// In the runtime's paused time: longer than anything takes that isn't stuck.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// Longer than every settling time.
const SETTLED: Duration = Duration::from_secs(200);

/// Each with what it is about.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Findings {
    /// Without a record, ended otherwise than asked for, or parked without a reason to.
    pub lost: Vec<String>,
    /// Made beside another, or run again.
    pub doubled: Vec<String>,
    /// Objects that haven't finished and drivers that haven't ended, though all is over.
    pub leaked: Vec<String>,
    /// Not ended after an hour, and messages left.
    pub stuck: Vec<String>,
}

impl Findings {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Waits until all is over, or long enough, and looks.
pub async fn audit(store: &MemoryStore, queue: &MemoryQueue, ledger: &Ledger) -> Findings {
    let ends = ends();
    for _ in 0..PATIENCE.as_secs() {
        sleep(Duration::from_secs(1)).await;
        if queue.left().0 == 0 && are_over(&store.records(), ends.len()) {
            break;
        }
    }
    sleep(SETTLED).await;
    let mut leaked = Vec::new();
    for submission in ledger.submissions() {
        leaked.extend(ledger.unfinished(&submission).await);
    }
    let records = store.records();
    Findings {
        lost: lost(&records, queue, &ends),
        doubled: ledger.doubled(),
        leaked,
        stuck: stuck(&records, queue),
    }
}

fn are_over(records: &[Record], count: usize) -> bool {
    records.len() == count && records.iter().all(|record| record.state.is_terminal())
}

fn lost(records: &[Record], queue: &MemoryQueue, ends: &BTreeMap<String, State>) -> Vec<String> {
    let found: BTreeMap<String, State> = records.iter().map(|r| (r.id.to_string(), r.state)).collect();
    let otherwise = |(id, end): (&String, &State)| match found.get(id) {
        None => Some(format!("{id} has no record")),
        Some(state) if state != end => Some(format!("{id} is {state}, not {end}")),
        Some(_) => None,
    };
    let mut lost: Vec<String> = ends.iter().filter_map(otherwise).collect();
    let parked = queue.parked();
    if !parked.iter().any(|why| why.submission_id == REJECTED) {
        lost.push(format!("{REJECTED} wasn't parked"));
    }
    let others = parked.iter().filter(|why| why.submission_id != REJECTED);
    lost.extend(others.map(|why| format!("{why:?} was parked")));
    lost
}

fn stuck(records: &[Record], queue: &MemoryQueue) -> Vec<String> {
    let open = records.iter().filter(|record| !record.state.is_terminal());
    let mut stuck: Vec<String> = open
        .map(|r| format!("{} is {}: {:?}", r.id, r.state, r.verdict))
        .collect();
    let left = queue.left().0;
    if left > 0 {
        stuck.push(format!("{left} messages are left"));
    }
    stuck
}

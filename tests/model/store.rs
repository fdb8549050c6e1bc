//! The store: one record, written under the conditions of the program's port, by the program's own [`Change`].

use std::cell::RefCell;
use std::collections::HashMap;

use serde_json::{Map, Value, json};
use spark_broker::submission::{Change, Record, from_attributes, to_attributes};

use super::mind::Rec;

const SHARDS: u32 = 1;

/// What came of a conditional write, and what stands now.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Written {
    Done(Rec),
    /// The condition failed, but what stands shows what the write would have made.
    WasDone(Rec),
    Stale(Rec),
}

thread_local! {
    static KNOWN: RefCell<HashMap<(Rec, Rec, Rec), Written>> = RefCell::default();
}

/// Writes what turns `known` into `next` over `stored`. The same three always come to the same, so it is worked out once.
pub fn update(stored: &Rec, known: &Rec, next: &Rec) -> Written {
    let key = (stored.clone(), known.clone(), next.clone());
    if let Some(written) = KNOWN.with_borrow(|all| all.get(&key).cloned()) {
        return written;
    }
    let written = work_out(&stored.0, &known.0, &next.0);
    KNOWN.with_borrow_mut(|all| all.insert(key, written.clone()));
    written
}

fn work_out(stored: &Record, known: &Record, next: &Record) -> Written {
    let mut change = Change::between(known, next, SHARDS);
    change.set.insert("version".into(), json!(known.version.next()));
    if let Some(epoch) = next.epoch {
        change.set.insert("epoch".into(), json!(epoch));
        change.remove.retain(|name| name != "epoch");
    }
    let stands = stored.version == known.version && stored.incarnation == known.incarnation;
    let epoch_allows = next.epoch.is_none() || stored.epoch <= next.epoch;
    let mut item = to_attributes(stored, SHARDS);
    if stands && epoch_allows {
        item.extend(change.set.clone());
        change.remove.iter().for_each(|name| _ = item.remove(name));
        return Written::Done(Rec::new(from_attributes(item).unwrap()));
    }
    let stored_rec = Rec::new(stored.clone());
    if stored.incarnation == known.incarnation && stored.version > known.version && shows(&item, &change) {
        return Written::WasDone(stored_rec);
    }
    Written::Stale(stored_rec)
}

/// The rule of the adapter: what the next writer changes in any case isn't compared.
fn shows(item: &Map<String, Value>, change: &Change) -> bool {
    let mut set = change
        .set
        .iter()
        .filter(|(name, _)| *name != "version" && *name != "updatedAt");
    set.all(|(name, value)| item.get(name) == Some(value))
        && change.remove.iter().all(|name| !item.contains_key(name))
}

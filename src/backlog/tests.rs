use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::model::{Attempt, Bytes, Demand, Millicores, Resources};

fn id(text: &str) -> SubmissionId {
    text.parse().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn dev() -> QueueName {
    "dev".parse().unwrap()
}

fn entry(name: &str, accepted: i64) -> BacklogEntry {
    BacklogEntry {
        id: id(name),
        incarnation: "0123456789abcdef0123456789abcdef".parse().unwrap(),
        version: Version(1),
        queue: dev(),
        priority: 0,
        accepted_at: at(accepted),
        demand: Demand {
            driver: Resources::new(Millicores(1000), Bytes::mib(1408), 1),
            executor: Resources::new(Millicores(4000), Bytes::mib(9216), 1),
            executors: 3,
            ..Demand::default()
        },
        attempt: Attempt(1),
        tries: 0,
        not_before: None,
        queue_timeout_at: None,
        selector: Vec::new(),
        spark_version: Some("3.5.0".into()),
        excluded_clusters: Vec::new(),
    }
}

fn order(backlog: &Backlog) -> Vec<String> {
    backlog
        .in_order(&dev())
        .map(|ready| ready.id().to_string())
        .collect()
}

#[test]
fn an_entry_comes_out_as_it_went_in() {
    let mut backlog = Backlog::new();
    let mut full = entry("a", 5);
    full.accepted_at = "2026-11-23T05:31:50.123456789Z".parse().unwrap();
    full.not_before = Some(at(9));
    full.queue_timeout_at = Some(at(99));
    full.selector = vec!["a".parse().unwrap()];
    full.excluded_clusters = vec!["b".parse().unwrap()];
    full.demand.executor.extended.insert("nvidia.com/gpu".into(), 1);
    full.tries = 2;
    backlog.insert(&full);
    assert_eq!(backlog.get(&full.id), Some(full));
}

#[test]
fn rows_that_repeat_or_lag_change_nothing() {
    let mut backlog = Backlog::new();
    let mut newer = entry("a", 1);
    newer.version = Version(3);
    assert_eq!(backlog.insert(&newer), Inserted::Added);
    assert_eq!(backlog.insert(&newer), Inserted::Known);
    assert_eq!(backlog.insert(&entry("a", 1)), Inserted::Known);
    newer.version = Version(5);
    newer.priority = 7;
    assert_eq!(backlog.insert(&newer), Inserted::Replaced);
    assert_eq!((backlog.len(), backlog.get(&newer.id)), (1, Some(newer)));
}

#[test]
fn what_is_known_gone_stays_out_for_two_minutes_unless_it_is_newer() {
    let mut backlog = Backlog::new();
    let row = entry("a", 1);
    backlog.insert(&row);
    let gone = |backlog: &mut Backlog, seconds| {
        backlog.known_gone(
            &row.id,
            &row.incarnation,
            Version(2),
            Duration::from_secs(seconds),
        );
    };
    gone(&mut backlog, 100);
    assert!(backlog.is_empty());
    assert_eq!(backlog.insert(&row), Inserted::Gone);
    let mut retried = row.clone();
    retried.version = Version(4);
    assert_eq!(backlog.insert(&retried), Inserted::Added);
    // A word about an older version doesn't take the newer one out.
    gone(&mut backlog, 101);
    assert!(backlog.contains(&row.id));
    backlog.remove(&row.id);
    let mut another = row.clone();
    another.incarnation = Incarnation::random();
    assert_eq!(backlog.insert(&another), Inserted::Added);
    backlog.remove(&row.id);
    backlog.known_gone(&id("b"), &row.incarnation, Version(1), Duration::from_secs(219));
    assert_eq!(backlog.insert(&row), Inserted::Gone);
    backlog.known_gone(&id("b"), &row.incarnation, Version(1), Duration::from_secs(222));
    assert_eq!(backlog.insert(&row), Inserted::Added);
}

#[test]
fn the_queue_orders_by_priority_then_age_then_id() {
    let mut backlog = Backlog::new();
    for (name, accepted, priority) in [
        ("late", 9, 0),
        ("b", 5, 0),
        ("a", 5, 0),
        ("urgent", 8, 1),
        ("low", 1, -1),
    ] {
        let mut entry = entry(name, accepted);
        entry.priority = priority;
        backlog.insert(&entry);
    }
    assert_eq!(order(&backlog), ["urgent", "a", "b", "late", "low"]);
    assert_eq!(backlog.count(&dev()), 5);
    assert_eq!(backlog.queues().map(|(_, n)| n).collect::<Vec<_>>(), [5]);
}

#[test]
fn an_entry_rests_until_its_time() {
    let mut backlog = Backlog::new();
    let mut later = entry("later", 1);
    later.not_before = Some(at(60));
    backlog.insert(&later);
    backlog.insert(&entry("now", 2));
    assert_eq!(order(&backlog), ["now"]);
    assert_eq!(backlog.wake(at(59)), 0);
    assert_eq!(backlog.wake(at(60)), 1);
    assert_eq!(order(&backlog), ["later", "now"]);
    assert!(backlog.remove(&later.id));
    assert_eq!(order(&backlog), ["now"]);
}

#[test]
fn queue_time_outs_are_told_until_the_entry_is_gone() {
    let mut backlog = Backlog::new();
    for (name, timeout) in [("b", 20), ("a", 10), ("c", 30)] {
        let mut entry = entry(name, 1);
        entry.queue_timeout_at = Some(at(timeout));
        entry.not_before = Some(at(100));
        backlog.insert(&entry);
    }
    let told = |backlog: &Backlog, now, max| -> Vec<String> {
        let out = backlog.timed_out(at(now), max);
        out.iter().map(|entry| entry.id.to_string()).collect()
    };
    assert_eq!(told(&backlog, 9, 10), [] as [&str; 0]);
    assert_eq!(told(&backlog, 20, 10), ["a", "b"]);
    assert_eq!(told(&backlog, 30, 1), ["a"]);
    backlog.remove(&id("a"));
    assert_eq!(told(&backlog, 30, 1), ["b"]);
}

#[test]
fn equal_shapes_are_kept_once_and_forgotten_with_their_last_user() {
    let mut backlog = Backlog::new();
    for n in 0..10 {
        backlog.insert(&entry(&format!("job-{n}"), n));
    }
    let mut odd = entry("odd", 11);
    odd.spark_version = None;
    backlog.insert(&odd);
    assert_eq!(backlog.shapes.len(), 2);
    let shapes: Vec<_> = backlog
        .in_order(&dev())
        .map(|ready| ready.shape().clone())
        .collect();
    assert!(Arc::ptr_eq(&shapes[0], &shapes[9]) && !Arc::ptr_eq(&shapes[0], &shapes[10]));
    drop(shapes);
    let mut choosy = entry("choosy", 12);
    let selector = &mut choosy.demand.executor_constraints.node_selector;
    selector.insert("pool".into(), "spark".into());
    backlog.insert(&choosy);
    assert_eq!(backlog.shapes.len(), 3);
    for id in [odd.id, choosy.id] {
        backlog.remove(&id);
    }
    assert_eq!(backlog.shapes.len(), 1);
}

proptest! {
    /// Against a plain map that is sorted whenever it is asked.
    #[test]
    fn it_behaves_like_a_sorted_list(
        steps in prop::collection::vec((0u8..12, 0u64..4, -1i32..2, 0i64..4, prop::bool::ANY), 1..200),
    ) {
        let mut backlog = Backlog::new();
        let mut model: BTreeMap<SubmissionId, BacklogEntry> = BTreeMap::new();
        for (name, version, priority, accepted, remove) in steps {
            let mut row = entry(&format!("job-{name}"), accepted);
            row.version = Version(version);
            row.priority = priority;
            if remove {
                prop_assert_eq!(backlog.remove(&row.id), model.remove(&row.id).is_some());
            } else {
                backlog.insert(&row);
                if model.get(&row.id).is_none_or(|known| known.version < row.version) {
                    model.insert(row.id.clone(), row);
                }
            }
        }
        let mut sorted: Vec<&BacklogEntry> = model.values().collect();
        sorted.sort_by_key(|e| (-e.priority, e.accepted_at, e.id.clone()));
        prop_assert_eq!(order(&backlog), sorted.iter().map(|e| e.id.to_string()).collect::<Vec<_>>());
        prop_assert_eq!(backlog.count(&dev()), model.len());
        for entry in sorted {
            prop_assert_eq!(backlog.get(&entry.id), Some(entry.clone()));
        }
    }
}

use serde_json::{Value, json};

use super::*;

fn read(answer: Value) -> Pool {
    pool(serde_json::from_value(answer).unwrap())
}

fn named<const N: usize>(amounts: [(&str, u64); N]) -> Amounts {
    amounts.map(|(name, amount)| (name.to_owned(), amount)).into()
}

/// The figures of the example in YuniKorn's documentation, which names no headroom.
fn documented() -> Value {
    json!({
        "queuename": "root.default", "status": "Active",
        "maxResource": {"memory": 8_000_000_000_u64, "vcore": 8000},
        "guaranteedResource": {"memory": 54_000_000, "vcore": 80},
        "allocatedResource": {"memory": 54_000_000, "vcore": 80},
        "pendingResource": {"memory": 54_000_000, "vcore": 80},
        "isLeaf": "true", "isManaged": "false", "parent": "root", "template": null,
        "properties": {"application.sort.policy": "fifo"},
        "absUsedCapacity": {"memory": 1, "vcore": 0},
        "maxRunningApps": 12, "runningApps": 4, "allocatingAcceptedApps": ["app-1", "app-2"],
    })
}

#[test]
fn without_a_headroom_the_maximum_less_what_is_allocated_counts() {
    let pool = read(documented());
    assert_eq!(pool.name, "root.default");
    assert_eq!(pool.total, named([("cpu", 8000), ("memory", 8_000_000_000)]));
    assert_eq!(pool.free, named([("cpu", 7920), ("memory", 7_946_000_000)]));
}

#[test]
fn a_headroom_counts_as_it_is_and_never_below_nothing() {
    let mut answer = documented();
    answer["headroom"] = json!({
        "vcore": -500, "memory": 1024, "pods": 7, "nvidia.com/gpu": 2, "ephemeral-storage": 5, "hugepages-2Mi": 0,
    });
    let expected = [("cpu", 0), ("memory", 1024), ("pods", 7), ("nvidia.com/gpu", 2)];
    assert_eq!(read(answer).free, named(expected));
}

#[test]
fn a_queue_without_a_maximum_is_not_limited() {
    let pool = read(json!({"queuename": "root.a", "status": "Active", "isLeaf": true}));
    assert_eq!((pool.free, pool.total), (Amounts::new(), Amounts::new()));
}

#[test]
fn the_size_of_the_cluster_is_no_bound_on_what_it_may_become() {
    let answer = json!({"queuename": "root", "maxResource": {"vcore": 8000}, "headroom": {"vcore": 3000}});
    let pool = read(answer);
    assert_eq!((pool.free, pool.total), (named([("cpu", 3000)]), Amounts::new()));
}

#[test]
fn a_queue_that_drains_takes_nothing() {
    let mut answer = documented();
    answer["status"] = json!("Draining");
    let pool = read(answer);
    assert_eq!(
        (pool.name.as_str(), pool.free["pods"]),
        ("root.default (Draining)", 0)
    );
}

#[test]
fn names_are_one_step_of_the_path() {
    assert_eq!(escaped("root.a_b-c"), "root.a_b-c");
    assert_eq!(escaped("root.a@b/../c#d?"), "root.a%40b%2F..%2Fc%23d%3F");
}

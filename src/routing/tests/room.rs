//! What counts as room: nodes that may come, pods not yet seen, extended resources.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::harness::*;
use crate::model::{Attempt, NodeTraits, Taint, TaintEffect, Toleration};
use crate::routing::{Provisionable, Settings};

fn provisionable(cores: u64, largest: u64) -> Provisionable {
    let amount = |cores| {
        let mut amount = pod(cores, cores * 4);
        amount.pods = 0;
        amount
    };
    Provisionable {
        total: amount(cores),
        largest_node: amount(largest),
        traits: None,
    }
}

#[test]
fn a_cluster_scaled_to_zero_is_filled_up_to_what_may_be_added_and_not_again_when_its_nodes_come() {
    let mut settings = cluster("a", 1);
    settings.provisionable = Some(provisionable(32, 16));
    let mut world = World::new(vec![queue("dev", 1)], vec![settings]);
    world.nodes("a", &[]);
    for n in 0..20 {
        world.submit(&format!("job-{n}"), "dev", job(3, 1));
    }
    assert_eq!(world.placed().len(), 8);
    world.nodes("a", &[node("n1", 16, 64)]);
    assert!(world.placed().is_empty());
    world.nodes("a", &[node("n1", 16, 64), node("n2", 16, 64)]);
    assert!(world.placed().is_empty());
    world.router.released(&id("job-0"));
    assert_eq!(ids(&world.placed()), ["job-8"]);
}

#[test]
fn a_job_larger_than_any_node_that_may_be_added_never_fits() {
    let mut settings = cluster("a", 1);
    settings.provisionable = Some(provisionable(64, 16));
    let mut world = World::new(vec![queue("dev", 1)], vec![settings]);
    world.nodes("a", &[]);
    world.submit("wide", "dev", job(1, 17));
    let cycle = world.cycle();
    assert_eq!(cycle.waiting[0].reason, crate::submission::Reason::NeverFits);
}

#[test]
fn an_adopted_job_keeps_its_room_until_its_pods_are_seen() {
    let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1)]);
    world.router.adopt_live(crate::routing::LiveJob {
        id: id("old"),
        attempt: Attempt(3),
        queue: queue_name("dev"),
        cluster: cluster_name("a"),
        demand: job(1, 5),
        pending: true,
        settled: false,
    });
    world.nodes("a", &[node("n1", 8, 8)]);
    world.submit("new", "dev", job(1, 3));
    assert!(world.placed().is_empty());
    // Seen, and gone again at once: it was met, so nothing is kept for it any more.
    let seen = job(1, 5).total();
    let name = id("old").object_name(Attempt(3));
    let mut busy = node("n1", 8, 8);
    busy.requested = seen.clone();
    world
        .router
        .set_capacity(&cluster_name("a"), &[busy], &[(name, seen)], world.mono);
    assert!(world.placed().is_empty());
    world.nodes("a", &[node("n1", 8, 8)]);
    assert_eq!(ids(&world.placed()), ["new"]);
}

#[test]
fn extended_resources_are_counted_like_the_others() {
    let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1)]);
    let mut gpu = node("n1", 64, 64);
    gpu.allocatable.extended.insert("nvidia.com/gpu".into(), 2);
    world.nodes("a", &[gpu]);
    for n in 0..3 {
        let mut demand = job(1, 1);
        demand.executor.extended.insert("nvidia.com/gpu".into(), 1);
        world.submit(&format!("gpu-{n}"), "dev", demand);
    }
    let cycle = world.cycle();
    assert_eq!(cycle.placements.len(), 2);
    assert_eq!(
        cycle.waiting[0].message(),
        "a: no room: needs 1 of nvidia.com/gpu, 0 free"
    );
}

#[test]
fn a_job_goes_to_nodes_that_it_selects_and_whose_taints_it_tolerates() {
    let mut settings = cluster("a", 1);
    settings.constraints.defaults[1].node_selector = text(&[("pool", "spark")]);
    let mut world = World::new(vec![queue("dev", 1)], vec![settings]);
    let (plain, mut spark) = (node("n1", 8, 8), node("n2", 8, 8));
    let taint = Taint {
        key: "dedicated".into(),
        value: "spark".into(),
        effect: TaintEffect::NoSchedule,
    };
    spark.traits = Arc::new(NodeTraits {
        labels: text(&[("pool", "spark")]),
        taints: vec![taint],
    });
    world.nodes("a", &[plain, spark]);
    world.submit("intolerant", "dev", job(2, 2));
    assert_eq!(
        world.cycle().waiting[0].message(),
        "a: no such node: a pod (executor) needs a node with pool=spark, and those have taints that it doesn't tolerate, \
         such as dedicated=spark:NoSchedule"
    );
    let mut demand = job(2, 3);
    demand.executor_constraints.tolerations = vec![Toleration {
        key: Some("dedicated".into()),
        ..Toleration::default()
    }];
    world.backlog.remove(&id("intolerant"));
    world.submit("first", "dev", demand.clone());
    world.submit("second", "dev", demand);
    // The other node has no such label.
    assert_eq!(ids(&world.placed()), ["first"]);
    assert_eq!(
        world.cycle().waiting[0].message(),
        "a: no room: a pod (executor) needs 3000m cpu, 3072Mi memory, the most on one node is 2000m cpu, 2048Mi memory"
    );
}

#[test]
fn of_nodes_that_may_be_added_nothing_is_held_against_a_job_unless_it_is_said() {
    let mut settings = cluster("a", 1);
    settings.provisionable = Some(provisionable(16, 8));
    let mut world = World::new(vec![queue("dev", 1)], vec![settings.clone()]);
    let mut demand = job(2, 3);
    demand.executor_constraints.node_selector = text(&[("pool", "gpu")]);
    world.nodes("a", &[node("n1", 8, 8)]);
    world.submit("first", "dev", demand.clone());
    assert_eq!(ids(&world.placed()), ["first"]);
    world.submit("second", "dev", demand);
    let other = NodeTraits {
        labels: text(&[("pool", "other")]),
        ..NodeTraits::default()
    };
    settings.provisionable.as_mut().unwrap().traits = Some(Arc::new(other));
    world.router.configure(Settings {
        queues: vec![queue("dev", 1)],
        clusters: vec![settings],
        view_limit: Duration::from_secs(60),
    });
    assert_eq!(
        world.cycle().waiting[0].message(),
        "a: no such node: a pod (executor) needs a node with pool=gpu, there is none"
    );
}

fn text(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

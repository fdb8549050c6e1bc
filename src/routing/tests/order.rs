//! Who goes before whom within a queue.

use super::harness::*;
use crate::routing::{Health, Order};
use crate::submission::Reason;

fn one_node() -> World {
    let mut world = World::new(vec![queue("dev", 1)], vec![cluster("a", 1)]);
    world.nodes("a", &[node("n1", 8, 8)]);
    world
}

#[test]
fn priority_goes_before_age() {
    let mut world = one_node();
    world.submit("old", "dev", job(1, 4));
    let mut urgent = world.entry("urgent", "dev", job(1, 4));
    urgent.priority = 5;
    world.backlog.insert(&urgent);
    assert_eq!(ids(&world.placed()), ["urgent"]);
}

#[test]
fn later_ones_pass_a_head_that_fits_nowhere_now() {
    let mut world = one_node();
    world.submit("first", "dev", job(1, 3));
    world.submit("big", "dev", job(1, 6));
    world.submit("small", "dev", job(1, 1));
    let cycle = world.cycle();
    assert_eq!(cycle.placements.len(), 2);
    assert_eq!(cycle.waiting.len(), 1);
    assert_eq!(cycle.waiting[0].reason, Reason::NoCapacity);
    assert_eq!(
        cycle.waiting[0].message(),
        "a: no room: needs 7000m of cpu, 4000m free"
    );
}

#[test]
fn strict_order_lets_nobody_pass() {
    let mut strict = queue("dev", 1);
    strict.order = Order::StrictFifo;
    let mut world = World::new(vec![strict], vec![cluster("a", 1)]);
    world.nodes("a", &[node("n1", 8, 8)]);
    world.submit("first", "dev", job(1, 3));
    world.submit("big", "dev", job(1, 6));
    world.submit("small", "dev", job(1, 1));
    assert_eq!(ids(&world.placed()), ["first"]);
}

#[test]
fn no_more_than_the_lookahead_are_considered() {
    let mut narrow = queue("dev", 1);
    narrow.lookahead = 2;
    let mut world = World::new(vec![narrow], vec![cluster("a", 1)]);
    world.nodes("a", &[node("n1", 8, 8)]);
    world.submit("first", "dev", job(1, 3));
    for name in ["big-1", "big-2"] {
        world.submit(name, "dev", job(1, 6));
    }
    world.submit("small", "dev", job(1, 1));
    assert_eq!(ids(&world.placed()), ["first"]);
}

#[test]
fn what_never_fits_stands_in_nobodys_way() {
    for order in [Order::BestEffortFifo, Order::StrictFifo] {
        let mut settings = queue("dev", 1);
        settings.order = order;
        settings.lookahead = 2;
        let mut world = World::new(vec![settings], vec![cluster("a", 1)]);
        // Twelve cores are there altogether, but no node has them.
        world.nodes("a", &[node("n1", 8, 64), node("n2", 8, 64)]);
        for name in ["never-1", "never-2", "never-3"] {
            world.submit(name, "dev", job(1, 12));
        }
        world.submit("small", "dev", job(1, 1));
        let cycle = world.cycle();
        assert_eq!(cycle.placements.len(), 1, "{order:?}");
        assert_eq!(cycle.waiting[0].reason, Reason::NeverFits);
        assert_eq!(
            cycle.waiting[0].message(),
            "a: too small even when empty: a pod (executor) needs 12000m cpu, 12288Mi memory, \
             the most on one node is 8000m cpu, 65536Mi memory"
        );
    }
}

#[test]
fn a_queue_that_the_settings_do_not_know_says_so() {
    let mut world = one_node();
    world.submit("lost", "elsewhere", job(1, 1));
    let cycle = world.cycle();
    assert_eq!(cycle.waiting[0].reason, Reason::QueueUnknown);
}

#[test]
fn where_no_cluster_is_allowed_that_is_said_and_nobody_waits_behind() {
    let mut settings = queue("dev", 1);
    settings.order = Order::StrictFifo;
    let mut a = cluster("a", 1);
    a.spark_versions = vec!["3.5.0".into()];
    let mut world = World::new(vec![settings], vec![a]);
    world.nodes("a", &[node("n1", 8, 8)]);
    let mut odd = world.entry("odd", "dev", job(1, 1));
    odd.spark_version = Some("2.4.0".into());
    world.backlog.insert(&odd);
    world.submit("even", "dev", job(1, 1));
    let cycle = world.cycle();
    assert_eq!(cycle.placements.len(), 1);
    assert_eq!(cycle.waiting[0].reason, Reason::NoCluster);
    assert_eq!(cycle.waiting[0].message(), "a: serves Spark 3.5.0");
}

#[test]
fn the_queues_own_limits_come_first() {
    let mut limited = queue("dev", 1);
    limited.limits.max_live = Some(2);
    let mut world = World::new(vec![limited], vec![cluster("a", 1)]);
    world.nodes("a", &[node("n1", 64, 64)]);
    for name in ["a1", "a2", "a3"] {
        world.submit(name, "dev", job(1, 1));
    }
    let cycle = world.cycle();
    assert_eq!(cycle.placements.len(), 2);
    assert_eq!(cycle.waiting[0].reason, Reason::QueueLimit);
    world.router.released(&id("a1"));
    assert_eq!(ids(&world.placed()), ["a3"]);
}

#[test]
fn what_is_larger_than_its_queues_limit_never_fits() {
    let mut limited = queue("dev", 1);
    limited.limits.resources = Some(pod(4, 0));
    limited.limits.resources.as_mut().unwrap().pods = 0;
    let mut world = World::new(vec![limited], vec![cluster("a", 1)]);
    world.nodes("a", &[node("n1", 64, 64)]);
    world.submit("big", "dev", job(1, 4));
    world.submit("small", "dev", job(1, 3));
    world.submit("next", "dev", job(1, 3));
    let cycle = world.cycle();
    let reasons: Vec<Reason> = cycle.waiting.iter().map(|waiting| waiting.reason).collect();
    assert_eq!(cycle.placements.len(), 1);
    assert_eq!(reasons, [Reason::NeverFits, Reason::QueueLimit]);
}

#[test]
fn what_is_larger_than_one_of_its_queues_limits_never_fits_though_another_is_only_used_up() {
    let mut limited = queue("dev", 1);
    limited.order = Order::StrictFifo;
    limited.limits.resources = Some(pod(8, 4));
    limited.limits.resources.as_mut().unwrap().pods = 0;
    let mut world = World::new(vec![limited], vec![cluster("a", 1)]);
    world.nodes("a", &[node("n1", 64, 64)]);
    world.submit("first", "dev", job(1, 1));
    world.submit("large", "dev", job(1, 7));
    world.submit("next", "dev", job(1, 1));
    let cycle = world.cycle();
    assert_eq!(cycle.placements.len(), 2);
    assert_eq!(cycle.waiting[0].reason, Reason::NeverFits);
}

#[test]
fn what_goes_nowhere_blocks_nobody_though_its_queues_limit_leaves_less_than_it_needs() {
    let mut limited = queue("dev", 1);
    limited.order = Order::StrictFifo;
    limited.limits.resources = Some(pod(8, 0));
    limited.limits.resources.as_mut().unwrap().pods = 0;
    let mut world = World::new(vec![limited], vec![cluster("a", 1)]);
    world.nodes("a", &[node("n1", 4, 8)]);
    world.submit("first", "dev", job(1, 1));
    world.submit("wide", "dev", job(1, 7));
    world.submit("next", "dev", job(1, 1));
    let cycle = world.cycle();
    assert_eq!(cycle.placements.len(), 2);
    let reasons: Vec<Reason> = cycle.waiting.iter().map(|waiting| waiting.reason).collect();
    assert_eq!(reasons, [Reason::NeverFits]);
}

#[test]
fn where_every_cluster_is_away_no_more_than_the_lookahead_are_looked_at() {
    let mut settings = queue("dev", 1);
    settings.lookahead = 3;
    let mut world = World::new(vec![settings], vec![cluster("a", 1), cluster("b", 1)]);
    for n in 0..100 {
        // Each of another shape: nothing that is known of one tells of the next.
        world.submit(&format!("job-{n}"), "dev", job(1, n));
    }
    world
        .router
        .set_cordon(&cluster_name("a"), Some("cordoned".into()));
    let away = Health::Unhealthy("no route to host".into());
    world.router.set_health(&cluster_name("b"), away);
    let cycle = world.cycle();
    assert_eq!(cycle.waiting.len(), 3);
    assert_eq!(cycle.waiting[0].reason, Reason::ClusterUnhealthy);
    assert_eq!(world.router.memo.asked(), 3);

    // One that is back may take any of them, however far behind.
    world.router.set_health(&cluster_name("b"), Health::Healthy);
    world.nodes("b", &[node("n1", 1_000, 1_000)]);
    assert!(world.placed().len() > 10);
}

//! Random worlds, small enough to be full most of the time.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use super::super::harness::*;
use crate::model::{Demand, Resources};
use crate::routing::{ClusterSettings, Order, Pacing, QueueSettings};

/// A cluster, cores and GiB of its nodes, and how many of each strangers have at first.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) settings: ClusterSettings,
    pub(super) nodes: Vec<(u64, u64, u64)>,
}

/// What happens. Clusters, jobs and nodes are meant modulo their number.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Submit {
        queue: &'static str,
        demand: Demand,
        priority: i32,
    },
    Cycle,
    /// Time goes by.
    Wait(Duration),
    /// The next pods of the n-th job that lacks some go to nodes: which, of those with room, from the emptiest on.
    Bind {
        job: usize,
        pods: usize,
        node: usize,
    },
    End(usize),
    PickedUp(usize),
    /// Strangers have so many cores of a node from now on, where they fit and nothing of ours is to come.
    Strangers {
        place: usize,
        node: usize,
        cores: u64,
    },
    Cordon(usize),
    Break(usize),
    /// Neither cordoned nor unhealthy any more.
    Open(usize),
}

pub(super) fn any_queue(name: &'static str) -> impl Strategy<Value = QueueSettings> {
    let limits = (
        prop::option::weighted(0.3, 1u64..5),
        prop::option::weighted(0.3, (4u64..30, 8u64..60)),
    );
    let order = select(vec![
        Order::BestEffortFifo,
        Order::BestEffortFifo,
        Order::StrictFifo,
    ]);
    (1u32..5, order, 1usize..6, 1u64..8, limits).prop_map(
        move |(weight, order, lookahead, bypass, (max_live, most))| {
            let mut settings = queue(name, weight);
            settings.order = order;
            settings.lookahead = lookahead;
            settings.max_bypass = Duration::from_secs(bypass);
            settings.limits.max_live = max_live;
            settings.limits.resources = most.map(|(cores, gib)| Resources {
                pods: 0,
                ..pod(cores, gib)
            });
            settings
        },
    )
}

pub(super) fn any_site() -> impl Strategy<Value = Site> {
    let strangers = prop_oneof![3 => Just(0u64), 1 => 1u64..3];
    let nodes = prop::collection::vec((2u64..13, 4u64..25, strangers), 1..6);
    let pace = prop::option::weighted(0.4, 10u32..60);
    let max_pending = prop::option::weighted(0.5, 1u32..5);
    let max_live = prop::option::weighted(0.4, 1u64..7);
    (1u32..9, nodes, pace, 1u32..4, max_pending, max_live).prop_map(
        |(weight, nodes, pace, burst, max_pending, max_live)| {
            let mut settings = cluster("named-later", weight);
            settings.limits.max_live = max_live;
            settings.pacing = Pacing {
                submissions_per_minute: pace,
                burst,
                max_pending,
            };
            Site { settings, nodes }
        },
    )
}

fn any_demand() -> impl Strategy<Value = Demand> {
    let driver = (1u64..3, 1u64..4);
    let executor = prop_oneof![5 => (1u64..5, 1u64..9), 1 => (1u64..15, 1u64..30)];
    (driver, executor, 0u32..5).prop_map(|(driver, executor, executors)| Demand {
        driver: pod(driver.0, driver.1),
        executor: pod(executor.0, executor.1),
        executors,
        ..Demand::default()
    })
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let submit = (select(vec!["dev", "prod", "night"]), any_demand(), 0i32..2);
    let submit = submit.prop_map(|(queue, demand, priority)| Step::Submit {
        queue,
        demand,
        priority,
    });
    // kube-scheduler spreads: the emptiest node is the likeliest.
    let node = prop_oneof![3 => Just(0usize), 1 => 0usize..6];
    let bind = (0usize..20, 1usize..6, node).prop_map(|(job, pods, node)| Step::Bind { job, pods, node });
    prop_oneof![
        8 => submit,
        6 => Just(Step::Cycle),
        // Never so long altogether that pods which haven't come are given up.
        4 => (0u64..2_900).prop_map(|ms| Step::Wait(Duration::from_millis(ms))),
        5 => bind,
        2 => (0usize..20).prop_map(Step::End),
        3 => (0usize..20).prop_map(Step::PickedUp),
        2 => (0usize..3, 0usize..6, 0u64..4).prop_map(|(place, node, cores)| Step::Strangers { place, node, cores }),
        1 => (0usize..3).prop_map(Step::Cordon),
        1 => (0usize..3).prop_map(Step::Break),
        2 => (0usize..3).prop_map(Step::Open),
    ]
}

//! Each filter, with its answer and reason.

use std::time::Duration;

use super::super::harness::*;
use super::{assert_written, row, table};
use crate::model::Resources;
use crate::routing::{
    Amounts, CapacitySource, Cause, ClusterSettings, Health, Pool, QueueSettings, Shortage,
};
use crate::submission::BacklogEntry;

/// One cluster of four nodes with 4 cores each that refuses for one cause, and the answer.
struct Case {
    settings: fn(&mut QueueSettings, &mut ClusterSettings),
    befalls: fn(&mut World, &mut BacklogEntry),
}

const fn case(
    settings: fn(&mut QueueSettings, &mut ClusterSettings),
    befalls: fn(&mut World, &mut BacklogEntry),
) -> Case {
    Case { settings, befalls }
}

/// A small job runs there.
fn busy(world: &mut World) {
    world.submit("runs", "dev", job(1, 1));
    world.cycle();
}

const CASES: [Case; 19] = [
    case(|_, _| {}, |_, entry| entry.queue = queue_name("nowhere")),
    case(|queue, _| queue.limits.max_live = Some(1), |world, _| busy(world)),
    case(
        |queue, _| {
            queue.limits.resources = Some(Resources { pods: 0, ..pod(3, 0) });
        },
        |world, _| busy(world),
    ),
    case(|_, a| a.queues = Some(vec![queue_name("prod")]), |_, _| {}),
    case(|_, _| {}, |_, entry| entry.selector = vec![cluster_name("b")]),
    case(
        |_, _| {},
        |_, entry| entry.excluded_clusters = vec![cluster_name("a")],
    ),
    case(
        |_, a| a.spark_versions = vec!["3.5.0".into(), "3.5.6".into()],
        |_, entry| entry.spark_version = Some("4.0.0".into()),
    ),
    case(|_, _| {}, |_, entry| entry.demand = job(1, 12)),
    case(
        |_, _| {},
        |world, _| {
            world
                .router
                .set_cordon(&cluster_name("a"), Some("cordoned: upgrade".into()))
        },
    ),
    case(
        |_, _| {},
        |world, _| {
            let why = "the API server answers 401";
            world
                .router
                .set_health(&cluster_name("a"), Health::Unhealthy(why.into()));
        },
    ),
    case(|_, a| a.name = cluster_name("unread"), |_, _| {}),
    case(|_, _| {}, |world, _| world.mono += Duration::from_secs(75)),
    case(|_, a| a.limits.max_live = Some(1), |world, _| busy(world)),
    case(|_, a| a.pacing.max_pending = Some(1), |world, _| busy(world)),
    case(
        |_, a| a.pacing.submissions_per_minute = Some(20),
        |world, _| busy(world),
    ),
    case(
        |queue, _| queue.max_bypass = Duration::ZERO,
        |world, _| {
            busy(world);
            world.submit("whole", "dev", job(3, 4));
            world.cycle();
        },
    ),
    case(
        |_, _| {},
        |world, _| {
            busy(world);
            world.submit("large", "prod", job(3, 4));
            world.cycle();
        },
    ),
    case(
        |_, a| a.sources = vec![CapacitySource::Nodes, CapacitySource::Quota],
        |world, _| {
            let of = |cores: u64| Amounts::from([("cpu".to_owned(), cores * 1000)]);
            let quota = Pool {
                name: "team-a".into(),
                total: of(8),
                free: of(1),
            };
            let (a, now) = (cluster_name("a"), world.mono);
            world
                .router
                .set_pools(&a, CapacitySource::Quota, &[quota], &[], now);
        },
    ),
    case(
        |_, _| {},
        |world, entry| {
            busy(world);
            entry.demand = job(3, 4);
        },
    ),
];

fn filter_of(cause: &Cause) -> &'static str {
    match cause {
        Cause::QueueNotServed => "`clusters[].queues`",
        Cause::NotSelected => "the spec's `clusters`, or its manifest's namespace",
        Cause::Excluded => "every field of the spec is known to the cluster's CRD",
        Cause::SparkVersion { .. } => "`clusters[].sparkVersions`",
        Cause::TooSmall(_) => "the empty cluster could hold it",
        Cause::Cordoned(_) => "not cordoned, not being drained",
        Cause::Unhealthy(_) => "healthy",
        Cause::NoView { .. } => "its capacity has been read",
        Cause::StaleView { .. } => "what was read isn't older than a minute",
        Cause::MaxLive { .. } => "`limits.maxLive`",
        Cause::MaxPending { .. } => "`pacing.maxPending`",
        Cause::Pace { .. } => "`pacing.submissionsPerMinute`",
        Cause::Held { .. } => "not held for an older job",
        Cause::Claimed { .. } => "not wanted back by a job queue below its share",
        Cause::NoRoom(shortage) => match **shortage {
            Shortage::Pool { .. } => "every quota, YuniKorn queue and fixed figure has room",
            Shortage::Total { .. }
            | Shortage::NoNode { .. }
            | Shortage::Pod { .. }
            | Shortage::Pods { .. }
            | Shortage::Unbound { .. } => "driver and initial executors find nodes",
        },
    }
}

#[test]
fn each_filter_answers_with_its_reason_and_figures() {
    let mut text = table(&["filter", "answer", "reason, if no other cluster is nearer"]);
    for case in CASES {
        let (mut dev, mut a) = (queue("dev", 1), cluster("a", 1));
        (case.settings)(&mut dev, &mut a);
        let mut world = World::new(vec![dev, queue("prod", 1)], vec![a]);
        let nodes: Vec<_> = (1..5).map(|n| node(&format!("n{n}"), 4, 16)).collect();
        world.nodes("a", &nodes);
        let mut entry = world.entry("job", "dev", job(1, 1));
        (case.befalls)(&mut world, &mut entry);
        entry.accepted_at += jiff::SignedDuration::from_hours(1);
        let told = world.router.explain(&entry, world.now());
        let (filter, answer) = match told.why.refusals.as_slice() {
            [] => ("the job queue itself", told.why.general.clone()),
            [refusal] => (filter_of(&refusal.cause), refusal.cause.to_string()),
            many => panic!("{many:?}"),
        };
        text += &row([filter, &answer, &format!("`{}`", told.reason.unwrap())]);
    }
    assert_written("filters", &text);
}

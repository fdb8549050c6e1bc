//! The examples of `docs/SCHEDULING.md`: each table there is what the scheduler does here, and what its policy's
//! definition says.

use std::time::Duration;

use super::harness::*;
use crate::model::Resources;
use crate::routing::{Cause, ClusterSettings, Health, Pacing, Policy, QueueSettings};
use crate::submission::{BacklogEntry, Candidate, Placement};

fn handbook() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/SCHEDULING.md")).unwrap()
}

/// The text between `<!-- example: NAME -->` and the next `<!-- end -->`.
fn written(name: &str) -> String {
    let (handbook, begin) = (handbook(), format!("<!-- example: {name} -->\n"));
    let rest = handbook.split_once(&begin).map_or("", |(_, rest)| rest);
    let text = rest.split_once("<!-- end -->").map_or("", |(text, _)| text);
    text.trim().to_owned()
}

fn assert_written(name: &str, computed: &str) {
    assert_eq!(
        written(name),
        computed.trim(),
        "docs/SCHEDULING.md, {name}, is to say:\n\n{computed}\n"
    );
}

fn row<T: AsRef<str>>(cells: impl IntoIterator<Item = T>) -> String {
    let cells: Vec<String> = cells.into_iter().map(|cell| cell.as_ref().to_owned()).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn table(header: &[&str]) -> String {
    row(header) + &row(header.iter().map(|_| "---"))
}

#[test]
fn every_example_of_the_handbook_is_computed() {
    let policies = POLICIES.map(|(policy, _)| policy.as_str());
    let handbook = handbook();
    let names: Vec<&str> = handbook
        .split("<!-- example: ")
        .skip(1)
        .filter_map(|rest| rest.split_once(" -->"))
        .map(|(name, _)| name)
        .collect();
    let mut expected = vec!["turns", "hold", "filters", "pace"];
    expected.splice(3..3, policies);
    assert_eq!(names, expected);
}

/// Two saturated queues of weights 70 and 30 on 100 cores: jobs of 10 cores and of 5.
#[test]
fn the_queue_furthest_below_its_share_goes_next() {
    let mut world = World::new(vec![queue("prod", 70), queue("dev", 30)], vec![cluster("a", 1)]);
    world.nodes("a", &[node("n1", 100, 1000)]);
    for n in 0..20 {
        world.submit(&format!("prod-{n}"), "prod", job(9, 1));
        world.submit(&format!("dev-{n}"), "dev", job(4, 1));
    }
    let mut text = table(&[
        "placement",
        "prod uses",
        "per weight",
        "dev uses",
        "per weight",
        "goes next",
    ]);
    let mut used = [0u64, 0];
    for (n, (id, _)) in (1..).zip(world.placed()) {
        let per_weight = [used[0] * 1000 / 70, used[1] * 1000 / 30];
        let which = usize::from(id.starts_with("dev"));
        // The lower one, and of equals the first in the configuration.
        let expected = usize::from(used[1] * 70 < used[0] * 30);
        // Near the end only the smaller job fits.
        assert!(which == expected || used[0] + used[1] > 90, "{id}");
        let share = |queue: usize| {
            format!(
                "{}.{:02}",
                per_weight[queue] / 1000,
                per_weight[queue] % 1000 / 10
            )
        };
        let uses = |queue: usize| format!("{} cores", used[queue]);
        let next = if which == 0 { "prod" } else { "dev" };
        text += &row([n.to_string(), uses(0), share(0), uses(1), share(1), next.into()]);
        used[which] += [10, 5][which];
    }
    assert_eq!(used, [70, 30]);
    text += &row([
        "then",
        "70 cores",
        "1.00",
        "30 cores",
        "1.00",
        "nobody: it is full",
    ]);
    assert_written("turns", &text);
}

/// A policy, and what it compares of a candidate among those that passed, with the number of placements before it: the
/// smallest goes first, of equals the first.
type Measure = fn(&Candidate, &[Candidate], u64) -> (f64, String);
const POLICIES: [(Policy, Measure); 5] = [
    (Policy::Weighted, due),
    (Policy::Balanced, gap),
    (Policy::LeastUtilized, used),
    (Policy::Binpack, room_left),
    (Policy::Ordered, place),
];

fn sum(all: &[Candidate], of: impl Fn(&Candidate) -> u64) -> f64 {
    all.iter().map(of).sum::<u64>() as f64
}

/// When the cluster's next placement is due, (count + 1) / share, where its share is of all three; one whose next would
/// exceed its quota comes last.
fn due(one: &Candidate, _: &[Candidate], before: u64) -> (f64, String) {
    let share = f64::from(one.weight) / 100.0;
    let due = (one.placed as f64 + 1.0) / share;
    if (one.placed as f64) < (before as f64 + 1.0) * share - 1e-9 {
        (due, format!("{due:.2}"))
    } else {
        (due + 1000.0, format!("({due:.2})"))
    }
}

/// Its share of the weights less its share of what is live.
fn gap(one: &Candidate, all: &[Candidate], _: u64) -> (f64, String) {
    let weights = f64::from(one.weight) / sum(all, |c| u64::from(c.weight));
    let lives = one.live as f64 / sum(all, |c| c.live).max(1.0);
    let gap = weights - lives;
    (-gap, format!("{:+.2}", if gap.abs() < 0.005 { 0.0 } else { gap }))
}

fn utilization(one: &Candidate) -> f64 {
    let (free, all) = (one.free.as_ref().unwrap(), one.capacity.as_ref().unwrap());
    (all.cpu.0 - free.cpu.0) as f64 / all.cpu.0 as f64
}

fn used(one: &Candidate, _: &[Candidate], _: u64) -> (f64, String) {
    (utilization(one), format!("{:.0} %", utilization(one) * 100.0))
}

fn room_left(one: &Candidate, _: &[Candidate], _: u64) -> (f64, String) {
    (-utilization(one), format!("{:.0} %", utilization(one) * 100.0))
}

fn place(one: &Candidate, _: &[Candidate], _: u64) -> (f64, String) {
    (0.0, format!("{} free", one.free.as_ref().unwrap().cpu.0 / 1000))
}

/// Jobs of 2 cores on a (weight 30, 8 cores), b (60, 16 cores) and c (10, 40 cores), where b can't be reached from the
/// fifth job to the seventh.
fn placements(policy: Policy) -> Vec<Placement> {
    let mut settings = queue("dev", 1);
    settings.policy = policy;
    let clusters = vec![cluster("a", 30), cluster("b", 60), cluster("c", 10)];
    let mut world = World::new(vec![settings], clusters);
    for (name, cores) in [("a", 8), ("b", 16), ("c", 40)] {
        world.nodes(name, &[node("n1", cores, 1000)]);
    }
    let mut placements = Vec::new();
    for n in 1..=10 {
        let away = Health::Unhealthy("no answer".into());
        let health = if (5..=7).contains(&n) {
            away
        } else {
            Health::Healthy
        };
        world.router.set_health(&cluster_name("b"), health);
        world.submit(&format!("job-{n}"), "dev", job(1, 1));
        placements.push(world.cycle().placements.remove(0).placement);
    }
    placements
}

#[test]
fn each_policy_chooses_by_the_figures_that_the_handbook_gives() {
    for (policy, measure) in POLICIES {
        let mut text = table(&["job", "a", "b", "c", "goes to"]);
        for (before, placement) in (0..).zip(placements(policy)) {
            let mut all = placement.candidates.clone();
            all.sort_by(|a, b| a.cluster.cmp(&b.cluster));
            let mut best: Option<(f64, String)> = None;
            let mut cells = vec![(before + 1).to_string()];
            for name in ["a", "b", "c"] {
                let Some(one) = all.iter().find(|c| c.cluster == name) else {
                    let away = placement.others[name].starts_with("unhealthy");
                    cells.push(if away { "away" } else { "full" }.to_owned());
                    continue;
                };
                let (value, told) = measure(one, &all, before);
                if best.as_ref().is_none_or(|(least, _)| value < least - 1e-9) {
                    best = Some((value, name.to_owned()));
                }
                cells.push(told);
            }
            assert_eq!(best.unwrap().1, placement.cluster, "{policy:?}, after {before}");
            cells.push(placement.cluster);
            text += &row(cells);
        }
        assert_written(policy.as_str(), &text);
    }
}

/// A head that needs the whole cluster of 8 cores, and small jobs of 2 that never end to come.
#[test]
fn a_head_that_was_passed_for_long_gets_a_cluster() {
    let mut settings = [queue("dev", 1), queue("small", 1)];
    settings
        .iter_mut()
        .for_each(|queue| queue.max_bypass = minutes(15));
    let mut world = World::new(settings.to_vec(), vec![cluster("a", 1)]);
    world.nodes("a", &[node("n1", 8, 64)]);
    for n in 0..4 {
        world.submit(&format!("small-{n}"), "small", job(1, 1));
    }
    world.cycle();
    world.submit("whole", "dev", job(1, 7));
    for n in 4..20 {
        world.submit(&format!("small-{n}"), "small", job(1, 1));
    }
    let mut text = table(&["minute", "ends", "starts", "the next small one"]);
    for (minute, ends) in [
        (0, ""),
        (5, "small-0"),
        (15, ""),
        (16, "small-1"),
        (18, "small-2"),
        (20, "small-3"),
        (21, "small-4"),
    ] {
        world.mono = minutes(minute);
        world.router.still_current(&cluster_name("a"), world.mono);
        if !ends.is_empty() {
            world.router.released(&id(ends));
        }
        let cycle = world.cycle();
        let started: Vec<&str> = cycle.placements.iter().map(|d| d.entry.id.as_str()).collect();
        let next = cycle
            .waiting
            .iter()
            .find(|waits| waits.queue.as_str() == "small")
            .unwrap();
        text += &row([
            minute.to_string(),
            ends.into(),
            started.join(", "),
            next.message(),
        ]);
    }
    assert_written("hold", &text);
}

fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

#[test]
fn a_pace_gives_its_burst_and_then_its_rate() {
    let mut settings = cluster("a", 1);
    settings.pacing = Pacing {
        submissions_per_minute: Some(20),
        burst: 5,
        max_pending: None,
    };
    let mut world = World::new(vec![queue("dev", 1)], vec![settings]);
    world.nodes("a", &[node("n1", 100, 1000)]);
    for n in 0..10 {
        world.submit(&format!("job-{n}"), "dev", job(1, 1));
    }
    let mut text = table(&["second", "placed by then", "the next one"]);
    let mut placed = 0;
    for second in [0, 2, 3, 6, 9, 12, 15] {
        world.mono = Duration::from_secs(second);
        let cycle = world.cycle();
        placed += cycle.placements.len();
        let next = cycle
            .waiting
            .first()
            .map(|waits| format!("{}: {}", waits.reason, waits.message()));
        text += &row([second.to_string(), placed.to_string(), next.unwrap_or_default()]);
    }
    assert_eq!(placed, 10);
    assert_written("pace", &text);
}

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

const CASES: [Case; 17] = [
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
        Cause::NoView => "its capacity has been read",
        Cause::StaleView { .. } => "what was read isn't older than a minute",
        Cause::MaxLive { .. } => "`limits.maxLive`",
        Cause::MaxPending { .. } => "`pacing.maxPending`",
        Cause::Pace { .. } => "`pacing.submissionsPerMinute`",
        Cause::Held { .. } => "not held for an older job",
        Cause::NoRoom(_) => "driver and initial executors find nodes",
    }
}

#[test]
fn each_filter_answers_with_its_reason_and_figures() {
    let mut text = table(&["filter", "answer", "reason, if no other cluster is nearer"]);
    for case in CASES {
        let (mut dev, mut a) = (queue("dev", 1), cluster("a", 1));
        (case.settings)(&mut dev, &mut a);
        let mut world = World::new(vec![dev], vec![a]);
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

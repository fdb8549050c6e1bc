//! The examples of `docs/SCHEDULING.md`: each table there is what the scheduler does here, and what its policy's
//! definition says.

use std::time::Duration;

use super::harness::*;
use crate::routing::Pacing;
use policies::POLICIES;

mod filters;
mod policies;

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

/// A head that needs the whole cluster of 8 cores, and small jobs of 2 that never end to come.
#[test]
fn a_head_that_was_passed_for_long_gets_a_cluster() {
    let mut nightly = queue("nightly", 1);
    nightly.max_bypass = minutes(15);
    let mut world = World::new(vec![nightly], vec![cluster("a", 1)]);
    world.nodes("a", &[node("n1", 8, 64)]);
    for n in 0..4 {
        world.submit(&format!("small-{n}"), "nightly", job(1, 1));
    }
    world.cycle();
    world.submit("whole", "nightly", job(1, 7));
    for n in 4..20 {
        world.submit(&format!("small-{n}"), "nightly", job(1, 1));
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
            .find(|waits| waits.id.as_str().starts_with("small"))
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

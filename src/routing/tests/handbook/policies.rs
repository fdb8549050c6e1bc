//! Each policy, against a measure of the test's own.

use super::super::harness::*;
use super::{assert_written, row, table};
use crate::routing::{Health, Policy};
use crate::submission::{Candidate, Placement};

/// A policy, and what it compares of a candidate among those that passed, with the number of placements before it: the
/// smallest goes first, of equals the first.
pub(super) type Measure = fn(&Candidate, &[Candidate], u64) -> (f64, String);
pub(super) const POLICIES: [(Policy, Measure); 5] = [
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

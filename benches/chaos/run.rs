//! One run: load before, during and after each fault, an end for every submission, and the audit.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::audit::{Findings, Judge};
use crate::broker::Broker;
use crate::cluster::{ControlPlane, Options};
use crate::faults::Fault;
use crate::load::Load;
use crate::report::{Line, Report};
use crate::seeded::Bug;
use crate::world::{Mode, World};

/// Two control planes with the `SparkApplication` CRD.
pub async fn planes() -> [ControlPlane; 2] {
    let plane = async || {
        let plane = ControlPlane::start(Options::default()).await;
        plane.apply_spark_crd().await;
        plane
    };
    tokio::join!(plane(), plane()).into()
}

/// What is run.
pub struct Plan {
    pub mode: Mode,
    pub brokers: usize,
    pub jobs: usize,
    /// Each once, in this order, again and again.
    pub faults: Vec<Fault>,
    /// How many jobs come with one fault.
    pub jobs_per_fault: usize,
    pub bug: Option<Bug>,
}

/// Longer than anything takes that isn't stuck, and so much more for each job.
const PATIENCE: Duration = Duration::from_secs(240);
const PATIENCE_PER_JOB: Duration = Duration::from_millis(300);
/// Longer than every settling time of the configuration but `endSettle`.
const SETTLED: Duration = Duration::from_secs(8);
/// How often a fault is injected that hits nothing.
const INJECTIONS: usize = 3;
/// Longer than an unfinished object is left to its operator, and the time until it is looked at again.
const PATIENCE_WITH_ORPHANS: Duration = Duration::from_secs(120);
/// Before and after a fault.
const BREATH: Duration = Duration::from_millis(500);

impl Plan {
    /// Carries it out on two control planes.
    pub async fn run(&self, planes: [&ControlPlane; 2]) -> Report {
        let mut world = World::start(planes, self.mode, self.brokers, self.bug).await;
        let mut load = Load::of(self.bug);
        let mut lines = Vec::new();
        let mut faults = self.faults.iter().cycle();
        while load.jobs.len() < self.jobs {
            let left = self.jobs - load.jobs.len();
            let share = left.min(self.jobs_per_fault);
            match faults.next() {
                // On a busy machine a fault may find nothing under way: then it comes again, with more jobs.
                Some(fault) => {
                    for _ in 0..INJECTIONS {
                        let line = inject(*fault, &mut world, &mut load, share).await;
                        let hit = line.hits.values().any(|hits| *hits > 0);
                        lines.push(line);
                        if hit {
                            break;
                        }
                    }
                }
                None => load.send(&world, share, true).await,
            }
        }
        load.finish(&world).await;
        let records = self.ended(&world, &load).await;
        let findings = self.settled(&world, &load, &records).await;
        let (left, parked) = world.messages().await;
        let book = world.audit.book();
        Report {
            mode: self.mode,
            lines,
            load,
            findings,
            left,
            parked,
            records,
            book,
            logs: world.brokers.iter().map(Broker::log).collect(),
        }
    }
}

async fn inject(fault: Fault, world: &mut World<'_>, load: &mut Load, jobs: usize) -> Line {
    let part = jobs / 3;
    load.send(world, part, true).await;
    let injected = fault.inject(world).await;
    load.send(world, jobs - 2 * part, false).await;
    tokio::time::sleep(fault.lasts()).await;
    let hits = fault.lift(world, injected).await;
    load.send(world, part, true).await;
    tokio::time::sleep(BREATH).await;
    println!("{}: {hits:?}", fault.name());
    Line { fault, hits }
}

impl Plan {
    /// A look at all records takes the longer the more there are.
    fn poll(&self) -> Duration {
        Duration::from_millis(1_000 + self.jobs as u64)
    }

    /// The records as soon as all submissions have ended, or when it has lasted too long.
    async fn ended(&self, world: &World<'_>, load: &Load) -> BTreeMap<String, Value> {
        let patience = PATIENCE + PATIENCE_PER_JOB * u32::try_from(self.jobs).unwrap_or(u32::MAX);
        let mut waited = Duration::ZERO;
        loop {
            let records = world.records().await;
            let is_over = |id: &String| {
                let state = records.get(id).and_then(|record| record["state"].as_str());
                state.is_some_and(|state| ["SUCCEEDED", "FAILED", "CANCELLED", "REJECTED"].contains(&state))
            };
            let open = load.jobs.iter().filter(|job| !is_over(&job.id)).count();
            let left = world.messages().await.0;
            if (open == 0 && left == 0) || waited > patience {
                return records;
            }
            println!("{open} submissions are open, {left} messages are left");
            tokio::time::sleep(self.poll()).await;
            waited += self.poll();
        }
    }

    /// What is found once everything has settled.
    async fn settled(&self, world: &World<'_>, load: &Load, records: &BTreeMap<String, Value>) -> Findings {
        let installation = world.installation().await;
        tokio::time::sleep(SETTLED).await;
        let mut waited = Duration::ZERO;
        loop {
            let book = world.audit.book();
            let judge = Judge {
                audit: &world.audit,
                book: &book,
                installation: &installation,
                records,
                one_phase: self.mode.keys().1 == "one-phase",
                moves: self.mode.keys().0 == "move",
            };
            let findings = judge.findings(&load.jobs);
            if findings.orphans.is_empty() || waited > PATIENCE_WITH_ORPHANS {
                return findings;
            }
            tokio::time::sleep(self.poll()).await;
            waited += self.poll();
        }
    }
}

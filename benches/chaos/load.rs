//! The submissions: how each must end, and how they are sent.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng;
use rand::seq::SliceRandom;
use serde_json::{Value, json};

use crate::seeded::Bug;
use crate::spark::{EXIT_CODE, RUN_TIME};
use crate::world::World;

/// How a job must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// SUCCEEDED, by a driver of its own.
    Well,
    /// FAILED, by the exit code of a driver of its own.
    Badly,
    /// CANCELLED: it was cancelled before it arrived, or runs for ever.
    Cancelled,
    /// The cancel may come too late.
    CancelledOrWell,
    /// FAILED: somebody else's object has its name on all clusters.
    NameTaken,
}

/// One submission.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: String,
    pub ends: Ends,
}

/// What was sent, by kind.
#[derive(Debug, Default)]
pub struct Load {
    pub jobs: Vec<Job>,
    pub sent: BTreeMap<&'static str, u64>,
    /// Cancels still to be sent.
    cancels: Vec<String>,
    /// What couldn't be sent in its turn.
    owed: Vec<Kind>,
    bug: Option<Bug>,
}

/// How a job is sent.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Quick,
    Fails,
    Thrice,
    OverHttp,
    Late,
    CancelledFirst,
    Cancelled,
    CancelledWhileItRuns,
    NameTaken,
    NameOfAnEarlierOne,
}

impl Kind {
    /// Of the `n`-th job.
    fn of(n: usize) -> Self {
        match n % 50 {
            3 | 19 | 31 | 44 => Self::Fails,
            5 | 15 | 25 | 35 | 45 => Self::Thrice,
            7 | 27 | 37 | 47 => Self::OverHttp,
            9 | 22 | 33 => Self::Late,
            11 | 36 => Self::CancelledFirst,
            13 | 38 => Self::Cancelled,
            17 | 41 => Self::CancelledWhileItRuns,
            21 => Self::NameTaken,
            29 => Self::NameOfAnEarlierOne,
            _ => Self::Quick,
        }
    }

    /// What it is called in the report, and how it must end.
    fn told(self) -> (&'static str, Ends) {
        match self {
            Self::Quick => ("over SQS", Ends::Well),
            Self::Fails => ("with exit code 3", Ends::Badly),
            Self::Thrice => ("sent three times", Ends::Well),
            Self::OverHttp => ("over HTTP", Ends::Well),
            Self::Late => ("delayed in SQS", Ends::Well),
            Self::CancelledFirst => ("cancelled before they came", Ends::CancelledOrWell),
            Self::Cancelled => ("cancelled", Ends::CancelledOrWell),
            Self::CancelledWhileItRuns => ("endless, cancelled", Ends::Cancelled),
            Self::NameTaken => ("whose name a stranger has", Ends::NameTaken),
            Self::NameOfAnEarlierOne => ("whose name an earlier submission has", Ends::Well),
        }
    }
}

/// The run time of a job that doesn't end by itself, in milliseconds.
const ENDLESS: u64 = 36_000_000;

impl Load {
    /// Of all kinds; of those that show `bug` where there is one.
    pub fn of(bug: Option<Bug>) -> Self {
        Self {
            bug,
            ..Self::default()
        }
    }

    /// Sends `count` more jobs, and the cancels of earlier ones. What must be prepared on the clusters is sent only while
    /// they are `calm`.
    pub async fn send(&mut self, world: &World<'_>, count: usize, calm: bool) {
        for id in std::mem::take(&mut self.cancels) {
            world.send(&json!({"cancel": id}), 0).await;
            self.count("cancels");
        }
        let mut bodies = Vec::new();
        for _ in 0..count {
            let n = self.jobs.len();
            let (id, kind) = (format!("job-{n}"), self.kind(n, calm));
            let ends = self.prepare(world, &id, kind, &mut bodies).await;
            self.jobs.push(Job { id, ends });
        }
        bodies.shuffle(&mut rand::rng());
        for (body, delay) in bodies {
            world.send(&body, delay).await;
        }
    }

    fn kind(&mut self, n: usize, calm: bool) -> Kind {
        match self.bug {
            None => {}
            Some(Bug::NoIntent) => return Kind::Quick,
            Some(Bug::AdoptsAll) if n.is_multiple_of(2) => return Kind::Quick,
            Some(Bug::AdoptsAll) => return Kind::NameOfAnEarlierOne,
        }
        match Kind::of(n) {
            kind @ (Kind::NameTaken | Kind::NameOfAnEarlierOne) if !calm => {
                self.owed.push(kind);
                Kind::Quick
            }
            Kind::Quick if calm => self.owed.pop().unwrap_or(Kind::Quick),
            kind => kind,
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.sent.entry(what).or_default() += 1;
    }

    /// Prepares the world for a job; its messages, each with its delay in seconds, go to `bodies`.
    async fn prepare(
        &mut self,
        world: &World<'_>,
        id: &str,
        kind: Kind,
        bodies: &mut Vec<(Value, i32)>,
    ) -> Ends {
        let (what, ends) = kind.told();
        self.count(what);
        // Long enough to be alive still when another broker has taken over.
        let most = if self.bug == Some(Bug::NoIntent) {
            12_000
        } else {
            2_500
        };
        let time = rand::rng().random_range(most / 8..most);
        let delays: &[i32] = match kind {
            Kind::Thrice => &[0, 0, 5],
            Kind::Late => &[3],
            Kind::CancelledFirst => &[2],
            Kind::Quick
            | Kind::Fails
            | Kind::OverHttp
            | Kind::Cancelled
            | Kind::CancelledWhileItRuns
            | Kind::NameTaken
            | Kind::NameOfAnEarlierOne => &[0],
        };
        let spec = match kind {
            Kind::Fails => spec(id, time, 3),
            Kind::CancelledWhileItRuns => spec(id, ENDLESS, 0),
            _ => spec(id, time, 0),
        };
        match kind {
            Kind::OverHttp if world.post(&spec).await => return ends,
            Kind::CancelledFirst => world.send(&json!({"cancel": id}), 0).await,
            Kind::Cancelled | Kind::CancelledWhileItRuns => self.cancels.push(id.to_owned()),
            Kind::NameTaken => world.plant(id, "somebody-else").await,
            Kind::NameOfAnEarlierOne => world.plant(id, &world.installation().await).await,
            Kind::Quick | Kind::Fails | Kind::Thrice | Kind::OverHttp | Kind::Late => {}
        }
        bodies.extend(delays.iter().map(|delay| (spec.clone(), *delay)));
        ends
    }

    /// Sends what is still to be sent.
    pub async fn finish(&mut self, world: &World<'_>) {
        // What is cancelled at last has had time to run.
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.send(world, 0, true).await;
    }
}

fn spec(id: &str, run_time: u64, exit_code: i32) -> Value {
    let told = json!({RUN_TIME: run_time.to_string(), EXIT_CODE: exit_code.to_string()});
    json!({
        "submissionId": id, "applicationName": "Chaos", "queue": "dev", "sparkVersion": "3.5.0",
        "mainClass": "org.example.Main", "mainApplicationFile": "local:///opt/main.jar",
        "driver": {"cores": 1, "memory": "1g", "annotations": told},
        "executor": {"instances": 1, "cores": 1, "memory": "1g"},
    })
}

//! The faults: what each does to the world, and how it is lifted.

use std::time::Duration;

use crate::aws_proxy::{Hits, Ill};
use crate::broker::LEASE;
use crate::spark::{Spark, raw};
use crate::wire::{Weather, Wire};
use crate::world::World;
use kube::api::ListParams;

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    KillActive,
    KillAll,
    PauseActive,
    KillApiServer,
    CutCluster,
    StallCluster,
    SilenceCluster,
    DeliverLate,
    ThrottleStore,
    SwallowStore,
    UnanswerStore,
    CutActiveFromStore,
    RepeatMessages,
    UnanswerQueue,
    KillOperators,
    TouchObjects,
}

/// What must be undone, and what has been hit so far.
#[derive(Debug, Default)]
pub struct Injected {
    broker: usize,
    cluster: usize,
    hits: Hits,
}

impl Fault {
    /// Those of a round, in its order.
    pub const ALL: [Self; 15] = [
        Self::KillActive,
        Self::ThrottleStore,
        Self::KillAll,
        Self::UnanswerQueue,
        Self::CutCluster,
        Self::RepeatMessages,
        Self::UnanswerStore,
        Self::KillOperators,
        Self::StallCluster,
        Self::KillApiServer,
        Self::TouchObjects,
        Self::SwallowStore,
        Self::CutActiveFromStore,
        Self::DeliverLate,
        // Last: whoever takes over reads the whole backlog. Else what a pod took in whose clock is behind might wait.
        Self::PauseActive,
    ];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::KillActive => "active broker killed (SIGKILL) and started again",
            Self::KillAll => "all brokers killed at once (SIGKILL)",
            Self::PauseActive => "active broker stopped for longer than its lease (SIGSTOP, SIGCONT)",
            Self::KillApiServer => "API server killed (SIGKILL) and started again",
            Self::CutCluster => "connections to a cluster cut",
            Self::StallCluster => "connections to a cluster stalled",
            Self::SilenceCluster => "connections to a cluster stalled until its jobs are given up",
            Self::DeliverLate => "every second create held on its way and delivered late",
            Self::ThrottleStore => "DynamoDB throttles 60 of 100",
            Self::SwallowStore => "DynamoDB times out, 40 of 100",
            Self::UnanswerStore => "DynamoDB carries out and doesn't answer, 40 of 100",
            Self::CutActiveFromStore => "active broker alone cut from DynamoDB",
            Self::RepeatMessages => "SQS repeats and reorders, ignores 50 of 100 deletes",
            Self::UnanswerQueue => "SQS carries out and doesn't answer, 40 of 100",
            Self::KillOperators => "operators killed in mid-submit and started again",
            Self::TouchObjects => "objects changed while the operator submits them",
        }
    }

    /// How long it lasts.
    pub fn lasts(self) -> Duration {
        match self {
            Self::TouchObjects => Duration::ZERO,
            Self::KillActive | Self::KillAll | Self::KillOperators => Duration::from_secs(1),
            Self::CutCluster | Self::KillApiServer | Self::CutActiveFromStore => Duration::from_secs(3),
            Self::ThrottleStore | Self::UnanswerStore | Self::UnanswerQueue | Self::RepeatMessages => {
                Duration::from_secs(4)
            }
            Self::SwallowStore | Self::DeliverLate => Duration::from_secs(5),
            Self::PauseActive => LEASE * 2,
            Self::StallCluster => Duration::from_secs(4),
            // Beyond `failoverAfter` and the 20 s that a call may take: under `move` what is on its way is given up.
            Self::SilenceCluster => Duration::from_secs(28),
        }
    }

    /// Does it.
    pub async fn inject(self, world: &mut World<'_>) -> Injected {
        let mut injected = Injected {
            broker: 0,
            cluster: usize::from(rand::random::<bool>()),
            hits: Hits::new(),
        };
        if matches!(self, Self::KillActive | Self::KillOperators | Self::TouchObjects) {
            until_something_is_new(world).await;
        }
        world.take_hits();
        match self {
            Self::KillActive | Self::PauseActive | Self::CutActiveFromStore => {
                injected.broker = world.active().await;
                self.hit_broker(&mut world.brokers[injected.broker], &mut injected.hits);
            }
            Self::KillAll => {
                for broker in &mut world.brokers {
                    self.hit_broker(broker, &mut injected.hits);
                }
            }
            Self::KillApiServer => {
                let open = wires(world, injected.cluster).map(Wire::open).sum();
                injected.hits.insert("connections".to_owned(), open);
                world.planes[injected.cluster].stop_api_server();
            }
            Self::CutCluster | Self::StallCluster | Self::SilenceCluster => {
                let weather = match self {
                    Self::CutCluster => Weather::Cut,
                    Self::StallCluster => Weather::Stalled,
                    // Else whether anything was on its way would be chance.
                    _ => Weather::StalledByCreate,
                };
                let hit = wires(world, injected.cluster).map(|wire| wire.set(weather)).sum();
                injected.hits.insert("connections".to_owned(), hit);
            }
            Self::DeliverLate => {
                let all = world.brokers.iter().flat_map(|broker| &broker.wires);
                let hit = all.map(|wire| wire.set(Weather::CreatesHeld)).sum();
                injected.hits.insert("connections".to_owned(), hit);
            }
            Self::ThrottleStore => world.all(|broker| &broker.dynamodb, Ill::Throttled(60)),
            Self::SwallowStore => world.all(|broker| &broker.dynamodb, Ill::Swallowed(40)),
            Self::UnanswerStore => world.all(|broker| &broker.dynamodb, Ill::Unanswered(40)),
            Self::RepeatMessages => world.all(|broker| &broker.sqs, Ill::Repeated(50)),
            Self::UnanswerQueue => world.all(|broker| &broker.sqs, Ill::Unanswered(40)),
            Self::KillOperators | Self::TouchObjects => self.hit_operators(world, &mut injected.hits).await,
        }
        injected
    }

    fn hit_broker(self, broker: &mut crate::broker::Broker, hits: &mut Hits) {
        let under_way = "requests and connections under way".to_owned();
        *hits.entry(under_way).or_default() += broker.under_way();
        match self {
            Self::PauseActive => broker.signal("STOP"),
            Self::CutActiveFromStore => broker.dynamodb.set(Ill::Cut),
            _ => broker.process = None,
        }
    }

    async fn hit_operators(self, world: &mut World<'_>, hits: &mut Hits) {
        let mut hit = 0;
        for spark in &mut world.spark {
            if self == Self::TouchObjects {
                hit += spark.touch_new_ones().await;
                continue;
            }
            hit += new_ones(spark).await;
            spark.kill_operator();
        }
        hits.insert("objects not yet submitted".to_owned(), hit);
    }

    /// Undoes it; what was hit.
    pub async fn lift(self, world: &mut World<'_>, mut injected: Injected) -> Hits {
        let plane = world.planes[0];
        match self {
            Self::KillActive => world.brokers[injected.broker].start(plane),
            Self::KillAll => world.brokers.iter_mut().for_each(|broker| broker.start(plane)),
            Self::PauseActive => world.brokers[injected.broker].signal("CONT"),
            Self::KillApiServer => {
                world.planes[injected.cluster].start_api_server().await;
            }
            Self::CutCluster | Self::StallCluster | Self::SilenceCluster | Self::DeliverLate => {
                let all = world.brokers.iter().flat_map(|broker| &broker.wires);
                let held: u64 = all
                    .map(|wire| {
                        wire.set(Weather::Fair);
                        wire.take_held()
                    })
                    .sum();
                injected.hits.insert("parts held".to_owned(), held);
            }
            Self::ThrottleStore | Self::SwallowStore | Self::UnanswerStore | Self::CutActiveFromStore => {
                world.all(|broker| &broker.dynamodb, Ill::None);
            }
            Self::RepeatMessages | Self::UnanswerQueue => world.all(|broker| &broker.sqs, Ill::None),
            Self::KillOperators => world.spark.iter_mut().for_each(|spark| spark.start_operator()),
            Self::TouchObjects => {}
        }
        for (operation, count) in world.take_hits() {
            *injected.hits.entry(operation).or_default() += count;
        }
        injected.hits
    }
}

/// Objects that the operator hasn't submitted, or is about to.
async fn new_ones(spark: &Spark) -> u64 {
    let all = spark.applications().list(&ListParams::default()).await;
    let all = all.into_iter().flat_map(|all| all.items);
    all.filter(|object| ["", "RESUMING"].contains(&raw(object)))
        .count() as u64
}

/// Returns as soon as there are such objects, or when none come.
async fn until_something_is_new(world: &World<'_>) {
    for _ in 0..200 {
        let mut new = 0;
        for spark in &world.spark {
            new += new_ones(spark).await;
        }
        if new > 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn wires<'a>(world: &'a World<'_>, cluster: usize) -> impl Iterator<Item = &'a Wire> {
    world.brokers.iter().map(move |broker| &broker.wires[cluster])
}

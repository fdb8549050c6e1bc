//! The lease as a model over the program's own `Keeper`: two pods whose clocks agree in pace alone, each of whose steps
//! may come at any time, a store that applies writes late and whose replies get lost.

use std::time::Duration;

use spark_broker::broker::lease::{Held, Keeper};
use spark_broker::model::Version;
use spark_broker::ports::store::Lease;
use stateright::{Model, Property};

/// The lease's duration; its holder acts for two of these three.
const DURATION: Duration = Duration::from_secs(3);

/// The bound.
#[derive(Debug, Clone)]
pub struct Election {
    /// Seconds that pass.
    pub seconds: u64,
    pub crashes: u8,
    /// Whether the time of a renewal counts from its answer, not from its sending: the rule taken out.
    pub count_from_answer: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pod {
    keeper: Keeper,
    held: Option<Held>,
    /// When it last renewed or looked: once a second at most.
    begun: Option<u64>,
    /// The write under way, and what came of it once it was carried out.
    write: Option<(Option<Version>, Lease, Option<bool>)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pods {
    second: u64,
    stored: Option<Lease>,
    pods: [Pod; 2],
    crashes: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Second,
    /// A holder renews, a candidate looks.
    Begin(usize),
    Deliver(usize),
    Answer(usize),
    /// No answer comes; the write may or may not have been carried out.
    Lose(usize),
    Crash(usize),
}

fn pod(name: String) -> Pod {
    Pod {
        keeper: Keeper::new(name, DURATION),
        held: None,
        begun: None,
        write: None,
    }
}

impl Pods {
    /// The clocks of the two stand far apart.
    fn clock(&self, p: usize) -> Duration {
        Duration::from_secs(self.second + 1000 * p as u64)
    }

    fn acting(&self, p: usize) -> Option<Held> {
        self.pods[p]
            .held
            .filter(|held| held.rest(self.clock(p)).is_some())
    }

    fn begin(&mut self, p: usize) {
        let (now, stored) = (self.clock(p), self.stored.clone());
        self.pods[p].begun = Some(self.second);
        let keeper = &mut self.pods[p].keeper;
        let write = keeper.renewal().or_else(|| keeper.looked(stored.as_ref(), now));
        if let Some((seen, lease)) = write {
            keeper.sending(lease.version, now);
            self.pods[p].write = Some((seen, lease, None));
        }
    }

    fn deliver(&mut self, p: usize) {
        let Some((seen, lease, answer)) = &mut self.pods[p].write else {
            return;
        };
        let stands = self.stored.as_ref().map(|stored| stored.version) == *seen;
        *answer = Some(stands || self.stored.as_ref() == Some(lease));
        if stands {
            self.stored = Some(lease.clone());
        }
    }

    fn answer(&mut self, p: usize, count_from_answer: bool) {
        let now = self.clock(p);
        let pod = &mut self.pods[p];
        let Some((_, lease, Some(done))) = pod.write.take() else {
            return;
        };
        if !done {
            pod.keeper.lost();
            pod.held = None;
            return;
        }
        let held = pod.keeper.written(lease, now);
        let until = if count_from_answer {
            now + DURATION * 2 / 3
        } else {
            held.until
        };
        pod.held = Some(Held { until, ..held });
    }
}

impl Model for Election {
    type State = Pods;
    type Action = Turn;

    fn init_states(&self) -> Vec<Pods> {
        let pods = [pod("a".into()), pod("b".into())];
        vec![Pods {
            second: 0,
            stored: None,
            pods,
            crashes: self.crashes,
        }]
    }

    fn actions(&self, pods: &Pods, turns: &mut Vec<Turn>) {
        if pods.second < self.seconds {
            turns.push(Turn::Second);
        }
        for (p, pod) in pods.pods.iter().enumerate() {
            match &pod.write {
                None if pod.begun == Some(pods.second) => {}
                None => turns.push(Turn::Begin(p)),
                Some((_, _, None)) => turns.push(Turn::Deliver(p)),
                Some((_, _, Some(_))) => turns.push(Turn::Answer(p)),
            }
            if pod.write.is_some() {
                turns.push(Turn::Lose(p));
            }
            if pods.crashes > 0 {
                turns.push(Turn::Crash(p));
            }
        }
    }

    fn next_state(&self, pods: &Pods, turn: Turn) -> Option<Pods> {
        let mut next = pods.clone();
        match turn {
            Turn::Second => next.second += 1,
            Turn::Begin(p) => next.begin(p),
            Turn::Deliver(p) => next.deliver(p),
            Turn::Answer(p) => next.answer(p, self.count_from_answer),
            Turn::Lose(p) => next.pods[p].write = None,
            Turn::Crash(p) => {
                next.crashes -= 1;
                next.pods[p] = pod(format!("{p}-{}", next.crashes));
            }
        }
        (next != *pods).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one acts at most", |_, pods: &Pods| {
                pods.acting(0).is_none() || pods.acting(1).is_none()
            }),
            Property::sometimes("the other took over", |_, pods: &Pods| {
                (0..2).any(|p| pods.acting(p).is_some_and(|held| held.epoch.0 > 1))
            }),
        ]
    }
}

//! A scheduler hangs at a step of a dispatch for longer than its lease lasts, another takes over, and then it goes on: its
//! late writes fail, no two of a submission run at once, and what it makes too late is removed and counted.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use spark_broker::submission::{Record, State};
use tokio::time::{Instant, sleep};

use crate::hold::{Hangs, Hold};
use crate::hub::{Life, Reach};
use crate::pods::{Pod, World};
use crate::run::spec;
use crate::store::Fencing;

/// How soon what lands late is to be gone.
const SOON: Duration = Duration::from_secs(5);
/// Lowered: from the first absence to the second; how long nothing may appear; how long a cluster may be silent.
const TIMING: &str = "{createSettle: 20s, submitSettle: 20s, failoverAfter: 30s}";
/// Longer than each of these.
const SETTLED: Duration = Duration::from_secs(31);

const ONE_PHASE: &str = "one-phase";
const TWO_PHASE: &str = "two-phase";

fn config(commit: &str, on_unreachable: &str) -> String {
    format!(
        "
domain: paused
intake: [{{queueName: jobs, defaultQueue: dev}}]
timing: {TIMING}
api: {{listen: '127.0.0.1:0'}}
health: {{listen: '127.0.0.1:0'}}
defaults: {{image: 'spark:3.5.0'}}
queues: [{{name: dev, policy: ordered}}]
clusters:
  - {{name: a, type: simulated, namespace: jobs, commit: {commit}, onUnreachable: {on_unreachable}}}
  - {{name: b, type: simulated, namespace: jobs, commit: {commit}, onUnreachable: {on_unreachable}}}
"
    )
}

/// Runs `scene` in paused time.
fn in_paused_time(scene: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(scene);
}

/// When the job is cancelled, if it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cancel {
    Never,
    /// Before anybody has taken over.
    WhileItHangs,
    /// By the pod that has taken over.
    AfterTakeover,
}

/// One of the steps hangs.
#[derive(Debug, Clone, Copy)]
struct Case {
    commit: &'static str,
    step: &'static str,
    hangs: Hangs,
    cancel: Cancel,
    /// From the takeover.
    let_go: Duration,
}

impl Case {
    /// Every step before and after, with and without a cancel, gone on while the other works on it and when all is over.
    fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        let steps = [
            (ONE_PHASE, &["DISPATCHING", "create", "SUBMITTED"][..]),
            (TWO_PHASE, &["DISPATCHING", "create", "SUBMITTED", "release"]),
        ];
        for (commit, steps) in steps {
            for step in steps {
                for hangs in [Hangs::Before, Hangs::After] {
                    for cancel in [Cancel::Never, Cancel::WhileItHangs, Cancel::AfterTakeover] {
                        for secs in [13, 60] {
                            let let_go = Duration::from_secs(secs);
                            cases.push(Self {
                                commit,
                                step,
                                hangs,
                                cancel,
                                let_go,
                            });
                        }
                    }
                }
            }
        }
        cases
    }

    async fn play(self) {
        let world = World::new(&config(self.commit, "wait"));
        let scene = async {
            let hold = Arc::new(Hold::of(self.step, self.hangs));
            let one = world.pod(Some(&hold)).await;
            world.led_in(1).await;
            let two = world.pod(None).await;
            let mut job = spec("job");
            let run_time = if self.cancel == Cancel::Never { "20s" } else { "1h" };
            job["annotations"]["simulated.spark-broker/run-time"] = json!(run_time);
            world.send(&job);
            hold.hangs().await;
            // What of this call was carried out is written by then.
            sleep(Duration::from_millis(100)).await;
            let written = one.store.writes().len();
            if self.cancel == Cancel::WhileItHangs {
                world.cancel().await;
            }
            world.led_in(2).await;
            sleep(Duration::from_secs(10)).await;
            if self.cancel == Cancel::AfterTakeover {
                world.cancel().await;
            }
            sleep(self.let_go - Duration::from_secs(10)).await;
            let (before, went_on) = (world.record(), Instant::now());
            hold.let_go().await;
            world.until("ended", || world.record().state.is_terminal()).await;
            sleep(SETTLED).await;
            self.audit_writes(&one.store.writes()[written..]);
            self.audit_end(&world, &before, went_on, &two);
            one.stop().await;
            two.stop().await;
        };
        world.while_it_turns(scene).await;
    }

    /// What the first pod wrote since it hung has come to nothing.
    fn audit_writes(self, late: &[Fencing]) {
        assert!(late.iter().all(|write| write.stale), "{self:?}: {late:?}");
        let is_write = self.step == "DISPATCHING" || self.step == "SUBMITTED";
        let expected = is_write && self.hangs == Hangs::Before;
        let tried = late
            .iter()
            .any(|write| write.state == self.step && write.epoch.0 == 1);
        assert_eq!(tried, expected, "{self:?}: {late:?}");
    }

    fn audit_end(self, world: &World, before: &Record, went_on: Instant, two: &Pod) {
        let (lives, record) = (world.lives(), world.record());
        let asked = if self.cancel == Cancel::Never {
            State::Succeeded
        } else {
            State::Cancelled
        };
        assert_eq!(record.state, asked, "{self:?}: {record:#?}");
        for (n, life) in lives.iter().enumerate() {
            assert!(life.over.is_some(), "{self:?}: left: {life:?}");
            let others = lives[n + 1..].iter();
            let twice = others.map(|other| life.beside(other)).max().unwrap_or_default();
            assert_eq!(twice, Duration::ZERO, "{self:?}: {lives:#?}");
            let no_more = self.cancel == Cancel::Never || life.gone.is_some();
            assert!(no_more, "{self:?}: not removed: {life:?}");
        }
        let late: Vec<_> = lives.iter().filter(|life| life.made >= went_on).collect();
        late.iter()
            .for_each(|life| audit_late(life, self.commit, &format!("{self:?}")));
        // Else the second pod has created it by then, or there is nothing to create.
        let lands = self.step == "create" && self.hangs == Hangs::Before && self.cancel != Cancel::Never;
        assert_eq!(late.len(), usize::from(lands), "{self:?}: {lives:#?}");
        // What lands while the cancel is under way goes with it, and isn't left over.
        let removed = if before.state.is_terminal() { late.len() } else { 0 };
        assert_eq!(two.removed("a"), removed as u64, "{self:?}");
        if self.is_cancelled_uncommitted() {
            let released = lives.iter().filter(|life| life.released.is_some());
            assert_eq!(released.count(), 0, "{self:?}: {lives:#?}");
        }
    }

    /// Whether it is cancelled before anybody can have released it.
    fn is_cancelled_uncommitted(self) -> bool {
        let released = self.step == "release" && self.hangs == Hangs::After;
        self.commit == TWO_PHASE && self.cancel == Cancel::WhileItHangs && !released
    }
}

/// It went soon, and where its create was the first of two phases it never ran.
fn audit_late(life: &Life, commit: &str, case: &str) {
    let gone = life.gone.unwrap_or_else(|| panic!("{case}: left: {life:?}"));
    assert!(
        gone - life.made <= SOON,
        "{case}: {:?}: {life:?}",
        gone - life.made
    );
    if commit == TWO_PHASE {
        assert_eq!((life.released, life.started), (None, None), "{case}: {life:?}");
    }
}

#[test]
fn a_scheduler_paused_at_a_step_of_dispatch_writes_nothing_late_and_one_run_comes_of_it() {
    let cases = Case::all();
    let halves = cases.chunks(cases.len().div_ceil(2));
    std::thread::scope(|scope| {
        for half in halves {
            scope.spawn(|| half.iter().for_each(|case| in_paused_time(case.play())));
        }
    });
}

/// Why the second pod gives the attempt up whose create is still on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GivenUp {
    /// Its own create is refused, and the object was absent twice: the job goes to another cluster.
    Refused,
    /// The same, and it goes to the same cluster again, there being no other.
    RefusedForAWhile,
    /// The cluster gave no answer, and jobs may move; it lands as soon as the cluster is back.
    Silent,
    /// The same, and it lands after the attempt was found to have left nothing.
    SilentForLong,
}

impl GivenUp {
    /// Until the second pod has given the attempt up, and the next one runs.
    async fn comes(self, world: &World, two: &Pod) {
        let next_runs = || {
            let record = world.record();
            record.attempt.0 >= 2 && record.state == State::Running
        };
        match self {
            Self::Refused => world.until("it runs elsewhere", next_runs).await,
            Self::RefusedForAWhile => {
                world
                    .until("it is given up", || world.record().attempt.0 >= 2)
                    .await;
                two.a.send_replace(Reach::Fine);
                world.until("it runs", next_runs).await;
            }
            Self::Silent | Self::SilentForLong => {
                world.until("it runs elsewhere", next_runs).await;
                assert_eq!(world.record().abandoned.len(), 1);
                two.a.send_replace(Reach::Fine);
                if self == Self::SilentForLong {
                    world
                        .until("nothing is left", || world.record().abandoned.is_empty())
                        .await;
                }
            }
        }
    }

    async fn play(self, commit: &'static str) {
        let world = World::new(&config(commit, "move"));
        let scene = async {
            let hold = Arc::new(Hold::of("create", Hangs::Before));
            let one = world.pod(Some(&hold)).await;
            world.led_in(1).await;
            let two = world.pod(None).await;
            let mut job = spec("job");
            job["annotations"]["simulated.spark-broker/run-time"] = json!("3m");
            // The driver comes with the object: there is no time to remove it unseen.
            job["annotations"]["simulated.spark-broker/submit-delay"] = json!("0s");
            if self == Self::RefusedForAWhile {
                job["clusters"] = json!(["a"]);
            }
            world.send(&job);
            hold.hangs().await;
            two.a.send_replace(match self {
                Self::Refused | Self::RefusedForAWhile => Reach::Refuses,
                Self::Silent | Self::SilentForLong => Reach::Silent,
            });
            world.led_in(2).await;
            self.comes(&world, &two).await;
            let went_on = Instant::now();
            hold.let_go().await;
            world.until("ended", || world.record().state.is_terminal()).await;
            sleep(SETTLED).await;
            self.audit(commit, &world, went_on, &two);
            one.stop().await;
            two.stop().await;
        };
        world.while_it_turns(scene).await;
    }

    fn audit(self, commit: &str, world: &World, went_on: Instant, two: &Pod) {
        let (case, record, lives) = (format!("{self:?}, {commit}"), world.record(), world.lives());
        assert_eq!(record.state, State::Succeeded, "{case}");
        assert!(record.attempt.0 >= 2, "{case}");
        assert!(record.abandoned.is_empty(), "{case}");
        let (late, own): (Vec<Life>, Vec<Life>) = lives.into_iter().partition(|life| life.made >= went_on);
        let [late] = &late[..] else {
            panic!("{case}: {late:?}")
        };
        assert_eq!((late.cluster, late.object.as_str()), ("a", "sb-job-a1"), "{case}");
        audit_late(late, commit, &case);
        assert_eq!(two.removed("a"), 1, "{case}");
        let [own] = &own[..] else {
            panic!("{case}: {own:?}")
        };
        assert!(own.over.is_some() && own.stopped.is_some(), "{case}: {own:?}");
        // The stated exception of one-phase: it may run until it is seen.
        let beside = late.beside(own);
        assert!(
            beside == Duration::ZERO || commit == ONE_PHASE && beside <= SOON,
            "{case}: {beside:?}"
        );
    }
}

#[test]
fn what_a_paused_scheduler_creates_after_its_attempt_was_given_up_goes_at_once_and_is_counted() {
    let causes = [
        GivenUp::Refused,
        GivenUp::RefusedForAWhile,
        GivenUp::Silent,
        GivenUp::SilentForLong,
    ];
    for cause in causes {
        for commit in [ONE_PHASE, TWO_PHASE] {
            in_paused_time(cause.play(commit));
        }
    }
}

//! One call of a pod hangs, and with it the pod's renewals of its lease, as of a process that is stopped there and goes on
//! after its lease is another's.

use std::time::Duration;

use tokio::sync::watch;

/// The step that is a write of the lease.
pub const LEASE: &str = "lease";

/// In paused time.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where the call hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangs {
    /// On its way: it is carried out when it is let go.
    Before,
    /// It is carried out; its answer hangs.
    After,
}

/// What has become of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    NotYet,
    Hangs,
    LetGo,
    Done,
    /// The renewals may go on too.
    Over,
}

/// The first call of one step.
#[derive(Debug)]
pub struct Hold {
    step: &'static str,
    hangs: Hangs,
    phase: watch::Sender<Phase>,
}

impl Hold {
    pub fn of(step: &'static str, hangs: Hangs) -> Self {
        Self {
            step,
            hangs,
            phase: watch::Sender::new(Phase::NotYet),
        }
    }

    /// Carries `apply` out, now or when it is let go.
    pub async fn around<T>(&self, step: &str, apply: impl Future<Output = T>) -> T {
        if step == LEASE {
            if *self.phase.borrow() != Phase::NotYet {
                self.reaches(Phase::Over).await;
            }
            return apply.await;
        }
        if step != self.step || *self.phase.borrow() != Phase::NotYet {
            return apply.await;
        }
        self.phase.send_replace(Phase::Hangs);
        let answer = match self.hangs {
            Hangs::Before => {
                self.reaches(Phase::LetGo).await;
                apply.await
            }
            Hangs::After => {
                let answer = apply.await;
                self.reaches(Phase::LetGo).await;
                answer
            }
        };
        self.phase.send_replace(Phase::Done);
        answer
    }

    /// Returns once the call hangs.
    pub async fn hangs(&self) {
        let soon = tokio::time::timeout(PATIENCE, self.reaches(Phase::Hangs));
        soon.await.expect("the step is reached");
    }

    /// Lets the call go, and when it is over, the renewals.
    pub async fn let_go(&self) {
        self.phase.send_replace(Phase::LetGo);
        self.reaches(Phase::Done).await;
        self.phase.send_replace(Phase::Over);
    }

    async fn reaches(&self, phase: Phase) {
        let mut changes = self.phase.subscribe();
        // The sender lives as long as `self`.
        let _reached = changes.wait_for(|now| *now >= phase).await;
    }
}

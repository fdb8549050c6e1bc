//! One fault per run: the n-th call of one method fails, is late, or is carried out and fails.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spark_broker::ports::Error;
use spark_broker::ports::cluster::CreateError;

use crate::hold::Hold;

/// What happens to the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// It isn't carried out, and fails.
    Fails,
    /// It is carried out late.
    Delays,
    /// It is carried out, and the answer is lost.
    AppliesThenFails,
    /// It fails, and is carried out later.
    FailsThenApplies,
}

/// Longer than a lease lasts, shorter than settling takes.
pub const LATE: Duration = Duration::from_secs(20);

/// The call that a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub call: &'static str,
    pub nth: usize,
    pub mode: Mode,
}

/// The calls of a run, counted, and the fault that hits one of them.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    fault: Option<Fault>,
    hold: Option<Arc<Hold>>,
    calls: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

/// An answer that tells of a failure.
pub trait Lost {
    /// No answer came, and whether the call was carried out isn't known.
    fn lost() -> Self;
}

impl Lost for Error {
    fn lost() -> Self {
        Self::transient("the connection broke")
    }
}

impl Lost for CreateError {
    fn lost() -> Self {
        Self::Ambiguous("the connection broke".into())
    }
}

impl Faults {
    pub fn of(fault: Option<Fault>) -> Self {
        Self {
            fault,
            ..Self::default()
        }
    }

    /// No fault, but a call that hangs.
    pub fn held(hold: Arc<Hold>) -> Self {
        Self {
            hold: Some(hold),
            ..Self::default()
        }
    }

    /// Carries `apply` out, which hangs if it is what is held.
    pub async fn step<T>(&self, step: &str, apply: impl Future<Output = T>) -> T {
        match &self.hold {
            Some(hold) => hold.around(step, apply).await,
            None => apply.await,
        }
    }

    /// How often each method was called.
    pub fn calls(&self) -> BTreeMap<&'static str, usize> {
        self.calls.lock().unwrap().clone()
    }

    /// Counts a call, and says whether the fault hits it.
    pub fn hit(&self, call: &'static str) -> Option<Mode> {
        let mut calls = self.calls.lock().unwrap();
        let count = calls.entry(call).or_default();
        *count += 1;
        let fault = self.fault?;
        (fault.call == call && fault.nth == *count).then_some(fault.mode)
    }

    /// Carries `apply` out as the fault lets it.
    pub async fn around<T, E: Lost>(
        &self,
        call: &'static str,
        apply: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match self.hit(call) {
            None => apply.await,
            Some(Mode::Fails | Mode::FailsThenApplies) => Err(E::lost()),
            Some(Mode::Delays) => {
                tokio::time::sleep(LATE).await;
                apply.await
            }
            Some(Mode::AppliesThenFails) => {
                drop(apply.await);
                Err(E::lost())
            }
        }
    }
}

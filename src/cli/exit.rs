//! How a command ends.

use std::process::ExitCode;

use crate::submission::State;

/// How a command ended, as its exit code tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or the submission succeeded.
    Done,
    /// 1: the submission ended otherwise, or was refused.
    Otherwise,
    /// 2: wrong usage.
    Usage,
    /// 3: an ID nobody knows.
    Unknown,
    /// 69: a service is unavailable (`EX_UNAVAILABLE` of sysexits.h).
    Unavailable,
    /// 78: bad configuration (`EX_CONFIG` of sysexits.h).
    Config,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Otherwise => 1,
            Self::Usage => 2,
            Self::Unknown => 3,
            Self::Unavailable => 69,
            Self::Config => 78,
        }
    }

    /// What the state of a looked-up submission says: nothing bad as long as it hasn't ended.
    pub(super) const fn of_state(state: State) -> Self {
        match state {
            State::Failed | State::Cancelled | State::Rejected => Self::Otherwise,
            State::Succeeded
            | State::Queued
            | State::Dispatching
            | State::Submitted
            | State::Held
            | State::Running
            | State::Retrying
            | State::Cancelling => Self::Done,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

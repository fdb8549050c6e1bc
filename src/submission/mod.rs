//! The record of a submission: its states, its fields, how it is written, and what a second arrival under its ID means.

mod arrival;
mod attributes;
mod entry;
mod placement;
mod record;
mod state;

pub use arrival::{Arrival, arrive};
pub use attributes::{
    Change, IndexKeys, RecordKey, Unreadable, from_attributes, partition_key, to_attributes,
};
pub use entry::BacklogEntry;
pub use placement::{Candidate, Placement};
pub use record::{
    Abandoned, HISTORY_MAX, NewRecord, Overdue, Record, RestartPolicy, RetryPolicy, SpecTexts, Timeouts,
    Transition, Verdict,
};
pub use state::{RawState, Reason, State};

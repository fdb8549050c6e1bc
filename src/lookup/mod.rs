//! What anybody is told of a submission: the one shape of status, history and lists that HTTP and the command line
//! share, made from a record without IO.

mod cancellations;
mod cursor;
mod duration;
mod explained;
mod history;
pub(crate) mod moment;
mod status;

pub use cancellations::{CancelOutcome, Cancellations, CancelledOne, LISTED, SearchCursor, SearchPart};
pub use cursor::{Cursor, InvalidCursor};
pub use duration::{InvalidDuration, parse_duration};
pub use explained::{ClusterAnswer, Explained, Source, Times};
pub use history::{History, HistoryEntry, Listing, PlacementView};
pub use status::{Links, Status, Waiting};

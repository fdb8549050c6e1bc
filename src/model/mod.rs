//! The words of the domain as types: identifiers, quantities and time.

mod clock;
mod constraints;
mod demand;
mod identifiers;
mod offset;
mod quantity;

pub use clock::{Clock, CorrectedClock, FixedClock, SystemClock, timestamp_text};
pub use constraints::{Bar, Constraints, NAMES_OF_NODES, NodeTraits, Taint, TaintEffect, Toleration};
pub use demand::Demand;
pub use identifiers::{
    Attempt, ClusterName, Domain, Epoch, Incarnation, InstallationId, InvalidName, ObjectUid, QueueName,
    SubmissionId, Version,
};
pub use offset::{Dated, Offsets, Remark, Said};
pub use quantity::{Bytes, Millicores, Resources};

//! Which submission goes next, and where: a pure function of backlog, usage, cluster views and time.
//!
//! [`Router`] keeps what is known of clusters and live submissions, each change told by a call; [`Router::cycle`] decides.
//! Nothing here waits, reads a clock or calls anybody: the same calls give the same placements.

mod settings;
mod node;
mod nodes;
mod outcome;
mod refusal;
mod pace;
mod rooms;
mod alike;
mod unbound;
mod pools;
mod reservation;
mod view;
mod fraction;
mod usage;
mod weights;
mod policy;
mod filter;
mod memo;
mod hold;
mod claim;
mod judge;
mod router;
mod figures;
mod place;
mod explain;
mod wait;
mod cycle;
mod outlook;
mod recorded;
mod replay;

pub use figures::{Figures, PaceFigures, QueueFigures, RoomFigures};
pub use node::Node;
pub use outcome::{Answer, Asked, Cycle, Decision, Explanation, Health, LiveJob, Now, Waiting, Why};
pub use outlook::{ClusterOutlook, DomainOutlook, Outlook};
pub use pools::{Amounts, Pool, PoolFigures};
pub use recorded::{
    RecordedCluster, RecordedCycle, RecordedHead, RecordedHold, RecordedKept, RecordedNode,
    RecordedPlacement, RecordedQueue, RecordedRoom, RecordedWaiting,
};
pub use refusal::{Cause, Refusal, Shortage};
pub use replay::{Ground, replay};
pub use router::Router;
pub use settings::{
    CapacitySource, ClusterLimits, ClusterSettings, ConstraintLayers, Order, Pacing, Policy, Provisionable,
    QueueLimits, QueueSettings, Settings,
};

#[cfg(test)]
mod tests;

//! Which submission goes next, and where: a pure function of backlog, usage, cluster views and time.

mod settings;

pub use settings::{
    CapacitySource, ClusterLimits, ClusterSettings, Order, Pacing, Policy, Provisionable, QueueLimits,
    QueueSettings,
};

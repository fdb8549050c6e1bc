//! Why a submission doesn't go to a cluster now, with the figures that the decision used, and the sentences made of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::CapacitySource;
use crate::model::{ClusterName, QueueName, Resources, SubmissionId, Taint};

/// Why one cluster doesn't take a submission now.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The cluster.
    pub cluster: ClusterName,
    /// Why.
    pub cause: Cause,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.cluster, self.cause)
    }
}

/// What a filter found.
#[derive(Debug, Clone, PartialEq)]
pub enum Cause {
    /// It doesn't serve the job queue.
    QueueNotServed,
    /// The submission selects other clusters.
    NotSelected,
    /// It refused the submission for a field that its CRD doesn't know.
    Excluded,
    /// It doesn't serve the Spark version.
    SparkVersion {
        /// Those it serves.
        served: Arc<[String]>,
    },
    /// A person closed it: in what way, and why.
    Cordoned(Arc<str>),
    /// It can't be reached, or refuses us.
    Unhealthy(Arc<str>),
    /// Its capacity was never read.
    NoView {
        /// By what it is to be read.
        source: CapacitySource,
        /// Why it couldn't be read, where that is known.
        fault: Option<Arc<str>>,
    },
    /// What is known of its capacity is too old.
    StaleView {
        /// By what it was read.
        source: CapacitySource,
        /// The age.
        age: Duration,
        /// The largest age that counts.
        limit: Duration,
        /// Why it couldn't be read since, where that is known.
        fault: Option<Arc<str>>,
    },
    /// It has its most live submissions.
    MaxLive {
        /// Those live now.
        live: u64,
        /// The most.
        limit: u64,
    },
    /// Its operator has enough to pick up.
    MaxPending {
        /// Those being created or not yet picked up.
        pending: u64,
        /// The most.
        limit: u32,
    },
    /// Its pace allows none now.
    Pace {
        /// Objects per minute.
        per_minute: u32,
        /// When the next one is allowed.
        next_in: Duration,
    },
    /// It is kept free for an older submission.
    Held {
        /// Which.
        holder: SubmissionId,
    },
    /// Its room is wanted back: the submission's job queue has its share or more.
    Claimed {
        /// The job queue below its share whose submissions wait for room there.
        by: QueueName,
    },
    /// It has no room now.
    NoRoom(Arc<Shortage>),
    /// It has no room even when it is empty.
    TooSmall(Arc<Shortage>),
}

/// What kind of answer a cause is: which of a submission's clusters decides how its waiting is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The submission may never go there as configuration and submission stand.
    NotAllowed,
    /// Too small even when empty.
    TooSmall,
    /// Closed or away.
    Unavailable,
    /// Open again in a moment.
    Paced,
    /// Full.
    Full,
}

impl Cause {
    /// Whether the cluster may take the submission once others there have ended.
    pub(super) fn is_for_now(&self) -> bool {
        match self.kind() {
            Kind::Paced | Kind::Full => true,
            Kind::NotAllowed | Kind::TooSmall | Kind::Unavailable => false,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::QueueNotServed | Self::NotSelected | Self::Excluded | Self::SparkVersion { .. } => {
                Kind::NotAllowed
            }
            Self::TooSmall(_) => Kind::TooSmall,
            Self::Cordoned(_) | Self::Unhealthy(_) | Self::NoView { .. } | Self::StaleView { .. } => {
                Kind::Unavailable
            }
            Self::MaxPending { .. } | Self::Pace { .. } => Kind::Paced,
            Self::MaxLive { .. } | Self::Held { .. } | Self::Claimed { .. } | Self::NoRoom(_) => Kind::Full,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QueueNotServed => f.write_str("doesn't serve the job queue"),
            Self::NotSelected => f.write_str("isn't among the selected clusters"),
            Self::Excluded => f.write_str("doesn't know a field of the spec"),
            Self::SparkVersion { served } => write!(f, "serves Spark {}", served.join(", ")),
            Self::Cordoned(why) => f.write_str(why),
            Self::Unhealthy(why) => write!(f, "unhealthy: {why}"),
            Self::NoView { source, fault } => {
                write!(f, "its capacity by {} isn't known yet", source.as_str())?;
                because(fault.as_deref(), f)
            }
            Self::StaleView {
                source,
                age,
                limit,
                fault,
            } => {
                let (source, age, limit) = (source.as_str(), age.as_secs(), limit.as_secs());
                write!(
                    f,
                    "its capacity by {source} was read {age} s ago, which is more than {limit} s"
                )?;
                because(fault.as_deref(), f)
            }
            Self::MaxLive { live, limit } => write!(f, "{live} live of at most {limit}"),
            Self::MaxPending { pending, limit } => {
                write!(f, "{pending} not yet picked up of at most {limit}")
            }
            Self::Pace { per_minute, next_in } => write!(
                f,
                "its pace of {per_minute} a minute is used up for {:.1} s",
                next_in.as_secs_f64()
            ),
            Self::Held { holder } => write!(f, "kept free for {holder}, which has waited longer"),
            Self::Claimed { by } => write!(
                f,
                "kept for job queue {by}, which waits for room below its share; this one has its own or more"
            ),
            Self::NoRoom(shortage) => write!(f, "no room: {shortage}"),
            Self::TooSmall(shortage) => match **shortage {
                Shortage::NoNode { .. } => write!(f, "no such node: {shortage}"),
                Shortage::Total { .. }
                | Shortage::Pool { .. }
                | Shortage::Pod { .. }
                | Shortage::Pods { .. }
                | Shortage::Unbound { .. } => write!(f, "too small even when empty: {shortage}"),
            },
        }
    }
}

fn because(fault: Option<&str>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match fault {
        Some(fault) => write!(f, ": {fault}"),
        None => Ok(()),
    }
}

/// What is missing for a demand to fit.
#[derive(Debug, Clone, PartialEq)]
pub enum Shortage {
    /// The whole exceeds what is free altogether.
    Total {
        /// Which resource.
        resource: String,
        /// What is needed of it.
        need: u64,
        /// What is free.
        free: u64,
    },
    /// The whole exceeds what one limit on the cluster leaves.
    Pool {
        /// Which source told the limit.
        source: CapacitySource,
        /// What the source calls it.
        name: String,
        /// Which resource.
        resource: String,
        /// What is needed of it.
        need: u64,
        /// What is free.
        free: u64,
    },
    /// No node can hold one pod of the job.
    Pod {
        /// `driver` or `executor`.
        role: &'static str,
        /// What the pod requests.
        need: Resources,
        /// The most that is free on one node, resource by resource.
        most: Resources,
    },
    /// No node has the labels that a pod selects without a taint that it doesn't tolerate.
    NoNode {
        /// `driver` or `executor`.
        role: &'static str,
        /// The labels that it selects.
        selector: BTreeMap<String, String>,
        /// A taint of a node that has them.
        taint: Option<Taint>,
    },
    /// Each pod fits somewhere, but not all of them at once.
    Pods {
        /// Executors needed beside the driver.
        need: u64,
        /// Executors that the nodes have room for beside the driver.
        room: u64,
    },
    /// There is room, but the pods of others that aren't on nodes yet might take it, or the other way round: where they
    /// go is the cluster's own scheduler's choice.
    Unbound {
        /// How many those are.
        pods: u64,
    },
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Total { resource, need, free } => write!(
                f,
                "needs {} of {resource}, {} free",
                Amount(resource, *need),
                Amount(resource, *free)
            ),
            Self::Pool {
                source,
                name,
                resource,
                need,
                free,
            } => {
                let (need, free) = (Amount(resource, *need), Amount(resource, *free));
                write!(f, "needs {need} of {resource}, {free} free ")?;
                match source {
                    CapacitySource::Nodes => f.write_str("on the nodes"),
                    CapacitySource::Quota => write!(f, "in the quota {name}"),
                    CapacitySource::Yunikorn => write!(f, "in the YuniKorn queue {name}"),
                    CapacitySource::Static => f.write_str("of what capacity.static gives"),
                }
            }
            Self::Pod { role, need, most } => {
                write!(
                    f,
                    "a pod ({role}) needs {}, the most on one node is {}",
                    Vector(need),
                    Vector(most)
                )
            }
            Self::NoNode {
                role,
                selector,
                taint,
            } => no_node(role, selector, taint.as_ref(), f),
            Self::Pods { need, room } => {
                write!(
                    f,
                    "needs {need} executors beside the driver, the nodes hold {room}"
                )
            }
            Self::Unbound { pods } => write!(
                f,
                "not sure to find nodes until {pods} pods that were placed before are on theirs"
            ),
        }
    }
}

fn no_node(
    role: &str,
    selector: &BTreeMap<String, String>,
    taint: Option<&Taint>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(f, "a pod ({role}) needs a node")?;
    for (n, (label, value)) in selector.iter().enumerate() {
        write!(f, "{} {label}={value}", if n == 0 { " with" } else { "," })?;
    }
    match taint {
        None => f.write_str(", there is none"),
        Some(taint) => write!(
            f,
            ", and those have taints that it doesn't tolerate, such as {taint}"
        ),
    }
}

/// An amount in the unit that people use for the resource.
pub(super) struct Amount<'a>(pub(super) &'a str, pub(super) u64);

impl fmt::Display for Amount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "cpu" => write!(f, "{}m", self.1),
            "memory" => write!(f, "{}Mi", self.1 / (1024 * 1024)),
            _ => write!(f, "{}", self.1),
        }
    }
}

struct Vector<'a>(&'a Resources);

impl fmt::Display for Vector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, amount)) in self.0.named().filter(|(name, _)| *name != "pods").enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{} {name}", Amount(name, amount))?;
        }
        Ok(())
    }
}

//! What a cluster says of an attempt, read into values: its object, its driver, and both together as one observation.

mod driver;
mod object;
mod observation;

pub use driver::{Driver, DriverEnd, DriverPhase, DriverStop, read_driver};
pub use object::{ObjectState, Ownership, Unreadable, read_object};
pub use observation::{DriverSight, Observation};

/// Labels and annotations that mark an object or a pod as ours.
pub mod marks {
    /// Label: the installation's UUID.
    pub const INSTALLATION: &str = "spark-broker/installation";
    /// Label: the scheduling domain.
    pub const DOMAIN: &str = "spark-broker/domain";
    /// Label: the submission ID in its DNS form.
    pub const SUBMISSION: &str = "spark-broker/submission";
    /// Label: the record's incarnation.
    pub const INCARNATION: &str = "spark-broker/incarnation";
    /// Label: the attempt's number.
    pub const ATTEMPT: &str = "spark-broker/attempt";
    /// Label: the job queue.
    pub const QUEUE: &str = "spark-broker/queue";
    /// Annotation: the submission ID verbatim.
    pub const SUBMISSION_ID: &str = "spark-broker/submission-id";
    /// Annotation: `two-phase` on an object that was created suspended, for the broker alone to release.
    pub const COMMIT: &str = "spark-broker/commit";
    /// The value of [`COMMIT`].
    pub const TWO_PHASE: &str = "two-phase";
}
